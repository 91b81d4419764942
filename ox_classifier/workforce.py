"""Many files answered by several processes, each with a classifier of its own; in order, a few chunks ahead."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from functools import lru_cache
from itertools import islice
from pathlib import Path

from ox_classifier import signals
from ox_classifier.classifier import Classifier, Prediction
from ox_classifier.data.decoding import CRASHED
from ox_classifier.data.images import ImageError
from ox_classifier.data.memory import NoRoomError
from ox_classifier.data.workers import WorkerLostError, Workers

CHUNK = 32  # files of a task
AHEAD = 3  # tasks a process that are begun before their answers are asked for
MANY = 500  # files: for fewer, to start processes takes longer than they save
SMALL = 32 * 2**20  # bytes of a network: in a larger one all cores are busy as it is
MOST = 4  # processes that nobody asked for


def fitting(classifier: Classifier, files: int) -> int:
    """How many processes should answer so many files.

    One for each core where files are many and the network small: half of reading a file is Python's, which the
    threads of one process can only do in turn.
    """
    if files < MANY or classifier.session.path.stat().st_size > SMALL:
        return 1
    return min(MOST, classifier.threads or cores())


def cores() -> int:
    """How many cores this program may use, which may be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def answers(classifier: Classifier, paths: Sequence[Path], workers: int) -> Iterator[Prediction]:
    """The answer for each file, in order, as `classifier.predict` gives it, from so many processes.

    They share the cores. A file whose decoder crashes takes its process with it, not the answers of the others.
    """
    each = max(1, (classifier.threads or cores()) // workers)
    pool = Workers(workers)
    try:
        parts = (list(paths[start : start + CHUNK]) for start in range(0, len(paths), CHUNK))
        begun = deque((part, _submit(pool, classifier, each, part)) for part in islice(parts, AHEAD * workers))
        while begun:
            part, future = begun.popleft()
            yield from _settled(pool, classifier, each, part, future)
            begun += ((more, _submit(pool, classifier, each, more)) for more in islice(parts, 1))
    finally:
        pool.shutdown(wait=not signals.asked(), cancel_futures=True)  # they end with this program, too


def _submit(pool: Workers, classifier: Classifier, cores: int, part: list[Path]) -> Future:
    return pool.submit(answer_some, _recipe(classifier, cores), part)


def _recipe(classifier: Classifier, cores: int) -> tuple:
    """What a process makes the same classifier of."""
    return classifier.path, cores, classifier.batch, classifier.always_answer


def answer_some(recipe: tuple, paths: list[Path]) -> list[Prediction]:
    """What a process does: answer these files by a classifier that it opens once."""
    return list(_opened(recipe).predict(paths))


@lru_cache(maxsize=1)
def _opened(recipe: tuple) -> Classifier:
    path, cores, batch, always_answer = recipe
    return Classifier.load(path, threads=cores, batch_size=batch, always_answer=always_answer)


def _settled(pool: Workers, classifier: Classifier, cores: int, part: list[Path], future: Future) -> list[Prediction]:
    try:
        return future.result()
    except NoRoomError:  # a picture too large for one of several
        return list(classifier.predict(part))
    except WorkerLostError:
        if len(part) == 1:
            return [Prediction(part[0], None, ImageError(part[0], CRASHED), classifier.classes)]
        again = [([path], _submit(pool, classifier, cores, [path])) for path in part]
        return [found for one, lost in again for found in _settled(pool, classifier, cores, one, lost)]
