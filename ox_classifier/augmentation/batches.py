"""Images in memory → batches for `model.fit`, the same for any number of workers and on every run."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tensorflow.keras.utils import PyDataset

from ox_classifier.augmentation import sampling
from ox_classifier.augmentation.directory import Files
from ox_classifier.data.images import ImageError


@dataclass(frozen=True)
class Saving:
    """Where augmented pictures are written for the eye, as `save_to_dir` and its two companions ask."""

    folder: Path
    prefix: str = ""
    format: str = "png"


class Batches(PyDataset):
    """Batches of augmented images, as `ImageDataGenerator.flow` and `.flow_from_directory` return them.

    `batches[i]` is (x, y), (x, y, sample_weight) or x alone: x float32 (batch, height, width, channels); the last
    batch may be smaller. Order and transforms depend on `seed` and `epoch` only, so any `.workers` gives the same.

    Train with `model.fit(batches, shuffle=False)`: images are reshuffled here at the end of every epoch, while
    `fit`'s own shuffling would only shuffle whole batches, from Python's global generator.

    Set `epoch` before `fit` to continue a stopped run with the batches it would have seen. `sample_weight`,
    shape (n,), may be set too. `iter()` and `next()` never end, as with Keras' own iterators.
    """

    def __init__(
        self,
        generator,
        images: np.ndarray,
        targets: np.ndarray | str | None,
        *,
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        augment: bool = True,
        sample_weight: np.ndarray | None = None,
        extra_inputs: tuple[np.ndarray, ...] = (),
        files: Files | None = None,
        saving: Saving | None = None,
    ):
        super().__init__()
        # without a seed, NumPy's global generator decides, so that keras.utils.set_random_seed still governs
        self.seed = int(np.random.randint(2**31)) if seed is None else int(seed)
        self.generator, self.images, self.targets = generator, images, targets
        self.batch_size, self.shuffle, self.augment = batch_size, shuffle, augment
        self.sample_weight, self.extra_inputs = sample_weight, extra_inputs
        self.files, self.saving = files, saving
        self.epoch = 0
        self.batch_index = 0  # of next()
        self._next_lock = threading.Lock()
        self._begun, self._served = False, set()
        self._orders: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def __getitem__(self, i: int):
        if not 0 <= i < len(self):
            raise IndexError(f"batch {i} of {len(self)}: expected 0 to {len(self) - 1}")
        # With steps_per_epoch, Keras asks for the next epoch's first batches before it ends this one
        ahead = self._begun and i in self._served
        self._served.add(i)
        return self.batch(i, self.epoch + ahead)

    def batch(self, i: int, epoch: int):
        """Batch `i` of any epoch."""
        rows = self.order(epoch)[i * self.batch_size : (i + 1) * self.batch_size]
        x = self.generator.batch(self.images, rows, self.seed, epoch, augment=self.augment)
        if self.saving:
            _save(x, rows, epoch, self.saving)
        inputs = x if not self.extra_inputs else [x, *(extra[rows] for extra in self.extra_inputs)]
        if self.targets is None:
            return inputs
        y = x.copy() if isinstance(self.targets, str) else self.targets[rows]
        return (inputs, y) if self.sample_weight is None else (inputs, y, self.sample_weight[rows])

    def order(self, epoch: int) -> np.ndarray:
        """Rows of `images` in the order an epoch sees them."""
        if epoch not in self._orders:
            order = sampling.permutation(self.seed, epoch, self.n) if self.shuffle else np.arange(self.n)
            self._orders = {e: o for e, o in self._orders.items() if abs(e - epoch) < 2} | {epoch: order}
            return order
        return self._orders[epoch]

    def on_epoch_begin(self) -> None:
        """Called by `fit` before an epoch's first batch."""
        self._begun = True

    def on_epoch_end(self) -> None:
        """Go to the next epoch, if one has begun: `fit` calls this once before its first epoch too."""
        self.epoch += self._begun
        self._begun = False
        self._served = set()

    def __iter__(self):
        return self

    def __next__(self):
        with self._next_lock:
            i, epoch = self.batch_index, self.epoch
            self.batch_index = (i + 1) % len(self)
            self.epoch += self.batch_index == 0
        return self.batch(i, epoch)

    next = __next__

    def reset(self) -> None:
        """Start `next()` at the first batch again."""
        self.batch_index = 0

    @property
    def n(self) -> int:
        """Number of images."""
        return len(self.images)

    samples = n

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one image."""
        return tuple(self.images.shape[1:])

    @property
    def classes(self) -> np.ndarray:
        """Class index of every image (as `images` are ordered, which is not the order of batches)."""
        return self.files.classes if self.files else self.targets

    labels = classes

    @property
    def class_indices(self) -> dict[str, int]:
        """Class name → index."""
        return {name: i for i, name in enumerate(self.files.class_names)} if self.files else {}

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_indices)

    @property
    def filenames(self) -> list[str]:
        """Path of every image below the directory; a batch shows the rows of `order(epoch)`."""
        return self.files.names if self.files else []

    @property
    def filepaths(self) -> list[str]:
        """Full path of every image."""
        return [str(path) for path in self.files.paths] if self.files else []

    @property
    def bad_files(self) -> tuple[ImageError, ...]:
        """An error for every file that was set aside because it could not be read."""
        return self.files.bad if self.files else ()


def _save(x: np.ndarray, rows: np.ndarray, epoch: int, saving: Saving) -> None:
    from tensorflow.keras.preprocessing.image import array_to_img

    for picture, row in zip(x, rows, strict=True):
        array_to_img(picture, scale=True).save(saving.folder / f"{saving.prefix}_{row}_{epoch}.{saving.format}")
