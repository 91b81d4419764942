"""Room for the pixels of many images: in memory, or in a file when memory would not do."""

from __future__ import annotations

import mmap
import os
import tempfile
from threading import Lock

import numpy as np

MEMORY_BUDGET = 2 * 1024**3  # bytes


class PixelStore:
    """uint8 pixels of `count` images of one shape (height, width, channels), written in any order by any thread.

    More than `memory_budget` bytes go to a temporary file that has no name (it vanishes with the process). On Linux
    memory is a file, too, so that processes of our own can write to it: `handle` is its number, else None.
    """

    def __init__(self, count: int, shape: tuple[int, int, int], memory_budget: int = MEMORY_BUDGET):
        self.shape, self.count, self._lock = shape, count, Lock()
        self.in_memory = self._bytes(count) <= memory_budget
        self._array = self._file = None
        if not self.in_memory:
            self._file = tempfile.TemporaryFile(prefix="ox-pixels-", buffering=0)  # noqa: SIM115  # lives with the store
        elif hasattr(os, "memfd_create"):
            self._file = os.fdopen(os.memfd_create("ox-pixels"), "r+b", buffering=0)
        else:
            self._array = np.empty((count, *shape), np.uint8)

    @property
    def handle(self) -> int | None:
        """What another process that inherits it can `write_row` to."""
        return self._file.fileno() if self._file and hasattr(os, "pwrite") else None

    def write(self, row: int, image: np.ndarray) -> None:
        """Keep an image.

        Raises:
            OSError: If the disk is full: the file is written to and not the map, which would kill the process.
        """
        if self._array is not None:
            self._array[row] = image
        elif self.handle is not None:
            write_row(self.handle, row, image)
        else:
            with self._lock:
                self._file.seek(self._bytes(row))
                self._file.write(np.ascontiguousarray(image).data)

    def write_run(self, row: int, images: np.ndarray) -> None:
        """Keep images of consecutive rows, the first of which is `row`.

        Raises:
            OSError: As `write`.
        """
        if self._array is not None:
            self._array[row : row + len(images)] = images
        elif self.handle is not None:
            _write_at(self.handle, self._bytes(row), images)
        else:
            for place, image in enumerate(images, row):
                self.write(place, image)

    def all(self, kept: list[int] | None = None) -> np.ndarray:
        """The images, (n, height, width, channels), read-only when in a file; `kept` in order, the others left out.

        To be called once, when everything is written: what is left out is overwritten.
        """
        kept = list(range(self.count)) if kept is None else kept
        for place, row in enumerate(kept):
            if place != row:
                self.write(place, self._read(row))
        if self._array is not None:
            return self._array[: len(kept)]
        if not kept:
            return np.empty((0, *self.shape), np.uint8)
        self._file.truncate(self._bytes(len(kept)))
        shape = (len(kept), *self.shape)
        if not self.in_memory:
            return np.memmap(self._file, np.uint8, "r", shape=shape)
        mapped = mmap.mmap(self._file.fileno(), self._bytes(len(kept)))
        return np.frombuffer(mapped, np.uint8).reshape(shape)

    def close(self) -> None:
        """Let the file go; maps of it stay."""
        if self._file:
            self._file.close()

    __del__ = close

    def _bytes(self, rows: int) -> int:
        return rows * int(np.prod(self.shape))

    def _read(self, row: int) -> np.ndarray:
        if self._array is not None:
            return self._array[row]
        with self._lock:
            self._file.seek(self._bytes(row))
            return np.frombuffer(self._file.read(self._bytes(1)), np.uint8).reshape(self.shape)


def write_row(handle: int, row: int, image: np.ndarray) -> None:
    """Write an image's pixels to their place in a file given by its number."""
    _write_at(handle, row * image.nbytes, image)


def _write_at(handle: int, start: int, pixels: np.ndarray) -> None:
    data = memoryview(np.ascontiguousarray(pixels)).cast("B")
    while data:
        written = os.pwrite(handle, data, start)
        data, start = data[written:], start + written
