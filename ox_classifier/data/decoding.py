"""Many image files → uint8 pixels: all in memory, or on disk when memory would not do, or each when asked for."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

import numpy as np

from ox_classifier.console import track
from ox_classifier.data import digests, images
from ox_classifier.data.images import ImageError
from ox_classifier.pixels import PixelRule

MEMORY_BUDGET = 2 * 1024**3  # bytes
CHUNK, CHUNK_BYTES = 16, 2**20  # a task: up to 16 files, since a small one decodes faster than a task is handed over
WORKERS = min(32, (os.cpu_count() or 1) + 2)  # a few more than cores, since some wait for the disk

Reader = Callable[[Path, PixelRule], np.ndarray]


@dataclass(frozen=True)
class Decoded:
    """What came of a list of files: `images` uint8 (n, height, width, channels), in the order asked for.

    `kept` holds the positions (in the list asked for) of the files that decoded, `bad` an error for each other one.
    """

    images: np.ndarray
    kept: list[int]
    bad: list[ImageError]


@dataclass(frozen=True)
class OnDemand:
    """Images that are decoded each time they are asked for, and not kept: for networks that take far longer to look.

    `images[indices]` and `images[start:stop]` are uint8 of shape (n, height, width, channels), `np.asarray(images)`
    is all of them, kept as `decode` keeps them. All raise `ImageError` where a file can't be read, or is no longer
    the one whose digest was given.
    """

    paths: tuple[Path, ...]
    rule: PixelRule

    @cached_property
    def _stamps(self) -> dict[Path, tuple[int, int]]:
        return {}

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return len(self.paths), *self.rule.shape

    @cached_property
    def digests(self) -> list[bytes]:
        """16 bytes each that images share when file and rule are equal, and so every pixel; decodes nothing."""
        rule = repr(self.rule).encode()
        self._stamps.update((path, _stamp(path)) for path in self.paths)
        return [blake2b(digests.content(path) + rule, digest_size=16).digest() for path in self.paths]

    def part(self, indices: slice) -> OnDemand:
        """Some of the images, as undecoded as before."""
        return OnDemand(self.paths[indices], self.rule)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, indices: slice | Sequence[int]) -> np.ndarray:
        chosen = self.paths[indices] if isinstance(indices, slice) else [self.paths[place] for place in indices]
        pixels = np.empty((len(chosen), *self.rule.shape), np.uint8)
        for row, path in zip(pixels, chosen, strict=True):
            row[:] = images.read(path, self.rule)
            if self._stamps.get(path, stamp := _stamp(path)) != stamp:
                raise ImageError(path, "changed while it was in use: start again")
        return pixels

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        decoded = decode(self.paths, self.rule, label="reading images")
        if decoded.bad:
            raise decoded.bad[0]
        return decoded.images


def decode(
    paths: Sequence[Path | str],
    rule: PixelRule,
    *,
    memory_budget: int = MEMORY_BUDGET,
    label: str = "decoding",
    reader: Reader = images.read,
) -> Decoded:
    """Decode every file once, on all cores, and keep the pixels.

    Pillow's decoders release the GIL, so threads are enough. More than `memory_budget` bytes of pixels go to
    a temporary file that has no name (it vanishes with the process) and is mapped read-only, so that memory stays flat.
    A file that can't be read is never raised, only listed in `bad`.

    Raises:
        OSError: If the temporary file doesn't fit on its disk (set TMPDIR to another one).
    """
    needed = len(paths) * int(np.prod(rule.shape))
    kept, bad = [], []
    # what Pillow remarks about odd files is no news; once here, as catch_warnings in a thread would leak its filters
    with _Memory(len(paths), rule) if needed <= memory_budget else _Disk(rule) as store, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        results = _read_all([Path(p) for p in paths], rule, reader)
        for position, result in enumerate(track(results, label=label, total=len(paths))):
            if isinstance(result, ImageError):
                bad.append(result)
            else:
                store.add(result)
                kept.append(position)
        return Decoded(store.all(), kept, bad)


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def _read_all(paths: list[Path], rule: PixelRule, reader: Reader) -> Iterator[np.ndarray | ImageError]:
    """Results in the order of `paths`, with a bounded number of decoded images waiting."""

    def read_some(some: Iterable[Path]) -> list[np.ndarray | ImageError]:
        return [_read_one(path, rule, reader) for path in some]

    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="decode")
    waiting = deque()
    chunk = max(1, min(CHUNK, CHUNK_BYTES // int(np.prod(rule.shape))))
    try:
        for start in range(0, len(paths), chunk):
            waiting.append(pool.submit(read_some, paths[start : start + chunk]))
            if len(waiting) > 2 * WORKERS:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    finally:  # Ctrl-C must not wait for what nobody will read
        pool.shutdown(wait=True, cancel_futures=True)


def _read_one(path: Path, rule: PixelRule, reader: Reader) -> np.ndarray | ImageError:
    try:
        return reader(path, rule)
    except ImageError as error:
        return ImageError(error.path, error.reason)  # a fresh one: its traceback would keep the decoder's buffers alive


class _Memory:
    def __init__(self, count: int, rule: PixelRule):
        self.images, self.count = np.empty((count, *rule.shape), np.uint8), 0

    def add(self, image: np.ndarray) -> None:
        self.images[self.count] = image
        self.count += 1

    def all(self) -> np.ndarray:
        return self.images[: self.count]

    def __enter__(self) -> _Memory:
        return self

    def __exit__(self, *_) -> None:
        pass


class _Disk:
    """Written through the file, not through the map: a full disk then raises instead of killing the process."""

    def __init__(self, rule: PixelRule):
        self.shape, self.count = rule.shape, 0
        self.file = tempfile.TemporaryFile(prefix="ox-pixels-")  # noqa: SIM115  # closed by __exit__

    def add(self, image: np.ndarray) -> None:
        self.file.write(np.ascontiguousarray(image).data)
        self.count += 1

    def all(self) -> np.ndarray:
        self.file.flush()
        if not self.count:
            return np.empty((0, *self.shape), np.uint8)
        return np.memmap(self.file, np.uint8, "r", shape=(self.count, *self.shape))

    def __enter__(self) -> _Disk:
        return self

    def __exit__(self, *_) -> None:
        self.file.close()  # the map stays
