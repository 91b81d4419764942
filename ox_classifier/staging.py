"""Folders of many files that appear together or not at all: filled out of sight and moved into place at the end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ox_classifier.console import say
from ox_classifier.errors import UsageError

STAGE = ".unfinished"  # inside a folder that is there already
MARKER = ".ox-unfinished"  # in a folder that is ours to remove; locked while a process fills it


@contextmanager
def filling(out: Path, *, adding: bool = False) -> Iterator[Path]:
    """Give a hidden folder to fill; when the block ends, `out` holds what was put there.

    If the block fails, nothing is left of it; what a killed process left is removed by the next one. A new `out`
    appears at once, and no file of an old one is ever written over.

    Raises:
        UsageError: If `out` is a file, isn't empty (unless `adding`), or another process is filling it.
    """
    check_place(out, adding=adding)
    out = out.resolve()
    stage = out / STAGE if out.is_dir() else out.with_name(f".{out.name}{STAGE}")
    try:
        lock = _start(stage, out)
    except OSError as error:
        if error.filename in (stage, str(stage)):
            error.filename = str(out)  # what the user knows of
        raise
    try:
        yield stage
        _move(stage, out)
    finally:
        if lock is not None:
            os.close(lock)
        if (stage / MARKER).exists():
            shutil.rmtree(stage, ignore_errors=True)


def check_place(out: Path, *, adding: bool = False, otherwise: str = "") -> None:
    """Refuse a place that can't be filled, before any work is done for it; `otherwise` is what else could be given.

    Raises:
        UsageError: As in `filling`.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file: give a folder")
    if out.is_dir() and not adding and any(path.name != STAGE for path in out.iterdir()):
        raise UsageError(
            f"{out} is there already and not empty: nothing is overwritten, choose another folder{otherwise}"
        )


def _start(stage: Path, out: Path) -> int | None:
    """Make the hidden folder and lock it, in place of one that a killed process left."""
    if stage.is_symlink() or (stage.exists() and not (stage / MARKER).is_file()):
        raise UsageError(f"{stage} is in the way: move it elsewhere")
    if stage.exists():
        held = _lock(stage, out)  # refused while its process lives
        if held is not None:
            os.close(held)
        say(f"an earlier attempt at {out} was interrupted: starting over")
        shutil.rmtree(stage)
    stage.mkdir(parents=True)
    return _lock(stage, out)


def _lock(stage: Path, out: Path) -> int | None:
    """Create the marker and lock it until the handle is closed; None where there are no such locks."""
    (stage / MARKER).touch()
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    handle = os.open(stage / MARKER, os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise UsageError(f"another ox is filling {out} now: wait for it, or choose another folder") from None
    except OSError:  # a file system without locks
        os.close(handle)
        return None
    return handle


def _move(stage: Path, out: Path) -> None:
    if not out.exists():
        (stage / MARKER).unlink()
        stage.rename(out)
        return
    for path in sorted(stage.iterdir(), key=lambda path: (path.is_dir(), path.name)):
        if path.name != MARKER:
            _move_into(path, out / path.name)


def _move_into(path: Path, place: Path) -> None:
    if path.is_dir() and place.is_dir():
        for inner in sorted(path.iterdir()):
            _move_into(inner, place / inner.name)
    elif os.path.lexists(place):
        raise UsageError(f"{place} has appeared meanwhile and is not overwritten: choose another folder")
    else:
        path.rename(place)
