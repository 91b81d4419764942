"""How full a piece of a picture is: by OpenCV where it is installed, else the same by NumPy."""

from __future__ import annotations

import numpy as np

try:
    import cv2
except ModuleNotFoundError:  # the small install goes without
    cv2 = None

DIGITS = 4  # that are kept, so that both ways give one number


def fullness(own: np.ndarray) -> tuple[float, float]:
    """What share a piece's hull is of the smallest rectangle about it, and what share of the hull is marked.

    `own` is bool, of any size, with one cell or more. The rectangle may be turned.
    """
    area, around = _by_opencv(own) if cv2 is not None else by_edges(own)
    area = max(area, 1.0)
    return round(area / max(around, 1.0), DIGITS), round(np.count_nonzero(own) / area, DIGITS)


def _by_opencv(own: np.ndarray) -> tuple[float, float]:
    rows, left, right = _sides(own)
    x = np.concatenate([left, left, right, right])
    y = np.concatenate([rows, rows + 1, rows, rows + 1])
    hull = cv2.convexHull(np.stack([x, y], axis=1).astype(np.float32))
    _, (width, height), _ = cv2.minAreaRect(hull)
    return cv2.contourArea(hull), width * height


def by_edges(own: np.ndarray) -> tuple[float, float]:
    """Area of the hull of the cells' corners, and of the smallest rectangle about it, one of whose sides lies on it."""
    rows, left, right = _sides(own)
    # from top to bottom on the left, and back on the right
    hull = np.array([*_chain(rows, left, 1), *_chain(rows, right, -1)[::-1]], float)
    step = np.roll(hull, -1, axis=0) - hull
    area = abs(float((hull[:, 0] * step[:, 1] - hull[:, 1] * step[:, 0]).sum())) / 2
    length = np.hypot(step[:, 0], step[:, 1])
    along = (step / np.where(length, length, 1)[:, None])[length > 0]
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    around = np.ptp(hull @ along.T, axis=0) * np.ptp(hull @ across.T, axis=0)
    return area, float(around.min())


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
