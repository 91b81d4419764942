"""What happened in each epoch of a training, and which epoch is the best."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds")
TIE = 1e-5  # weight of the loss between equal accuracies: under one image in a hundred thousand


@dataclass
class History:
    """Rows with the keys `COLUMNS`, one an epoch; `best` is the index of the row that was kept.

    `stopped` says in words why training ended before its last epoch, `interrupted` that a signal ended it.
    `fine_tuned_from` is the first epoch (from 1) in which the base was trained, too.
    """

    rows: list[dict] = field(default_factory=list)
    best: int = 0
    interrupted: bool = False
    stopped: str = ""
    fine_tuned_from: int | None = None

    @property
    def best_row(self) -> dict:
        return self.rows[self.best]


def score(logs: dict, monitor: str) -> float:
    """One number that grows as the monitored metric improves; the loss decides between equal accuracies.

    Keras compares in float32, which is finest near 0; so an accuracy counts from 1 down, and what is compared here
    is rounded as there.
    """
    if monitor.endswith("loss"):
        return float(np.float32(-logs[monitor]))
    loss = max(logs[monitor.replace("accuracy", "loss")], 0.0)
    return float(np.float32(logs[monitor] - 1 - TIE * loss / (1 + loss)))


def line(row: dict, epochs: int) -> str:
    """An epoch as one line of text."""
    held_out = ""
    if row["val_loss"] is not None:
        held_out = f"val_loss {row['val_loss']:.4f}  val_accuracy {row['val_accuracy']:.4f}  "
    return (
        f"epoch {row['epoch']:>{len(str(epochs))}}/{epochs}  "
        f"loss {row['loss']:.4f}  accuracy {row['accuracy']:.4f}  {held_out}"
        f"learning_rate {row['learning_rate']:.2g}  {row['seconds']:.1f} s"
    )
