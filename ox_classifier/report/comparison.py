"""Several runs on the same images: which is better, and whether that can be chance. Arithmetic only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ox_classifier.report.predictions import Predictions
from ox_classifier.tables import csv_line

CHANCE = 0.05  # from this probability on, a difference can be chance
FIXED, BROKE, OTHER, SAME = "fixed", "broke", "still wrong", ""


@dataclass(frozen=True)
class Change:
    """What a run does otherwise than the first: how many images it fixed and broke, and how likely that is by chance.

    `p` is adjusted for the number of runs that are compared with the first.
    """

    name: str
    fixed: int
    broke: int
    p: float


@dataclass(frozen=True, eq=False)
class Comparison:
    """Several runs and what each answered to the same images, row by row; the first is what the others change."""

    names: tuple[str, ...]
    answers: tuple[Predictions, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        return self.answers[0].paths

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.answers[0].classes[i] for i in self.answers[0].truth)

    def predicted(self, run: int) -> tuple[str, ...]:
        """The class a run names for each image."""
        return tuple(self.answers[run].classes[i] for i in self.answers[run].predicted)

    def right(self, run: int) -> np.ndarray:
        """Which images a run has right, bool of shape (n,)."""
        return np.array([said == label for said, label in zip(self.predicted(run), self.labels, strict=True)])

    def kinds(self, run: int) -> list[str]:
        """What became of each image from the first run to this one: fixed, broke, still wrong (otherwise) or ""."""
        names = zip(self.labels, self.predicted(0), self.predicted(run), strict=True)
        return [_kind(label, before, after) for label, before, after in names]

    def changes(self) -> list[Change]:
        """Every later run against the first, by McNemar's exact test; p-values by Holm's method."""
        kinds = [self.kinds(run) for run in range(1, len(self.names))]
        counts = [(each.count(FIXED), each.count(BROKE)) for each in kinds]
        adjusted = holm([mcnemar(fixed, broke) for fixed, broke in counts])
        rows = zip(self.names[1:], counts, adjusted, strict=True)
        return [Change(name, fixed, broke, p) for name, (fixed, broke), p in rows]

    def missed(self) -> list[int]:
        """Rows that any run has wrong; among them are all that a run answers otherwise than the first."""
        right = [self.right(run) for run in range(len(self.names))]
        return np.flatnonzero(~np.all(right, axis=0)).tolist()

    def changed(self) -> list[int]:
        """Rows that any later run answers otherwise than the first."""
        kinds = [self.kinds(run) for run in range(1, len(self.names))]
        return [row for row in range(len(self.paths)) if any(each[row] for each in kinds)]

    def table(self) -> str:
        """The changed images as CSV: path, label, what each run says and how likely it holds that, and the change."""
        header = ["path", "label"]
        for name in self.names:
            header += [f"{name} predicted", f"{name} probability"]
        header += [f"{name} change" for name in self.names[1:]]
        predicted = [self.predicted(run) for run in range(len(self.names))]
        kinds = [self.kinds(run) for run in range(1, len(self.names))]
        lines = [csv_line(header)]
        for row in self.changed():
            cells = [self.paths[row], self.labels[row]]
            for names, answer in zip(predicted, self.answers, strict=True):
                cells += [names[row], f"{answer.probabilities[row].max():.6f}"]
            lines.append(csv_line([*cells, *(each[row] for each in kinds)]))
        return "".join(lines)


def aligned(answers: Sequence[Predictions]) -> tuple[Predictions, ...]:
    """Answers to the same images with one list of classes; what a run does not know has probability 0 there."""
    classes = tuple(dict.fromkeys(name for one in answers for name in one.classes))
    return tuple(_aligned(one, classes, answers[0]) for one in answers)


def mcnemar(fixed: int, broke: int) -> float:
    """McNemar's exact test: how often chance alone splits so many changed images at least so unevenly.

    Two-sided, from the binomial distribution with one half. Source: McNemar 1947.
    """
    total = fixed + broke
    tail = sum(math.comb(total, k) for k in range(min(fixed, broke) + 1))
    return min(1.0, 2 * tail / 2**total)


def holm(values: Sequence[float]) -> list[float]:
    """P-values of several tests, adjusted so that one in twenty families of them errs, not one in twenty tests.

    Source: Holm 1979.
    """
    order = sorted(range(len(values)), key=values.__getitem__)
    adjusted, highest = [0.0] * len(values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, values[place] * (len(values) - rank)))
        adjusted[place] = highest
    return adjusted


def sentence(first: str, change: Change, compared: int = 1) -> str:
    """A change in words; `compared` runs are compared with the first."""
    if not change.fixed and not change.broke:
        return f"{change.name} has right and wrong what {first} has right and wrong"
    family = f", adjusted for {compared} comparisons" if compared > 1 else ""
    verdict = "can be chance" if change.p >= CHANCE else "is hardly chance"
    fixed = f"{change.fixed:,} image" if change.fixed == 1 else f"{change.fixed:,} images"
    return f"{change.name} fixed {fixed} of {first} and broke {change.broke:,}: that {verdict}, {_p(change.p)}{family}"


def _aligned(one: Predictions, classes: tuple[str, ...], first: Predictions) -> Predictions:
    place = np.array([classes.index(name) for name in one.classes])
    probabilities = np.zeros((len(one.paths), len(classes)), one.probabilities.dtype)
    probabilities[:, place] = one.probabilities
    return Predictions(classes, first.paths, first.splits, place[one.truth], probabilities, one.reasons)


def _p(value: float) -> str:
    if value < 0.001:
        return "p < 0.001"
    return f"p = {value:.2f}" if value >= 0.095 else f"p = {value:.2g}"


def _kind(label: str, before: str, after: str) -> str:
    if before == after:
        return SAME
    return BROKE if before == label else FIXED if after == label else OTHER
