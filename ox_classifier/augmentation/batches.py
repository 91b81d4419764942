"""Images in memory → batches for `model.fit`, the same for any number of workers and on every run."""

from __future__ import annotations

import numpy as np
from tensorflow.keras.preprocessing.image import DirectoryIterator, Iterator, NumpyArrayIterator

from ox_classifier.augmentation import sampling
from ox_classifier.augmentation.epochs import Epochs
from ox_classifier.augmentation.labelled_files import Files
from ox_classifier.augmentation.reading import Reading
from ox_classifier.augmentation.saving import Saving
from ox_classifier.augmentation.targets import Targets
from ox_classifier.errors import UsageValueError

AGAIN = 2**32  # epochs from one view of an image to the next view in the same epoch
BY_HAND = 2**20  # the first of the views made outside of batches


class Batches(Iterator):
    """Batches of augmented images, as the three flows of `ImageDataGenerator` return them.

    `batches[i]` is (x, y), (x, y, sample_weight) or x alone: x of shape (batch, height, width, channels); the last
    batch may be smaller. Order and transforms depend on `seed` and on the epoch only, so any `.workers` gives the same.
    `on_epoch_end()` goes to the next epoch; outside of `fit`, a batch asked for again is augmented anew. `next()`
    never ends, and reshuffles after the last batch and after `reset()`.

    Train with `model.fit(batches, shuffle=False)`: images are reshuffled here at the end of every epoch, while
    `fit`'s own shuffling would only shuffle whole batches, from Python's global generator.

    Set `epoch` before `fit` to continue a stopped run with the batches it would have seen. `sample_weight`,
    shape (n,), may be set too.
    """

    # plain attributes, where Keras' own iterators over files have properties
    filepaths = labels = sample_weight = None

    def __init__(
        self,
        generator,
        images: np.ndarray,
        targets: Targets,
        *,
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        augment: bool = True,
        sample_weight: np.ndarray | None = None,
        extra_inputs: tuple[np.ndarray, ...] = (),
        indices: np.ndarray | None = None,
        saving: Saving | None = None,
    ):
        # without a seed, NumPy's global generator decides, so that keras.utils.set_random_seed still governs
        seed = int(np.random.randint(2**31)) if seed is None else int(seed)
        self._epochs, self._own_order, self._orders = Epochs(), None, {}
        Iterator.__init__(self, len(images), batch_size, shuffle, seed)
        self.image_data_generator, self.images, self.targets, self.augment = generator, images, targets, augment
        self.sample_weight, self.x_misc = sample_weight, list(extra_inputs)
        self.samples, self.image_shape, self.dtype = len(images), tuple(images.shape[1:]), generator.dtype
        self.data_format = generator.data_format
        self.indices = np.arange(len(images)) if indices is None else indices  # in what the flow was given
        self.saving = saving
        self.save_to_dir, self.save_prefix, self.save_format = None, "", "png"
        if saving:
            self.save_to_dir, self.save_prefix, self.save_format = str(saving.folder), saving.prefix, saving.format

    def __getitem__(self, idx: int):
        i = idx + len(self) if idx < 0 else idx
        if not 0 <= i < len(self):
            raise UsageValueError(f"batch {idx} of {len(self)}: expected 0 to {len(self) - 1}")
        return self._make(*self._ask(i))

    def batch(self, i: int, epoch: int):
        """Batch `i` of any epoch."""
        return self._make(self._rows(self.order(epoch), i), epoch, 0)

    def order(self, epoch: int) -> np.ndarray:
        """Rows of `images` in the order an epoch sees them."""
        if epoch not in self._orders:
            order = sampling.permutation(self.seed, epoch, self.n) if self.shuffle else np.arange(self.n)
            self._orders = {e: o for e, o in self._orders.items() if abs(e - epoch) < 2} | {epoch: order}
            return order
        return self._orders[epoch]

    @property
    def index_array(self) -> np.ndarray:
        """Rows of `images` in the order of the batches; one of your own holds until the epoch's end."""
        return self.order(self._epochs.current) if self._own_order is None else self._own_order

    @index_array.setter
    def index_array(self, order: np.ndarray | None) -> None:
        self._own_order = order

    @property
    def epoch(self) -> int:
        """Number of the epoch at hand, or of the one that `fit` would begin with."""
        return self._epochs.number

    @epoch.setter
    def epoch(self, number: int) -> None:
        self._epochs.number = number

    @property
    def workers(self) -> int:
        """Threads or processes that make batches for `fit`; Keras looks it up when it is given these batches."""
        self._epochs.announce()
        return super().workers

    @workers.setter
    def workers(self, count: int) -> None:
        self._workers = count

    def on_epoch_begin(self) -> None:
        """Called by `fit` before an epoch's first batch."""
        self._epochs.begin()

    def on_epoch_end(self) -> None:
        """Go to the next epoch: another order, other views. (`fit` also calls this before its first epoch.)"""
        self._own_order = None
        self._epochs.end(len(self))

    def __next__(self):
        with self.lock:
            asked = self._ask(self._next_index())
        return self._make(*asked)

    next = __next__

    def _ask(self, i: int) -> tuple[np.ndarray, int, int]:
        """Rows of batch `i`, the epoch that it belongs to, and which view of that epoch it is."""
        epoch, view = self._epochs.ask(i)
        self.total_batches_seen += 1
        return self._rows(self.order(epoch) if self._own_order is None else self._own_order, i), epoch, view

    def _next_index(self) -> int:
        if self.batch_index == 0 and self.total_batches_seen:  # as with Keras, after `reset` and after a look at it[0]
            self._own_order = None
            self._epochs.advance()
        i = self.batch_index
        self.batch_index = (i + 1) % max(1, len(self))
        return i

    def _rows(self, order: np.ndarray, i: int) -> np.ndarray:
        return order[i * self.batch_size : (i + 1) * self.batch_size]

    def _make(self, rows: np.ndarray, epoch: int, view: int):
        key = epoch + AGAIN * view
        x = self.image_data_generator.batch(self.images, rows, self.seed, key, augment=self.augment)
        if self.saving:
            self.saving.write(x, self.indices[rows], epoch, self.data_format)
        inputs = [x, *(extra[rows] for extra in self.x_misc)] if self.x_misc else x
        if self.targets.mode is None:
            return inputs
        y = self.targets.batch(rows, x)
        return (inputs, y) if self.sample_weight is None else (inputs, y, self.sample_weight[rows])

    # what classes derived from Keras' own iterators call

    def _set_index_array(self) -> None:
        self._own_order = None

    def _flow_index(self):
        while True:
            i = self._next_index()
            self.total_batches_seen += 1
            yield self._rows(self.index_array, i)

    def _get_batches_of_transformed_samples(self, index_array):
        self.total_batches_seen += 1
        return self._make(np.asarray(index_array), self._epochs.current, BY_HAND + self.total_batches_seen)


class ArrayBatches(Batches, NumpyArrayIterator):
    """Batches from an array, for `isinstance` and for who reads `x` and `y`."""

    @property
    def x(self) -> np.ndarray:
        """The images as Keras keeps them: numbers of the generator's dtype."""
        return np.asarray(self.images).astype(self.dtype)

    @property
    def y(self) -> np.ndarray | None:
        """The labels as they were given."""
        return self.targets.values


class FileBatches(Batches, DirectoryIterator):
    """Batches from files, for `isinstance` and for who reads where they came from."""

    def describe(self, files: Files, reading: Reading, subset: str | None) -> None:
        """Take over what public code reads from Keras' iterators over files, and what could not be read."""
        self.directory, self.filenames, self.filepaths = files.directory, list(files.names), list(map(str, files.paths))
        self.class_mode, self.subset, self.bad_files = files.targets.mode, subset, files.bad
        self.class_indices = {name: i for i, name in enumerate(files.class_names)}
        self.num_classes, self.labels = len(files.class_names), files.labels
        if files.classes is not None:
            self.classes = files.classes
        self.target_size, self.color_mode = reading.target_size, reading.color_mode
        self.interpolation, self.keep_aspect_ratio = reading.interpolation, reading.keep_aspect_ratio
