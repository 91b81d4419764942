"""Measurements kept between looks: where each content was last seen, and what it measures."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import astuple, fields
from hashlib import blake2b
from pathlib import Path

from ox_classifier.audit.measurements import Measurements
from ox_classifier.console import say
from ox_classifier.data.regular_file import RACY_NS, Stamp

CACHE_FILE = "facts-2.sqlite3"  # raise the number when Measurements or the way they are measured change
CACHE_LIMIT = 1 << 30  # bytes; then it starts anew, at some 500,000 images

FAULTS = (sqlite3.Error, UnicodeError)  # the second where even SQLite's sentence about the damage is damaged
NAMES = ", ".join(f'"{field.name}"' for field in fields(Measurements))
MARKS = ", ".join("?" * len(fields(Measurements)))
TABLES = (
    f"CREATE TABLE IF NOT EXISTS facts (content PRIMARY KEY, {NAMES}, checksum)",
    "CREATE TABLE IF NOT EXISTS seen (path PRIMARY KEY, size, modified, changed, at, content, checksum) WITHOUT ROWID",
)


class MeasurementCache:
    """Two tables in one SQLite file, a checksum to each row: a row that is not what was written counts as missing.

    Whatever befalls the file, even while it is in use, only makes a look slower.
    """

    def __init__(self, folder: Path):
        self.file = folder / CACHE_FILE
        self.base: sqlite3.Connection | None = None

    def __enter__(self) -> MeasurementCache:
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            if self.file.exists() and self.file.stat().st_size > CACHE_LIMIT:
                self.file.unlink()
            self.base = self._open()
        except (OSError, *FAULTS) as error:
            say(
                f"no cache, so every image is decoded: {self.file} can't be used ({error}); "
                "set OX_CACHE to another folder"
            )
        return self

    def __exit__(self, *_) -> None:
        self._close()

    def by_stamps(self, stamps: dict[str, Stamp]) -> dict[str, tuple[bytes, Measurements]]:
        """Content and measurements of the files, by path, whose size and times are those of the last look."""
        names = {os.fsencode(path): path for path in stamps}
        rows = self._rows(f"SELECT * FROM seen WHERE path IN ({', '.join('?' * len(names))})", tuple(names))
        contents = {}
        for path, *stamp, at, content, checksum in rows:
            if checksum != _checksum((path, *stamp, at, content)) or tuple(stamp) != stamps[names[path]]:
                continue  # damaged, or of another state of the file
            if at > max(stamp[1:]) + RACY_NS:
                contents[names[path]] = content
        known = self.by_content(set(contents.values()))
        return {path: (content, known[content]) for path, content in contents.items() if content in known}

    def by_content(self, contents: Iterable[bytes]) -> dict[bytes, Measurements]:
        """Measurements of those of these contents that are known."""
        wanted = tuple(contents)
        rows = self._rows(f"SELECT * FROM facts WHERE content IN ({', '.join('?' * len(wanted))})", wanted)
        return {
            content: _measurements(values)
            for content, *values, checksum in rows
            if checksum == _checksum((content, *values))
        }

    def keep(self, rows: Iterable[tuple[str, Stamp, bytes, Measurements]]) -> None:
        """Remember files: path, stamp from before they were read, content, measurements."""
        now = time.time_ns()
        facts, seen = {}, []
        for path, stamp, content, measured in rows:
            facts[content] = (content, *(int(v) if isinstance(v, bool) else v for v in astuple(measured)))
            seen.append((os.fsencode(path), *stamp, now, content))
        if not self.base or not seen:
            return
        try:
            self.base.execute("BEGIN IMMEDIATE")
            self.base.executemany(
                f"INSERT OR REPLACE INTO facts VALUES (?, {MARKS}, ?)",
                [(*row, _checksum(row)) for row in facts.values()],
            )
            self.base.executemany(
                "INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?, ?, ?, ?)", [(*row, _checksum(row)) for row in seen]
            )
            self.base.execute("COMMIT")
        except FAULTS as error:
            self._mend(error)

    def _rows(self, query: str, values: tuple) -> list[tuple]:
        if not self.base or not values:
            return []
        try:
            return self.base.execute(query, values).fetchall()
        except FAULTS as error:
            self._mend(error)
            return []

    def _mend(self, error: Exception) -> None:
        """After an error: a new file in place of a damaged one; without one where that can't help."""
        self._close()
        if isinstance(error, sqlite3.OperationalError):  # a full disk, or another process holding it
            say(f"the cache {self.file} is left as it is ({error})")
            return
        try:
            self.file.unlink(missing_ok=True)
            self.base = self._open()
        except (OSError, *FAULTS):
            say(f"the cache {self.file} is damaged and can't be replaced ({error}), so images are decoded")

    def _open(self) -> sqlite3.Connection:
        try:
            return self._connect()
        except FAULTS as error:
            if isinstance(error, sqlite3.OperationalError):  # locked or read-only, which a new file wouldn't mend
                raise
            self.file.unlink()  # no database, or a damaged one: it holds nothing that can't be measured again
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        base = sqlite3.connect(self.file, timeout=10, isolation_level=None)
        try:
            # no write-ahead log: it maps a file into memory, and who cuts that file short ends the process
            for line in ("PRAGMA journal_mode = DELETE", "PRAGMA synchronous = OFF", *TABLES):
                base.execute(line)
            base.text_factory = lambda text: text.decode("utf-8", "replace")
        except FAULTS:
            base.close()
            raise
        return base

    def _close(self) -> None:
        if self.base:
            with suppress(sqlite3.Error):  # it closes all the same
                self.base.close()
        self.base = None


def _checksum(row: tuple) -> bytes:
    return blake2b(repr(row).encode("utf-8", "surrogateescape"), digest_size=8).digest()


def _measurements(row: list) -> Measurements:
    form, mode, width, height, rotated, transparent, *rest = row
    return Measurements(form, mode, width, height, bool(rotated), bool(transparent), *rest)
