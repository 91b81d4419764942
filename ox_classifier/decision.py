"""From probabilities to an answer: the name of a class, or `unsure` with a reason in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ox_classifier.runs import Run

UNSURE = "unsure"
BLANK, UNLIKE = "blank", "unlike the training images"
UNDECIDED = 0.9  # of the largest entropy there is: so answers a network that was taught to be undecided


@dataclass(frozen=True)
class Decision:
    """When the answer of a run counts: where its probability is `threshold` or more. The default answers always.

    With `outliers`, of a network that was taught to be undecided on images of no class, an answer that is near to
    undecided does not count either; with `blank`, none to a blank picture does.
    """

    classes: tuple[str, ...]
    threshold: float = 0.0
    outliers: bool = False
    blank: bool = False

    @classmethod
    def of(cls, run: Run) -> Decision:
        """As it was decided after training; a run of an earlier version answers always."""
        known = run.assurance
        if known.unsure is None:
            return cls(run.classes)
        return cls(run.classes, known.unsure.threshold, known.taught_outliers, known.unsure.refuses_blank)

    @property
    def always(self) -> bool:
        """Whether every answer counts."""
        return not (self.threshold or self.outliers or self.blank)

    @property
    def unsure(self) -> str:
        """What is answered where no class is: `unsure`, with as many _ after it as it takes to be no class's name."""
        return word(self.classes)

    def refused(self, probabilities: np.ndarray, blank: np.ndarray) -> np.ndarray:
        """Which images are unsure whatever the threshold, bool of shape (n,).

        `probabilities` has shape (n, classes), `blank` says which pictures are blank.
        """
        return (self.blank & blank) | (self.outliers & (uncertainty(probabilities) > UNDECIDED))

    def reasons(self, probabilities: np.ndarray, blank: np.ndarray) -> list[str | None]:
        """Why each answer doesn't count, in words; None where it does. Arrays as in `refused`."""
        undecided = self.outliers & (uncertainty(probabilities) > UNDECIDED)
        sure = probabilities.max(axis=1) >= self.threshold
        found: list[str | None] = []
        for row, is_blank, is_undecided, is_sure in zip(probabilities, blank, undecided, sure, strict=True):
            if self.blank and is_blank:
                found.append(BLANK)
            elif is_undecided:
                found.append(UNLIKE)
            else:
                found.append(None if is_sure else f"between {' and '.join(self._likeliest(row))}")
        return found

    def _likeliest(self, row: np.ndarray) -> list[str]:
        """The names of the two likeliest classes, in the order of the classes."""
        return [self.classes[i] for i in sorted(np.argsort(-row, kind="stable")[:2].tolist())]


def word(classes: Sequence[str]) -> str:
    """`unsure`, or where a class has that name `unsure_`, and so on."""
    found = UNSURE
    while found in classes:
        found += "_"
    return found


def uncertainty(probabilities: np.ndarray) -> np.ndarray:
    """The entropy of each answer, as a share of the largest there can be: 0 is certain, 1 undecided; shape (n,)."""
    p = np.clip(probabilities.astype(np.float64), 1e-12, 1)
    return -(p * np.log(p)).sum(axis=1) / np.log(max(2, probabilities.shape[1]))
