"""Keras' ImageDataGenerator with our decoder, at native speed, and the same batches on every run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
from tensorflow.keras.preprocessing.image import ImageDataGenerator as KerasImageDataGenerator

from ox_classifier.augmentation import dataframe as dataframes
from ox_classifier.augmentation import directory as directories
from ox_classifier.augmentation import sampling, subsets
from ox_classifier.augmentation.arrays import arrays
from ox_classifier.augmentation.augmenter import Augmenter
from ox_classifier.augmentation.batches import ArrayBatches, FileBatches
from ox_classifier.augmentation.labelled_files import Files
from ox_classifier.augmentation.reading import ANTIALIASED, Reading
from ox_classifier.augmentation.saving import Saving
from ox_classifier.augmentation.targets import Targets
from ox_classifier.augmentation.transforms import OURS
from ox_classifier.console import say
from ox_classifier.data.pixel_store import MEMORY_BUDGET
from ox_classifier.errors import UsageValueError

# what the augmenter is told; what follows from statistics of `fit` stays with Keras
SETTINGS = tuple(setting.name for setting in fields(Augmenter))
STANDARDIZING = ("rescale", "preprocessing_function", "samplewise_center", "samplewise_std_normalization")


class ImageDataGenerator(KerasImageDataGenerator):
    """Augmentation as in every Keras tutorial; takes all options of Keras' own class, by the same names.

    >>> from ox_classifier import ImageDataGenerator
    >>> generator = ImageDataGenerator(rescale=1 / 255, horizontal_flip=True, width_shift_range=0.1)
    >>> batches = generator.flow_from_directory("marks/train", target_size=(28, 28), class_mode="binary")
    >>> images, labels = next(batches)
    >>> images.shape[1:], batches.class_indices
    ((28, 28, 3), {'o': 0, 'x': 1})

    The same transform parameters give the same pixels as Keras. What differs, and why, is listed with its test in
    docs/generator.md; above all:
        - width_shift_range moves columns and height_shift_range rows: Keras 3.15 swaps them.
        - Order and transforms depend on (seed, epoch, index) only, so that any number of workers gives the same.
        - `subset="validation"` is drawn at random, stratified, and never augmented.
        - Files are decoded at once, by `data.images`: upright, transparency on white, resized with antialiasing.
    Five settings are the Augmenter's own: stroke, blur, contrast, invert, noise.
    `split_seed` chooses which images `validation_split` sets apart; it belongs to the generator, so that
    both subsets agree whatever `seed` each is shuffled by.

    Raises:
        UsageValueError: If a setting is out of its range.
        ValueError: Keras' own, for some of its settings.
    """

    def __init__(
        self,
        *args,
        stroke: float = 0.0,
        blur: float = 0.0,
        contrast: tuple[float, float] | None = None,
        invert: float = 0.0,
        noise: float = 0.0,
        split_seed: int = 0,
        **kwargs,  # Keras' 22 settings, which Keras checks
    ):
        super().__init__(*args, **kwargs)
        self.stroke, self.blur, self.contrast, self.invert, self.noise = stroke, blur, contrast, invert, noise
        self.split_seed = split_seed
        _ = self.augmenter  # checks them all

    @property
    def augmenter(self) -> Augmenter:
        """What does the work, by the settings as they are now: public code changes them after construction."""
        return Augmenter(**{name: getattr(self, name) for name in SETTINGS})

    def flow(
        self,
        x,
        y=None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight=None,
        seed: int | None = None,
        save_to_dir=None,
        save_prefix: str = "",
        save_format: str = "png",
        ignore_class_split: bool = False,
        subset: str | None = None,
    ) -> ArrayBatches:
        """Batches from images in memory, shape (n, height, width, channels), and labels of any kind.

        Whole numbers in 0..255 of any dtype are kept as uint8, at native speed; others take Keras' own slow way.

        Raises:
            UsageValueError: If shapes or lengths don't fit, or a setting of ours meets pixels that aren't 0..255.
        """
        given = arrays(x, y, sample_weight, channel_axis=self.channel_axis, dtype=self.dtype)
        if given.images.dtype != np.uint8 and self.augmenter.touches:
            raise UsageValueError(f"{', '.join(OURS)} work on whole numbers 0..255: pass images before rescaling them")
        rows = np.arange(len(given.images))
        if subset is not None:
            labels, share = None if ignore_class_split else given.y, self._validation_split or 0
            rows = subsets.rows(subset, labels, len(rows), share, self.split_seed)
            given = given.take(rows)
        return ArrayBatches(
            self,
            given.images,
            Targets(None if given.y is None else "raw", given.y),
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            augment=subset != "validation",
            sample_weight=given.sample_weight,
            extra_inputs=given.extra,
            indices=rows,
            saving=Saving(Path(save_to_dir), save_prefix, save_format) if save_to_dir else None,
        )

    def flow_from_directory(
        self,
        directory,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir=None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = ANTIALIASED,
        keep_aspect_ratio: bool = False,
        *,
        on_error: str = "raise",
        memory_budget: int = MEMORY_BUDGET,
    ) -> FileBatches:
        """Batches from a folder of class folders, every file decoded once, now; more bytes than the budget go to disk.

        A file that can't be read ends it by name, or, with `on_error="drop"`, is left out and listed in `.bad_files`.
        By default pictures are resized as everywhere in ox; any `interpolation` of Keras', or `keep_aspect_ratio`,
        resizes as Keras does.

        Raises:
            MissingFileError: If the folder is missing.
            UsageValueError: If it has no images, or an argument is not what it should be.
            DamagedFileError: If a file can't be read.
        """
        reading = Reading(tuple(target_size), color_mode, interpolation, keep_aspect_ratio, on_error, memory_budget)
        files = directories.find(Path(directory), classes, class_mode, self.dtype, follow_links=follow_links)
        saving = Saving(Path(save_to_dir), save_prefix, save_format) if save_to_dir else None
        batches = self._from_files(files, reading, subset, batch_size, shuffle, seed, saving, class_by_class=True)
        say(f"Found {batches.samples} images belonging to {batches.num_classes} classes.")
        return batches

    def flow_from_dataframe(
        self,
        dataframe,
        directory=None,
        x_col: str = "filename",
        y_col="class",
        weight_col: str | None = None,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir=None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = ANTIALIASED,
        validate_filenames: bool = True,
        *,
        on_error: str = "raise",
        memory_budget: int = MEMORY_BUDGET,
        **kwargs,  # Keras takes any, and warns of three that it has given up
    ) -> FileBatches:
        """Batches from the files that a dataframe names, read and resized as by `flow_from_directory`.

        Raises:
            TypeError, ValueError: Keras' own, if a column does not hold what `class_mode` needs.
            DamagedFileError: If a file can't be read, or, without `validate_filenames`, is missing.
        """
        keep_aspect_ratio = kwargs.pop("keep_aspect_ratio", False)
        reading = Reading(tuple(target_size), color_mode, interpolation, keep_aspect_ratio, on_error, memory_budget)
        columns = {"x_col": x_col, "y_col": y_col, "weight_col": weight_col, "classes": classes}

        def parse(frame):
            return super(ImageDataGenerator, self).flow_from_dataframe(
                frame, directory, **columns, class_mode=class_mode, validate_filenames=False, **kwargs
            )

        files = dataframes.find(dataframe, directory, x_col, validate=validate_filenames, dtype=self.dtype, parse=parse)
        saving = Saving(Path(save_to_dir), save_prefix, save_format) if save_to_dir else None
        batches = self._from_files(files, reading, subset, batch_size, shuffle, seed, saving, class_by_class=False)
        of_classes = f" belonging to {batches.num_classes} classes" if batches.class_indices else ""
        say(f"Found {batches.samples} {'' if validate_filenames else 'non-'}validated image filenames{of_classes}.")
        return batches

    def _from_files(
        self, files: Files, reading: Reading, subset, batch_size, shuffle, seed, saving, *, class_by_class: bool
    ) -> FileBatches:
        indices = np.arange(len(files.paths))
        if subset is not None:
            labels, share = files.strata, self._validation_split or 0
            indices = subsets.rows(subset, labels, len(indices), share, self.split_seed, class_by_class=class_by_class)
            files = files.take(indices)
        images, kept, bad = reading.decode(files.paths)
        files = replace(files.take(kept), bad=bad)
        batches = FileBatches(
            self,
            images if self.channel_axis == 3 else np.moveaxis(images, 3, 1),
            files.targets,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            augment=subset != "validation",
            sample_weight=files.sample_weight,
            indices=indices[kept],
            saving=saving,
        )
        batches.describe(files, reading, subset)
        return batches

    def draw(self, shape: tuple[int, int, int], seed: int, epoch: int, index: int) -> dict:
        """Parameters of one image's transform, for `apply` or Keras' `apply_transform`; `shape` is the image's."""
        return self.draws(shape, seed, epoch, [index])[0]

    def draws(self, shape: tuple[int, int, int], seed: int, epoch: int, indices: Sequence[int]) -> list[dict]:
        """`draw` for many images at once."""
        return self.augmenter.draws(self._last(shape), seed, epoch, indices)

    def get_random_transform(self, img_shape, seed: int | None = None) -> dict:
        """Keras' own way to draw, from `seed` or NumPy's global generator; width and height the right way round."""
        random = np.random if seed is None else np.random.default_rng(seed)
        numbers = random.random(len(sampling.NUMBERS)).tolist()
        return sampling.parameters(self.augmenter, self._last(img_shape), numbers)

    def batch(self, images: np.ndarray, rows: np.ndarray, seed: int, epoch: int, *, augment: bool = True) -> np.ndarray:
        """What `Batches` is made of: the images of `rows`, each with its own draw."""
        if not (augment and self.augmenter.random and len(rows)):
            return self.apply(images[rows])
        return self.apply([images[row] for row in rows], self.draws(images.shape[1:], seed, epoch, rows))

    def apply(self, images: Sequence[np.ndarray], parameters: Sequence[dict] | None = None) -> np.ndarray:
        """Transform and standardise images: shape (n, height, width, channels), what a network is fed."""
        fitted = self.featurewise_center or self.featurewise_std_normalization or self.zca_whitening
        if self.channel_axis == 3 and not fitted:
            return self.augmenter.apply(images, parameters).astype(self.dtype, copy=False)
        plain = Augmenter(**{name: getattr(self, name) for name in SETTINGS if name not in STANDARDIZING})
        if self.channel_axis == 1:
            images = [np.moveaxis(image, 0, 2).astype(np.float32) for image in images]  # so that scipy takes them
        moved = plain.apply(images, parameters)
        if self.channel_axis == 1:
            moved = np.ascontiguousarray(np.moveaxis(moved, 3, 1))
        for image in moved:
            image[...] = self.standardize(image)
        return moved.astype(self.dtype, copy=False)

    def apply_transform(self, x: np.ndarray, transform_parameters: dict) -> np.ndarray:
        """Keras' own transform of one image (0..255) of any type, with our five settings around it."""
        last = np.moveaxis(x, self.channel_axis - 1, 2)
        return np.moveaxis(self.augmenter.transform(last, transform_parameters), 2, self.channel_axis - 1)

    def _last(self, shape: Sequence[int]) -> tuple[int, int, int]:
        """An image's shape as (height, width, channels)."""
        return shape[self.row_axis - 1], shape[self.col_axis - 1], shape[self.channel_axis - 1]
