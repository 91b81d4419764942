"""Looks on while images are predicted, so that nothing is decoded or computed twice: their ink, their neighbours."""

from __future__ import annotations

from collections import deque

import numpy as np

from ox_classifier.classifier import Classifier
from ox_classifier.report.ink import Ink, ink
from ox_classifier.report.neighbours import Neighbours
from ox_classifier.report.network_end import NetworkEnd


class Watch:
    """What was seen of images as a classifier answered: `inks` and `nearest`, by path.

    `end` and `neighbours` may be None where a network can't be looked into.
    """

    def __init__(self, end: NetworkEnd | None = None, neighbours: Neighbours | None = None):
        self.end, self.neighbours = end, neighbours
        self.inks: dict[str, Ink] = {}
        self.nearest: dict[str, list[tuple[int, float]]] = {}
        self._waiting: deque[tuple[Ink, np.ndarray | None]] = deque()

    def attach(self, classifier: Classifier) -> None:
        """Stand between a classifier and its network from now on; what it answers stays the same."""
        self._session = self.end.with_features if self.end else classifier.session.session
        classifier.session.session = self

    def run(self, _names: object, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
        """As `onnxruntime.InferenceSession.run`: the answer alone."""
        (pixels,) = feed.values()
        answer, *features = self._session.run(None, feed)
        rows = features[0].reshape(len(pixels), -1) if features else [None] * len(pixels)
        self._waiting.extend(zip(ink(pixels), rows, strict=True))
        return [answer]

    def take(self, path: str) -> None:
        """Say which image the next answer is of; answers come in order."""
        seen, features = self._waiting.popleft()
        self.keep(path, seen, features)

    def keep(self, path: str, seen: Ink, features: np.ndarray | None) -> None:
        """Remember what was seen of an image."""
        self.inks[path] = seen
        if self.neighbours and features is not None:
            self.nearest[path] = self.neighbours.of([path], features[None])[0]
