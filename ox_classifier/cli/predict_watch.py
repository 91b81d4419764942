"""`ox predict --watch DIR`: a drop folder, whose files are answered once each, when they are complete."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from ox_classifier import limits
from ox_classifier.errors import UsageError
from ox_classifier.files import refuse_unwritable, replacing

Stamp = tuple[int, int]  # size in bytes, time of the last change in nanoseconds

JOURNAL = ".ox-watch.jsonl"
PAUSE = 0.5  # seconds between two looks
SETTLED = 1.0  # seconds that a file must not have changed: it is complete


def refuse_place(folder: Path) -> None:
    """Refuse a folder that is none, or that the journal can't be written into.

    Raises:
        UsageError: Naming --watch.
        OSError: If it can't be written to.
    """
    if not folder.is_dir():
        raise UsageError(f"--watch {folder} is no folder: give one that is there")
    try:
        refuse_unwritable(folder)
    except FileNotFoundError:  # a place of the system, such as /proc
        raise UsageError(f"--watch {folder} takes no files, so what was answered can't be kept there") from None


class DropFolder:
    """A folder that others put images into. Which were answered is kept in a hidden file in it, across restarts.

    A file counts as new again when its size or time of change is another. A program that is killed between an answer
    and its note in that file gives the answer twice, never not at all.

    Raises:
        UsageError: If there is no such folder.
        OSError: If it can't be written to.
    """

    def __init__(
        self,
        folder: Path,
        *,
        walk: Callable[[Path], list[Path]],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ):
        refuse_place(folder)
        self.folder, self.walk, self.clock, self.sleep = folder, walk, clock, sleep
        self.journal = folder / JOURNAL
        self.done = {path: stamp for path, stamp in self._read() if _stamp(path) == stamp}
        with replacing(self.journal) as beside:  # without the files that are gone
            beside.write_text("".join(_note(self.folder, *entry) for entry in self.done.items()), encoding="utf-8")
        self.seen: dict[Path, tuple[Stamp, float]] = {}

    def complete(self) -> list[Path]:
        """The files to answer now: those not answered yet that have not changed for SETTLED seconds."""
        found, now = [], self.clock()
        seen, self.seen = self.seen, {}
        for path in self.walk(self.folder):
            stamp = _stamp(path)
            if stamp is None or self.done.get(path) == stamp:
                continue
            before, since = seen.get(path, (None, now))
            self.seen[path] = (stamp, since if before == stamp else now)
            if stamp[0] and before == stamp and now - since >= SETTLED:
                found.append(path)
        return found

    def mark(self, path: Path) -> None:
        """Note that a file was answered."""
        stamp, _ = self.seen.pop(path)
        self.done[path] = stamp
        with open(self.journal, "a", encoding="utf-8", opener=_never_through) as file:
            file.write(_note(self.folder, path, stamp))

    def files(self) -> Iterator[list[Path]]:
        """What is to be answered, look after look, without end."""
        while True:
            found = self.complete()
            if found:
                yield found
            self.sleep(PAUSE)

    def _read(self) -> Iterator[tuple[Path, Stamp]]:
        if self.journal.is_symlink():
            return
        with suppress(FileNotFoundError):
            limits.check_file(self.journal, limits.MOST_TABLE)
            with self.journal.open(encoding="utf-8", errors="surrogateescape") as file:
                for line in file:
                    with suppress(ValueError, TypeError, RecursionError):  # cut off by a kill, or a stranger's
                        name, size, changed = json.loads(line)
                        if limits.stays_below(name):
                            yield self.folder / name, (size, changed)


def _never_through(path: str, flags: int) -> int:
    """Open a file, but no link and no pipe that someone put in its place."""
    only_files = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    return os.open(path, flags | only_files, 0o666)


def _note(folder: Path, path: Path, stamp: Stamp) -> str:
    return json.dumps([os.fspath(path.relative_to(folder)), *stamp]) + "\n"


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
