"""Which images `validation_split` sets apart: at random, seeded, the same share of every class."""

from __future__ import annotations

import numpy as np

from ox_classifier.augmentation.sampling import uniforms
from ox_classifier.errors import UsageValueError

SUBSETS = ("training", "validation")


def rows(
    subset: str, labels: np.ndarray | None, n: int, fraction: float, seed: int, *, class_by_class: bool = False
) -> np.ndarray:
    """Rows of a subset of `n` images, in their order; as many as Keras takes, but not the first of them.

    `labels` as in `held_out`, whose count `class_by_class` decides.

    Raises:
        UsageValueError: If there is no such subset.
    """
    if subset not in SUBSETS:
        raise UsageValueError(f"subset={subset!r}: expected one of {SUBSETS}")
    apart = held_out(labels, n, fraction, seed, class_by_class=class_by_class)
    return np.flatnonzero(apart if subset == "validation" else ~apart)


def held_out(
    labels: np.ndarray | None, n: int, fraction: float, seed: int, *, class_by_class: bool = False
) -> np.ndarray:
    """Which of `n` samples to set apart, bool (n,): the same share of every class, at random.

    `labels` may be class numbers, names or one-hot rows; without classes (None, or measurements) it is plain chance.
    What is set apart is int(fraction * n) in all, or, `class_by_class`, int(fraction * images) of every class.
    """
    members = _members(labels, n)
    by_chance = np.argsort(uniforms(seed, 0, range(n), 1)[:, 0])
    sizes = np.bincount(members)
    shares = fraction * sizes
    counts = shares.astype(int)
    if not class_by_class:  # what is missing in all goes to the classes that rounding cost most
        missing = int(fraction * n) - counts.sum()
        counts[np.argsort(counts - shares, kind="stable")[:missing]] += 1
    apart = np.zeros(n, bool)
    for member, count in enumerate(counts):
        apart[by_chance[members[by_chance] == member][:count]] = True
    return apart


def _members(labels: np.ndarray | None, n: int) -> np.ndarray:
    """Class number of every sample; 0 for all if there are no classes."""
    if labels is None or not n:
        return np.zeros(n, int)
    if labels.ndim > 1:
        labels = labels.reshape(n, -1).argmax(axis=1)
    names, members = np.unique(labels, return_inverse=True)
    return np.zeros(n, int) if 2 * len(names) > n else members  # so many are measurements
