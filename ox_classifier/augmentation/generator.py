"""Keras' ImageDataGenerator with our decoder, at native speed, and the same batches on every run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
from tensorflow.keras.preprocessing.image import ImageDataGenerator as KerasImageDataGenerator

from ox_classifier.augmentation import directory as directories
from ox_classifier.augmentation import sampling
from ox_classifier.augmentation.augmenter import Augmenter
from ox_classifier.augmentation.batches import Batches, Saving
from ox_classifier.augmentation.directory import ANTIALIASED, Files
from ox_classifier.augmentation.transforms import OURS
from ox_classifier.console import say
from ox_classifier.data.decoding import MEMORY_BUDGET, decode
from ox_classifier.data.on_demand import Chosen
from ox_classifier.errors import UsageError
from ox_classifier.pixels import PixelRule

COLORS = ("rgb", "grayscale")
CLASS_MODES = ("categorical", "binary", "sparse", "input", None)
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

    What differs from Keras: width_shift_range moves columns and height_shift_range rows (Keras 3.15 swaps them);
    every transform depends on (seed, epoch, index) only; the validation subset is drawn at random, stratified,
    and never augmented; files are decoded once, by `data.images`. The same parameters give the same pixels as Keras.

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
    ) -> Batches:
        """Batches from images in memory, shape (n, height, width, channels), and labels of any kind.

        Whole numbers in 0..255 of any dtype are kept as uint8, at native speed; others take Keras' own slow way.

        Raises:
            UsageError: If shapes or lengths don't fit, or a setting of ours is asked for on pixels that aren't 0..255.
        """
        x, extra = (x[0], x[1] if isinstance(x[1], list) else [x[1]]) if isinstance(x, (tuple, list)) else (x, [])
        images = x if isinstance(x, Chosen) else _as_bytes(np.asarray(x))  # the first are never copied as a whole
        extra = [np.asarray(e) for e in extra]
        if images.ndim != 4:
            raise UsageError(f"images of shape {images.shape}: expected (n, height, width, channels)")
        if images.dtype != np.uint8:
            images = images.astype(self.dtype)
            if self.augmenter.touches:
                raise UsageError(f"{', '.join(OURS)} work on whole numbers 0..255: pass images before rescaling them")
        y, sample_weight = (None if v is None else np.asarray(v) for v in (y, sample_weight))
        for name, values in (("y", y), ("sample_weight", sample_weight), *(("x[1]", e) for e in extra)):
            if values is not None and len(values) != len(images):
                raise UsageError(f"{len(images)} images but {len(values)} entries in {name}: expected as many")
        if subset is not None:
            rows = self._rows(None if ignore_class_split else y, len(images), subset)
            images, extra = images[rows], [e[rows] for e in extra]
            y, sample_weight = (None if v is None else v[rows] for v in (y, sample_weight))
        return Batches(
            self,
            images,
            y,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            augment=subset != "validation",
            sample_weight=sample_weight,
            extra_inputs=tuple(extra),
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
        memory_budget: int = MEMORY_BUDGET,
    ) -> Batches:
        """Batches from a folder of class folders, every file decoded once, now; more bytes than the budget go to disk.

        Unreadable files are set aside in `.bad_files`. By default pictures are resized as everywhere in ox; any
        `interpolation` of Keras', or `keep_aspect_ratio`, resizes as Keras does.

        Raises:
            UsageError: If the folder has no images, or an argument is not what it should be.
        """
        if color_mode not in COLORS:
            raise UsageError(
                f"color_mode={color_mode!r}: expected one of {COLORS} (transparency is composited on white)"
            )
        if class_mode not in CLASS_MODES:
            raise UsageError(f"class_mode={class_mode!r}: expected one of {CLASS_MODES}")
        reader = directories.reader(interpolation, keep_aspect_ratio)
        files = directories.find(Path(directory), classes, follow_links=follow_links)
        if subset is not None:
            files = files.take(self._rows(files.classes, len(files.paths), subset))
        decoded = decode(files.paths, PixelRule(*target_size, color_mode), memory_budget=memory_budget, reader=reader)
        files = files.take(decoded.kept, bad=tuple(decoded.bad))
        images = decoded.images if self.channel_axis == 3 else np.moveaxis(decoded.images, 3, 1)
        say(f"Found {len(images)} images belonging to {len(files.class_names)} classes.")
        for note in files.notes:
            say(note)
        if files.bad:
            say(f"Set aside {len(files.bad)} files that can't be read, such as {files.bad[0]}")
        return Batches(
            self,
            images,
            self._targets(files, class_mode),
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            augment=subset != "validation",
            files=files,
            saving=Saving(Path(save_to_dir), save_prefix, save_format) if save_to_dir else None,
        )

    def draw(self, shape: tuple[int, int, int], seed: int, epoch: int, index: int) -> dict:
        """Parameters of one image's transform, for `apply` or Keras' `apply_transform`; `shape` is the image's."""
        return self.draws(shape, seed, epoch, [index])[0]

    def draws(self, shape: tuple[int, int, int], seed: int, epoch: int, indices: Sequence[int]) -> list[dict]:
        """`draw` for many images at once."""
        return self.augmenter.draws(self._last(shape), seed, epoch, indices)

    def get_random_transform(self, img_shape, seed: int | None = None) -> dict:
        """Keras' own way to draw, from `seed` or NumPy's global generator; width and height the right way round."""
        random = np.random if seed is None else np.random.default_rng(seed)
        return sampling.parameters(self.augmenter, self._last(img_shape), random.random(len(sampling.NUMBERS)).tolist())

    def batch(self, images: np.ndarray, rows: np.ndarray, seed: int, epoch: int, *, augment: bool = True) -> np.ndarray:
        """What `Batches` is made of: the images of `rows`, each with its own draw."""
        if not (augment and self.augmenter.random):
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

    def _rows(self, labels: np.ndarray | None, n: int, subset: str) -> np.ndarray:
        """Which of `n` images belong to a subset."""
        if subset not in ("training", "validation"):
            raise UsageError(f"subset={subset!r}: expected 'training' or 'validation'")
        if not self._validation_split:
            raise UsageError(f"subset={subset!r} without a split: pass validation_split=0.2 to ImageDataGenerator")
        held_out = sampling.held_out(labels, n, self._validation_split, self.split_seed)
        return np.flatnonzero(held_out if subset == "validation" else ~held_out)

    def _targets(self, files: Files, class_mode: str | None) -> np.ndarray | str | None:
        if class_mode in (None, "input"):
            return class_mode
        if class_mode == "categorical":
            return np.eye(len(files.class_names), dtype=self.dtype)[files.classes]
        return files.classes.astype(self.dtype)


def _as_bytes(images: np.ndarray) -> np.ndarray:
    """uint8 if that loses nothing."""
    if images.dtype == np.uint8 or not np.issubdtype(images.dtype, np.number):
        return images
    with np.errstate(invalid="ignore"):
        small = images.astype(np.uint8)
    return small if np.array_equal(small, images) else images
