"""Decoded pixels kept on disk between commands, so that a second training on the same images decodes none of them.

What one training decoded is one file: a table of the images' digests, then their pixels in blocks, a checksum to
each. Files are written whole and never changed; those used least recently go when all together get too large.
Whatever befalls a file only makes a training slower: a block that is not what was written is decoded again.
"""

from __future__ import annotations

import os
import shutil
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import PIL

from ox_classifier import caches
from ox_classifier.errors import UsageError
from ox_classifier.files import PART, replacing
from ox_classifier.pixels import DECODING, PixelRule

VERSION = 1  # raise it when the form of these files changes
MAGIC = b"ox-pixels"
SHARE = 0.2  # of what the caches may hold
MOST_FILES = 32  # of one rule
BLOCK_BYTES = 1 << 24  # read at once: Python's lock, which the import of TensorFlow holds, is asked for once a block
DIGEST_BYTES = 16
SUFFIX = ".pixels"
ABANDONED_S = 3600  # a half-written file so old belongs to a process that was killed


@dataclass(frozen=True)
class _File:
    path: Path
    start: int  # where its pixels begin
    count: int
    checksums: np.ndarray  # uint32, one a block


class PixelCache:
    """Pixels by one rule: `digest in cache`, `cache.fetch(wanted, write)`, `cache.keep(digests, images)`.

    A digest is that of an image file's bytes, 16 bytes long.
    """

    def __init__(self, rule: PixelRule, folder: Path | None = None):
        self.shape = rule.shape
        self.root = (folder or caches.folder()) / "pixels"
        key = repr((VERSION, DECODING, rule, PIL.__version__)).encode()
        self.folder = self.root / blake2b(key, digest_size=8).hexdigest()
        self._bytes = int(np.prod(self.shape))
        self._block = max(1, BLOCK_BYTES // self._bytes)  # images
        self._places: dict[bytes, tuple[_File, int]] = {}
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):  # names sort by age
            with suppress(OSError):
                self._index(path)

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._places

    def fetch(self, wanted: Mapping[int, bytes], write: Callable[[int, np.ndarray], None]) -> set[int]:
        """Write the pixels of each row whose digest is here by `write(first row, images)`; gives those rows.

        A file with a damaged block is removed, and with it all its digests. May run in a thread.

        Raises:
            OSError: If `write` does.
        """
        blocks = defaultdict(list)
        for row, digest in wanted.items():
            if digest in self:
                file, place = self._places[digest]
                blocks[file.path, place // self._block].append((row, place, file))
        done, damaged = set(), set()
        room = np.empty((self._block if blocks else 0, *self.shape), np.uint8)  # once: fresh memory costs time
        for (path, number), entries in blocks.items():
            file = entries[0][2]
            images = self._read(file, number, room)
            if images is None:
                with suppress(OSError):
                    path.unlink(missing_ok=True)
                damaged.add(path)
                continue
            rows = np.array([row for row, _, _ in entries])
            places = np.array([place for _, place, _ in entries]) - number * self._block
            for run in np.split(
                np.arange(len(rows)), np.flatnonzero((np.diff(rows) != 1) | (np.diff(places) != 1)) + 1
            ):
                write(int(rows[run[0]]), images[places[run[0]] : places[run[-1]] + 1])
            done.update(rows.tolist())
        self._places = {digest: place for digest, place in self._places.items() if place[0].path not in damaged}
        for path in {path for path, _ in blocks}:
            with suppress(OSError):
                os.utime(path)
        return done

    def keep(self, digests: Sequence[bytes], images: np.ndarray) -> None:
        """Write the pixels of these contents as a new file, in place of older ones where there is no room.

        Where that can't be done, or they take more than half of the room, nothing is kept. May run in a thread.
        """
        size = len(digests) * (self._bytes + DIGEST_BYTES)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not len(digests) or not self._make_room(size):
                return
            checksums = np.array([zlib.crc32(block) for block in self._blocks(images)], "<u4")
            table = np.array([len(digests)], "<u4").tobytes() + b"".join(digests) + checksums.tobytes()
            path = self.folder / f"{time.time_ns():020d}-{os.getpid()}{SUFFIX}"
            with replacing(path) as beside, beside.open("wb", buffering=0) as file:
                for part in (MAGIC + zlib.crc32(table).to_bytes(4, "little") + table, *self._blocks(images)):
                    left = memoryview(part).cast("B")
                    while left:
                        left = left[file.write(left) :]
        except (OSError, UsageError):
            return  # the next training decodes again; a folder that can't be written to is said by the look

    def _blocks(self, images: np.ndarray) -> list[np.ndarray]:
        return [np.ascontiguousarray(images[i : i + self._block]) for i in range(0, len(images), self._block)]

    def _index(self, path: Path) -> None:
        """Take in a file's table, unless it is not what was written."""
        with path.open("rb") as file:
            head = file.read(len(MAGIC) + 8)
            count = int.from_bytes(head[-4:], "little")
            blocks = -(-count // self._block)
            start = len(head) + count * DIGEST_BYTES + blocks * 4
            if not head.startswith(MAGIC) or path.stat().st_size != start + count * self._bytes:
                return self._refuse(path)
            table = file.read(start - len(head))
        if zlib.crc32(table, zlib.crc32(head[-4:])) != int.from_bytes(head[len(MAGIC) : -4], "little"):
            return self._refuse(path)
        found = _File(path, start, count, np.frombuffer(table[count * DIGEST_BYTES :], "<u4"))
        for place in range(count):
            self._places[table[place * DIGEST_BYTES : (place + 1) * DIGEST_BYTES]] = found, place
        return None

    def _refuse(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def _read(self, file: _File, number: int, room: np.ndarray) -> np.ndarray | None:
        """A block of a file, (n, height, width, channels), in `room`; None if it is not what was written."""
        images = room[: file.count - number * self._block]
        try:
            with file.path.open("rb", buffering=0) as source:
                source.seek(file.start + number * self._block * self._bytes)
                left = memoryview(images).cast("B")
                while left and (read := source.readinto(left)):
                    left = left[read:]
        except OSError:
            return None
        return images if not left and zlib.crc32(images) == file.checksums[number] else None

    def _make_room(self, size: int) -> bool:
        """Remove what was used least recently until `size` more bytes fit; whether they do."""
        limit = SHARE * caches.limit_bytes()
        if size > limit / 2:
            return False
        for left in self.root.glob(f"*/.*{PART}*"):
            if time.time() - left.stat().st_mtime > ABANDONED_S:
                left.unlink(missing_ok=True)
        there = sorted((path.stat().st_mtime, path, path.stat().st_size) for path in self.root.glob(f"*/*{SUFFIX}"))
        total = size + sum(each for *_, each in there)
        own = sum(path.parent == self.folder for _, path, _ in there)
        for _, path, each in there:
            if total <= limit and (own < MOST_FILES or path.parent != self.folder):
                continue
            path.unlink(missing_ok=True)
            total, own = total - each, own - (path.parent == self.folder)
        return shutil.disk_usage(self.root).free > 2 * size
