"""What the marks in images look like: how bright, how much ink, dark on light or light on dark."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

ENOUGH = 48  # pixels a side that are looked at: every second or third of a larger picture
FRAME = 2  # pixels at the edges that count as paper
LEAST = 0.08  # of the way from black to white; less contrast than this is no ink


class Ink(NamedTuple):
    """Of one image: mean brightness and share of the area that is ink, in [0, 1], and whether the ink is the darker."""

    brightness: float
    share: float
    dark: bool


def ink(pixels: np.ndarray) -> list[Ink]:
    """Of images in [0, 1], shape (n, height, width, channels).

    Paper is the median of the pixels at the edges; ink is what is further from it than half of what is furthest.
    """
    step = max(1, min(pixels.shape[1:3]) // ENOUGH)
    some = pixels[:, ::step, ::step]
    grey = sum(some[..., channel] for channel in range(some.shape[-1])) / np.float32(some.shape[-1])
    paper = np.median(_edges(grey), axis=1)[:, None, None]
    away = grey - paper
    furthest = np.abs(away).max(axis=(1, 2), keepdims=True)
    inked = np.abs(away) > np.maximum(furthest / 2, LEAST)
    shares = inked.mean(axis=(1, 2))
    dark = (away * inked).sum(axis=(1, 2)) < 0
    return [Ink(float(b), float(s), bool(d)) for b, s, d in zip(grey.mean(axis=(1, 2)), shares, dark, strict=True)]


def _edges(grey: np.ndarray) -> np.ndarray:
    sides = (grey[:, :FRAME], grey[:, -FRAME:], grey[:, :, :FRAME], grey[:, :, -FRAME:])
    return np.concatenate([side.reshape(len(grey), -1) for side in sides], axis=1)
