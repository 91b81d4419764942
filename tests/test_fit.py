"""Which epoch is kept, when the learning rate falls and when training stops, on a list of made-up figures."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest

from ox_classifier.errors import OxError
from ox_classifier.training import callbacks
from ox_classifier.training.fit import Schedule, fit
from ox_classifier.training.streaming import stream

pytestmark = pytest.mark.tensorflow


class Batches:
    """Two samples; `poison` makes the loss infinite."""

    def __init__(self, poison=False):
        self.value = np.nan if poison else 1.0

    def __len__(self):
        return 1

    def batch(self, index, epoch):
        return np.full((2, 1), self.value, np.float32), np.array([0.0, 1.0], np.float32)


def network():
    inputs = keras.Input((1,))
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(inputs))


def places(folder, name="m"):
    return {"checkpoint": folder / f"{name}.keras", "state_file": folder / f"{name}.state.npz"}


@pytest.fixture
def scripted(tmp_path, monkeypatch):
    """Train on nothing much, with the validation figures of each epoch made up and the weights marked by the epoch."""

    def run(metrics, epochs, each_epoch=lambda rows: None, **options):
        class Scripted(callbacks.Score):
            def on_epoch_end(self, epoch, logs=None):
                logs["val_accuracy"], logs["val_loss"] = metrics[min(epoch, len(metrics) - 1)]
                self.model.layers[-1].bias.assign([float(epoch)])
                super().on_epoch_end(epoch, logs)

        with monkeypatch.context() as patch:
            patch.setattr(callbacks, "Score", Scripted)
            model, place = network(), places(tmp_path)
            schedule = Schedule(epochs, **options)
            history = fit(model, Batches(), Batches(), schedule, each_epoch=each_epoch, **place)
        return history, float(model.layers[-1].bias[0]), place["checkpoint"]

    return run


def test_loss_decides_between_equal_accuracies(scripted):
    history, kept, file = scripted([(0.9, 0.5), (0.9, 0.3), (0.9, 0.4), (0.8, 0.1)], 4)
    assert history.best_row["epoch"] == 2
    assert kept == 1.0  # the weights of the second epoch are back
    assert float(keras.models.load_model(file, compile=False).layers[-1].bias[0]) == 1.0


def test_a_slightly_lower_loss_counts_with_keras_too(scripted):
    """Keras compares in float32: the epoch said to be the best must be the one whose weights are kept."""
    history, kept, file = scripted([(0.96666664, 0.1484), (0.96, 0.1), (0.96666664, 0.1459)], 3)
    assert history.best_row["epoch"] == 3 and kept == 2.0
    assert float(keras.models.load_model(file, compile=False).layers[-1].bias[0]) == 2.0


def test_accuracy_goes_before_loss(scripted):
    history, kept, _ = scripted([(0.9, 0.1), (0.91, 5.0)], 2)
    assert history.best_row["epoch"] == 2 and kept == 1.0


def test_monitor_val_loss(scripted):
    history, *_ = scripted([(0.9, 0.4), (0.95, 0.5), (0.5, 0.3)], 3, monitor="val_loss")
    assert history.best_row["epoch"] == 3


def test_rate_falls_after_two_epochs_and_training_stops_after_ten(scripted):
    history, kept, _ = scripted([(0.9, 0.5), (0.8, 0.6)], 50)
    rates = [row["learning_rate"] for row in history.rows]
    assert len(rates) == 11
    assert rates[:7] == pytest.approx([1e-3, 1e-3, 1e-3, 7e-4, 7e-4, 4.9e-4, 4.9e-4])
    assert kept == 0.0


def test_streamed_batches_are_those_of_every_epoch_in_turn():
    class Counted:
        def __len__(self):
            return 3

        def batch(self, index, epoch):
            return np.full((2 - (index == 2), 4), 10 * epoch + index, np.float32), np.arange(2 - (index == 2))

    data = stream(Counted(), epoch=5)
    for epoch in (5, 6):
        pairs = list(data.as_numpy_iterator())
        assert [x[0, 0] for x, _ in pairs] == [10 * epoch, 10 * epoch + 1, 10 * epoch + 2]
        assert [x.shape for x, _ in pairs] == [(2, 4), (2, 4), (1, 4)]
    assert int(data.cardinality()) == 3
    assert not data.options().autotune.enabled


def test_patience_is_how_long_to_wait(scripted):
    history, kept, _ = scripted([(0.8, 0.6), (0.9, 0.5), (0.8, 0.6)], 50, patience=4)
    assert len(history.rows) == 2 + 4 and kept == 1.0


def test_each_epoch_is_handed_all_rows(scripted):
    seen = []
    scripted([(0.5, 0.5)], 3, each_epoch=lambda rows: seen.append(len(rows)))
    assert seen == [1, 2, 3]


def test_a_loss_that_is_no_number_is_a_sentence(tmp_path):
    with pytest.raises(OxError, match="the loss became nan in epoch 1: give a --learning-rate under"):
        fit(network(), Batches(poison=True), Batches(), Schedule(3), **places(tmp_path))


def test_average_is_what_stock_keras_averages(tmp_path):
    rng = np.random.default_rng(0)
    pixels, truth = rng.random((40, 3), np.float32), rng.integers(0, 2, (40, 1)).astype(np.float32)

    class Slices(keras.utils.PyDataset):
        def batch(self, index, epoch):
            return self[index]

        def __len__(self):
            return 5

        def __getitem__(self, index):
            return pixels[index * 8 : index * 8 + 8], truth[index * 8 : index * 8 + 8]

    def fresh():
        keras.utils.set_random_seed(1)
        inputs = keras.Input((3,))
        return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(inputs))

    stock, ours, plain = fresh(), fresh(), fresh()
    stock.compile(keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.8), "binary_crossentropy")
    stock.fit(Slices(), epochs=3, shuffle=False, verbose=0)  # leaves the average in the weights
    plainly = Schedule(3, learning_rate=0.05, monitor="val_loss")
    history = fit(ours, Slices(), Slices(), replace(plainly, ema_epochs=1), **places(tmp_path, "a"))
    fit(plain, Slices(), Slices(), plainly, **places(tmp_path, "b"))
    assert fit(fresh(), Slices(), Slices(), replace(plainly, ema_epochs=0.2), **places(tmp_path, "c")).rows
    assert history.best == 2  # the loss still falls, so the last epoch is kept
    np.testing.assert_allclose(ours.get_weights()[0], stock.get_weights()[0], rtol=1e-5)
    assert np.abs(plain.get_weights()[0] - stock.get_weights()[0]).max() > 1e-3
    validated = -np.mean(np.log(np.where(truth == 1, p := ours.predict(pixels, verbose=0), 1 - p)))
    assert history.best_row["val_loss"] == pytest.approx(validated, rel=1e-4)  # validated is what is kept
    kept = keras.models.load_model(tmp_path / "a.keras", compile=False)
    np.testing.assert_array_equal(kept.get_weights()[0], ours.get_weights()[0])
