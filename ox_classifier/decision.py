"""From probabilities to an answer: a class, or `unsure` with a reason in words. Imports nothing heavy but NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

UNSURE = "unsure"
BLANK, UNLIKE = "blank", "unlike the training images"
SMOOTH = 8  # pixels a side that a mean is taken of, so that a sensor's noise doesn't count as ink
FLAT = 6.0  # grey levels: a picture whose means differ by less from their surroundings is blank
UNDECIDED = 0.85  # of the most uncertain answer there is: where outliers were taught, they are answered so


@dataclass(frozen=True)
class Decision:
    """When an answer is sure: from `threshold` on (0: always). `outliers` tells that the network was taught some."""

    threshold: float = 0.0
    outliers: bool = False

    def sure(self, probabilities: np.ndarray) -> np.ndarray:
        """Which of the rows, shape (n, classes), are answered; bool of shape (n,)."""
        return probabilities.max(axis=1) >= self.threshold

    def reason(self, probabilities: np.ndarray, classes: Sequence[str], *, blank: bool = False) -> str:
        """Why an answer, shape (classes,), is unsure; "" if it is sure."""
        if self.threshold <= 0:
            return ""
        if blank:
            return BLANK
        if probabilities.max() >= self.threshold:
            return ""
        if self.outliers and uncertainty(probabilities) >= UNDECIDED:
            return UNLIKE
        first, second = sorted(np.argsort(-probabilities, kind="stable")[:2].tolist())
        return f"between {classes[first]} and {classes[second]}"


def uncertainty(probabilities: np.ndarray) -> float:
    """The entropy of an answer, shape (classes,), as a share of the largest there can be."""
    p = np.clip(probabilities.astype(np.float64), 1e-12, 1)
    return float(-(p * np.log(p)).sum() / np.log(len(p)))


def is_blank(pixels: np.ndarray) -> bool:
    """Whether nothing stands out in a uint8 picture, shape (height, width, channels), but noise and a soft shade."""
    grey = pixels.astype(np.float32).mean(axis=2)
    step = max(1, min(SMOOTH, min(grey.shape) // 16))
    high, wide = (side // step * step for side in grey.shape)
    means = grey[:high, :wide].reshape(high // step, step, wide // step, step).mean(axis=(1, 3))
    if min(means.shape) < 4:
        return bool(np.ptp(means) < FLAT)
    rows, columns = (np.linspace(-1, 1, side) for side in means.shape)
    shade = np.stack([np.ones(means.size), *(axis.ravel() for axis in np.meshgrid(columns, rows))], axis=1)
    shade = np.column_stack([shade, shade[:, 1] ** 2, shade[:, 2] ** 2, shade[:, 1] * shade[:, 2]])
    fitted = shade @ np.linalg.lstsq(shade, means.ravel(), rcond=None)[0]
    return bool(np.abs(means.ravel() - fitted).max() < FLAT)
