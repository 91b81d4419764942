"""A file moved by rename, never over another: the disk itself refuses where it can."""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path

HERE = -100  # AT_FDCWD: paths as every other call takes them
NO_REPLACE = 1  # RENAME_NOREPLACE
UNSUPPORTED = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)  # an old kernel, or a disk that knows no such flag


def rename_new(source: Path, target: Path) -> None:
    """Rename a file to a name that nothing has yet.

    On Linux no file can come in between; elsewhere there is a look before, and on Windows a rename never replaces.

    Raises:
        FileExistsError: If the name is taken.
        OSError: If it can't be renamed, such as to another disk.
    """
    at_once = _renameat2()
    if at_once is not None:
        if at_once(HERE, os.fsencode(source), HERE, os.fsencode(target), NO_REPLACE) == 0:
            return
        code = ctypes.get_errno()
        if code not in UNSUPPORTED:
            raise OSError(code, os.strerror(code), os.fspath(target if code == errno.EEXIST else source))
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(target))
    source.rename(target)


@functools.cache
def _renameat2() -> Callable[..., int] | None:
    """Linux' rename that can refuse, where the C library has it."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        found = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return None
    found.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    return found
