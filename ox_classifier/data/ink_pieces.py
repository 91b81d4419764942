"""Connected pieces of ink: which are the mark's, and which a frame's, a board's or a neighbour's."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ox_classifier.data import connected, hulls

SPECK = 3  # cells: a smaller piece of ink is none
INNER = 0.25  # of the size of what encloses it: less is a speck
INNER_OF_LINES = 0.12  # of lines that leave the picture, as those of a board
SQUARE = 0.84  # of a frame: between a ring and a box
SOLID = 0.8  # of the hull: no stroke fills so much of it
STRONG = 0.5  # of a frame's ink: what is fainter in it is a ruled line
BESIDE = 0.2  # of a mark's size: pieces so near to it are its own


class Piece(NamedTuple):
    """The box about a connected piece of ink, in cells of a square grid.

    `hollow` if it has no ink in its middle; `square` is the share that its hull fills of the smallest rectangle about
    it, turned or not: some 0.79 for a ring, nearly 1 for a box; `solid` is the share of the hull that is inked, nearly
    1 for a reflection; `strength` is the strongest ink in it.
    """

    label: int
    left: int
    top: int
    right: int
    bottom: int
    hollow: bool
    square: float
    solid: float
    strength: float
    grid: int

    @property
    def longest(self) -> int:
        return max(self.right - self.left, self.bottom - self.top)

    @property
    def at_edge(self) -> bool:
        return min(self.left, self.top) == 0 or max(self.right, self.bottom) == self.grid

    @property
    def distance(self) -> float:
        """From the picture's middle; 0 if the box holds it."""
        return self._apart(*[self.grid / 2] * 4)

    def holds(self, other: Piece) -> bool:
        """Whether another piece lies in the box; what leaves the picture may hold what leaves it there."""
        return (
            (self.left < other.left or self.left == 0)
            and (self.top < other.top or self.top == 0)
            and (other.right < self.right or self.right == self.grid)
            and (other.bottom < self.bottom or self.bottom == self.grid)
            and other != self
        )

    def frames(self, other: Piece) -> bool:
        """Whether this is a frame or a board about another piece that is no speck beside it."""
        least = (INNER_OF_LINES if self.at_edge else INNER) * self.longest
        alike = self.longest > other.longest >= least and other.strength >= STRONG * self.strength
        leaves = (self.left == 0) + (self.top == 0) + (self.right == self.grid) + (self.bottom == self.grid)
        framing = self.square >= SQUARE or leaves >= 3  # a box, or the lines of a board
        return self.hollow and framing and alike and self.holds(other)

    def near(self, other: Piece) -> bool:
        return self._apart(other.left, other.top, other.right, other.bottom) <= BESIDE * other.longest

    def _apart(self, left: float, top: float, right: float, bottom: float) -> float:
        return max(left - self.right, self.left - right, top - self.bottom, self.top - bottom, 0)


def of_mark(ink: np.ndarray) -> np.ndarray:
    """Which cells of a square grid that have ink, above 0, are the mark's: bool of the same shape.

    A frame is a piece of ink about another piece. Where there is none, all ink stays but reflections and lines that
    touch the edge and leave the middle out.
    """
    labels, found = _pieces(ink)
    pieces = [piece for piece in found if piece.longest >= SPECK] or found
    pieces = [piece for piece in pieces if piece.solid <= SOLID] or pieces
    frames = [piece for piece in pieces if any(piece.frames(other) for other in pieces)]
    rest = [piece for piece in pieces if piece not in frames]
    inner = [piece for piece in rest if not piece.at_edge or piece.distance == 0] or rest
    if frames:
        core = min(inner, key=lambda piece: (piece.distance, -piece.longest, piece[1:5]))
        around = [frame for frame in frames if frame.holds(core)]
        closest = min(around, key=lambda frame: (frame.longest, frame[1:5]), default=None)
        if closest and not closest.at_edge:
            inner = [piece for piece in inner if closest.holds(piece)]
        else:
            inner = _about(core, inner)
    return np.isin(labels, [piece.label for piece in inner])


def _about(core: Piece, pieces: list[Piece]) -> list[Piece]:
    """The core of a mark and the pieces that lie near it, or near those: a mark of several strokes, or a broken one."""
    found, whole = [core], core
    while more := [piece for piece in pieces if piece not in found and piece.near(whole)]:
        found += more
        corners = np.array([piece[1:5] for piece in found])
        whole = whole._replace(
            **dict(zip(("left", "top"), corners[:, :2].min(axis=0).tolist(), strict=True)),
            **dict(zip(("right", "bottom"), corners[:, 2:].max(axis=0).tolist(), strict=True)),
        )
    return found


def _pieces(ink: np.ndarray) -> tuple[np.ndarray, list[Piece]]:
    labels, boxes = connected.pieces(ink > 0)
    found = []
    for label, (left, top, right, bottom) in enumerate(boxes, start=1):
        width, height = right - left, bottom - top
        middle = labels[
            top + 2 * height // 5 : top + -(-3 * height // 5), left + 2 * width // 5 : left + -(-3 * width // 5)
        ]
        hollow = not (middle == label).any()
        inside = slice(top, bottom), slice(left, right)
        own = labels[inside] == label
        box = left, top, right, bottom
        found.append(Piece(label, *box, hollow, *hulls.fullness(own), float(ink[inside][own].max()), len(ink)))
    return labels, found


def strokes(ink: np.ndarray) -> float:
    """How much of the ink is in strokes, not in reflections: the sum of its cubes, so that strong ink counts."""
    labels, found = _pieces(ink)
    own = [piece.label for piece in found if piece.solid <= SOLID and piece.longest >= SPECK]
    return float((ink[np.isin(labels, own)] ** 3).sum())
