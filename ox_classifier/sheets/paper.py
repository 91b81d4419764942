"""The light on a flattened page taken away: paper becomes white, ink keeps its darkness and colour."""

from __future__ import annotations

import cv2
import numpy as np

COARSE = 2.0  # pixels a millimetre at which the paper is looked for
BROADEST = 8.0  # mm: of a dark patch that is ink and no shadow
DIMMEST = 40  # of 255: paper darker than this shows no ink
BRIGHTEST = 250  # of 255: where all channels reach it, light drowns the ink


def evened(page: np.ndarray, detail: float) -> np.ndarray:
    """A flattened page, uint8 (h, w, 3) at `detail` pixels a millimetre, as if the light were even and the paper white.

    Shadows keep sharp edges, so the paper is the brightest nearby (a closing), not a mean.
    """
    height, width = page.shape[:2]
    size = (max(1, round(width / detail * COARSE)), max(1, round(height / detail * COARSE)))
    small = cv2.medianBlur(cv2.resize(page, size, interpolation=cv2.INTER_AREA), 3)
    across = 2 * round(BROADEST * COARSE / 2) + 1
    paper = cv2.morphologyEx(small, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (across, across)))
    paper = cv2.GaussianBlur(np.maximum(paper, DIMMEST), (0, 0), COARSE * 0.5)
    return cv2.divide(page, cv2.resize(paper, (width, height), interpolation=cv2.INTER_LINEAR), scale=255)


def drowned(page: np.ndarray) -> np.ndarray:
    """Where glare leaves nothing to see: bool (h, w)."""
    return least(page) >= BRIGHTEST


def least(picture: np.ndarray) -> np.ndarray:
    """The darkest of the three channels of each pixel, in which ink of every colour is dark: uint8 (h, w)."""
    red, green, blue = cv2.split(picture)
    return cv2.min(cv2.min(red, green), blue)  # NumPy's min over the last axis takes twenty times as long
