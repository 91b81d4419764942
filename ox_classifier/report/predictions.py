"""The one table behind every figure of a report: who was predicted what, keyed by path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ox_classifier.report.metrics import log_losses


@dataclass(frozen=True)
class Predictions:
    """Rows sorted by path; `truth` holds class indices, `probabilities` has shape (n, classes)."""

    classes: tuple[str, ...]
    paths: tuple[str, ...]
    splits: tuple[str, ...]
    truth: np.ndarray
    probabilities: np.ndarray

    @property
    def predicted(self) -> np.ndarray:
        """Index of the likeliest class of each row."""
        return self.probabilities.argmax(axis=1)

    @property
    def losses(self) -> np.ndarray:
        """Cross-entropy of each row."""
        return log_losses(self.probabilities, self.truth)

    def of(self, split: str) -> Predictions:
        """The rows of one split."""
        return self.take([i for i, name in enumerate(self.splits) if name == split])

    def worst(self) -> Predictions:
        """The wrong rows, the most confidently wrong first (ties by path)."""
        wrong = np.flatnonzero(self.predicted != self.truth)
        return self.take(wrong[np.argsort(-self.losses[wrong], kind="stable")])

    def take(self, rows: Sequence[int]) -> Predictions:
        """The rows of the given places, in that order."""
        rows = np.asarray(rows, dtype=int)
        return Predictions(
            self.classes,
            tuple(self.paths[i] for i in rows),
            tuple(self.splits[i] for i in rows),
            self.truth[rows],
            self.probabilities[rows],
        )

    def header(self) -> tuple[str, ...]:
        """Column names of predictions.csv."""
        return ("path", "split", "label", "predicted", *self.classes, "loss")

    def rows(self) -> list[tuple]:
        """Rows of predictions.csv."""
        names, predicted, losses = self.classes, self.predicted, self.losses
        return [
            (
                self.paths[i],
                self.splits[i],
                names[self.truth[i]],
                names[predicted[i]],
                *(f"{p:.6f}" for p in self.probabilities[i]),
                f"{losses[i]:.6f}",
            )
            for i in range(len(self.paths))
        ]
