"""The certainty under which an answer counts as unsure, chosen so that a promise about the others holds.

Sources: Angelopoulos et al., "Learn then test", arXiv 2110.01052; Geifman and El-Yaniv, "Selective classification for
deep neural networks", arXiv 1705.08500.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
from scipy.stats import beta

CONFIDENCE = 0.95
# shares of the validation images to answer, tried one beside the other: each has a part of the 5 % that may fail
COVERAGES = (1.0, 0.99, 0.975, 0.95, 0.9, 0.8)


@dataclass(frozen=True)
class Promise:
    """At most `promise` of the answers with at least `threshold` are wrong, with `confidence`, on images like these.

    `accepted` of `images` validation images have such an answer, `wrong` of them a wrong one. `promise` is
    `max_error` where that could be promised, else the least that could; then `images_needed` says how many validation
    images would do if as few are wrong.
    """

    threshold: float
    max_error: float
    promise: float
    confidence: float
    images: int
    accepted: int
    wrong: int
    images_needed: int | None = None

    @property
    def coverage(self) -> float:
        """The share of the validation images that are answered."""
        return self.accepted / self.images

    def as_dict(self) -> dict:
        """Plain values for run.json."""
        return asdict(self) | {"coverage": round(self.coverage, 6)}


def choose(certainty: np.ndarray, right: np.ndarray, max_error: float) -> Promise:
    """The least threshold that keeps the share of wrong answers under `max_error`; both arrays have shape (n,).

    The bound on the share of errors is Clopper and Pearson's, at a confidence corrected for trying several thresholds
    (Bonferroni). Which images are answered at a coverage follows from their certainty alone, not from what is right.
    """
    order = np.argsort(-certainty, kind="stable")
    level = 1 - (1 - CONFIDENCE) / len(COVERAGES)
    tried: list[Promise] = []
    for coverage in COVERAGES:
        count = max(1, math.floor(coverage * len(order) + 1e-9))
        least = float(certainty[order[count - 1]])
        answered = certainty >= least  # ties go together
        accepted, wrong = int(answered.sum()), int((answered & ~right).sum())
        bound = upper_bound(wrong, accepted, level)
        if bound <= max_error:
            return Promise(_below(least), max_error, max_error, CONFIDENCE, len(right), accepted, wrong)
        tried.append(Promise(_below(least), max_error, bound, CONFIDENCE, len(right), accepted, wrong))
    best = min(tried, key=lambda one: one.promise)
    return Promise(**asdict(best) | {"images_needed": _needed(best, level)})


def upper_bound(wrong: int, accepted: int, confidence: float) -> float:
    """The largest share of errors that is still likely after so many of so many were wrong (Clopper and Pearson)."""
    return 1.0 if wrong >= accepted else float(beta.ppf(confidence, wrong + 1, accepted - wrong))


def in_words(promise: Promise) -> str:
    """What is promised, as one sentence."""
    said = (
        f"unsure below {promise.threshold:.3f}: with 95 % confidence at most {_percent(promise.promise)} of the other "
        f"answers are wrong on images like the {promise.images:,} validation images, of which "
        f"{_percent(promise.coverage)} are answered"
    )
    if promise.images_needed is None:
        return said
    wanted = _percent(promise.max_error)
    return f"{said}; to promise {wanted}, it takes about {promise.images_needed:,} validation images"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}".removesuffix(".0") + " %"


def _below(least: float) -> float:
    """A number with few digits under which none of the answers lies that were counted."""
    return math.floor(least * 1e6) / 1e6


def _needed(best: Promise, level: float) -> int:
    """How many validation images would do for `max_error` if the same share is answered and the same share wrong.

    Where that share alone is too large, none would: then as many as with no error at all.
    """
    wrong_share, coverage = best.wrong / best.accepted, best.coverage
    if wrong_share >= best.max_error * 0.8:
        wrong_share = 0.0
    images = best.images
    while images < 10_000_000:
        accepted = math.floor(images * coverage)
        if upper_bound(round(wrong_share * accepted), accepted, level) <= best.max_error:
            return images
        images = math.ceil(images * 1.05)
    return images
