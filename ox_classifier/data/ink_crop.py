"""Where the ink of a picture lies: a square about what stands out from its surroundings."""

from __future__ import annotations

import numpy as np
from PIL import Image

from ox_classifier.data import ink_frames, ink_pieces

GRID = 64  # cells a side in which the ink is looked for
REACH = 16  # cells around each that are its surroundings
ROOM = 2.1  # standard deviations of the ink's places from its middle to the edge of the square
MARGIN = 1.5  # cells
ZOOM = 6.0  # at most

Box = tuple[float, float, float, float]  # left, top, right, bottom


def region(image: Image.Image) -> Box:
    """The part of a picture to look at, in its pixels: all of it where ink lies everywhere, or nowhere.

    Both axes are taken as equally long, as a square of pixels is made of the part. A second look, at the part alone,
    sees more of a small mark, such as the frame around it.
    """
    grey = image.convert("L")
    whole = (0.0, 0.0, float(image.width), float(image.height))
    part = _part(grey, whole)
    return part if part == whole else _part(grey, part)


def _part(image: Image.Image, box: Box) -> Box:
    """The part of a grey picture's `box` that holds the ink."""
    grey = np.asarray(image.resize((GRID, GRID), Image.Resampling.BOX, box=box), dtype=np.float64)
    apart = grey - _surroundings(grey)
    strongest = float(np.abs(apart).max())
    if strongest <= ink_frames.FAINT:
        return box
    either = [-apart, apart]  # dark ink, light ink
    found = [ink_pieces.Pieces(ink_frames.strong(way)) for way in either]
    written = [pieces.strokes for pieces in found]
    if not any(written):
        written = [float((pieces.ink**3).sum()) for pieces in found]
    chosen = int(written[1] > written[0])
    ink = ink_frames.of_mark(either[chosen], found[chosen])
    places, total = np.arange(GRID), ink.sum()
    x, y = ink.sum(axis=0), ink.sum(axis=1)
    middle = np.array([(x @ places) / total, (y @ places) / total])
    spread = np.sqrt([(x @ (places - middle[0]) ** 2) / total, (y @ (places - middle[1]) ** 2) / total])
    half = float(np.clip(ROOM * spread.max() + MARGIN, GRID / 2 / ZOOM, GRID / 2))
    low = np.clip(middle + 0.5 - half, 0, GRID - 2 * half)
    corner, scale = np.array(box[:2]), (np.array(box[2:]) - box[:2]) / GRID
    left, top = (corner + low * scale).tolist()
    right, bottom = (corner + np.minimum(low + 2 * half, GRID) * scale).tolist()
    return left, top, right, bottom


def _surroundings(grey: np.ndarray) -> np.ndarray:
    """The mean of the square about each cell; past the edge the picture is mirrored."""
    sums = np.pad(grey, REACH, mode="reflect").cumsum(axis=0).cumsum(axis=1)
    sums = np.pad(sums, ((1, 0), (1, 0)))
    across = 2 * REACH + 1
    square = sums[across:, across:] - sums[:-across, across:] - sums[across:, :-across] + sums[:-across, :-across]
    return square / across**2
