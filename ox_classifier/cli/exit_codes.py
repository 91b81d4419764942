"""The one place where an error becomes a sentence on stderr and an exit code."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from ox_classifier.console import say
from ox_classifier.errors import OxError
from ox_classifier.names import printable
from ox_classifier.small_install import is_small, lacking

INTERRUPTED = 130
IMPOSSIBLE = {errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EINVAL}  # as a path


@contextmanager
def user_errors() -> Iterator[None]:
    """Run a command's body; our own errors, a full disk or memory and Ctrl-C end it with a sentence, no traceback.

    `ox --debug COMMAND` (or OX_DEBUG=1) lets the traceback through.
    """
    try:
        yield
    except BrokenPipeError:
        raise  # the reader of our output went away; `main` ends quietly
    except ImportError as error:
        if os.environ.get("OX_DEBUG") or not is_small():
            raise
        say(f"ox: {lacking(f'this command needs {error.name}, which')}")
        raise typer.Exit(2) from None
    except (OxError, OSError, MemoryError, KeyboardInterrupt) as error:
        if os.environ.get("OX_DEBUG") and not isinstance(error, KeyboardInterrupt):
            raise
        if isinstance(error, OSError) and error.errno is None and not isinstance(error, OxError):
            raise  # not the system's: a mistake of ours
        sentence, code = told(error)
        notes = "".join(f"; {note}" for note in getattr(error, "__notes__", ()))
        say(printable(f"ox: {sentence}{notes}"))  # one line, whatever names it holds
        raise typer.Exit(code) from None


def told(error: BaseException) -> tuple[str, int]:
    """What is said of an error, and the exit code it ends with."""
    if isinstance(error, OxError):
        return str(error), error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", getattr(error, "exit_code", INTERRUPTED)
    if isinstance(error, MemoryError):
        return "the memory is full: give smaller images or close other programs", 1
    if isinstance(error, PermissionError):
        return f"no permission to use {error.filename}: choose another place or change its permissions", 2
    if isinstance(error, OSError) and error.errno == errno.EROFS:
        return f"{error.filename or 'the disk'} is read-only: choose another place or make it writable", 2
    if isinstance(error, OSError):
        place = error.filename or "the disk"
        if error.errno == errno.ENOSPC and error.filename2:  # a copy: not where it comes from is full
            place = os.path.dirname(os.fsdecode(error.filename2)) or "the disk"  # noqa: PTH120
        if error.errno in IMPOSSIBLE:
            return f"{place} can't be used ({error.strerror}): give another path", 2
        return f"{error.strerror or error}: {place}", 1
    raise error
