"""The one place where an error becomes a sentence on stderr and an exit code."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from ox_classifier.console import say
from ox_classifier.errors import OxError

INTERRUPTED = 130


@contextmanager
def user_errors() -> Iterator[None]:
    """Run a command's body; our own errors, a full disk and Ctrl-C end it with a sentence, no traceback.

    `ox --debug COMMAND` (or OX_DEBUG=1) lets the traceback through.
    """
    try:
        yield
    except OxError as error:
        if os.environ.get("OX_DEBUG"):
            raise
        say(f"ox: {error}")
        raise typer.Exit(error.exit_code) from None
    except BrokenPipeError:
        raise  # the reader of our output went away; `main` ends quietly
    except PermissionError as error:
        if os.environ.get("OX_DEBUG"):
            raise
        say(f"ox: no permission to use {error.filename}: choose another place or change its permissions")
        raise typer.Exit(2) from None
    except OSError as error:
        if os.environ.get("OX_DEBUG") or error.errno is None:
            raise
        say(f"ox: {error.strerror}: {error.filename or 'the disk'}")
        raise typer.Exit(1) from None
    except KeyboardInterrupt as stop:
        say("ox: interrupted")
        raise typer.Exit(getattr(stop, "exit_code", INTERRUPTED)) from None
