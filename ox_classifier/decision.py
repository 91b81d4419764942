"""From probabilities to an answer: a class, or `unsure` with a reason in words. Imports nothing heavy but NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

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
    sides, channels = pixels.shape[:2], pixels.shape[2]
    step = max(1, min(SMOOTH, min(sides) // 16))
    high, wide = (side // step * step for side in sides)
    # sums of whole rows first: a twentieth of the time of a mean over floats, which would be half of a small answer
    rows = pixels[:high, :wide].reshape(high // step, step, wide * channels).sum(axis=1, dtype=np.uint32)
    means = rows.reshape(high // step, wide // step, step * channels).sum(axis=2) / (step * step * channels)
    if min(means.shape) < 4:
        return bool(np.ptp(means) < FLAT)
    shades = _shades(*means.shape)
    fitted = shades @ (shades.T @ means.ravel())
    return bool(np.abs(means.ravel() - fitted).max() < FLAT)


@lru_cache(maxsize=8)
def _shades(height: int, width: int) -> np.ndarray:
    """An orthonormal basis of the soft shades that so many means can have: all surfaces of the second degree."""
    y, x = (axis.ravel() for axis in np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij"))
    return np.linalg.qr(np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1))[0]
