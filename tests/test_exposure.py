"""Batches with outliers among the images of classes, patchworks of features among them, and how a loss counts them."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from ox_classifier.training.exposure import (
    FROZEN_WEIGHT,
    SHARE,
    WEIGHT,
    ExposedBatches,
    SoftTargets,
    outliers_an_epoch,
    patchworks,
)
from ox_classifier.training.fit import Schedule, compile_for_classes, fit

CLASSES = np.array([0, 1, 2, 1, 0], np.int64)


class Marks:
    """Batches of `n` class images, each image a number."""

    def __init__(self, n: int, size: int):
        self.n, self.size = n, size

    def __len__(self):
        return -(-self.n // self.size)

    def batch(self, index, epoch):
        rows = np.arange(self.n)[index * self.size : (index + 1) * self.size]
        return rows[:, None].astype(np.float32), rows % 3


@pytest.mark.parametrize(
    ("images", "size", "count"), [(50, 8, 100), (50, 8, 7), (50, 50, 100), (2, 2, 5), (33, 32, 40)]
)
def test_each_batch_has_its_share_of_outliers_and_an_epoch_none_twice(images, size, count):
    marks = Marks(images, size)

    def look(epoch, rows):
        return 1000.0 + rows[:, None].astype(np.float32)

    batches = ExposedBatches(
        marks,
        look,
        SoftTargets(3, False),
        images=images,
        outliers=count,
        batch_size=size,
        class_weight={1: 4.0},
        seed=5,
    )
    expected = outliers_an_epoch(count, images)
    assert expected == min(count, int(SHARE * images)) and len(batches) == len(marks)
    epochs = []
    for epoch in (0, 1):
        seen = []
        for index in range(len(batches)):
            x, y, w = batches.batch(index, epoch)
            alone, labels = marks.batch(index, epoch)
            n = len(labels)
            np.testing.assert_array_equal(x[:n], alone)
            np.testing.assert_array_equal(y[:n].argmax(axis=1), labels)
            np.testing.assert_array_equal(y[n:], np.full((len(x) - n, 3), 1 / 3, np.float32))
            np.testing.assert_array_equal(w, [4.0 if label == 1 else 1.0 for label in labels] + [WEIGHT] * (len(x) - n))
            assert abs(len(x) - n - expected * n / images) < 1
            seen += (x[n:, 0] - 1000).astype(int).tolist()
        assert len(seen) == len(set(seen)) == expected and set(seen) <= set(range(count))
        epochs.append(seen)
    assert expected < 3 or epochs[0] != epochs[1]


def places_of(maps: np.ndarray) -> np.ndarray:
    return maps.reshape(-1, maps.shape[-1])


def test_a_patchwork_is_made_of_the_places_of_many_maps_of_a_few_or_of_one():
    rng = np.random.default_rng(0)
    maps = rng.random((9, 4, 5, 3), np.float32)
    found = patchworks(maps, 400, np.random.default_rng(1))
    assert found.shape == (400, 4, 5, 3) and found.dtype == np.float32
    known = {place.tobytes(): number for number, place in enumerate(places_of(maps))}
    assert all(place.tobytes() in known for place in places_of(found))
    kinds = [len({place.tobytes() for place in places_of(one)}) for one in found]
    assert min(kinds) == 1 and max(kinds) >= 12  # a texture, and a picture without an order
    assert len({known[place.tobytes()] for place in places_of(found)}) > 150  # of 180
    np.testing.assert_array_equal(patchworks(maps, 400, np.random.default_rng(1)), found)
    other = patchworks(maps, 400, np.random.default_rng(2))
    assert (other != found).any(axis=(1, 2, 3)).mean() > 0.9


@pytest.mark.parametrize(("shape", "patched"), [((7,), False), ((2, 9, 4), False), ((3, 3, 4), True)])
def test_a_head_on_a_frozen_base_gets_every_outlier_and_as_many_patchworks(shape, patched):
    """None of vectors, and none of maps so small that a patchwork may be a mark, turned."""
    rng, images, size, count = np.random.default_rng(0), 50, 8, 40
    seen_as = rng.random((images + count, *shape), np.float32)

    class Maps(Marks):
        def batch(self, index, epoch):
            x, labels = super().batch(index, epoch)
            return seen_as[x[:, 0].astype(int)], labels

    batches = ExposedBatches(
        Maps(images, size),
        lambda epoch, rows: seen_as[images + rows],
        SoftTargets(3, False),
        images=images,
        outliers=count,
        batch_size=size,
        seed=5,
        frozen=True,
    )
    rows = 0
    for index in range(len(batches)):
        x, y, w = batches.batch(index, 3)
        n, own = len(Marks(images, size).batch(index, 3)[1]), len(batches.rows(index, 3))
        rows += own
        assert len(x) == len(y) == len(w) == n + own * (1 + patched)
        np.testing.assert_array_equal(x[n : n + own], seen_as[images + batches.rows(index, 3)])
        np.testing.assert_array_equal(y[n:], np.full((len(x) - n, 3), 1 / 3, np.float32))
        np.testing.assert_array_equal(w[n:], np.full(len(x) - n, FROZEN_WEIGHT, np.float32))
        if patched:
            known = {place.tobytes() for place in places_of(x[: n + own])}
            assert {place.tobytes() for place in places_of(x[n + own :])} <= known
        again, other = batches.batch(index, 3)[0], batches.batch(index, 4)[0]
        np.testing.assert_array_equal(again, x)
        assert not patched or (other[n + own :] != x[n + own :]).any()
    assert rows == count == outliers_an_epoch(count, images, frozen=True) > outliers_an_epoch(count, images)


def test_patchworks_of_the_same_maps_are_others_in_each_epoch_batch_and_seed():
    one = np.random.default_rng(0).random((1, 3, 3, 4), np.float32)

    class Same(Marks):
        def batch(self, index, epoch):
            labels = super().batch(index, epoch)[1]
            return np.repeat(one, len(labels), axis=0), labels

    def drawn(seed: int, epoch: int, index: int) -> bytes:
        batches = ExposedBatches(
            Same(16, 8),
            lambda epoch, rows: np.repeat(one, len(rows), axis=0),
            SoftTargets(3, False),
            images=16,
            outliers=16,
            batch_size=8,
            seed=seed,
            frozen=True,
        )
        return batches.batch(index, epoch)[0][16:].tobytes()

    assert len({drawn(*key) for key in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))}) == 4


def made(logits: bool, classes: int) -> keras.Model:
    """A network that answers as its input says: one probability, or a softmax of its input."""
    inputs = keras.Input((1 if not logits else classes,))
    layer = keras.layers.Dense(
        inputs.shape[-1],
        activation="softmax" if logits else "sigmoid",
        use_bias=False,
        kernel_initializer=keras.initializers.Identity() if logits else "ones",
    )
    return keras.Model(inputs, layer(inputs))


@pytest.mark.tensorflow
@pytest.mark.parametrize("classes", [2, 3])
def test_loss_and_accuracy_of_a_batch_are_those_of_numpy(classes):
    rng = np.random.default_rng(classes)
    single = classes == 2
    labels = CLASSES % classes
    x = rng.normal(size=(len(labels), 1 if single else classes)).astype(np.float32)
    others = rng.normal(size=(4, x.shape[1])).astype(np.float32)

    class One:
        def __len__(self):
            return 1

        def batch(self, index, epoch):
            return x, labels

    weights = {0: 0.7, 1: 1.6, 2: 1.1}
    batches = ExposedBatches(
        One(),
        lambda epoch, rows: others[rows],
        SoftTargets(classes, single),
        images=len(labels),
        outliers=4,
        batch_size=8,
        class_weight=weights,
    )
    model = made(not single, classes)
    compile_for_classes(model, 1e-3, soft=True)
    loss, accuracy = model.test_on_batch(*batches.batch(0, 0))

    everything = np.concatenate([x, others[batches.rows(0, 0)]]).astype(np.float64)
    if single:
        positive = 1 / (1 + np.exp(-everything))
        answer = np.concatenate([1 - positive, positive], axis=1)
    else:
        answer = np.exp(everything) / np.exp(everything).sum(axis=1, keepdims=True)
    n = len(labels)
    of_marks = [-weights[label] * np.log(answer[i, label]) for i, label in enumerate(labels)]
    of_outliers = -WEIGHT * np.log(answer[n:]).mean(axis=1)
    assert len(of_outliers) == 1
    assert loss == pytest.approx((sum(of_marks) + sum(of_outliers)) / (n + 1), rel=1e-5)
    assert accuracy == pytest.approx((answer[:n].argmax(axis=1) == labels).mean(), abs=1e-6)


@pytest.mark.tensorflow
@pytest.mark.parametrize("classes", [2, 3])
def test_validation_is_measured_as_without_outliers(classes):
    rng = np.random.default_rng(1)
    labels = rng.integers(0, classes, 50)
    x = rng.normal(size=(50, 1 if classes == 2 else classes)).astype(np.float32)
    plain, soft = made(classes > 2, classes), made(classes > 2, classes)
    compile_for_classes(plain, 1e-3)
    compile_for_classes(soft, 1e-3, soft=True)
    expected = plain.test_on_batch(x, labels)
    assert soft.test_on_batch(x, SoftTargets(classes, classes == 2).of(labels)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.tensorflow
def test_over_an_epoch_accuracy_counts_every_class_image_once(tmp_path):
    """Batches of unequal size, outliers unequally among them: the mean over images, not over batches."""
    labels = np.arange(11) % 2
    x = np.where(np.arange(11) < 8, 2 * labels - 1, 1 - 2 * labels).astype(np.float32)[:, None]  # 8 of 11 right

    class Some:
        def __len__(self):
            return 3

        def batch(self, index, epoch):
            return x[4 * index : 4 * index + 4], labels[4 * index : 4 * index + 4]

    batches = ExposedBatches(
        Some(),
        lambda _, rows: np.ones((len(rows), 1), np.float32),
        SoftTargets(2, True),
        images=11,
        outliers=9,
        batch_size=4,
    )
    model = made(False, 2)
    schedule = Schedule(1, learning_rate=1e-12, monitor="accuracy", soft=True)
    history = fit(model, batches, None, schedule, checkpoint=tmp_path / "m.keras", state_file=tmp_path / "m.state.npz")
    assert history.rows[0]["accuracy"] == pytest.approx(8 / 11)
