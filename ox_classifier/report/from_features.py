"""Answers from the features that training left of a run's images: of the network only its last layers are run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from ox_classifier.classifier import Classifier, Prediction
from ox_classifier.data.images import ImageError
from ox_classifier.report.network_end import NetworkEnd
from ox_classifier.report.read_ahead import AT_ONCE, read_ahead
from ox_classifier.report.training_images import Stored
from ox_classifier.report.watch import Watch

SAMPLES = 8  # images that go through the whole network all the same; one for each file of features is among them
FOREIGN = 0.02  # of the largest feature: float16 differs by less, another base by all of it
AGREEMENT = 2e-5  # of the samples' probabilities, so that no other image's is off by 1e-4


class FromFeatures:
    """Features that are there, held against the network by some samples: what may be answered from them.

    `paths` are the images that may. There are none where the last layers do not answer as the whole network does, or
    where it looks at mirror images, too, of which no features are kept. `foreign` says that these features are not
    this network's at all.
    """

    def __init__(self, end: NetworkEnd, stored: Stored):
        self.end, self.stored = end, stored
        features, answers = self._differences()
        self.foreign = not features <= FOREIGN  # NaN is foreign, too
        agree = not end.looks and not self.foreign and answers <= AGREEMENT
        self.paths: Collection[str] = stored.plain if agree else frozenset()

    def predictions(self, classifier: Classifier, paths: Sequence[str], watch: Watch | None) -> Iterator[Prediction]:
        """What the classifier would answer to each of these images; one that changed meanwhile is an error."""
        decoded = zip(paths, read_ahead(self._pixels, paths), strict=True)
        while batch := list(islice(decoded, AT_ONCE)):
            there = {path: found for path, found in batch if not isinstance(found, ImageError)}
            answers = self._answers(classifier, there, watch) if there else iter(())
            for path, found in batch:
                if path in there:
                    probabilities, reason = next(answers)
                    yield Prediction(Path(path), probabilities, None, classifier.classes, reason)
                else:
                    yield Prediction(Path(path), None, found, classifier.classes)

    def _answers(
        self, classifier: Classifier, there: dict[str, np.ndarray], watch: Watch | None
    ) -> Iterator[tuple[np.ndarray, str | None]]:
        pixels, features = np.stack(list(there.values())), self.stored.rows(list(there))
        if watch:
            watch.see(pixels, features)
        probabilities = classifier.session.probabilities(self.end.answer(features), len(there))
        return classifier.decided(probabilities, np.rint(255 * pixels).astype(np.uint8))

    def _pixels(self, path: str) -> np.ndarray | ImageError:
        try:
            return self.stored.pixels(path)
        except ImageError as error:
            return error

    def _differences(self) -> tuple[float, float]:
        """By how much samples' features differ, of the largest one, and their probabilities; NaN without samples."""
        names, worst = [self.end.end.answer, self.end.end.features], []
        for path in self.stored.samples(SAMPLES):
            pixels = self._pixels(path)
            if isinstance(pixels, ImageError):
                continue
            answer, expected = self.end.with_features.run(names, {self.end.input: pixels[None]})
            expected, kept = expected[:1].reshape(1, -1), self.stored.rows([path])
            scale = max(float(np.abs(expected).max()), 1e-9)
            worst.append((np.abs(kept - expected).max() / scale, np.abs(self.end.answer(kept) - answer).max()))
        return tuple(np.max(worst, axis=0)) if worst else (np.nan, np.nan)
