"""Many image files → uint8 pixels, all at once: in memory, or on disk when memory would not do."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Thread

import numpy as np

from ox_classifier.console import say, track
from ox_classifier.data import images
from ox_classifier.data.contents import Contents
from ox_classifier.data.images import ImageError
from ox_classifier.data.memory import NoRoomError
from ox_classifier.data.pixel_cache import PixelCache
from ox_classifier.data.pixel_store import MEMORY_BUDGET, PixelStore, write_row
from ox_classifier.data.workers import WorkerLostError, Workers
from ox_classifier.pixels import PixelRule

CHUNK, CHUNK_BYTES = 16, 2**20  # a task: up to 16 files, since a small one decodes faster than a task is handed over
MANY = 1000  # files, from which on starting processes pays
PROCESSES = os.cpu_count() or 1
THREADS = min(32, PROCESSES + 2)  # a few more than cores, since some wait for the disk
CRASHED = "its decoder crashed or did not come to an end"

Reader = Callable[[Path, PixelRule], np.ndarray]
Write = Callable[[int, np.ndarray], None]
File = tuple[int, str]  # its row, its path
Task = Callable[[Write | None, PixelRule | None, list[File]], dict]


@dataclass(frozen=True)
class Decoded:
    """What came of a list of files: `images` uint8 (n, height, width, channels), in the order asked for.

    `kept` holds the positions (in the list asked for) of the files that decoded, `bad` an error for each other one.
    """

    images: np.ndarray
    kept: list[int]
    bad: list[ImageError]


class Decoding:
    """The pixels of a list of files in the making: `begin` starts on some, `result` waits for all that were begun.

    Pillow's decoders release the GIL, so threads are enough for a
    few files; for many small ones Python itself is half of the work, which processes share (see `workers`).
    Files whose pixels the `cache` has are not decoded, and those that were are kept there.
    """

    def __init__(
        self,
        paths: Sequence[Path | str],
        rule: PixelRule,
        *,
        contents: Contents | None = None,
        memory_budget: int = MEMORY_BUDGET,
        reader: Reader = images.read,
        cache: PixelCache | None = None,
    ):
        self.paths, self.rule, self.contents = [os.fspath(path) for path in paths], rule, contents or Contents()
        self.store = PixelStore(len(paths), rule.shape, memory_budget)
        self._task = partial(_decode_some, reader)
        processes = len(paths) >= MANY and self.store.handle is not None and reader is images.read
        self.pool = pool((self.store.handle,) if processes else None)
        self._write = partial(write_row, self.store.handle) if processes else self.store.write
        self._chunk = max(1, min(CHUNK, CHUNK_BYTES // int(np.prod(rule.shape))))
        self._background = processes  # where nothing shares Python's lock with what is done meanwhile
        self._cache = cache
        self._cached: dict[int, bytes] = {}  # rows whose pixels the cache has, and the digests of their files
        self._fetching: Future | None = None
        self._waiting: list[int] = []
        self._begun: list[tuple[list[File], Future]] = []
        self._done: dict[int, str | None] = {}  # the reason of each row that can't be read, None of each other

    def begin(self, rows: Iterable[int], digests: Mapping[int, bytes] | None = None) -> None:
        """Decode these files without waiting for it; where there are only threads to do it, when it is waited for.

        Of those whose digests are given, what the cache has is only fetched (see `fetch`).
        """
        if self._cache and digests:
            rows = list(rows)
            self._cached |= {row: digests[row] for row in rows if digests.get(row) in self._cache}
            rows = [row for row in rows if row not in self._cached]
        self._waiting += rows
        if self._background:
            self._start()

    def fetch(self) -> None:
        """Fetch what the cache has of the files that were begun, in a thread."""
        if self._cached and not self._fetching:
            one = ThreadPoolExecutor(1, "fetch")
            self._fetching = one.submit(self._cache.fetch, self._cached, self.store.write_run)
            one.shutdown(wait=False)

    def submit(self, task: Task, files: list[File]) -> list[tuple[list[File], Future]]:
        """Hand out files to a task that keeps their pixels by calling `write(row, pixels)`."""
        parts = [files[start : start + self._chunk] for start in range(0, len(files), self._chunk)]
        return [(part, self.pool.submit(task, self._write, self.rule, part)) for part in parts]

    def collect(self, task: Task, begun: Iterable[tuple[list[File], Future]]) -> dict:
        """The task's answer for each row; what a process could not do is done here."""
        answers = {}
        for files, future in begun:
            answers |= settled(task, self._write, self.rule, files, future, self.pool)
        return answers

    def known(self, row: int, reason: str | None) -> None:
        """Take note that a task has decoded this row, or why it could not."""
        self._done[row] = reason

    def result(self, label: str = "decoding") -> Decoded:
        """Wait for all that was begun.

        Files that can't be read, never raised, only listed; those never begun are in neither list.

        Raises:
            ImageError: If a file is no longer the one that `contents` knows.
            OSError: If the temporary file doesn't fit on its disk (set TMPDIR to another one).
        """
        # what Pillow remarks about odd files is no news; here, as catch_warnings in a thread would leak its filters
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", module="PIL")
                self._take_fetched()
                self._start()
                for row, reason in track(self._settled(), label=label, total=sum(len(f) for f, _ in self._begun)):
                    self._done[row] = reason
            rows = sorted(self._done)
            for row in rows:
                if self._done[row] is None:
                    self.contents.verify(self.paths[row])
            kept = [row for row in rows if self._done[row] is None]
            bad = [ImageError(self.paths[row], self._done[row]) for row in rows if self._done[row] is not None]
            pixels = self.store.all(kept)
            self._keep(pixels, kept)
            return Decoded(pixels, kept, bad)
        finally:
            self.close()

    def _take_fetched(self) -> None:
        """Wait for what the cache has; what turns out to be damaged there is decoded."""
        self.fetch()
        rows = self._fetching.result() if self._fetching else set()
        self._done |= dict.fromkeys(rows)
        damaged = [row for row in self._cached if row not in rows]
        if damaged:
            say(f"pixels: {len(damaged):,} damaged entries in {self._cache.folder} are decoded again")
        self._waiting += damaged

    def _keep(self, pixels: np.ndarray, kept: list[int]) -> None:
        """Leave in the cache what it has not, in a thread that the program's end waits for."""
        if not self._cache or not self.store.in_memory:
            return
        digests = {place: self.contents.settled(self.paths[row]) for place, row in enumerate(kept)}
        new = {place: digest for place, digest in digests.items() if digest and digest not in self._cache}
        if new:
            chosen = pixels if len(new) == len(pixels) else pixels[list(new)]
            Thread(target=self._cache.keep, args=(list(new.values()), chosen), name="keep").start()

    def _start(self) -> None:
        self._begun += self.submit(self._task, [(row, self.paths[row]) for row in self._waiting])
        self._waiting = []

    def _settled(self) -> Iterator[tuple[int, str | None]]:
        for part in self._begun:
            yield from self.collect(self._task, [part]).items()

    def close(self) -> None:
        """End the threads or processes and let the pixels go, but for those of `result`."""
        if self._fetching:
            self._fetching.exception()  # it writes to the store
        self.pool.shutdown(wait=True, cancel_futures=True)  # Ctrl-C must not wait for what nobody will read
        self.store.close()

    def __del__(self):  # where something else failed before the result was asked for
        self.pool.shutdown(wait=False, cancel_futures=True)


def decode(
    paths: Sequence[Path | str],
    rule: PixelRule,
    *,
    contents: Contents | None = None,
    memory_budget: int = MEMORY_BUDGET,
    label: str = "decoding",
    reader: Reader = images.read,
) -> Decoded:
    """Decode every file once, on all cores, and keep the pixels; files that can't be read are listed in `bad`.

    Raises:
        ImageError, OSError: As `Decoding.result`.
    """
    decoding = Decoding(paths, rule, contents=contents, memory_budget=memory_budget, reader=reader)
    decoding.begin(range(len(paths)))
    return decoding.result(label)


def pool(inherit: Sequence[int] | None = ()) -> Executor:
    """Processes that inherit these open files; threads for None."""
    return ThreadPoolExecutor(THREADS, "decode") if inherit is None else Workers(PROCESSES, inherit)


def settled(
    task: Task, write: Write | None, rule: PixelRule | None, files: list[File], future: Future, pool: Executor
) -> dict:
    """A task's answers, one for each row; of a process that was lost, the file that did it gets CRASHED."""
    try:
        answers = future.result()
    except WorkerLostError:
        if len(files) == 1:
            return {files[0][0]: CRASHED}
        again = [([file], pool.submit(task, write, rule, [file])) for file in files]
        return {row: a for one, f in again for row, a in settled(task, write, rule, one, f, pool).items()}
    left = [file for file in files if file[0] not in answers]
    return answers | (task(write, rule, left) if left else {})


def _decode_some(reader: Reader, write: Write, rule: PixelRule, files: list[File]) -> dict[int, str | None]:
    answers = {}
    for row, path in files:
        try:
            write(row, reader(Path(path), rule))
            answers[row] = None
        except ImageError as error:
            answers[row] = error.reason
        except NoRoomError:
            continue  # left to the process that has it
    return answers
