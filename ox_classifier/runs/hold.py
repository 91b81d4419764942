"""Who trains a run: one process at a time, by a lock on its folder that goes with the process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ox_classifier.errors import UsageError

_own: set[Path] = set()  # folders that this process holds


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a run's folder while the block trains it; within the block it may be held again.

    Raises:
        UsageError: If another process holds it.
    """
    place = path.resolve()
    if place in _own:
        yield
        return
    handle = _lock(place)
    if handle is None:
        raise UsageError(f"run {path} is being trained by another process: wait for its end, or stop it first")
    _own.add(place)
    try:
        yield
    finally:
        _own.discard(place)
        if handle >= 0:
            os.close(handle)


def is_held(path: Path) -> bool:
    """Whether another process trains the run now; False where no one can say."""
    place = path.resolve()
    if place in _own:
        return False
    handle = _lock(place)
    if handle is None:
        return True
    if handle >= 0:
        os.close(handle)
    return False


def _lock(place: Path) -> int | None:
    """An open handle that holds the folder, None if another process does, -1 where folders can't be locked."""
    try:
        import fcntl
    except ImportError:  # Windows
        return -1
    try:
        handle = os.open(place, os.O_RDONLY)
    except OSError:
        return -1
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except OSError:  # a network folder without locks
        os.close(handle)
        return -1
    return handle
