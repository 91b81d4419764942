"""Connected pieces of ink, and what of their shape tells a mark from a frame, a line or a reflection."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ox_classifier.data import connected, hulls

SPECK = 3  # cells: a smaller piece of ink is none
SOLID = 0.8  # of the hull: no stroke fills so much of it
BESIDE = 0.2  # of a mark's size: pieces so near to it are its own
RAYS = 24  # directions in which a frame is looked for


class Piece(NamedTuple):
    """The box about a connected piece of ink, in cells of a square grid.

    `hollow` if it has no ink in its middle; `strength` is the strongest ink in it.
    """

    label: int
    left: int
    top: int
    right: int
    bottom: int
    hollow: bool
    hull: hulls.Hull
    strength: float
    grid: int

    @property
    def box(self) -> tuple[int, int, int, int]:
        return self.left, self.top, self.right, self.bottom

    @property
    def longest(self) -> int:
        return max(self.right - self.left, self.bottom - self.top)

    @property
    def leaves(self) -> int:
        """At how many sides it leaves the picture."""
        return (self.left == 0) + (self.top == 0) + (self.right == self.grid) + (self.bottom == self.grid)

    @property
    def distance(self) -> float:
        """From the picture's middle; 0 if the box holds it."""
        return self._apart(*[self.grid / 2] * 4)

    @property
    def off(self) -> float:
        """How far the middle of its box lies from that of the picture."""
        return max(abs(self.left + self.right - self.grid), abs(self.top + self.bottom - self.grid)) / 2

    def holds(self, other: Piece) -> bool:
        """Whether another piece lies in the box; what leaves the picture may hold what leaves it there."""
        return (
            (self.left < other.left or self.left == 0)
            and (self.top < other.top or self.top == 0)
            and (other.right < self.right or self.right == self.grid)
            and (other.bottom < self.bottom or self.bottom == self.grid)
            and other != self
        )

    def near(self, other: Piece) -> bool:
        return self._apart(*other.box) <= BESIDE * other.longest

    def with_box(self, box: tuple[int, int, int, int]) -> Piece:
        return self._replace(**dict(zip(("left", "top", "right", "bottom"), box, strict=True)))

    def _apart(self, left: float, top: float, right: float, bottom: float) -> float:
        return max(left - self.right, self.left - right, top - self.bottom, self.top - bottom, 0)


class Pieces:
    """The pieces of `ink`, a square that is above 0 where there is some.

    `drawn` are those of strokes, without specks and reflections; `found` are these, or what else there is.
    """

    def __init__(self, ink: np.ndarray):
        self.ink = ink
        self.labels, boxes = connected.pieces(ink > 0)
        numbered = list(enumerate(boxes, start=1))
        strokes = [(label, box) for label, box in numbered if max(box[2] - box[0], box[3] - box[1]) >= SPECK]
        measured = [self._measured(label, box) for label, box in strokes or numbered]
        self.drawn = [piece for piece in measured if piece.hull.solid <= SOLID] if strokes else []
        self.found = self.drawn or measured

    @property
    def strokes(self) -> float:
        """How much of the ink is in strokes: the sum of its cubes, so that strong ink counts."""
        return float((self.ink[self.cells(self.drawn)] ** 3).sum())

    def cells(self, pieces: list[Piece]) -> np.ndarray:
        """Which cells are of these pieces: bool, of the square's shape."""
        chosen = np.zeros(int(self.labels.max()) + 1, bool)
        chosen[[piece.label for piece in pieces]] = True
        return chosen[self.labels]

    def around(self, frame: Piece, other: Piece) -> float:
        """The share of the directions from the middle of another piece in which `frame` has ink."""
        x, y = (other.left + other.right) / 2, (other.top + other.bottom) / 2
        turn, far = np.linspace(0, 2 * np.pi, RAYS, endpoint=False)[:, None], np.arange(1, frame.grid, 0.7)
        across, down = (x + np.cos(turn) * far).astype(int), (y + np.sin(turn) * far).astype(int)
        last = frame.grid - 1
        inside = (across >= 0) & (down >= 0) & (across <= last) & (down <= last)
        hit = self.labels[np.clip(down, 0, last), np.clip(across, 0, last)] == frame.label
        return float((hit & inside).any(axis=1).mean())

    def _measured(self, label: int, box: tuple[int, int, int, int]) -> Piece:
        left, top, right, bottom = box
        width, height = right - left, bottom - top
        middle = self.labels[
            top + 2 * height // 5 : top + -(-3 * height // 5), left + 2 * width // 5 : left + -(-3 * width // 5)
        ]
        hollow = not (middle == label).any()
        inside = slice(top, bottom), slice(left, right)
        own = self.labels[inside] == label
        return Piece(label, *box, hollow, hulls.measured(own), float(self.ink[inside][own].max()), len(self.ink))


def about(core: Piece, pieces: list[Piece]) -> list[Piece]:
    """The core of a mark and the pieces that lie near it, or near those: a mark of several strokes, or a broken one."""
    found, whole = [core], core
    while more := [piece for piece in pieces if piece not in found and piece.near(whole)]:
        found += more
        whole = whole.with_box(box_about(found))
    return found


def box_about(pieces: list[Piece]) -> tuple[int, int, int, int]:
    left, top, right, bottom = zip(*(piece.box for piece in pieces), strict=True)
    return min(left), min(top), max(right), max(bottom)
