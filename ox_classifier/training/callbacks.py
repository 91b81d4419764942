"""What happens at the end of a batch and of an epoch: the best network is kept, history and state are written."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import keras

from ox_classifier import signals
from ox_classifier.console import Progress, say
from ox_classifier.files import replacing
from ox_classifier.training import state
from ox_classifier.training.history import COLUMNS, History, line, score


class Score(keras.callbacks.Callback):
    """Adds `score` to the epoch's logs, for the callbacks after it to watch."""

    def __init__(self, monitor: str):
        super().__init__()
        self.monitor = monitor

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        logs["score"] = score(logs, self.monitor)


class BestCheckpoint(keras.callbacks.Callback):
    """Keras' ModelCheckpoint(save_best_only=True), but a file is replaced only by a whole one."""

    def __init__(self, path: Path, best: float = -math.inf):
        super().__init__()
        self.path, self.best = path, best
        self.digest = ""  # of the weights as kept here; "" while they are an earlier process's

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if logs["score"] > self.best:
            self.best = logs["score"]
            with replacing(self.path) as beside:
                self.model.save(beside)
            self.digest = state.digest(self.model)


class StopWhenAsked(keras.callbacks.Callback):
    """Ends training after a batch once Ctrl-C or SIGTERM has asked for it."""

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        signals.check()

    def on_test_batch_end(self, batch: int, logs: dict | None = None) -> None:
        signals.check()


class KeepHistory(keras.callbacks.Callback):
    """Writes the history and shows the epochs: how far each is while it runs, a line once it is done."""

    def __init__(self, history: History, epochs: int, each_epoch: Callable[[list[dict]], None], monitor: str):
        super().__init__()
        self.history, self.epochs, self.each_epoch, self.monitor = history, epochs, each_epoch, monitor
        self.progress: Progress | None = None

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.start = time.monotonic()
        # taken before ReduceLROnPlateau changes it: the rate this epoch was trained with
        self.rate = float(self.model.optimizer.learning_rate.numpy())
        self.progress = Progress(f"epoch {len(self.history.rows) + 1}/{self.epochs}", self.params.get("steps"))

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        if self.progress:
            self.progress.update(batch + 1, f"loss {logs['loss']:.4f}  accuracy {logs['accuracy']:.4f}")

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        rows = self.history.rows
        metrics = {name: float(logs[name]) if name in logs else None for name in COLUMNS[1:5]}
        row = {"epoch": len(rows) + 1, **metrics, "learning_rate": self.rate}
        rows.append(row | {"seconds": round(time.monotonic() - self.start, 3)})
        if score(rows[-1], self.monitor) > score(rows[self.history.best], self.monitor):
            self.history.best = len(rows) - 1
        self.each_epoch(rows)
        self.close()
        say(line(rows[-1], self.epochs))

    def on_train_end(self, logs: dict | None = None) -> None:
        self.close()

    def close(self) -> None:
        if self.progress:
            self.progress.close()


class KeepState(keras.callbacks.Callback):
    """Writes the training's state at the end of each epoch, and gives Keras' callbacks back what they remembered.

    Must be the last of the callbacks, so that the others are done with the epoch when its state is written.
    """

    def __init__(
        self,
        path: Path,
        history: History,
        others: list[keras.callbacks.Callback],
        *,
        best: BestCheckpoint,
        kept: state.State | None,
        identity: str,
    ):
        super().__init__()
        self.path, self.history, self.best, self.kept, self.identity = path, history, best, kept, identity
        self.others = {type(other).__name__: other for other in others if type(other).__name__ in state.COUNTERS}

    def on_train_begin(self, logs: dict | None = None) -> None:
        for name, values in (self.kept.counters if self.kept else {}).items():
            for attribute, value in values.items():
                setattr(self.others[name], attribute, value)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        counters = {
            name: {attribute: getattr(other, attribute) for attribute in state.COUNTERS[name]}
            for name, other in self.others.items()
        }
        finished = self.model.stop_training or epoch + 1 == self.params["epochs"]
        checkpoint = self.best.digest or (self.kept.checkpoint if self.kept else "")
        state.write(
            self.path,
            self.model,
            self.history,
            counters,
            finished=finished,
            checkpoint=checkpoint,
            identity=self.identity,
        )
        signals.check()
