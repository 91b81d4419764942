"""Whether probabilities mean what they say: how often answers of each certainty are right. Arithmetic only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BINS = 10


@dataclass(frozen=True)
class Reliability:
    """For each bin of the probability given to the answer: how many images, the mean probability, the share right.

    Bins without images have NaN.
    """

    images: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    @property
    def error(self) -> float:
        """The expected calibration error: the gap between the two, averaged over the images.

        Source: Naeini et al. 2015, "Obtaining Well Calibrated Probabilities Using Bayesian Binning".
        """
        gaps = np.nan_to_num(np.abs(self.confidence - self.accuracy))
        return float((gaps * self.images).sum() / max(1, self.images.sum()))


def reliability(confidence: np.ndarray, right: np.ndarray) -> Reliability:
    """Ten equal bins from 0 to 1; `confidence` and `right` have shape (n,). A bin holds its upper edge, not its lower.

    A probability of exactly 0 belongs to the first one.
    """
    edges = np.linspace(0, 1, BINS + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, BINS - 1)
    images = np.bincount(place, minlength=BINS)
    with np.errstate(invalid="ignore"):
        mean, share = (
            np.bincount(place, weights=values, minlength=BINS) / images
            for values in (confidence.astype(np.float64), right.astype(np.float64))
        )
    return Reliability(images, mean, share)
