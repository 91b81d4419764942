"""How full a piece of a picture is: by OpenCV where it is installed, else the same by NumPy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

try:
    import cv2
except ModuleNotFoundError:  # the small install goes without
    cv2 = None

DIGITS = 4  # that are kept, so that both ways give one number


class Hull(NamedTuple):
    """The hull of a piece, in shares: `square` of the smallest rectangle about it, turned or not, is in the hull,
    `solid` of the hull is marked; `broad` is how broad it is where it is narrowest, beside its length.
    """

    square: float
    solid: float
    broad: float


def measured(own: np.ndarray) -> Hull:
    """How full and how broad the hull of what is marked is; `own` is bool, of any size, with one cell or more."""
    hull = _by_opencv(own) if cv2 is not None else by_chains(own)
    after = np.roll(hull, -1, axis=0)
    step = after - hull
    area = max(abs(float((hull[:, 0] * step[:, 1] - hull[:, 1] * step[:, 0]).sum())) / 2, 1.0)
    length = np.hypot(step[:, 0], step[:, 1])
    along = (step / np.where(length, length, 1)[:, None])[length > 0]
    long = np.ptp(hull @ along.T, axis=0)
    wide = np.ptp(hull @ np.stack([along[:, 1], -along[:, 0]]), axis=0)  # one side of the rectangle is one of the hull
    around = max(float((long * wide).min()), 1.0)
    shares = area / around, int(np.count_nonzero(own)) / area, float(wide.min() / long.max())
    return Hull(*(round(share, DIGITS) for share in shares))


def _by_opencv(own: np.ndarray) -> np.ndarray:
    rows, left, right = _sides(own)
    x = np.concatenate([left, left, right, right])
    y = np.concatenate([rows, rows + 1, rows, rows + 1])
    return cv2.convexHull(np.stack([x, y], axis=1).astype(np.float32)).reshape(-1, 2).astype(float)


def by_chains(own: np.ndarray) -> np.ndarray:
    """The corners of the hull of the marked cells, each the one before turned on, from top to bottom and back."""
    rows, left, right = _sides(own)
    return np.array([*_chain(rows, left, 1), *_chain(rows, right, -1)[::-1]], float)


def _sides(own: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rows that have marked cells, and the left and the right side of these; no other corner is on the hull."""
    rows = np.flatnonzero(own.any(axis=1))
    marked = own[rows]
    return rows, marked.argmax(axis=1), own.shape[1] - marked[:, ::-1].argmax(axis=1)


def _chain(rows: np.ndarray, side: np.ndarray, sign: int) -> list[tuple[int, int]]:
    """The corners (x, y) of one side of the hull, from top to bottom: `sign` 1 for the left side, -1 for the right."""
    outermost: dict[int, int] = {}
    for row, column in zip(rows.tolist(), (sign * side).tolist(), strict=True):
        outermost[row] = min(column, outermost.get(row, column))
        outermost[row + 1] = column
    kept: list[tuple[int, int]] = []
    for row, column in outermost.items():
        while len(kept) > 1 and _turn(kept[-2], kept[-1], (column, row)) >= 0:
            kept.pop()
        kept.append((column, row))
    return [(sign * column, row) for column, row in kept]


def _turn(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> int:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
