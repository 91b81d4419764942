"""What `flow` is given: images in memory, and labels, weights and further inputs of as many entries."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from ox_classifier.data.on_demand import Chosen
from ox_classifier.errors import UsageValueError


@dataclass(frozen=True)
class Arrays:
    """Images of shape (n, height, width, channels), or (n, channels, height, width), uint8 where that loses nothing."""

    images: np.ndarray | Chosen
    y: np.ndarray | None
    sample_weight: np.ndarray | None
    extra: tuple[np.ndarray, ...] = ()

    def take(self, rows: np.ndarray) -> Arrays:
        """The entries at `rows` only."""
        y, weight = (None if values is None else values[rows] for values in (self.y, self.sample_weight))
        return Arrays(self.images[rows], y, weight, tuple(values[rows] for values in self.extra))


def arrays(x, y, sample_weight, *, channel_axis: int, dtype: str) -> Arrays:
    """Check what `flow` was given; `x` is images, or a pair of images and one further input or a list of such.

    Raises:
        UsageValueError: If shapes or lengths don't fit.
    """
    x, extra = (x[0], x[1] if isinstance(x[1], list) else [x[1]]) if isinstance(x, (tuple, list)) else (x, [])
    images = x if isinstance(x, Chosen) else _as_bytes(np.asarray(x))  # the first are never copied as a whole
    extra = tuple(np.asarray(e) for e in extra)
    if images.ndim != 4:
        raise UsageValueError(f"images of shape {images.shape}: expected (n, height, width, channels)")
    if images.shape[channel_axis] not in (1, 3, 4):
        warnings.warn(
            f"images of shape {images.shape} have {images.shape[channel_axis]} channels on axis {channel_axis}: "
            "expected 1, 3 or 4",
            stacklevel=3,
        )
    y, sample_weight = (None if values is None else np.asarray(values) for values in (y, sample_weight))
    beside = [("All of the arrays in `x`", values) for values in extra]
    beside += [("`x` (images tensor) and `y` (labels)", y), ("`x` and `sample_weight`", sample_weight)]
    for what, values in beside:
        if values is not None and len(values) != len(images):
            raise UsageValueError(f"{what} should have the same length: {len(images)} images, {len(values)} others")
    return Arrays(images if images.dtype == np.uint8 else images.astype(dtype), y, sample_weight, extra)


def _as_bytes(images: np.ndarray) -> np.ndarray:
    """uint8 if that loses nothing."""
    if images.dtype == np.uint8 or not np.issubdtype(images.dtype, np.number):
        return images
    with np.errstate(invalid="ignore"):
        small = images.astype(np.uint8)
    return small if np.array_equal(small, images) else images
