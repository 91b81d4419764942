"""What one look at a file tells: format, size, brightness, digest, fingerprint; kept in a cache for the next look."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
from PIL import Image

from ox_classifier import caches
from ox_classifier.audit import fingerprints
from ox_classifier.console import say, track
from ox_classifier.data import digests
from ox_classifier.data.images import ImageError, open_picture

CACHE_FILE = "facts-1.sqlite3"  # raise the number when Measurements or the way they are measured change
CACHE_LIMIT = 1 << 30  # bytes; then it starts anew, at some 500,000 images
RACY_NS = 2_000_000_000  # a file seen so soon after its last change may change again under the same time stamp
BATCH = 256


@dataclass(frozen=True, slots=True)
class Measurements:
    """Measured from the decoded picture: levels in 0..255, `size` in pixels as shown, `mark` how far the strongest
    spot stands out from its smooth surroundings (blank photographed paper stays under 10)."""

    format: str
    mode: str
    width: int
    height: int
    rotated: bool
    transparent: bool
    frames: int
    bytes: int
    red: float
    green: float
    blue: float
    mark: float
    digest: bytes
    waves: bytes  # float16, fingerprints.SIDE squared

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height

    @property
    def fingerprint(self) -> np.ndarray:
        """The lowest frequencies, float16 (fingerprints.SIDE, fingerprints.SIDE)."""
        return np.frombuffer(self.waves, np.float16).reshape(fingerprints.SIDE, fingerprints.SIDE)

    @property
    def brightness(self) -> float:
        """Mean grey level (the weights of Pillow's own conversion)."""
        return 0.299 * self.red + 0.587 * self.green + 0.114 * self.blue


def measure(path: Path) -> Measurements:
    """Decode a file and measure it.

    Raises:
        ImageError: As `images.open_picture`.
    """
    picture = open_picture(path)
    image = picture.image
    mean = image.convert("RGB").resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    return Measurements(
        picture.format,
        picture.mode,
        *picture.size,
        picture.rotated,
        picture.transparent,
        picture.frames,
        path.stat().st_size,
        *map(float, mean),
        fingerprints.standing_out(image),
        fingerprints.digest(image),
        fingerprints.waves(fingerprints.thumbnail(image)).astype(np.float16).tobytes(),
    )


def gather(paths: Sequence[Path | str], *, cache: Path | None = None) -> Iterator[Measurements | ImageError]:
    """The facts of every file, in the order of `paths`; where a file can't be read, the error instead.

    Files known to the cache (default: $OX_CACHE or ~/.cache/ox) by path, size and times are not opened; those whose
    times are new, or too fresh to be believed, are compared by content, and only unknown contents are decoded.
    Memory holds a few hundred facts (1.5 kB each) and a few decoded pictures.
    """
    with _Cache(cache or caches.folder()) as known, ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from track(_gather(paths, known, pool), label="looking at images", total=len(paths))


def _gather(
    paths: Sequence[Path | str], known: _Cache, pool: ThreadPoolExecutor
) -> Iterator[Measurements | ImageError]:
    for start in range(0, len(paths), BATCH):
        part = [Path(path).absolute() for path in paths[start : start + BATCH]]
        stamps = {path: _stamp(path) for path in part}
        found = known.by_stamps(stamps)
        rest = [path for path in stamps if path not in found]
        contents = dict(zip(rest, pool.map(_content, rest), strict=True))
        found |= {path: known.by_content(content) if content else None for path, content in contents.items()}
        unknown = [path for path in rest if found[path] is None]
        found |= dict(zip(unknown, pool.map(_measured, unknown), strict=True))
        known.keep(
            (path, stamp, contents[path], found[path])
            for path, stamp in stamps.items()
            if contents.get(path) and stamp == _stamp(path) and isinstance(found[path], Measurements)
        )
        for path, given in zip(part, paths[start : start + BATCH], strict=True):
            fact = found[path]
            yield ImageError(given, fact.reason) if isinstance(fact, ImageError) else fact


def _measured(path: Path) -> Measurements | ImageError:
    try:
        return measure(path)
    except ImageError as error:
        return error


def _stamp(path: Path) -> tuple[int, int, int]:
    """Size and times. The entry's own time (ctime) can't be set back, as that of the content can."""
    try:
        stat = path.stat()
    except OSError:
        return (0, 0, 0)
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def _content(path: Path) -> bytes:
    try:
        return digests.content(path)
    except OSError:
        return b""


class _Cache:
    """Two tables in one SQLite file: where a content was last seen, and the facts of each content."""

    def __init__(self, folder: Path):
        self.file = folder / CACHE_FILE
        self.base: sqlite3.Connection | None = None

    def __enter__(self) -> _Cache:
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            if self.file.exists() and self.file.stat().st_size > CACHE_LIMIT:
                self.file.unlink()
            self.base = self._open()
        except (OSError, sqlite3.Error) as error:
            say(
                f"no cache, so every image is decoded: {self.file} can't be used ({error}); "
                "set OX_CACHE to another folder"
            )
            self.base = None
        return self

    def __exit__(self, *_) -> None:
        if self.base:
            self.base.close()

    def _open(self) -> sqlite3.Connection:
        try:
            return self._connect()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):  # locked or read-only, which a new file wouldn't mend
                raise
            self.file.unlink()  # no database, or a damaged one: it holds nothing that can't be measured again
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        base = sqlite3.connect(self.file, timeout=10, isolation_level=None)
        try:
            base.execute("PRAGMA journal_mode = WAL")
            base.execute("PRAGMA synchronous = OFF")
            base.execute(f"CREATE TABLE IF NOT EXISTS facts (content PRIMARY KEY, {', '.join(NAMES)})")
            base.execute(
                "CREATE TABLE IF NOT EXISTS seen (path PRIMARY KEY, size, modified, changed, at, content) WITHOUT ROWID"
            )
        except sqlite3.Error:
            base.close()
            raise
        return base

    def by_stamps(self, stamps: dict[Path, tuple[int, int, int]]) -> dict[Path, Measurements]:
        """Measurements of the files whose size and times are those of the last look."""
        names = {os.fsencode(path): path for path in stamps}
        rows = self._rows(
            f"SELECT path, size, modified, changed, {', '.join(NAMES)} FROM seen JOIN facts USING (content) "
            f"WHERE path IN ({', '.join('?' * len(names))}) AND at > max(modified, changed) + {RACY_NS}",
            tuple(names),
        )
        return {names[row[0]]: _facts(row[4:]) for row in rows if stamps[names[row[0]]] == row[1:4]}

    def by_content(self, content: bytes) -> Measurements | None:
        rows = self._rows(f"SELECT {', '.join(NAMES)} FROM facts WHERE content = ?", (content,))
        return _facts(rows[0]) if rows else None

    def keep(self, rows) -> None:
        rows, now = list(rows), time.time_ns()
        if not self.base or not rows:
            return
        marks = ", ".join("?" * (len(NAMES) + 1))
        try:
            self.base.execute("BEGIN IMMEDIATE")
            self.base.executemany(
                f"INSERT OR IGNORE INTO facts VALUES ({marks})",
                [(content, *astuple(facts)) for *_, content, facts in rows],
            )
            self.base.executemany(
                "INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?, ?, ?)",
                [(os.fsencode(path), *stamp, now, content) for path, stamp, content, _ in rows],
            )
            self.base.execute("COMMIT")
        except sqlite3.Error as error:  # a full disk, or another process holding it: facts are only not kept
            say(f"the cache {self.file} is left as it is ({error})")
            self.base.close()
            self.base = None

    def _rows(self, query: str, values: tuple) -> list[tuple]:
        try:
            return self.base.execute(query, values).fetchall() if self.base else []
        except sqlite3.Error:
            return []


NAMES = tuple(f'"{field.name}"' for field in fields(Measurements))


def _facts(row: tuple) -> Measurements:
    fmt, mode, width, height, rotated, transparent, *rest = row
    return Measurements(fmt, mode, width, height, bool(rotated), bool(transparent), *rest)
