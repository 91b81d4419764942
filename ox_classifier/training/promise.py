"""The certainty under which an answer counts as unsure, chosen so that a promise about the others holds.

Sources: Angelopoulos et al., "Learn then test", arXiv 2110.01052; Geifman and El-Yaniv, "Selective classification for
deep neural networks", arXiv 1705.08500.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.stats import beta

CONFIDENCE = 0.95
STEP = 0.005  # of the images, between one threshold that is tried and the next
REFUSED = 0.985  # of held-out images of no class: so many are to be refused
MOST_GIVEN_UP = 0.21  # of the answers that could be promised, for that
# By a head on a frozen base, which is to answer nearly all, and gives up so many whatever the held-out images say: it
# soon refuses nearly all that are like those it learned from, and what strangers bring is not.
GIVEN_UP_FROZEN = 0.075
MOST_NEEDED = 10_000_000  # images; what takes more can't be had


class Start(NamedTuple):
    """A share of the images to answer that is tried first, and the part it has of the 5 % that may go wrong."""

    coverage: float
    part: float

    @property
    def confidence(self) -> float:
        """What each bound from here on must hold with."""
        return 1 - (1 - CONFIDENCE) * self.part


FEW = (Start(1.0, 0.8), Start(0.8, 0.2))
ENOUGH = (Start(0.8, 1.0),)
MANY = (Start(0.5, 0.5), Start(0.8, 0.5))


@dataclass(frozen=True)
class Promise:
    """At most `promise` of the answers with at least `threshold` are wrong, with `confidence`, on images like these.

    `accepted` of `images` validation images have such an answer, `wrong` of them a wrong one. `promise` is
    `max_error` where that could be promised, else the least that could; then `images_needed` says how many validation
    images would do if the same share of them is wrong, None if no number would. Of `outliers` held-out images of no
    class, `outliers_refused` are not answered.
    """

    threshold: float
    max_error: float
    promise: float
    confidence: float
    images: int
    accepted: int
    wrong: int
    images_needed: int | None = None
    outliers: int = 0
    outliers_refused: int = 0

    @property
    def coverage(self) -> float:
        """The share of the validation images that are answered."""
        return self.accepted / self.images

    @property
    def kept_short(self) -> bool:
        """Whether less is promised than was asked for."""
        return self.promise > self.max_error

    def among(self, images: int) -> Promise:
        """The same promise where some of so many images are refused before any threshold is looked at."""
        needed = self.images_needed and math.ceil(self.images_needed * images / self.images)
        return replace(self, images=images, images_needed=needed)

    def as_dict(self) -> dict:
        """Plain values for run.json."""
        return asdict(self) | {"coverage": round(self.coverage, 6)}


def choose(
    certainty: np.ndarray,
    right: np.ndarray,
    max_error: float,
    outliers: np.ndarray | None = None,
    most_given_up: float = MOST_GIVEN_UP,
    *,
    all_of_it: bool = False,
) -> Promise:
    """The threshold that answers most images and keeps the share of wrong answers under `max_error`.

    `certainty` is the probability of each answer, `right` whether it is right, both of shape (n,). `outliers` is the
    certainty of the answers to held-out images of no class, shape (m,): where less than `REFUSED` of them lie below
    that threshold, the next higher ones that keep the promise are looked at, as long as no more than `most_given_up`
    of the answers go for it; where that is not enough, but some help, the highest of these is taken: it refuses most of
    them, and of strangers that these images are not like. With `all_of_it` the highest is taken, however many of the
    images lie below a lower one.

    From each start, thresholds are tried one after the other, each answering a little more, until the bound (Clopper
    and Pearson's) of one is too large: in such a fixed order no try but the first that is wrong can do harm, so all
    may have the confidence of their start. Where none passes, the bounds of the starts are promised. A start whose
    error is under `max_error` fails only with a bound that lies above it, thus holds; for one whose error is over it
    both are the same event: so this second promise costs nothing.

    The temperature was fitted to the same images, which keeps the order of two classes' answers, and with it the
    images that each threshold answers; with more classes it is one number and changes next to nothing.
    """
    tries = _Tries(certainty, right)
    passed: list[Promise] = []
    starts = starts_for(len(certainty), max_error)
    for start in starts:
        for count in counts_from(start.coverage, len(certainty)):
            found = tries.of(count, max_error, start.confidence)
            if found.kept_short:
                break
            passed.append(found)
    if passed:
        return _refusing(passed, outliers, most_given_up, all_of_it)
    first = (tries.of(counts_from(s.coverage, len(certainty))[0], max_error, s.confidence) for s in starts)
    least = min(first, key=lambda one: (one.promise, -one.accepted))
    least = replace(least, images_needed=tries.needed(max_error))
    return least if outliers is None else _counted(least, outliers)


def _refusing(passed: list[Promise], outliers: np.ndarray | None, most_given_up: float, all_of_it: bool) -> Promise:
    """Of thresholds that keep the promise the one that answers most, or with `outliers`, most of what refuses them.

    `all_of_it` as for `choose`.

    All that passed keep it at once, with the same confidence, so which of them is taken may follow from anything.
    """
    passed = sorted(passed, key=lambda one: -one.accepted)
    if outliers is None or not len(outliers):
        return passed[0]
    counted = [_counted(one, outliers) for one in passed if one.accepted >= (1 - most_given_up) * passed[0].accepted]
    lowest, highest = counted[0], counted[-1]
    enough = [one for one in counted if one.outliers_refused >= REFUSED * one.outliers]
    if all_of_it or (not enough and highest.outliers_refused > lowest.outliers_refused):
        return highest
    return enough[0] if enough else lowest


def _counted(promised: Promise, outliers: np.ndarray) -> Promise:
    return replace(promised, outliers=len(outliers), outliers_refused=int((outliers < promised.threshold).sum()))


def starts_for(images: int, max_error: float) -> Sequence[Start]:
    """Where to begin with so many images. It may follow from their number, but from nothing that is known of them.

    A start that not even an answer without error would pass is none.
    """
    for starts in (MANY, ENOUGH):
        if all(upper_bound(0, math.floor(s.coverage * images), s.confidence) <= max_error for s in starts):
            return starts
    return FEW


def counts_from(coverage: float, images: int) -> list[int]:
    """How many images each threshold answers, from a share of them to all."""
    steps = np.append(np.arange(coverage, 1, STEP), 1.0)
    return sorted({max(1, math.floor(share * images + 1e-9)) for share in steps})


def upper_bound(wrong: int, accepted: int, confidence: float) -> float:
    """The largest share of errors that is still likely after so many of so many were wrong (Clopper and Pearson)."""
    return 1.0 if wrong >= accepted else float(beta.ppf(confidence, wrong + 1, accepted - wrong))


class _Tries:
    """Answers from the most to the least certain, with the errors up to each."""

    def __init__(self, certainty: np.ndarray, right: np.ndarray):
        order = np.argsort(-certainty, kind="stable")
        self.certainty = certainty[order].astype(np.float64)
        self.errors = np.concatenate([[0], np.cumsum(~right[order])])

    def of(self, count: int, max_error: float, confidence: float) -> Promise:
        """What answering the `count` most certain can promise, and with them those that are as certain as the last.

        The threshold lies just above the first one left out, so that the answered ones are a plain sample of what lies
        above it.
        """
        images = len(self.certainty)
        accepted = int(np.searchsorted(-self.certainty, -self.certainty[count - 1], side="right"))
        least = self.certainty[accepted - 1]
        threshold = _down(least) if accepted == images else _above(self.certainty[accepted], least)
        wrong = int(self.errors[accepted])
        bound = upper_bound(wrong, accepted, confidence)
        promised = max_error if bound <= max_error else bound
        return Promise(threshold, max_error, promised, CONFIDENCE, images, accepted, wrong)

    def needed(self, max_error: float) -> int | None:
        """How many images would do for `max_error`, if at each coverage the same share of them is wrong."""

        def enough(images: int) -> bool:
            for start in starts_for(images, max_error):
                count = math.floor(start.coverage * images)
                share = self.errors[math.floor(start.coverage * len(self.certainty))] / len(self.certainty)
                if upper_bound(math.ceil(share * images - 1e-9), count, start.confidence) <= max_error:
                    return True
            return False

        least = most = len(self.certainty)
        while not enough(most):
            least, most = most, 2 * most
            if most > MOST_NEEDED:
                return None
        while most - least > 1:
            middle = (least + most) // 2
            least, most = (least, middle) if enough(middle) else (middle, most)
        return most


def in_words(promise: Promise, kind: str = "validation") -> str:
    """What is promised, as one sentence; `kind` says what its images were: validation or held-out."""
    most = math.ceil(1000 * promise.promise) / 1000 if promise.kept_short else promise.max_error
    said = (
        f"unsure below {threshold_text(promise.threshold)}: with 95 % confidence at most {percent(most)} of the other "
        f"answers are wrong on images like the {promise.images:,} {kind} images, of which "
        f"{percent(promise.coverage)} are answered"
    )
    if promise.outliers:
        share = percent(promise.outliers_refused / promise.outliers)
        said += f"; of {promise.outliers:,} images of no class that it never saw, {share} are not"
    if not promise.kept_short:
        return said
    wanted = percent(promise.max_error)
    if promise.images_needed is None:
        return f"{said}; for {wanted} it errs too often among its surest answers, whatever the number of images"
    return f"{said}; to promise {wanted}, it takes about {promise.images_needed:,} {kind} images"


def percent(share: float) -> str:
    """A share as people write it: 1 %, 4.9 %, 0.02 %."""
    value = 100 * share
    return (f"{value:.1f}".removesuffix(".0") if value >= 0.1 else f"{value:.2g}") + " %"


def threshold_text(threshold: float) -> str:
    """A probability with so many digits that it differs from 1: 0.930, 0.99987."""
    digits = 3
    while digits < 9 and round(threshold, digits) >= 1 - 0.5 * 10 ** (1 - digits):
        digits += 1
    return f"{threshold:.{digits}f}"


def _down(least: float) -> float:
    """A number of few digits just below."""
    return math.floor(least * 1e6) / 1e6


def _above(left_out: float, least: float) -> float:
    """A number just above what is left out, of few digits if one lies below the least that is answered."""
    short = math.floor(left_out * 1e6 + 1) / 1e6
    return short if left_out < short <= least else (left_out + least) / 2
