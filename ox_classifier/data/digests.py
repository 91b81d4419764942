"""What tells one file from another: a digest of its bytes."""

from __future__ import annotations

from hashlib import blake2b, file_digest
from pathlib import Path


def content(path: Path) -> bytes:
    """16 bytes that two files share when every byte of theirs is equal.

    Raises:
        OSError: If the file can't be read.
    """
    with path.open("rb") as file:
        return file_digest(file, lambda: blake2b(digest_size=16)).digest()
