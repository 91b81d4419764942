"""One `model.fit`: callbacks, history and progress. Knows batches and a network, no folders."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np

from ox_classifier.console import EpochBar, say
from ox_classifier.errors import OxError, UsageError

MONITORS = ("val_accuracy", "val_loss", "accuracy", "loss")
COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds")
REDUCE_PATIENCE = 2
TIE = 1e-5  # weight of the loss between equal accuracies: under one image in a hundred thousand
RATE_FACTOR = 0.7


@dataclass
class History:
    """What happened in each epoch (rows with the keys `COLUMNS`) and which one was kept."""

    rows: list[dict] = field(default_factory=list)
    best: int = 0  # index into rows
    interrupted: bool = False

    @property
    def best_row(self) -> dict:
        return self.rows[self.best]


def score(logs: dict, monitor: str) -> float:
    """One number that grows as the monitored figure improves; equal accuracies are told apart by their loss.

    Keras compares in float32, which is finest near 0; so an accuracy counts from 1 down, and what is compared here
    is rounded as there.
    """
    if monitor.endswith("loss"):
        return float(np.float32(-logs[monitor]))
    loss = max(logs[monitor.replace("accuracy", "loss")], 0.0)
    return float(np.float32(logs[monitor] - 1 - TIE * loss / (1 + loss)))


def fit(
    model: keras.Model,
    train: keras.utils.PyDataset,
    val: keras.utils.PyDataset,
    *,
    epochs: int,
    checkpoint: Path,
    learning_rate: float = 1e-3,
    monitor: str = "val_accuracy",
    class_weight: dict[int, float] | None = None,
    average: float = 0,
    patience: int = 10,
    each_epoch: Callable[[list[dict]], None] = lambda rows: None,
    history: History | None = None,
) -> History:
    """Train until `epochs` or no improvement, and leave the best epoch's weights in `model` and in `checkpoint`.

    Batches are (pixels, class index); the loss follows from the network's last layer. The learning rate falls to 0.7
    of itself after 2 epochs without improvement of `monitor`; training stops after `patience`. `each_epoch` gets
    all rows.
    With `average`, what is validated and kept is the exponential moving average of the weights over so many epochs.
    Given a `history`, its epochs count as done: their rows stay, and its best stays unless beaten.

    Raises:
        UsageError: If the monitor is unknown.
        OxError: If the loss is no longer a number.
    """
    check_monitor(monitor)
    average_over = round(average * len(train))
    compile_for_classes(model, learning_rate, average_over=average_over)
    history = history or History()
    known_best = score(history.best_row, monitor) if history.rows else -math.inf
    keeper = keras.callbacks.ModelCheckpoint(checkpoint, monitor="score", mode="max", save_best_only=True)
    keeper.best = known_best
    callbacks = [
        *(
            [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)] if average_over > 1 else []
        ),  # before those that keep weights
        _Score(monitor),
        keras.callbacks.ReduceLROnPlateau(
            monitor="score", mode="max", factor=RATE_FACTOR, patience=REDUCE_PATIENCE, min_delta=0, min_lr=1e-6
        ),
        keras.callbacks.EarlyStopping(monitor="score", mode="max", patience=patience, restore_best_weights=True),
        keras.callbacks.TerminateOnNaN(),
        keeper,
        _Epochs(history, epochs + len(history.rows), each_epoch, monitor),
    ]
    try:
        with contextlib.redirect_stdout(sys.stderr):  # TerminateOnNaN prints; stdout is for data
            model.fit(
                streamed(train),
                validation_data=streamed(val),
                epochs=epochs,
                class_weight=class_weight,
                callbacks=callbacks,
                shuffle=False,  # the batches shuffle themselves, by seed and epoch
                verbose=0,
            )
    except KeyboardInterrupt:
        if not history.rows:
            raise
        history.interrupted = True
    if not history.rows or not math.isfinite(history.rows[-1]["loss"]):
        raise OxError(
            f"the loss became {history.rows[-1]['loss'] if history.rows else 'nan'} in epoch {len(history.rows) or 1}: "
            f"give a --learning-rate under {learning_rate:g}"
        )
    if checkpoint.exists():
        model.load_weights(checkpoint)
    return history


def streamed(batches: keras.utils.PyDataset):
    """The same batches as a `tf.data.Dataset` that doesn't tune itself.

    What Keras makes of a PyDataset does, and TensorFlow 2.21 then ends an epoch only when the tuner next wakes up:
    10, 30, 70 ms ... 10.2, 20.5 s after it began, so that an epoch of 11 s takes 20.5.
    """
    import tensorflow as tf

    def epoch():
        batches.on_epoch_begin()
        for index in range(len(batches)):
            yield batches[index]
        batches.on_epoch_end()

    signature = tuple(tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in map(np.asarray, batches[0]))
    batches.on_epoch_end()  # that batch was none of an epoch
    options = tf.data.Options()
    options.autotune.enabled = False
    data = tf.data.Dataset.from_generator(epoch, output_signature=signature)
    return data.apply(tf.data.experimental.assert_cardinality(len(batches))).prefetch(2).with_options(options)


def check_monitor(monitor: str) -> None:
    """Refuse a figure that no epoch has.

    Raises:
        UsageError: If the monitor is unknown.
    """
    if monitor not in MONITORS:
        raise UsageError(f"--monitor {monitor!r} is unknown: give one of {', '.join(MONITORS)}")


def compile_for_classes(model: keras.Model, learning_rate: float, *, average_over: int = 0) -> None:
    """Compile with Adam and the cross-entropy that fits the network's answer (one probability, or one a class).

    `average_over` is the number of steps whose weights the optimizer averages beside its work; under 2 it doesn't.
    """
    single = model.output_shape[-1] == 1
    averaging = {"use_ema": True, "ema_momentum": 1 - 1 / average_over} if average_over > 1 else {}
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate, **averaging),
        loss="binary_crossentropy" if single else "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,  # XLA makes LeNet 1.6 times slower on a CPU
    )


class _Score(keras.callbacks.Callback):
    """Adds `score` to the epoch's logs, for the callbacks after it to watch."""

    def __init__(self, monitor: str):
        super().__init__()
        self.monitor = monitor

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        logs["score"] = score(logs, self.monitor)


class _Epochs(keras.callbacks.Callback):
    """Writes the history and shows the epochs: a bar each on a terminal, a plain line each elsewhere."""

    def __init__(self, history: History, epochs: int, each_epoch: Callable, monitor: str):
        super().__init__()
        self.history, self.epochs, self.each_epoch, self.monitor = history, epochs, each_epoch, monitor
        self.bar: EpochBar | None = None

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.start = time.monotonic()
        # taken before ReduceLROnPlateau changes it: the rate this epoch was trained with
        self.rate = float(self.model.optimizer.learning_rate.numpy())
        if sys.stderr.isatty():
            self.bar = EpochBar(f"epoch {len(self.history.rows) + 1}/{self.epochs}", self.params.get("steps"))

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        if self.bar:
            self.bar.update(batch + 1, f"loss {logs['loss']:.4f}  accuracy {logs['accuracy']:.4f}")

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        rows = self.history.rows
        row = {"epoch": len(rows) + 1, **{name: float(logs[name]) for name in COLUMNS[1:5]}}
        rows.append(row | {"learning_rate": self.rate, "seconds": round(time.monotonic() - self.start, 3)})
        if score(rows[-1], self.monitor) > score(rows[self.history.best], self.monitor):
            self.history.best = len(rows) - 1
        self.each_epoch(rows)
        self.close()
        say(line(rows[-1], self.epochs))

    def on_train_end(self, logs: dict | None = None) -> None:
        self.close()

    def close(self) -> None:
        if self.bar:
            self.bar.close()
            self.bar = None


def line(row: dict, epochs: int) -> str:
    """An epoch as one line of text."""
    return (
        f"epoch {row['epoch']:>{len(str(epochs))}}/{epochs}  "
        f"loss {row['loss']:.4f}  accuracy {row['accuracy']:.4f}  "
        f"val_loss {row['val_loss']:.4f}  val_accuracy {row['val_accuracy']:.4f}  "
        f"learning_rate {row['learning_rate']:.2g}  {row['seconds']:.1f} s"
    )
