"""Temperature scaling: one number that makes the probabilities mean what they say, on images like the held-out ones.

Source: Guo, Pleiss, Sun, Weinberger 2017, "On Calibration of Modern Neural Networks", arXiv 1706.04599.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from ox_classifier.reliability import reliability

LEAST, MOST = 0.25, 8.0  # temperatures
TINY = 1e-37  # float32 knows no smaller probability


@dataclass(frozen=True)
class Calibration:
    """A temperature, and the expected calibration error before and after, on so many `images` of a `split`."""

    temperature: float
    split: str
    images: int
    ece_before: float
    ece_after: float

    def as_dict(self) -> dict:
        """Plain values for run.json."""
        return asdict(self)


def calibrate(logits: np.ndarray, truth: np.ndarray, *, split: str) -> Calibration:
    """The temperature for what a network answers, shape (n, classes), to images of the classes `truth`, shape (n,)."""
    temperature = fitted_temperature(logits, truth)
    right = logits.argmax(axis=1) == truth
    before, after = (reliability(probabilities(logits, heat).max(axis=1), right).error for heat in (1.0, temperature))
    return Calibration(temperature, split, len(truth), round(before, 6), round(after, 6))


def fitted_temperature(logits: np.ndarray, truth: np.ndarray) -> float:
    """The temperature from 0.25 to 8 that gives the true classes the least cross-entropy.

    Where every answer is right, plain cross-entropy would want all of them certain. So the target of n images and K
    classes is (n + 1) / (n + K) for the true class, and 1 / (n + K) for each other one: as if one more image of each
    class had been seen. Source: Platt 1999, "Probabilistic Outputs for Support Vector Machines", part 2.2.
    """
    images, classes = logits.shape
    targets = np.full(logits.shape, 1 / (images + classes))
    targets[np.arange(images), truth] = (images + 1) / (images + classes)

    def loss(log_temperature: float) -> float:
        return -float((targets * _log_probabilities(logits, math.exp(log_temperature))).sum())

    found = minimize_scalar(loss, bounds=(math.log(LEAST), math.log(MOST)), method="bounded", options={"xatol": 1e-6})
    return round(math.exp(found.x), 4)


def probabilities(logits: np.ndarray, temperature: float) -> np.ndarray:
    """What a network of these logits, shape (n, classes), answers at a temperature, float64."""
    return np.exp(_log_probabilities(logits, temperature))


def logits_of(answers: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Logits, float64 of shape (n, classes), behind the probabilities that a network gives at a temperature."""
    return temperature * np.log(np.clip(answers.astype(np.float64), TINY, 1))


def _log_probabilities(logits: np.ndarray, temperature: float) -> np.ndarray:
    scaled = logits / temperature
    return scaled - np.logaddexp.reduce(scaled, axis=1, keepdims=True)
