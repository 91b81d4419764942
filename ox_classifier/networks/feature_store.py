"""The features that a frozen base extracted, kept on disk: fixed-size records in shards that are only appended to.

A record is a view's key, its features and a checksum of both, written at once; a process that is killed leaves
at most one unfinished record, which is never read. Each process appends to shards of its own, so several
processes may work at the same time without a lock. Knows no network and no image.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
import zlib
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ox_classifier import caches
from ox_classifier.caches import limit_bytes
from ox_classifier.errors import GoneError, OxError, UsageError

KEY_BYTES = 16
SHARD_BYTES = 256 << 20
SUFFIX = ".features"


def used_bytes() -> int:
    """How large the cache is now, in bytes."""
    return sum(_size(path) for path in _all_shards())


class FeatureStore:
    """Features of one base at one image size: `key in store`, `store.add(key, row)`, `store.rows(keys)`.

    `kind` names the base, its weights and the image size; `shape` is that of one view's features, float32.
    """

    def __init__(self, kind: str, shape: tuple[int, ...], folder: Path | None = None):
        self.folder = (folder or caches.folder()) / "features" / kind
        self.shape = tuple(shape)
        self.record = np.dtype([("key", "u1", KEY_BYTES), ("row", "<f4", self.shape), ("crc", "<u4")])
        self._records: dict[bytes, tuple[Path, int]] = {}  # shard, and index in it
        self._growing: Path | None = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for path in sorted(self.folder.glob(f"*{SUFFIX}")):
                self._index(path)
        except OSError as error:
            raise _unwritable(self.folder, error) from error

    def __contains__(self, key: bytes) -> bool:
        return key in self._records

    def make_room(self, wanted: Sequence[bytes]) -> None:
        """Mark the shards of `wanted` as used and delete the least recently used others until the rest fits.

        Raises:
            UsageError: If the limit is too small for `wanted` alone.
            OxError: If the disk has too little space.
        """
        limit = limit_bytes()
        need = len(set(wanted)) * self.record.itemsize
        if need > limit:
            raise UsageError(
                f"the features of {len(set(wanted)):,} views take {need / 1e6:,.0f} MB and the cache may hold "
                f"{limit / 1e6:,.0f} MB: use fewer --views, --views 0 (nothing kept) or set OX_CACHE_GB"
            )
        missing = sum(key not in self for key in set(wanted)) * self.record.itemsize
        kept = {self._records[key][0] for key in wanted if key in self}
        for path in kept:
            _touch(path)
        others = sorted((path for path in _all_shards(self.folder.parent) if path not in kept), key=_age)
        total = sum(_size(path) for path in (*kept, *others)) + missing
        for path in others:
            if total <= limit:
                break
            total -= _size(path)
            path.unlink(missing_ok=True)
            self._records = {key: record for key, record in self._records.items() if record[0] != path}
        free = shutil.disk_usage(self.folder).free
        if missing > free:
            raise OxError(
                f"the features still to compute take {missing / 1e6:,.0f} MB and {self.folder} has "
                f"{free / 1e6:,.0f} MB free: free some space, use fewer --views, or set OX_CACHE to a folder "
                "on another disk"
            )

    def add(self, key: bytes, row: np.ndarray) -> None:
        """Keep the features of one view; once this returns, a killed process doesn't lose them.

        Raises:
            OxError: If the disk is full or can't be written to; no unfinished record stays.
        """
        record = np.zeros(1, self.record)
        record["key"] = np.frombuffer(key, np.uint8)
        record["row"] = row
        record["crc"] = _checksum(record[0])
        path = self._shard()
        size = _size(path)
        try:
            with path.open("ab", buffering=0) as file:
                written = file.write(record.tobytes())
            if written != self.record.itemsize:
                raise OSError("the disk is full")
        except OSError as error:
            if size:
                os.truncate(path, size)
            else:
                path.unlink(missing_ok=True)
            raise _unwritable(self.folder, error) from error
        self._records[key] = (path, size // self.record.itemsize)

    def rows(self, keys: Sequence[bytes]) -> np.ndarray:
        """The features of these views, float32 of shape (n, *shape)."""
        rows = np.empty((len(keys), *self.shape), np.float32)
        records = [self._records[key] for key in keys]
        with ExitStack() as stack:
            # read, not mapped: three times as fast, and mapped pages would count as this process' memory
            files = {path: stack.enter_context(_opened(path)) for path in {path for path, _ in records}}
            for row, (path, index) in zip(rows, records, strict=True):
                files[path].seek(index * self.record.itemsize + KEY_BYTES)
                if files[path].readinto(row) != row.nbytes:
                    raise _cut_short(path)
        return rows

    def forget_damaged(self, keys: Sequence[bytes]) -> int:
        """Drop the entries among `keys` whose checksum is wrong, and say how many there were."""
        bad = [key for key in dict.fromkeys(keys) if key in self and not self._sound(key)]
        for key in bad:
            del self._records[key]
        return len(bad)

    def one_of_each_file(self, keys: Sequence[bytes]) -> list[bytes]:
        """Of those of `keys` that are there, the first in every file that holds any."""
        return list({self._records[key][0]: key for key in reversed(keys) if key in self}.values())

    def _sound(self, key: bytes) -> bool:
        path, index = self._records[key]
        try:
            with path.open("rb") as file:
                file.seek(index * self.record.itemsize)
                data = file.read(self.record.itemsize)
        except OSError:
            return False
        if len(data) < self.record.itemsize:
            return False
        record = np.frombuffer(data, self.record)[0]
        return record["key"].tobytes() == key and record["crc"] == _checksum(record)

    def _shard(self) -> Path:
        """The file this process appends to; a new one when it is full or another process has removed it."""
        path = self._growing
        if path is None or not path.exists() or _size(path) + self.record.itemsize > SHARD_BYTES:
            # names sort by age, so that a recomputed entry is found in place of the damaged one
            path = self.folder / f"{time.time_ns():020d}-{os.getpid()}{SUFFIX}"
            self._growing = path
        return path

    def _index(self, path: Path) -> None:
        count = _size(path) // self.record.itemsize
        if count:
            keys = np.memmap(path, self.record, mode="r", shape=count)["key"]
            self._records.update((key.tobytes(), (path, i)) for i, key in enumerate(keys))


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb", buffering=0)
    except OSError as error:
        raise _cut_short(path) from error


def _cut_short(path: Path) -> GoneError:
    return GoneError(f"{path} was removed or cut short while in use: what it held is computed again next time")


def _checksum(record: np.void) -> int:
    return zlib.crc32(np.ascontiguousarray(record["row"]), zlib.crc32(record["key"].tobytes()))


def _all_shards(features: Path | None = None) -> list[Path]:
    return list((features or caches.folder() / "features").glob(f"*/*{SUFFIX}"))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _touch(path: Path) -> None:
    path.touch(exist_ok=True)


def _unwritable(folder: Path, error: OSError) -> OxError:
    advice = "set OX_CACHE to a folder you may write to"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        advice = "free some space, or set OX_CACHE to a folder on another disk"
    elif isinstance(error, FileNotFoundError):
        return GoneError(f"{folder} was removed while features were kept there: what it held is computed again")
    return GoneError(f"can't keep features in {folder} ({error.strerror or error}): {advice}")
