"""Temperature scaling: one number that makes probabilities mean what they say, on images like the validation set's.

Source: Guo, Pleiss, Sun, Weinberger 2017, "On calibration of modern neural networks", arXiv 1706.04599.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from scipy.optimize import minimize_scalar

COOLEST, HOTTEST = 0.25, 8.0
LEAST = 1e-7  # float32 knows no probability nearer to 0 or 1
BINS = 15


@dataclass(frozen=True)
class Calibration:
    """The temperature, and the expected calibration error before and after, on `images` images of `split`."""

    temperature: float
    split: str
    images: int
    ece_before: float
    ece_after: float

    def as_dict(self) -> dict:
        """Plain values for run.json."""
        return asdict(self)


def calibrate(probabilities: np.ndarray, truth: np.ndarray, *, split: str) -> Calibration:
    """Fit the temperature to what a network answers, shape (n, classes), to images of the classes `truth`, shape (n,).

    Two more answers, one right and one wrong, with the mean certainty of all, keep it finite where every answer is
    right. The order of two classes' answers by certainty doesn't change, so a threshold may be chosen on the same
    images.
    """
    logs = np.log(np.clip(probabilities.astype(np.float64), LEAST, 1))
    given = logs[np.arange(len(truth)), truth]
    gaps = np.sort(logs, axis=1)
    usual = float((gaps[:, -1] - gaps[:, -2]).mean())

    def loss(heat: float) -> float:
        scaled = logs / np.exp(heat)
        own = given / np.exp(heat) - np.logaddexp.reduce(scaled, axis=1)
        extra = np.logaddexp(0, -usual / np.exp(heat)) + np.logaddexp(0, usual / np.exp(heat))
        return float(-own.sum() + extra)

    found = minimize_scalar(loss, bounds=(np.log(COOLEST), np.log(HOTTEST)), method="bounded")
    temperature = round(float(np.exp(found.x)), 4)
    after = tempered(probabilities, temperature)
    return Calibration(
        temperature, split, len(truth), expected_error(probabilities, truth), expected_error(after, truth)
    )


def tempered(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities, float32 of shape (n, classes), as the network gives them when its logits are divided."""
    logs = np.log(np.clip(probabilities.astype(np.float64), LEAST, 1)) / temperature
    return np.exp(logs - np.logaddexp.reduce(logs, axis=1, keepdims=True)).astype(np.float32)


def expected_error(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """The expected calibration error of the likeliest class, in 15 equal bins: the mean gap to the share right."""
    certainty, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    bins = np.minimum((certainty * BINS).astype(int), BINS - 1)
    sums = [np.bincount(bins, weights=values, minlength=BINS) for values in (certainty, right)]
    return float(np.abs(sums[0] - sums[1]).sum() / max(len(truth), 1))
