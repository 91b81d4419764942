"""Where the ink of a picture lies: a square about what stands out from its surroundings."""

from __future__ import annotations

import numpy as np
from PIL import Image

GRID = 64  # cells a side in which the ink is looked for
REACH = 16  # cells around each that are its surroundings
FAINT = 8.0  # grey levels: where nothing stands out by more, there is no ink
LEAST = 0.4  # of the strongest ink: what is weaker is shade, grain or a ruled line
ROOM = 2.1  # standard deviations of the ink's places from its middle to the edge of the square
MARGIN = 1.5  # cells
ZOOM = 6.0  # at most

Box = tuple[float, float, float, float]  # left, top, right, bottom


def region(image: Image.Image) -> Box:
    """The part of a picture to look at, in its pixels: all of it where ink lies everywhere, or nowhere.

    Both axes are taken as equally long, as a square of pixels is made of the part.
    """
    grey = np.asarray(image.convert("L").resize((GRID, GRID), Image.Resampling.BOX), dtype=np.float64)
    ink = np.abs(grey - _surroundings(grey))
    strongest = float(ink.max())
    if strongest <= FAINT:
        return 0.0, 0.0, float(image.width), float(image.height)
    ink = np.maximum(ink - LEAST * strongest, 0)
    places, total = np.arange(GRID), ink.sum()
    x, y = ink.sum(axis=0), ink.sum(axis=1)
    middle = np.array([(x @ places) / total, (y @ places) / total])
    spread = np.sqrt([(x @ (places - middle[0]) ** 2) / total, (y @ (places - middle[1]) ** 2) / total])
    half = float(np.clip(ROOM * spread.max() + MARGIN, GRID / 2 / ZOOM, GRID / 2))
    low = np.clip(middle + 0.5 - half, 0, GRID - 2 * half)
    scale = np.array([image.width, image.height]) / GRID
    left, top = (low * scale).tolist()
    right, bottom = (np.minimum(low + 2 * half, GRID) * scale).tolist()
    return left, top, right, bottom


def _surroundings(grey: np.ndarray) -> np.ndarray:
    """The mean of the square about each cell; past the edge the picture is mirrored."""
    sums = np.pad(grey, REACH, mode="reflect").cumsum(axis=0).cumsum(axis=1)
    sums = np.pad(sums, ((1, 0), (1, 0)))
    across = 2 * REACH + 1
    square = sums[across:, across:] - sums[:-across, across:] - sums[across:, :-across] + sums[:-across, :-across]
    return square / across**2
