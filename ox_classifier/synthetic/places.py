"""Where in a drawn picture the mark stands, as the camera shows it."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from ox_classifier.synthetic.sampler import Sampler

POINTS = np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]], dtype=float)  # of a mark: its middle, and the four ways


class Place(NamedTuple):
    """The middle of a mark and half of its longer side, in shares of the picture's side."""

    x: float
    y: float
    half: float


def of(sampler: Sampler) -> Place | None:
    """Where what was written, drawn or printed stands, from the sampler's notes; None of a picture of nothing such."""
    written = "hand" in sampler.drawn or "character" in sampler.drawn
    return shown(sampler) if written else None


def shown(sampler: Sampler) -> Place:
    """Where the sheet's place for a mark is in the picture, whether anything stands in it or not."""
    notes = sampler.drawn
    middle, half = np.array([float(notes["x"]), float(notes["y"])]), float(notes["size"])
    if sampler.shown is None:
        return Place(*middle.tolist(), half)
    seen = cv2.perspectiveTransform((middle + POINTS * half).reshape(-1, 1, 2), sampler.shown).reshape(-1, 2)
    return Place(*seen[0].tolist(), float(np.abs(seen[1:] - seen[0]).max(axis=1).mean()))
