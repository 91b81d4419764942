"""Run → predictions, through ONNX Runtime; knows no Keras."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from numbers import Integral
from pathlib import Path
from typing import TypeAlias, overload

import numpy as np
from PIL import Image

from ox_classifier import activations, exported, runs
from ox_classifier.blank import are_blank
from ox_classifier.data import images
from ox_classifier.data.images import ImageError
from ox_classifier.decision import Decision, word
from ox_classifier.errors import UsageError
from ox_classifier.exported import Exported
from ox_classifier.names import quoted
from ox_classifier.runs import Run
from ox_classifier.session import Session

BATCH = 32
# what one batch may take in a network: 3 images of vgg16, for which more is slower, as no cache holds it
MOST_BATCH_BYTES = 96 * 2**20
MOST_THREADS, MOST_ASKED = 1024, 65_536
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

    def as_data(self, *, bare: bool = False) -> dict[str, object]:
        """What a line of JSON says of it beside the path; `bare` leaves out what is decided by the probabilities."""
        if self.error:
            return {"error": self.error.reason}
        shares = {"probabilities": {name: round(share, 6) for name, share in self.by_class.items()}}
        if bare:
            return shares
        return {"predicted": self.label, **shares, "answer": self.answer, "reason": self.reason}

    def __iter__(self) -> Iterator:
        return iter((self.path, self.probabilities, self.error))

    def __repr__(self) -> str:
        said = f"error={str(self.error)!r}" if self.error else f"{self.answer!r}, {self.probability:.4f}"
        said += f", reason={self.reason!r}" if self.reason else ""
        return f"Prediction({said}{f', path={str(self.path)!r}' if self.path else ''})"


def no_network(run: Run | Exported) -> UsageError:
    """What to say of a run without model.onnx."""
    if isinstance(run, Exported):
        return UsageError(f"{run.path} has no model.onnx: {exported.NOT_OURS}")
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
    """A trained run or an exported folder, ready to answer. No TensorFlow is loaded.

    >>> from ox_classifier import Classifier
    >>> classifier = Classifier.load("lenet-1")
    >>> classifier.predict("photo.jpg").label
    'o'

    What the run is unsure of is answered "unsure", with a reason; with `always_answer`, nothing is.

    Several threads may ask one classifier at a time. A copy, or what another process is given, opens the files again.
    `threads` is how many cores it takes (without: all), `batch_size` how many images go through the network at once
    (without: as many as fit 96 MB of what passes between its layers, at most 32); the answers are the same.

    Raises:
        UsageError: If the run has no usable model.onnx.
    """

    def __init__(
        self,
        run: Run | Exported,
        *,
        threads: int | None = None,
        batch_size: int | None = None,
        always_answer: bool = False,
    ):
        self.path, self.always_answer = run.path.absolute(), always_answer
        self.classes, self.rule = run.classes, run.rule
        self.decision = Decision(run.classes) if always_answer else Decision.of(run)
        self.threads = _count("threads", threads, MOST_THREADS)
        self.asked_batch = _count("batch_size", batch_size, MOST_ASKED)
        if not self.rule.crop:
            raise UsageError(
                f"run {run.path} resizes by {self.rule.resize!r}: this ox can't; train again, "
                "or use the ox that made it"
            )
        try:
            self.session = Session(run.onnx_file, self.rule.shape, len(self.classes), threads=self.threads)
        except FileNotFoundError:
            raise no_network(run) from None
        self.batch = self.asked_batch or fitting_batch(run.onnx_file, self.rule.shape)

    def __repr__(self) -> str:
        return f"Classifier({str(self.path)!r}, classes={self.classes!r})"

    def __getstate__(self) -> tuple:
        return self.path, self.threads, self.asked_batch, self.always_answer

    def __setstate__(self, state: tuple) -> None:
        path, threads, batch_size, always_answer = state
        self.__init__(exported.find(path), threads=threads, batch_size=batch_size, always_answer=always_answer)

    @classmethod
    def load(
        cls,
        run: str | os.PathLike | Run | Exported | None = None,
        *,
        threads: int | None = None,
        batch_size: int | None = None,
        always_answer: bool = False,
    ) -> Classifier:
        """The classifier of a run (its name, its path or a `Run`) or of a folder that `ox export` wrote.

        Without one, of the run whose training ended last. `threads` and `batch_size` as for the class.
        With `always_answer` no answer is unsure.

        Raises:
            UsageError: If there is no such run or it has no usable model.onnx.
        """
        found = run if isinstance(run, Run | Exported) else exported.find(run)
        return cls(found, threads=threads, batch_size=batch_size, always_answer=always_answer)

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
            path = Path(source) if isinstance(source, str | os.PathLike) else None
            (answer,) = self._answer([(path, self._decode(source if path is None else path))])
            if answer.error:
                raise answer.error
            return answer
        if not isinstance(source, Iterable) or hasattr(source, "read"):  # a file would be read as one image a line
            raise UsageError(images.no_image(source))
        return self._predict(iter(source))

    def _predict(self, sources: Iterator[Source]) -> Iterator[Prediction]:
        with ThreadPoolExecutor(min(2, self.threads or 2)) as pool:
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
        answers = iter(())
        if good:
            pixels = np.stack(good)
            answers = self.decided(self.probabilities(pixels), pixels)
        for path, decoded in batch:
            if isinstance(decoded, ImageError):
                yield Prediction(path, None, decoded, self.classes)
            else:
                probabilities, reason = next(answers)
                yield Prediction(path, probabilities, None, self.classes, reason)

    def decided(self, answers: np.ndarray, pixels: np.ndarray) -> Iterator[tuple[np.ndarray, str | None]]:
        """Of answers, shape (n, classes), to uint8 images: the probabilities of each, and why it doesn't count."""
        blank = are_blank(pixels) if self.decision.blank else np.zeros(len(pixels), dtype=bool)
        return zip(answers, self.decision.reasons(answers, blank), strict=True)


def fitting_batch(network: Path, shape: tuple[int, int, int]) -> int:
    """How many images of `shape` (height, width, channels) should go at once through the network of a checked file."""
    return max(1, min(BATCH, MOST_BATCH_BYTES // activations.bytes_an_image(network, shape)))


def _count(setting: str, value: int | None, most: int) -> int | None:
    fits = isinstance(value, Integral) and not isinstance(value, bool) and 1 <= value <= most
    if value is None or fits:
        return None if value is None else int(value)
    raise UsageError(f"{setting}={value!r:.60}: expected a whole number from 1 to {most:,}, or None")
