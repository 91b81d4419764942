"""Where the ink of a picture lies: a square about what stands out from its surroundings."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

GRID = 64  # cells a side in which the ink is looked for
REACH = 16  # cells around each that are its surroundings
FAINT = 8.0  # grey levels: where nothing stands out by more, there is no ink
LEAST = 0.25  # of the strongest ink: what is weaker is shade, grain or a ruled line
ROOM = 2.1  # standard deviations of the ink's places from its middle to the edge of the square
MARGIN = 1.5  # cells
ZOOM = 6.0  # at most
SPECK = 3  # cells: a smaller piece of ink is none
INNER = 0.25  # of the size of what encloses it: less is a speck
INNER_OF_LINES = 0.12  # of lines that leave the picture, as those of a board
BESIDE = 0.15  # of a mark's size: pieces so near to it are its own

Box = tuple[float, float, float, float]  # left, top, right, bottom


def region(image: Image.Image) -> Box:
    """The part of a picture to look at, in its pixels: all of it where ink lies everywhere, or nowhere.

    Both axes are taken as equally long, as a square of pixels is made of the part.
    """
    grey = np.asarray(image.convert("L").resize((GRID, GRID), Image.Resampling.BOX), dtype=np.float64)
    apart = grey - _surroundings(grey)
    ink = np.maximum(apart if (apart**3).sum() > 0 else -apart, 0)  # light or dark: what stands out by more
    strongest = float(ink.max())
    if strongest <= FAINT:
        return 0.0, 0.0, float(image.width), float(image.height)
    ink = np.maximum(ink - LEAST * strongest, 0)
    ink *= _mark(ink > 0)
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


def _mark(inked: np.ndarray) -> np.ndarray:
    """Which inked cells are the mark's, not those of a frame around it, of lines at the edge or of its neighbours.

    A frame is a piece of ink around another piece. Where there is none, all ink stays but lines that touch the edge
    and leave the middle out.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inked.astype(np.uint8), connectivity=8)
    boxes = [Piece(label, *map(int, stats[label, :4])) for label in range(1, count)]
    pieces = [piece for piece in boxes if piece.longest >= SPECK] or boxes
    frames = [piece for piece in pieces if any(piece.encloses(other) for other in pieces)]
    rest = [piece for piece in pieces if piece not in frames]
    inner = [piece for piece in rest if not piece.at_edge or piece.distance == 0] or rest
    if frames:
        core = min(inner, key=lambda piece: (piece.distance, -piece.longest))
        own, inner = inner, [core]
        while more := [piece for piece in own if piece not in inner and any(map(piece.near, inner))]:
            inner += more
    return np.isin(labels, [piece.label for piece in inner])


class Piece(NamedTuple):
    """The box about a connected piece of ink, in cells."""

    label: int
    left: int
    top: int
    width: int
    height: int

    @property
    def longest(self) -> int:
        return max(self.width, self.height)

    @property
    def right(self) -> int:
        return self.left + self.width

    @property
    def bottom(self) -> int:
        return self.top + self.height

    @property
    def at_edge(self) -> bool:
        return min(self.left, self.top) == 0 or max(self.right, self.bottom) == GRID

    @property
    def distance(self) -> float:
        """From the picture's middle; 0 if the box holds it."""
        return self._apart(GRID / 2, GRID / 2, GRID / 2, GRID / 2)

    def encloses(self, other: Piece) -> bool:
        """Whether another piece, no speck beside this one, lies within the box."""
        return (
            self.left < other.left
            and self.top < other.top
            and other.right < self.right
            and other.bottom < self.bottom
            and other.longest >= (INNER_OF_LINES if self.at_edge else INNER) * self.longest
        )

    def near(self, other: Piece) -> bool:
        return self._apart(other.left, other.top, other.right, other.bottom) <= BESIDE * other.longest

    def _apart(self, left: float, top: float, right: float, bottom: float) -> float:
        return max(left - self.right, self.left - right, top - self.bottom, self.top - bottom, 0)
