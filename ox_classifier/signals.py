"""Ctrl-C and SIGTERM: the first one stops the work at the next safe place, a second one ends it at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

STOPPING = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """The user or the system asked the program to stop; `exit_code` is 130 for Ctrl-C, 143 for SIGTERM."""

    def __init__(self, number: int = signal.SIGINT):
        super().__init__()
        self.exit_code = 128 + number


class _Request:
    """What was asked so far, and whether the code that runs looks for it by itself."""

    number: int | None = None
    deferred = False


_request = _Request()


def install() -> None:
    """Handle Ctrl-C and SIGTERM from now on; must run in the main thread."""
    for number in STOPPING:
        signal.signal(number, _handle)


def asked() -> bool:
    """Whether the program was asked to stop."""
    return _request.number is not None


def exit_code() -> int:
    """What a stopped program ends with: 128 and the signal's number."""
    return 128 + (_request.number or signal.SIGINT)


def check() -> None:
    """Stop here if that was asked for; loops inside `deferred()` call it between steps.

    Raises:
        Stopped: If the program was asked to stop.
    """
    if _request.number is not None:
        raise Stopped(_request.number)


@contextmanager
def deferred() -> Iterator[None]:
    """Within the block a signal interrupts nothing: what runs there calls `check()` where it may be stopped."""
    before, _request.deferred = _request.deferred, True
    try:
        yield
    finally:
        _request.deferred = before


def ignore() -> None:
    """From now on no signal stops the program, which is about to end."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)


def forget() -> None:
    """Start anew, as if nothing had been asked; for programs that run several commands."""
    _request.number = None


def _handle(number: int, _frame: object) -> None:
    if _request.number is not None:
        os._exit(128 + number)  # the second time: at once
    _request.number = number
    if not _request.deferred:
        raise Stopped(number)
