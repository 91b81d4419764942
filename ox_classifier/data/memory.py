"""How much memory decoders may take together, whatever the number of threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class NoRoomError(Exception):
    """A picture is larger than what is decoded here; it is to be decoded where there is more room."""


class Memory:
    """`total` bytes to share. Who asks for more than is free waits; who asks for more than there is gets all of it."""

    def __init__(self, total: int):
        self.total, self._free, self._turn, self._waits = total, total, Condition(), True

    @contextmanager
    def reserve(self, need: int) -> Iterator[None]:
        """Hold `need` bytes while the block runs.

        Raises:
            NoRoomError: If it is more than `refuse_over` allows.
        """
        if need > self.total and not self._waits:
            raise NoRoomError
        need = min(need, self.total)
        with self._turn:
            self._turn.wait_for(lambda: self._free >= need)
            self._free -= need
        try:
            yield
        finally:
            with self._turn:
                self._free += need
                self._turn.notify_all()

    def refuse_over(self, total: int) -> None:
        """From now on refuse what needs more than this, where there are other processes that decode."""
        self.total = self._free = total
        self._waits = False


DECODING = Memory(1 << 30)  # one picture of 60 million pixels, or eight of 12
IN_A_WORKER = 1 << 28
