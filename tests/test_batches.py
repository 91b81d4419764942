"""The same batches whoever asks for them and in any order, and epochs that move on as they do with Keras."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
from tensorflow.keras.preprocessing.image import ImageDataGenerator as Stock
from tensorflow.keras.preprocessing.image import Iterator, NumpyArrayIterator

from ox_classifier.augmentation.generator import ImageDataGenerator

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore:Please .* `affine_transform` from the `scipy.ndimage`:DeprecationWarning"),
]


SHIFTS = {"width_shift_range": 0.1, "height_shift_range": 0.1}
FLIPS = {"horizontal_flip": True, "vertical_flip": True}


def make_batches(seed: int = 7, **arguments):
    rng = np.random.default_rng(0)
    generator = ImageDataGenerator(rescale=1 / 255, **SHIFTS, **FLIPS, rotation_range=20, noise=8, stroke=1.5)
    images, labels = rng.integers(0, 256, (50, 24, 24, 1), dtype=np.uint8), np.arange(50) % 2
    return generator.flow(images, labels, batch_size=8, seed=seed, **arguments)


def every(batches) -> list[np.ndarray]:
    """The images of each batch, asked for once."""
    return [batches[i][0] for i in range(len(batches))]


def test_batches_are_the_same_in_any_order_and_from_any_thread():
    batches = make_batches()
    expected = [batches[i] for i in range(len(batches))]
    for seed in range(3):
        scattered, asked = random.Random(seed).sample(range(7), 7), make_batches()
        with ThreadPoolExecutor(4) as pool:
            for i, (x, y) in zip(scattered, pool.map(asked.__getitem__, scattered), strict=True):
                np.testing.assert_array_equal(x, expected[i][0])
                np.testing.assert_array_equal(y, expected[i][1])
    assert [len(y) for _, y in expected] == [8] * 6 + [2]
    assert sorted(np.concatenate([batches.order(0)])) == list(range(50))


def test_a_batch_asked_for_twice_in_an_epoch_of_fit_is_the_next_pass():
    """What Keras does with steps_per_epoch: it fetches ahead before it calls on_epoch_end."""
    batches = make_batches()
    batches.on_epoch_begin()
    for i in range(7):
        np.testing.assert_array_equal(batches[i][0], batches.batch(i, 0)[0])
    np.testing.assert_array_equal(batches[0][0], batches.batch(0, 1)[0])
    batches.on_epoch_end()
    batches.on_epoch_begin()
    np.testing.assert_array_equal(batches[1][0], batches.batch(1, 1)[0])


def test_a_batch_asked_for_again_outside_of_fit_shows_the_same_images_anew():
    """`[train[0][0][0] for i in range(5)]`, as in TensorFlow's tutorial: one picture, five views."""
    batches, again = make_batches(), make_batches()
    views, labels = zip(*(batches[0] for _ in range(5)), strict=True)
    assert len({view.tobytes() for view in views}) == 5
    assert all(np.array_equal(y, labels[0]) for y in labels)
    for view in views:
        np.testing.assert_array_equal(again[0][0], view)


@pytest.mark.parametrize("shuffle", [True, False])
def test_on_epoch_end_alone_goes_on_to_the_next_epoch(shuffle):
    batches, whole = make_batches(shuffle=shuffle), make_batches(shuffle=shuffle)
    for epoch in range(3):
        for i, x in enumerate(every(batches)):
            np.testing.assert_array_equal(x, whole.batch(i, epoch)[0])
        batches.on_epoch_end()
    batches[0]
    batches.on_epoch_end()  # after a loop that was left early
    np.testing.assert_array_equal(batches[0][0], whole.batch(0, 4)[0])


def test_another_seed_or_epoch_gives_other_batches():
    batches, other = make_batches(), make_batches(seed=8)
    assert not np.array_equal(batches.batch(0, 0)[0], batches.batch(0, 1)[0])
    assert not np.array_equal(batches[0][0], other[0][0])
    assert not np.array_equal(batches.order(0), batches.order(1))


class Recorder(keras.Model):
    """Takes part in `fit` and keeps the pixels it was shown, summed, one number an image."""

    def __init__(self):
        super().__init__(name="recorder")
        self.seen, self.bias = [], self.add_weight(shape=(), name="bias")

    def call(self, x):
        return keras.ops.sum(x, axis=(1, 2, 3)) + 0 * self.bias

    def train_step(self, data):
        self.seen.append(self(data[0]).numpy())
        return {"loss": 0.0}

    def test_step(self, data):
        return {"loss": keras.ops.sum(self(data[0]))}


def seen_by_fit(batches, epochs: int = 2, **arguments) -> np.ndarray:
    model = Recorder()
    model.compile(run_eagerly=True)
    model.fit(batches, epochs=epochs, shuffle=False, verbose=0, **arguments)
    return np.concatenate(model.seen)


def test_fit_sees_the_same_batches_for_any_number_of_workers():
    batches = make_batches()
    expected = np.concatenate([batches.batch(i, e)[0].sum(axis=(1, 2, 3)) for e in (0, 1) for i in range(7)])
    for workers, arguments in ((1, {}), (4, {}), (1, {"steps_per_epoch": 7})):
        batches = make_batches()
        batches.workers = workers
        np.testing.assert_allclose(seen_by_fit(batches, **arguments), expected, rtol=1e-5)
        assert batches.epoch == 2


def test_a_run_continued_at_an_epoch_sees_what_it_would_have_seen():
    whole = seen_by_fit(make_batches(), epochs=3)
    rest = make_batches()
    rest.epoch = 1
    np.testing.assert_array_equal(seen_by_fit(rest), whole[50:])


class Wrapper(keras.utils.PyDataset):
    """What public code puts around an iterator, to change its batches; it forwards as many calls as its author knew."""

    def __init__(self, inner, **arguments):
        super().__init__(**arguments)
        self.inner = inner

    def __len__(self):
        return len(self.inner)

    def __getitem__(self, index):
        return self.inner[index]


class Forwarding(Wrapper):
    def on_epoch_end(self):
        self.inner.on_epoch_end()


class ForwardingBoth(Forwarding):
    def on_epoch_begin(self):
        self.inner.on_epoch_begin()


@pytest.mark.parametrize("kind", [Wrapper, Forwarding, ForwardingBoth])
def test_a_wrapper_sees_new_views_each_epoch_and_the_same_on_each_run(kind):
    shown = seen_by_fit(kind(make_batches()), epochs=3).reshape(3, 50)
    np.testing.assert_array_equal(seen_by_fit(kind(make_batches(), workers=1), epochs=3).reshape(3, 50), shown)
    assert len(np.unique(shown.round(3))) > 140  # of 150 views; stock's fits repeat none
    if kind is not Wrapper:  # each epoch shows all that one epoch number holds, and the next another number
        whole = make_batches()
        held = [np.concatenate([whole.batch(i, e)[0].sum(axis=(1, 2, 3)) for i in range(7)]) for e in range(4)]
        numbers = [[e for e in range(4) if np.allclose(held[e], epoch, rtol=1e-5)] for epoch in shown]
        assert numbers == [[1], [2], [3]]


def test_repeated_fits_evaluations_and_predictions_stay_reproducible():
    def course(workers: int) -> list[np.ndarray]:
        batches = make_batches()
        batches.workers = workers
        model = Recorder()
        model.compile(run_eagerly=True)
        shown = []
        for epochs in (1, 2):
            model.seen.clear()
            model.fit(batches, validation_data=batches, epochs=epochs, shuffle=False, verbose=0)
            shown += [np.concatenate(model.seen), model.predict(batches, verbose=0)]
        return shown

    expected = course(1)
    assert [len(part) for part in expected] == [50, 50, 100, 50]
    assert len(np.unique(np.concatenate(expected).round(3))) > 230
    for part, again in zip(expected, course(4), strict=True):
        np.testing.assert_array_equal(part, again)


def test_epochs_of_some_steps_each_are_whole_passes_in_a_row():
    """3 of 7 batches an epoch: Keras fetches the others ahead, some before and some after the epoch's end."""
    whole = make_batches()
    passes = np.concatenate([whole.batch(i, e)[0].sum(axis=(1, 2, 3)) for e in (0, 1) for i in range(7)])
    shown = seen_by_fit(make_batches(), epochs=2, steps_per_epoch=3)
    np.testing.assert_allclose(shown, passes[:48], rtol=1e-5)


def test_next_never_ends_and_reshuffles():
    batches, expected = make_batches(), make_batches()
    for epoch in (0, 1):
        for i in range(7):
            x, _ = next(batches)
            np.testing.assert_array_equal(x, expected.batch(i, epoch)[0])
    next(batches)
    batches.reset()  # the next() after it reshuffles, as with Keras
    np.testing.assert_array_equal(batches.next()[0], expected.batch(0, 3)[0])


def test_an_index_past_the_end_is_the_error_that_it_is_with_keras():
    images = np.zeros((10, 4, 4, 1), np.uint8)
    for make in (Stock, ImageDataGenerator):
        with pytest.raises(ValueError, match=r"length 3|0 to 2"):
            make().flow(images, batch_size=4)[3]
    batches = ImageDataGenerator().flow(images, np.arange(10), batch_size=4, shuffle=False)
    assert batches[-1][1].tolist() == [8, 9]


def test_what_public_code_reads_and_calls():
    images, labels = np.arange(10)[:, None, None, None] * np.ones((1, 4, 4, 1)), np.arange(10)
    ours, stock = (make().flow(images, labels, batch_size=4, seed=1) for make in (ImageDataGenerator, Stock))
    assert isinstance(ours, Iterator)
    assert isinstance(ours, NumpyArrayIterator)
    for it in (ours, stock):
        first = next(it.index_generator).tolist()
        assert sorted(first + [int(y) for _ in range(2) for y in next(it)[1]]) == list(range(10))
        assert it.batch_index == 0
        assert it.total_batches_seen == 3
        x, y = it._get_batches_of_transformed_samples(np.array([3, 1]))
        assert x[:, 0, 0, 0].tolist() == y.tolist() == [3, 1]
        assert sorted(it.index_array.tolist()) == list(range(10))
        np.testing.assert_array_equal(it.x, images)
        assert it.x.dtype == np.float32
        it.index_array = np.array([9, 8, 7, 6, 5])
        assert it[0][1].tolist() == [9, 8, 7, 6]
        it.on_epoch_end()
        assert sorted(it.index_array.tolist()) == list(range(10))
    for name in ("n", "batch_size", "shuffle", "dtype", "data_format", "save_to_dir", "save_prefix", "save_format"):
        assert getattr(ours, name) == getattr(stock, name), name
    assert (ours.image_data_generator.rescale, ours.samples, ours.image_shape) == (None, 10, (4, 4, 1))
