"""Bytes from a connection until a moment, however slowly they come: one byte every second does not extend it."""

from __future__ import annotations

import io
import socket
import time


class DeadlineReader(io.RawIOBase):
    """The readable side of a connection. `allow(seconds)` says until when, from now on, reading may take.

    Raises:
        TimeoutError: In every read after that.
    """

    def __init__(self, connection: socket.socket):
        self.connection, self._until = connection, 0.0

    def allow(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the sender is too slow")
        self.connection.settimeout(left)
        return self.connection.recv_into(buffer)
