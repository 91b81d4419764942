"""The one table behind every picture and metric of a report: who was predicted what, keyed by path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ox_classifier.decision import word
from ox_classifier.report.metrics import log_losses
from ox_classifier.tables import class_columns


@dataclass(frozen=True)
class Predictions:
    """Rows sorted by path; `truth` holds class indices, `probabilities` has shape (n, classes)."""

    classes: tuple[str, ...]
    paths: tuple[str, ...]
    splits: tuple[str, ...]
    truth: np.ndarray
    probabilities: np.ndarray
    reasons: tuple[str, ...] = ()  # why the answer of each row is unsure, "" where it is sure; empty: all are sure

    @property
    def why(self) -> tuple[str, ...]:
        """The reason of each row."""
        return self.reasons or ("",) * len(self.paths)

    @property
    def sure(self) -> np.ndarray:
        """Which answers are sure, bool of shape (n,)."""
        return np.array([not reason for reason in self.why], dtype=bool)

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
        """The rows of the given indices, in that order."""
        rows = np.asarray(rows, dtype=int)
        return Predictions(
            self.classes,
            tuple(self.paths[i] for i in rows),
            tuple(self.splits[i] for i in rows),
            self.truth[rows],
            self.probabilities[rows],
            tuple(self.reasons[i] for i in rows) if self.reasons else (),
        )

    def merged(self, other: Predictions) -> Predictions:
        """The rows of both, sorted by path."""
        joined = Predictions(
            self.classes,
            self.paths + other.paths,
            self.splits + other.splits,
            np.concatenate([self.truth, other.truth]),
            np.concatenate([self.probabilities, other.probabilities]),
            self.why + other.why,
        )
        return joined.take(sorted(range(len(joined.paths)), key=joined.paths.__getitem__))

    def header(self) -> tuple[str, ...]:
        """Column names of predictions.csv; a class named like another column has `p_` before it."""
        return ("path", "split", "label", "predicted", *class_columns(self.classes), "loss", "answer", "reason")

    def rows(self) -> list[tuple]:
        """Rows of predictions.csv; probabilities have as many digits, six at least, as it takes to read them back."""
        names, predicted, losses = self.classes, self.predicted, self.losses
        why, unsure = self.why, word(self.classes)
        return [
            (
                self.paths[i],
                self.splits[i],
                names[self.truth[i]],
                names[predicted[i]],
                *(np.format_float_positional(p, min_digits=6) for p in self.probabilities[i]),
                f"{losses[i]:.6f}",
                unsure if why[i] else names[predicted[i]],
                why[i],
            )
            for i in range(len(self.paths))
        ]

    @classmethod
    def from_rows(cls, classes: Sequence[str], rows: Sequence[Mapping[str, str]]) -> Predictions:
        """The predictions whose `rows`, by the names of `header`, were read from predictions.csv; float32.

        Raises:
            ValueError, KeyError or TypeError: If a column is missing, a label is no class or a cell no probability.
        """
        columns, classes = class_columns(classes), tuple(classes)
        probabilities = np.array([[row[column] for column in columns] for row in rows], dtype=np.float32)
        if not ((probabilities >= 0) & (probabilities <= 1)).all():  # NaN fails too
            raise ValueError("a probability lies outside 0 to 1")
        truth = np.array([classes.index(row["label"]) for row in rows])
        paths, splits = (tuple(row[name] for row in rows) for name in ("path", "split"))
        reasons = tuple(row.get("reason") or "" for row in rows)  # a table of an earlier version has none
        return cls(classes, paths, splits, truth, probabilities, reasons)
