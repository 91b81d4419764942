"""Run → predictions, through ONNX Runtime; knows no Keras."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeAlias, overload

import numpy as np
from PIL import Image

from ox_classifier import runs
from ox_classifier.blank import are_blank
from ox_classifier.data import images
from ox_classifier.data.images import ImageError
from ox_classifier.decision import Decision, word
from ox_classifier.errors import UsageError
from ox_classifier.names import quoted
from ox_classifier.runs import Run
from ox_classifier.session import Session

BATCH = 32
MOST_LOOKS = 4  # at a picture and its mirror images
MOST_BATCH_BYTES = 128 * 2**20  # of float32 pixels; images of 4096 pixels a side go one at a time
Source: TypeAlias = str | os.PathLike | bytes | bytearray | memoryview | Image.Image | np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """One image's answer.

    `probabilities` (float32) sum to 1 and stand in the order of `classes`; `path` is None for what was no file. Of an
    image that could not be read, `error` says why, and all else is None. `reason` says in words why an answer doesn't
    count: "blank", "unlike the training images" or "between o and x"; None where it does. It unpacks as path,
    probabilities, error.
    """

    path: Path | None
    probabilities: np.ndarray | None
    error: ImageError | None = None
    classes: tuple[str, ...] = ()
    reason: str | None = None

    @property
    def sure(self) -> bool:
        """Whether the answer counts: the image was read, and nothing speaks against the answer."""
        return self.probabilities is not None and self.reason is None

    @property
    def answer(self) -> str | None:
        """The name of the likeliest class, or "unsure" (see `decision.word`) where `reason` says why."""
        return self.label if self.reason is None else word(self.classes)

    @property
    def label(self) -> str | None:
        """The name of the likeliest class, sure or not."""
        return None if self.probabilities is None else self.classes[int(self.probabilities.argmax())]

    @property
    def probability(self) -> float | None:
        """How likely the network holds `label` to be, in [0, 1]."""
        return None if self.probabilities is None else float(self.probabilities.max())

    @property
    def by_class(self) -> dict[str, float]:
        """The probability of each class by its name; empty if the image could not be read."""
        values = () if self.probabilities is None else self.probabilities.tolist()
        return dict(zip(self.classes, values, strict=False))

    def __iter__(self) -> Iterator:
        return iter((self.path, self.probabilities, self.error))

    def __repr__(self) -> str:
        said = f"error={str(self.error)!r}" if self.error else f"{self.answer!r}, {self.probability:.4f}"
        said += f", reason={self.reason!r}" if self.reason else ""
        return f"Prediction({said}{f', path={str(self.path)!r}' if self.path else ''})"


def no_network(run: Run) -> UsageError:
    """What to say of a run without model.onnx."""
    lacks = f"run {run.path} has no model.onnx"
    if run.state == "finished":
        return UsageError(f"{lacks}, though its training finished: the run is damaged; train again")
    if run.state == "failed":
        return UsageError(f"{lacks}: its loss stopped being a number; train again with a lower --learning-rate")
    if not run.recorded:
        return UsageError(f"{lacks}: its training did not get that far; train again")
    name = quoted(run.fold_of) if run.fold_of else runs.reference(run)
    return UsageError(f"{lacks}: its training isn't finished; go on with ox train --resume {name}")


class Classifier:
    """A trained run, ready to answer. No TensorFlow is loaded.

    >>> from ox_classifier import Classifier
    >>> classifier = Classifier.load("lenet-1")
    >>> classifier.predict("photo.jpg").label
    'o'

    What the run is unsure of is answered "unsure", with a reason; with `always_answer`, nothing is.

    A copy, or what another process is given, opens the run's files again.

    Raises:
        UsageError: If the run has no usable model.onnx.
    """

    def __init__(self, run: Run, *, always_answer: bool = False):
        self.path, self.always_answer = run.path.absolute(), always_answer
        self.classes, self.rule = run.classes, run.rule
        self.decision = Decision(run.classes) if always_answer else Decision.of(run)
        looks = MOST_LOOKS if run.assurance.mirrored else 1
        self.batch = max(1, min(BATCH // looks, MOST_BATCH_BYTES // (4 * math.prod(self.rule.shape))))
        if not self.rule.crop:
            raise UsageError(f"run {run.path} resizes by {self.rule.resize!r}: this ox can't; use the ox that made it")
        try:
            self.session = Session(run.onnx_file, self.rule.shape, len(self.classes))
        except FileNotFoundError:
            raise no_network(run) from None

    def __getstate__(self) -> tuple[Path, bool]:
        return self.path, self.always_answer

    def __setstate__(self, state: tuple[Path, bool]) -> None:
        self.__init__(Run(state[0]), always_answer=state[1])

    @classmethod
    def load(cls, run: str | os.PathLike | Run | None = None, *, always_answer: bool = False) -> Classifier:
        """The classifier of a run: its name, its path or a `Run`; without one, of the run whose training ended last.

        With `always_answer` no answer is unsure.

        Raises:
            UsageError: If there is no such run or it has no usable model.onnx.
        """
        found = run if isinstance(run, Run) else runs.find(run if run is None else Path(run))
        return cls(found, always_answer=always_answer)

    def probabilities(self, pixels: np.ndarray) -> np.ndarray:
        """Class probabilities, float32 of shape (n, classes), of uint8 images of the run's shape (n, h, w, c).

        Raises:
            UsageError: If the network's answers are no probabilities.
        """
        return self.session.answer(images.as_float(pixels))

    @overload
    def predict(self, source: Source) -> Prediction: ...

    @overload
    def predict(self, source: Iterable[Source]) -> Iterator[Prediction]: ...

    def predict(self, source: Source | Iterable[Source]) -> Prediction | Iterator[Prediction]:
        """Answer for one image, or for many.

        An image is a path, the bytes of an image file (not the open file), a PIL image, or a uint8 array of shape
        (h, w) or (h, w, c) with 1 (grey), 3 (RGB) or 4 (RGB and alpha) channels, of any size. One gives a
        `Prediction`; many (a list, an iterator, an array of shape (n, h, w, c)) give an iterator of them in the same
        order, which holds no more than a few batches in memory.

        Raises:
            ImageError: If the one image can't be read; among many, its `Prediction` says so in `error`.
            UsageError: If it is nothing of these.
        """
        if isinstance(source, Source) and not (isinstance(source, np.ndarray) and source.ndim == 4):
            (answer,) = self._predict(iter((source,)))
            if answer.error:
                raise answer.error
            return answer
        if not isinstance(source, Iterable) or hasattr(source, "read"):  # a file would be read as one image a line
            raise UsageError(images.no_image(source))
        return self._predict(iter(source))

    def _predict(self, sources: Iterator[Source]) -> Iterator[Prediction]:
        with ThreadPoolExecutor(2) as pool:
            waiting = self._start(pool, sources)
            while waiting:
                batch, waiting = (
                    waiting,
                    self._start(pool, sources),
                )  # the next batch decodes while this one is answered
                yield from self._answer([(path, decoding.result()) for path, decoding in batch])

    def _start(self, pool: ThreadPoolExecutor, sources: Iterator[Source]) -> list:
        batch = []
        for source in islice(sources, self.batch):
            path = Path(source) if isinstance(source, str | os.PathLike) else None
            batch.append((path, pool.submit(self._decode, source if path is None else path)))
        return batch

    def _decode(self, source: Source) -> np.ndarray | ImageError:
        try:
            return images.read(source, self.rule)
        except ImageError as error:
            return error

    def _answer(self, batch: list[tuple[Path | None, np.ndarray | ImageError]]) -> Iterator[Prediction]:
        good = [decoded for _, decoded in batch if not isinstance(decoded, ImageError)]
        answers = iter(self._decided(np.stack(good)) if good else ())
        for path, decoded in batch:
            if isinstance(decoded, ImageError):
                yield Prediction(path, None, decoded, self.classes)
            else:
                probabilities, reason = next(answers)
                yield Prediction(path, probabilities, None, self.classes, reason)

    def _decided(self, pixels: np.ndarray) -> Iterator[tuple[np.ndarray, str | None]]:
        """The probabilities of each image, and why its answer doesn't count."""
        answers = self.probabilities(pixels)
        blank = are_blank(pixels) if self.decision.blank else np.zeros(len(pixels), dtype=bool)
        return zip(answers, self.decision.reasons(answers, blank), strict=True)
