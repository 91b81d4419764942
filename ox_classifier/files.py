"""Files that are there whole or not at all: written beside their place and moved into it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PART = ".part"


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Give a path beside `path` to write to, of the same suffix; it takes the place of `path` when the block ends.

    If the block fails, `path` stays as it was and nothing is left beside it. A link at `path` is replaced itself,
    never written through. When the call returns, both the file and its name are on disk.

    Raises:
        OSError: If the folder can't be written to or the disk is full.
    """
    path = Path(path)
    beside = path.with_name(f".{path.stem[:60]}-{secrets.token_hex(6)}{PART}{path.suffix}")
    try:
        yield beside
        _sync(beside)
        beside.replace(path)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename in (beside, str(beside)):
            error.filename, error.filename2 = str(path), None  # what the user knows of
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def refuse_unwritable(folder: Path) -> None:
    """Make sure, before slow work, that files can be made in a folder or, while it isn't there, beside it.

    Raises:
        OSError: If not; it names the folder.
    """
    there = folder if folder.is_dir() else folder.parent
    probe = there / f".{secrets.token_hex(6)}{PART}"
    try:
        probe.touch(exist_ok=False)
    except OSError as error:
        error.filename = str(folder)
        raise
    probe.unlink()


def write_text(path: Path | str, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all; names of files that are no UTF-8 keep their bytes."""
    with replacing(path) as beside:
        beside.write_bytes(text.encode("utf-8", "surrogateescape"))


def write_new_text(path: Path | str, text: str) -> Path:
    """Write a text file in UTF-8 under the first free name of `a.csv`, `a-2.csv`, `a-3.csv` ...; gives it."""
    with claimed(path) as place:
        write_text(place, text)
    return place


@contextmanager
def claimed(path: Path | str) -> Iterator[Path]:
    """Give the first free name of `a.csv`, `a-2.csv` ... to write to; no other process can take it meanwhile.

    If the block fails, nothing is left of it.
    """
    place = _claimed(Path(path))
    try:
        yield place
    except BaseException:
        place.unlink(missing_ok=True)
        raise


def _claimed(path: Path) -> Path:
    """An empty file under the first free name."""
    number, place = 1, path
    while True:
        try:
            place.touch(exist_ok=False)
            return place
        except FileExistsError:
            number += 1
            place = path.with_name(f"{path.stem}-{number}{path.suffix}")


def remove_parts(folder: Path) -> None:
    """Remove what a killed process left half written in a folder."""
    for left in folder.glob(f".*{PART}*"):
        if left.is_file() or left.is_symlink():
            left.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows can't open a folder, and needs no sync to keep a name
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
