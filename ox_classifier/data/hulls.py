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
    y, x = np.nonzero(own)
    corners = np.stack([x, y, x + 1, y, x, y + 1, x + 1, y + 1], axis=1).reshape(-1, 2).astype(np.float32)
    hull = cv2.convexHull(corners)
    _, (width, height), _ = cv2.minAreaRect(hull)
    return cv2.contourArea(hull), width * height


def by_edges(own: np.ndarray) -> tuple[float, float]:
    """Area of the hull of the cells' corners, and of the smallest rectangle about it, one of whose sides lies on it."""
    rows = np.flatnonzero(own.any(axis=1))
    inside = own[rows]
    left = inside.argmax(axis=1)
    right = own.shape[1] - inside[:, ::-1].argmax(axis=1)
    sides = np.concatenate([rows, rows + 1])
    hull = np.array(
        [*_chain(sides, np.tile(left, 2), 1), *_chain(sides, np.tile(right, 2), -1)[::-1]], float
    )  # once around
    step = np.roll(hull, -1, axis=0) - hull
    area = abs(float((hull[:, 0] * step[:, 1] - hull[:, 1] * step[:, 0]).sum())) / 2
    length = np.hypot(step[:, 0], step[:, 1])
    along = (step / np.where(length, length, 1)[:, None])[length > 0]
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    around = np.ptp(hull @ along.T, axis=0) * np.ptp(hull @ across.T, axis=0)
    return area, float(around.min())


def _chain(y: np.ndarray, x: np.ndarray, sign: int) -> list[tuple[int, int]]:
    """One side of the hull, (x, y) from top to bottom: `sign` 1 for the left side, -1 for the right."""
    kept: list[tuple[int, int]] = []
    outermost: dict[int, int] = {}
    for row, column in zip(y.tolist(), x.tolist(), strict=True):
        found = outermost.get(row)
        outermost[row] = column if found is None else min(found, column) if sign > 0 else max(found, column)
    for row in sorted(outermost):
        point = (outermost[row], row)
        while len(kept) > 1 and sign * _turn(kept[-2], kept[-1], point) >= 0:
            kept.pop()
        kept.append(point)
    return kept


def _turn(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> int:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
