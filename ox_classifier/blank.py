"""Whether a picture is blank: nothing stands out from the paper but a sensor's noise and a soft shade."""

from __future__ import annotations

import functools
from typing import Protocol

import numpy as np
from PIL import Image

PART = 64  # pictures held in memory at once
CELLS = 20  # a side, of which means are taken: noise is averaged out, and a thin stroke isn't
FLAT = 8.0  # grey levels: no mean of a blank picture is further from the shade
GRAIN = 4.5  # standard deviations of the means, which the furthest of some hundred means of mere noise stays within
COARSEST = 5.0  # grey levels: means that vary by more do so for another reason than noise
TO_DEVIATION = 1.4826  # from the median distance to the standard deviation, of noise


class Pictures(Protocol):
    """Uint8 of shape (n, height, width, channels), or what gives such arrays in slices."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice) -> np.ndarray: ...


def are_blank(pictures: Pictures) -> np.ndarray:
    """Which pictures are blank; bool of shape (n,)."""
    parts = (pictures[start : start + PART] for start in range(0, len(pictures), PART))
    return np.array([is_blank(pixels) for part in parts for pixels in part], dtype=bool)


def is_blank(pixels: np.ndarray) -> bool:
    """Whether a uint8 picture of shape (height, width, channels) holds nothing but noise and a shade.

    The shade is the surface of second degree that fits the means of small cells best. What is left of them is noise
    if it is small, or if it is fine and spread over the picture as noise is; ink stands out at a few places.
    """
    grey = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).convert("L")
    step = max(1, min(grey.size) // CELLS)
    columns, rows = (side // step for side in grey.size)
    cells = grey.reduce(step, (0, 0, columns * step, rows * step))
    means = np.asarray(cells, dtype=np.float32).ravel()
    surfaces = _surfaces(rows, columns)
    left = np.abs(means - surfaces @ (surfaces.T @ means))
    deviation = TO_DEVIATION * float(np.median(left))
    return bool(left.max() <= max(FLAT, GRAIN * deviation if deviation <= COARSEST else 0))


@functools.lru_cache(maxsize=16)
def _surfaces(rows: int, columns: int) -> np.ndarray:
    """Orthonormal surfaces of second degree, shape (rows * columns, 6 at most)."""
    y, x = (axis.ravel() for axis in np.mgrid[-1 : 1 : 1j * rows, -1 : 1 : 1j * columns])
    return np.linalg.qr(np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1))[0].astype(np.float32)
