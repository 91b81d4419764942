"""A file opened without ever waiting: no pipe, socket or device, which could block a reader for good or never end."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

Stamp = tuple[int, int, int]  # size and times; the entry's own time (ctime) can't be set back, as the content's can
RACY_NS = 2_000_000_000  # a file seen so soon after its last change may change again under the same time stamp

KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
SENTENCES = {
    errno.ENOENT: "no such file",
    errno.EACCES: "you may not read it (no permission)",
    errno.EPERM: "you may not read it (no permission)",
    errno.ELOOP: "a link that leads in a circle",
    errno.ENAMETOOLONG: "its path is too long",
}
# where a pipe takes the file's place between the look and the opening, O_NONBLOCK keeps the opening from waiting
FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)


class NotAFileError(OSError):
    """What is there is no file with a content."""


def open_file(path: Path | str) -> BinaryIO:
    """Open a regular file, or what a link to one leads to, for reading.

    Raises:
        NotAFileError: If it is a pipe, a socket, a device or a folder; none is opened.
        OSError: If it can't be opened.
    """
    _refuse_others(os.stat(path))  # noqa: PTH116  # as a Path takes five times as long
    handle = os.open(path, FLAGS)
    try:
        _refuse_others(os.fstat(handle))
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def why(error: OSError) -> str:
    """What to say of a file or folder that could not be opened or read."""
    if isinstance(error, NotAFileError):
        return str(error)
    return SENTENCES.get(error.errno) or f"can't be read ({error.strerror or error})"


def stamp(path: Path | str) -> Stamp:
    """What of a file's entry changes when its content does; zeros where there is none."""
    try:
        entry = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return (0, 0, 0)
    return entry.st_size, entry.st_mtime_ns, entry.st_ctime_ns


def _refuse_others(entry: os.stat_result) -> None:
    if not stat.S_ISREG(entry.st_mode):
        if stat.S_ISDIR(entry.st_mode):
            raise NotAFileError("a folder: give the files in it")
        raise NotAFileError(f"{KINDS.get(stat.S_IFMT(entry.st_mode), 'something else')}, not a file: it is not opened")
