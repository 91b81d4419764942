"""How far two sets of answers agree, and how far they must."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np

from ox_classifier.errors import GateError
from ox_classifier.intervals import wilson

PROBABILITY = 1e-3  # that none may move by; float32 in another order of additions moves them by some 1e-6
INT8_MEAN = 0.02  # that the likeliest class' probabilities may move by on average, with 8-bit weights
INT8_CHANGED = 0.01  # the share of images that may be answered otherwise
INT8_GOLDEN = 0.02  # that a golden probability may move by on another processor, which adds integers in its own order


@dataclass(frozen=True)
class Agreement:
    """Of so many images: how many are answered otherwise, and by how much probabilities differ."""

    images: int
    answers_changed: int
    max_difference: float
    mean_difference: float

    def as_dict(self) -> dict:
        return asdict(self)


@dataclass(frozen=True)
class Limits:
    """What an exported model is held to; `max_difference` is None where single images may move further."""

    answers_changed: int
    max_difference: float | None
    mean_difference: float

    def as_dict(self) -> dict:
        return asdict(self)


def limits(images: int, *, int8: bool) -> Limits:
    """What so many images are held to: nothing changes, or with 8-bit weights little does."""
    if int8:
        return Limits(math.ceil(INT8_CHANGED * images), None, INT8_MEAN)
    return Limits(0, PROBABILITY, PROBABILITY)


def golden_limit(*, int8: bool) -> float:
    """By how much a golden image's probability may move, wherever it is asked for."""
    return INT8_GOLDEN if int8 else PROBABILITY


def agreement(expected: np.ndarray, found: np.ndarray) -> Agreement:
    """Compare probabilities of shape (n, classes) with those that were expected; what is no number differs by 1."""
    apart = np.nan_to_num(np.abs(found.astype(np.float64) - expected), nan=1.0).max(axis=1)
    changed = int((expected.argmax(axis=1) != found.argmax(axis=1)).sum())
    return Agreement(len(expected), changed, float(apart.max(initial=0)), float(apart.mean()) if len(apart) else 0.0)


def gate(seen: Agreement, allowed: Limits, *, what: str, against: str) -> None:
    """Let pass what is within its limits.

    Raises:
        GateError: Saying by how much it is not.
    """
    most = allowed.max_difference
    moved = seen.max_difference > most if most is not None else seen.mean_difference > allowed.mean_difference
    if not moved and seen.answers_changed <= allowed.answers_changed:
        return
    limit = f"none by more than {most:g}" if most is not None else f"{allowed.mean_difference:g} on average"
    raise GateError(
        f"{what} answers otherwise than {against}: {seen.answers_changed} of {seen.images} answers change (limit "
        f"{allowed.answers_changed}), probabilities move by up to {seen.max_difference:.2g}, "
        f"{seen.mean_difference:.2g} on average (limit {limit}); nothing was exported"
    )


def accuracy(probabilities: np.ndarray, truth: np.ndarray) -> dict:
    """How many are right, and the 95 % interval of that."""
    correct = int((probabilities.argmax(axis=1) == truth).sum())
    low, high = wilson(correct, len(truth))
    return {"correct": correct, "images": len(truth), "interval": [round(low, 4), round(high, 4)]}
