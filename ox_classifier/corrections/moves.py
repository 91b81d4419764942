"""Files of a data folder moved one by one, forth and back, so that a second call completes what a killed one began."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ox_classifier.corrections.renaming import rename_new
from ox_classifier.data import digests

CHANGED = "its bytes are not those that the report saw"


@dataclass(frozen=True, slots=True)
class Move:
    """A file's way: paths below the data folder with forward slashes, and the digest of its bytes in hex."""

    source: str
    target: str
    digest: str

    def turned(self) -> Move:
        """The way back."""
        return Move(self.target, self.source, self.digest)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that is left as it is, and why."""

    path: str
    reason: str


@dataclass
class Outcome:
    """What became of moves."""

    moved: int = 0
    refused: list[Refusal] = field(default_factory=list)


def carry_out(root: Path, moves: Iterable[Move], folders: Sequence[str] = ()) -> Outcome:
    """Move files that are not at their target yet; first makes the `folders` they go to.

    Whatever is in the way, has changed or is gone is refused and left as it is.
    """
    for name in folders:
        if not _link(root, name, whole=True):
            (root / name).mkdir(exist_ok=True)
    outcome = Outcome()
    for move in moves:
        if arrived(root, move):
            continue
        reason = obstacle(root, move) or _renamed(root, move)
        if reason:
            outcome.refused.append(Refusal(move.source, reason))
        else:
            outcome.moved += 1
    return outcome


def take_back(root: Path, moves: Sequence[Move], folders: Sequence[str] = ()) -> Outcome:
    """Move files back that are not where they came from; then removes the `folders` that are empty again."""
    outcome = carry_out(root, [move.turned() for move in reversed(moves)])
    for name in reversed(folders):
        if not _link(root, name, whole=True):
            with suppress(OSError):  # something else lies there now
                (root / name).rmdir()
    return outcome


def arrived(root: Path, move: Move) -> bool:
    """Whether a file is at its target: nothing is left at its source, or what is there now is another one."""
    if not os.path.lexists(root / move.target):
        return False
    return not os.path.lexists(root / move.source) or not changed(root / move.target, move.digest)


def obstacle(root: Path, move: Move) -> str:
    """Why a file can't be moved: "" if it can."""
    source, target = root / move.source, root / move.target
    link = _link(root, move.source, whole=True) or _link(root, move.target, whole=False)
    if link:
        return f"{link} is a link, and what it leads to is not ox' to move"
    if not os.path.lexists(source):
        return "it is not there"
    if os.path.lexists(target):
        return f"{move.target} is taken by another file"
    reason = changed(source, move.digest)
    if reason:
        return reason
    place = target.parent
    while not os.path.lexists(place):
        place = place.parent
    if not place.is_dir():
        return f"{place} is no folder"
    if place.stat().st_dev != source.parent.stat().st_dev:
        return f"{place} lies on another disk"
    return ""


def changed(path: Path, digest: str) -> str:
    """Why a file is not the one that a report saw: "" if it is."""
    try:
        return "" if digests.content(path).hex() == digest else CHANGED
    except OSError as error:
        return f"it can't be read ({error.strerror or error})"


def _renamed(root: Path, move: Move) -> str:
    """Rename a file; gives why it can't be, and "" if it is."""
    try:
        rename_new(root / move.source, root / move.target)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EIO, errno.EROFS):
            raise  # so it would be for every other file
        return f"it can't be moved ({error.strerror or error})"
    return ""


def _link(root: Path, name: str, *, whole: bool) -> str:
    """The first part of a path below the data folder that is a link, by which it may lead out of the folder."""
    parts = name.split("/")
    for count in range(1, len(parts) + whole):
        path = "/".join(parts[:count])
        if (root / path).is_symlink():
            return path
    return ""
