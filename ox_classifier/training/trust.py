"""How far a run's answers can be trusted: their calibration, and what is promised of those that are sure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from ox_classifier.runs import Run
from ox_classifier.training import promise
from ox_classifier.training.calibration import Calibration, calibrate, expected_error, tempered
from ox_classifier.training.promise import Promise

HELD_OUT = "held-out"  # the split of a cross-validation, in which every image was held out once


@dataclass(frozen=True)
class Trust:
    """What goes into run.json; both are None where nothing was held out."""

    calibration: Calibration | None = None
    promise: Promise | None = None

    @classmethod
    def of_validation(cls, probabilities: np.ndarray | None, truth: np.ndarray, max_error: float) -> Trust:
        """From what the network answers, shape (n, classes), to validation images whose classes are `truth`."""
        if probabilities is None or not len(truth):
            return cls()
        found = calibrate(probabilities, truth, split="val")
        sure = tempered(probabilities, found.temperature)
        right = sure.argmax(axis=1) == truth
        return cls(found, promise.choose(sure.max(axis=1), right, max_error))

    @classmethod
    def of_folds(cls, folds: Sequence[Run], probabilities: np.ndarray, truth: np.ndarray, max_error: float) -> Trust:
        """From what the folds answered to what they held out; their probabilities are calibrated, each by its own."""
        heats = [fold.trust["calibration"].get("temperature", 1.0) for fold in folds]
        error = expected_error(probabilities, truth)
        found = Calibration(round(median(heats), 4), HELD_OUT, len(truth), error, error)
        right = probabilities.argmax(axis=1) == truth
        return cls(found, promise.choose(probabilities.max(axis=1), right, max_error))

    @property
    def temperature(self) -> float:
        return self.calibration.temperature if self.calibration else 1.0

    def as_config(self) -> dict:
        """Plain values for run.json."""
        return {
            "calibration": self.calibration.as_dict() if self.calibration else None,
            "unsure": self.promise.as_dict() if self.promise else None,
        }

    def in_words(self) -> str:
        """What the user is told."""
        if not self.promise:
            return "nothing was held out, so nothing is promised of the answers: none counts as unsure"
        return promise.in_words(self.promise)
