"""Files from an http(s) address, never more than was agreed to."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import urlopen

from ox_classifier.console import say, track
from ox_classifier.errors import UsageError

CHUNK = 1 << 20
STALL_SECONDS = 60  # without an answer
MOST_SECONDS = 1800  # for one file, however slowly it drips


def fetch(address: str, names: Sequence[str], folder: Path, *, most_bytes: int) -> None:
    """Fetch ADDRESS/<name> of each name into the folder.

    Raises:
        UsageError: If the address is none, doesn't answer, or sends more than `most_bytes` for a file.
    """
    address = address.rstrip("/")
    for name in names:
        say(f"fetching {name}")
        try:
            with (
                urlopen(f"{address}/{quote(name)}", timeout=STALL_SECONDS) as answer,
                (folder / name).open("wb") as file,
            ):
                for chunk in track(_chunks(answer, most_bytes), label=f"fetching {name} (MB)"):
                    file.write(chunk)
        except (OSError, ValueError, HTTPException) as error:  # urllib's own errors are OSErrors
            raise UsageError(
                f"{address}/{name} can't be fetched ({_reason(error)}): check the address, or use a folder"
            ) from None


def _reason(error: Exception) -> str:
    """In words, without the wrapping that urllib puts around it."""
    inner = error.reason if isinstance(error, URLError) and not isinstance(error, HTTPError) else error
    return str(getattr(inner, "strerror", None) or inner)


def _chunks(answer, most_bytes: int) -> Iterator[bytes]:
    """What is sent, a megabyte at a time."""
    total, start = 0, time.monotonic()
    while chunk := answer.read(CHUNK):
        total += len(chunk)
        if total > most_bytes:
            raise ValueError(f"more than {most_bytes:,} bytes were sent")
        if time.monotonic() - start > MOST_SECONDS:
            raise ValueError(f"{total:,} bytes took more than {MOST_SECONDS} s")
        yield chunk
