"""What each file held when it was first read, so that no file is digested twice and none changes unnoticed."""

from __future__ import annotations

import os
import time
from array import array
from pathlib import Path

from ox_classifier.data import digests
from ox_classifier.data.images import ImageError
from ox_classifier.data.regular_file import RACY_NS, Stamp, stamp, why


class Contents:
    """Digests and stamps of files by path, some 150 bytes a file."""

    def __init__(self):
        self._rows: dict[str, int] = {}
        self._digests, self._stamps = bytearray(), array("q")

    def add(self, path: Path | str, digest: bytes, seen: Stamp) -> None:
        """Remember a file's digest (16 bytes) and its stamp from before it was read."""
        self._rows[os.fspath(path)] = len(self._digests) // 16
        self._digests += digest
        self._stamps.extend(seen)

    def digest(self, path: Path | str) -> bytes:
        """The digest as remembered, else of the file as it is now, which is remembered.

        Raises:
            ImageError: If it can't be read.
        """
        row = self._rows.get(os.fspath(path))
        if row is None:
            seen = stamp(path)
            try:
                self.add(path, digests.content(path), seen)
            except OSError as error:
                raise ImageError(path, why(error)) from None
            row = self._rows[os.fspath(path)]
        return bytes(self._digests[16 * row : 16 * row + 16])

    def settled(self, path: Path | str) -> bytes | None:
        """The remembered digest of a file that has long been as it is, by its times; else None."""
        row = self._rows.get(os.fspath(path))
        if row is None or time.time_ns() <= max(self._stamps[3 * row + 1 : 3 * row + 3]) + RACY_NS:
            return None
        return bytes(self._digests[16 * row : 16 * row + 16])

    def verify(self, path: Path | str) -> None:
        """Make sure that what has just been read of a file is what was remembered; nothing to do for others.

        A new stamp alone is no change: a file that was copied back or touched still has the same digest.

        Raises:
            ImageError: If the file changed.
        """
        row = self._rows.get(os.fspath(path))
        if row is None or tuple(self._stamps[3 * row : 3 * row + 3]) == stamp(path):
            return
        try:
            same = digests.content(path) == self.digest(path)
        except OSError:
            same = False
        if not same:
            raise ImageError(path, "changed while it was in use: put it back or start again")
