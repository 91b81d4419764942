"""Which training images the network finds most alike: the smallest cosine distances between features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MOST = 5

Nearest = list[tuple[int, float]]  # index among the training images, and cosine distance


class Neighbours:
    """Training images by their features: `paths`, and `rows` of shape (n, features)."""

    def __init__(self, paths: Sequence[str], rows: np.ndarray):
        self.paths = tuple(paths)
        self._unit = _unit(rows)

    def of(self, rows: np.ndarray) -> list[Nearest]:
        """For each of these images, index and distance of the nearest, the nearest first.

        There is one more than `MOST`, as an image may be among them itself: see `others`.
        """
        found = []
        for like in _unit(rows) @ self._unit.T:
            some = min(MOST + 1, len(like))
            best = np.argpartition(-like, some - 1)[:some]
            best = best[np.lexsort((best, -like[best]))]
            found.append([(int(i), max(0.0, float(1 - like[i]))) for i in best])
        return found

    def others(self, path: str, nearest: Nearest) -> Nearest:
        """Of what `of` found for the image at `path`, the nearest that are not the image itself."""
        return [(i, distance) for i, distance in nearest if self.paths[i] != path][:MOST]


def _unit(rows: np.ndarray) -> np.ndarray:
    rows = np.asarray(rows, dtype=np.float32)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
