"""Which training images the network finds most alike: the smallest cosine distances between features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MOST = 5


class Neighbours:
    """Training images by their features: `paths`, and `rows` of shape (n, features)."""

    def __init__(self, paths: Sequence[str], rows: np.ndarray):
        self.paths = tuple(paths)
        self._unit = _unit(rows)

    def of(self, paths: Sequence[str], rows: np.ndarray) -> list[list[tuple[int, float]]]:
        """For each of these images, index and distance of the nearest, the nearest first; never the image itself."""
        likeness = _unit(rows) @ self._unit.T
        found = []
        for path, like in zip(paths, likeness, strict=True):
            some = min(MOST + 1, len(like))
            best = np.argpartition(-like, some - 1)[:some]
            best = best[np.lexsort((best, -like[best]))]
            others = [int(i) for i in best if self.paths[i] != path][:MOST]
            found.append([(i, max(0.0, float(1 - like[i]))) for i in others])
        return found


def _unit(rows: np.ndarray) -> np.ndarray:
    rows = np.asarray(rows, dtype=np.float32)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
