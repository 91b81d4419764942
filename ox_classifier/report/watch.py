"""Looks on while images are predicted, so that nothing is decoded or computed twice: their ink, their neighbours."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence

import numpy as np

from ox_classifier.classifier import Classifier
from ox_classifier.report.ink import Ink, ink
from ox_classifier.report.neighbours import Nearest, Neighbours
from ox_classifier.report.network_end import NetworkEnd

KEPT_BYTES = 64 << 20  # of pixels: some 950 images of 150 x 150


class Watch:
    """What was seen of images as a classifier answered: `inks` and `nearest`, by path.

    `kept` are the pixels (uint8, by path) of as many of the most interesting ones as `KEPT_BYTES` hold.

    `end` and `neighbours` may be None where a network can't be looked into.
    """

    def __init__(self, end: NetworkEnd | None = None, neighbours: Neighbours | None = None):
        self.end, self.neighbours = end, neighbours
        self.inks: dict[str, Ink] = {}
        self.nearest: dict[str, Nearest] = {}
        self.kept: dict[str, np.ndarray] = {}
        self._least: list[tuple[float, str]] = []  # a heap of what is kept, the least interesting first
        self._waiting: deque[tuple[np.ndarray, Ink, Nearest | None]] = deque()

    def attach(self, classifier: Classifier) -> None:
        """Stand between a classifier and its network from now on; what it answers stays the same."""
        self._session = self.end.with_features if self.end and self.neighbours else classifier.session.session
        classifier.session.session = self

    def run(self, _names: object, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
        """As `onnxruntime.InferenceSession.run`: the answer alone."""
        (pixels,) = feed.values()
        answer, *features = self._session.run(None, feed)
        self.see(pixels, features[0][: len(pixels)] if features else None)  # those of mirror images come after
        return [answer]

    def see(self, pixels: np.ndarray, features: np.ndarray | None) -> None:
        """See images about to be answered: float32 (n, height, width, channels), and their features if there are."""
        self._waiting.extend(zip(pixels, ink(pixels), self._near(features, len(pixels)), strict=True))

    def take(self, path: str, interest: float) -> None:
        """Say which image the next answer is of, and how likely it is to be looked at again; answers come in order."""
        pixels, seen, nearest = self._waiting.popleft()
        self._keep(path, seen, nearest)
        full = len(self.kept) >= KEPT_BYTES // pixels.size
        if full and (not self._least or interest <= self._least[0][0]):
            return
        if full:
            _, least = heapq.heappop(self._least)
            del self.kept[least]
        heapq.heappush(self._least, (interest, path))
        self.kept[path] = np.rint(255 * pixels).astype(np.uint8)

    def look(self, paths: Sequence[str], pixels: np.ndarray) -> None:
        """See images that were answered without this watch: float32 pixels of shape (n, height, width, channels)."""
        near = self._near(self.end.features(pixels) if self.end and self.neighbours else None, len(paths))
        for path, seen, nearest in zip(paths, ink(pixels), near, strict=True):
            self._keep(path, seen, nearest)

    def _near(self, features: np.ndarray | None, count: int) -> Sequence[Nearest | None]:
        if self.neighbours is None or features is None:
            return [None] * count
        return self.neighbours.of(features.reshape(count, -1))

    def _keep(self, path: str, seen: Ink, nearest: Nearest | None) -> None:
        self.inks[path] = seen
        if self.neighbours and nearest is not None:
            self.nearest[path] = self.neighbours.others(path, nearest)
