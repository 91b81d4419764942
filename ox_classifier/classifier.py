"""Run → predictions, through ONNX Runtime; knows no Keras."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime

from ox_classifier.data import images
from ox_classifier.data.images import ImageError
from ox_classifier.errors import UsageError
from ox_classifier.pixels import PixelRule
from ox_classifier.runs import Run

BATCH = 32


class Prediction(NamedTuple):
    """One image's answer: `probabilities` sum to 1 and stand in the order of the run's classes.

    For a file that could not be read, `probabilities` is None and `error` says why.
    """

    path: Path
    probabilities: np.ndarray | None
    error: ImageError | None = None


class Classifier:
    """A trained run, ready to answer.

    Raises:
        UsageError: If the run has no usable model.onnx.
    """

    def __init__(self, run: Run):
        if not run.onnx_file.is_file():
            raise UsageError(f"run {run.path} has no model.onnx: its training did not finish; train again")
        self.classes = run.classes
        self.rule = run.rule
        if self.rule.resize != PixelRule(1, 1).resize:
            raise UsageError(f"run {run.path} resizes by {self.rule.resize!r}: this ox can't; use the ox that made it")
        self.session = open_session(run.onnx_file)
        self.input = self.session.get_inputs()[0].name

    def probabilities(self, pixels: np.ndarray) -> np.ndarray:
        """Class probabilities, float32 of shape (n, classes), of uint8 images of the run's shape (n, h, w, c)."""
        (answer,) = self.session.run(None, {self.input: images.as_float(pixels)})
        return np.concatenate([1 - answer, answer], axis=1) if answer.shape[1] == 1 else answer

    def predict(self, paths: Iterable[Path | str]) -> Iterator[Prediction]:
        """Answer for each file, in the order given, holding no more than a few batches in memory."""
        paths = (Path(path) for path in paths)
        with ThreadPoolExecutor(2) as pool:
            waiting = self._start(pool, paths)
            while waiting:
                batch, waiting = waiting, self._start(pool, paths)  # the next batch decodes while this one is answered
                yield from self._answer([(path, decoding.result()) for path, decoding in batch])

    def _start(self, pool: ThreadPoolExecutor, paths: Iterator[Path]) -> list:
        return [(path, pool.submit(self._decode, path)) for path in islice(paths, BATCH)]

    def _decode(self, path: Path) -> np.ndarray | ImageError:
        try:
            return images.read(path, self.rule)
        except ImageError as error:
            return error

    def _answer(self, batch: list[tuple[Path, np.ndarray | ImageError]]) -> Iterator[Prediction]:
        good = [decoded for _, decoded in batch if not isinstance(decoded, ImageError)]
        answers = iter(self.probabilities(np.stack(good)) if good else ())
        for path, decoded in batch:
            if isinstance(decoded, ImageError):
                yield Prediction(path, None, decoded)
            else:
                yield Prediction(path, next(answers))


def open_session(path: Path) -> onnxruntime.InferenceSession:
    """Load an ONNX file for the CPU.

    Raises:
        UsageError: If the file is damaged.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own exception classes derive from Exception directly
        reason = str(error).splitlines()[0]
        raise UsageError(f"{path} can't be loaded ({reason}): the run is damaged; train again") from None
