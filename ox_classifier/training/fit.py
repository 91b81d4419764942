"""One `model.fit`: batches and a compiled network in, the best epoch's weights out. Knows no folder of images."""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras

from ox_classifier import signals
from ox_classifier.errors import DivergedError, UsageError
from ox_classifier.training import callbacks, state
from ox_classifier.training.accuracy import AccuracyOfClasses
from ox_classifier.training.history import History, score
from ox_classifier.training.streaming import EpochBatches, stream

REDUCE_PATIENCE = 2
RATE_FACTOR = 0.7
LEAST_RATE = 1e-6


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a network learns.

    The learning rate falls to 0.7 of itself after 2 epochs without improvement of `monitor`; training stops after
    `patience`. With `ema_epochs`, what is validated and kept is the exponential moving average of the weights over so
    many epochs. With `rates`, the learning rate of each epoch is given instead, every epoch is trained and the last
    one is kept: for training on everything, with nothing held out to watch.
    """

    epochs: int
    learning_rate: float = 1e-3
    monitor: str = "val_accuracy"
    ema_epochs: float = 0
    patience: int = 10
    class_weight: dict[int, float] | None = None
    rates: tuple[float, ...] = ()
    soft: bool = False  # targets are probabilities, and rows with the same one for every class don't count as right


def fit(
    model: keras.Model,
    train: EpochBatches,
    val: EpochBatches | None,
    schedule: Schedule,
    *,
    checkpoint: Path,
    state_file: Path,
    identity: str = "",
    each_epoch: Callable[[list[dict]], None] = lambda rows: None,
    history: History | None = None,
    first_epoch: int = 0,
) -> History:
    """Train by the schedule, and leave the best epoch's weights in `model` and in `checkpoint`.

    Batches are (pixels, class index) or, with `schedule.soft`, (pixels, probability of each class), maybe with weights;
    the loss follows from the network's last layer. `each_epoch` gets all rows.
    Given a `history`, its epochs count as done: its rows stay, and its best one stays unless beaten.
    `first_epoch` is the number of the first epoch's batches. Where `state_file` exists, training goes on from there;
    `identity` tells this training from every other, so that no other's state is taken.

    Raises:
        DivergedError: If the loss is no longer a number.
        Stopped: If the program was asked to stop before the first epoch was done.
        UsageError: If the state is damaged.
    """
    average_over = round(schedule.ema_epochs * len(train))
    compile_for_classes(model, schedule.learning_rate, average_over=average_over, soft=schedule.soft)
    history = history or History()
    done_before = len(history.rows)
    known_best = score(history.best_row, schedule.monitor) if history.rows else -math.inf
    kept = state.read(state_file, identity)
    if kept:
        state.restore(model, kept)
        history = kept.history
        known_best = max(known_best, score(history.best_row, schedule.monitor))
    trained = len(history.rows) - done_before
    best = callbacks.BestCheckpoint(checkpoint, known_best)
    if not (kept and kept.finished):
        keras_callbacks = _keras_callbacks(schedule, averaged=average_over > 1)
        every = [
            *keras_callbacks,
            best,
            callbacks.StopWhenAsked(),
            callbacks.KeepHistory(history, schedule.epochs + done_before, each_epoch, schedule.monitor),
            callbacks.KeepState(state_file, history, keras_callbacks, best=best, kept=kept, identity=identity),
        ]
        failures: list[Exception] = []
        try:
            # TerminateOnNaN prints; stdout is for data
            with contextlib.redirect_stdout(sys.stderr), signals.deferred():
                model.fit(
                    stream(train, epoch=first_epoch + trained, failures=failures),
                    validation_data=None if val is None else stream(val, failures=failures),
                    epochs=schedule.epochs,
                    initial_epoch=trained,
                    class_weight=schedule.class_weight,
                    callbacks=every,
                    shuffle=False,  # the batches shuffle themselves, by seed and epoch
                    verbose=0,
                )
        except KeyboardInterrupt:
            if not history.rows:
                raise
            history.interrupted = True
        except Exception:
            if failures:
                raise failures[0] from None
            raise
    _refuse_no_number(history, schedule)
    trained = len(history.rows) - done_before
    if trained < schedule.epochs and not history.interrupted:
        history.stopped = f"{schedule.monitor} has not improved for {schedule.patience} epochs"
    if schedule.rates and not history.interrupted:
        history.best = len(history.rows) - 1
    elif history.best >= done_before:
        _load_best(model, checkpoint, best.digest or (kept.checkpoint if kept else ""))
    if schedule.soft:
        _compile(model, model.optimizer, soft=False)  # else plain Keras could not load what is saved, with our metric
    return history


def compile_for_classes(model: keras.Model, learning_rate: float, *, average_over: int = 0, soft: bool = False) -> None:
    """Compile with Adam and the cross-entropy that fits the network's answer (one probability, or one a class).

    `average_over` is the number of steps whose weights the optimizer averages beside its work; under 2 it doesn't.
    `soft` as in `Schedule`.
    """
    averaging = {"use_ema": True, "ema_momentum": 1 - 1 / average_over} if average_over > 1 else {}
    _compile(model, keras.optimizers.Adam(learning_rate, **averaging), soft=soft)


def _compile(model: keras.Model, optimizer: keras.optimizers.Optimizer, *, soft: bool) -> None:
    several = "categorical_crossentropy" if soft else "sparse_categorical_crossentropy"
    model.compile(
        optimizer=optimizer,
        loss="binary_crossentropy" if model.output_shape[-1] == 1 else several,
        metrics=[AccuracyOfClasses() if soft else "accuracy"],
        jit_compile=False,  # XLA makes LeNet 1.6 times slower on a CPU
    )
    model.optimizer.build(model.trainable_variables)  # else its first step makes them, and TensorFlow traces it twice


def _keras_callbacks(schedule: Schedule, *, averaged: bool) -> list[keras.callbacks.Callback]:
    """Keras' own callbacks; the one that swaps in the averaged weights comes before those that watch and keep them."""
    swap = [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)] if averaged else []
    if schedule.rates:
        rates = keras.callbacks.LearningRateScheduler(lambda epoch: schedule.rates[epoch])
        return [*swap, callbacks.Score(schedule.monitor), rates, keras.callbacks.TerminateOnNaN()]
    return [
        *swap,
        callbacks.Score(schedule.monitor),
        keras.callbacks.ReduceLROnPlateau(
            monitor="score", mode="max", factor=RATE_FACTOR, patience=REDUCE_PATIENCE, min_delta=0, min_lr=LEAST_RATE
        ),
        keras.callbacks.EarlyStopping(monitor="score", mode="max", patience=schedule.patience),
        keras.callbacks.TerminateOnNaN(),
    ]


def _load_best(model: keras.Model, checkpoint: Path, digest: str) -> None:
    """Put the best epoch's weights back, and make sure that they are those that this training kept.

    The weights are compared, not the file: Keras writes the time of day into it, and a run saves it again at its end.
    """
    try:
        model.load_weights(checkpoint)
        same = state.digest(model) == digest
    except state.DAMAGE:
        same = False
    if not same:
        raise UsageError(
            f"{checkpoint} is not the network that this run kept of its best epoch, so the run can't go on: put that "
            "file back, or train again"
        )


def _refuse_no_number(history: History, schedule: Schedule) -> None:
    if not history.rows or not math.isfinite(history.rows[-1]["loss"]):
        raise DivergedError(
            f"the loss became {history.rows[-1]['loss'] if history.rows else 'nan'} in epoch {len(history.rows) or 1}: "
            f"give a --learning-rate under {schedule.learning_rate:g}"
        )
