"""The places that a command line names: those that nothing can be read from or written to are refused at once."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from ox_classifier.errors import UsageError
from ox_classifier.files import refuse_unwritable

MOST_BYTES = 255  # of a file's name, on every usual file system


def refuse_missing_data(data: Path | str, what: str) -> None:
    """Refuse data that aren't there, before anything slow is imported.

    Raises:
        UsageError: Naming the option or argument `what`.
    """
    if not Path(data).exists():
        hint = "give the folder of the images, or a CSV that lists them"
        if str(data) == "dataset":
            hint = f"the bundled images are in the clone of ox; for your own, {hint}"
        raise UsageError(f"{what} {data} does not exist: {hint}")


def refuse_source(source: str, what: str) -> None:
    """Refuse a source that is neither a folder nor an address.

    Raises:
        UsageError: Naming the option `what`.
    """
    if not source.startswith(("http://", "https://")):
        if not Path(source).is_dir():
            raise UsageError(f"{what} {source} is no folder: give a folder that is there, or an http(s) address")
        return
    try:
        address = urlsplit(source)
        host = address.hostname if address.port != 0 else None  # reading the port checks it
    except ValueError:
        host = None
    if not host or any(map(str.isspace, source)):
        raise UsageError(f"{what} {source} is no address: give one such as https://host/folder, or a folder")


def refuse_new(path: Path, what: str) -> None:
    """Refuse a new file or folder of a name that nobody means, such as one that was to be an option.

    Raises:
        UsageError: Naming the option or argument `what`.
    """
    reason = _unfit(path)
    if reason:
        raise UsageError(f"{what} {str(path)[:60]} {reason}")


def refuse_new_folder(folder: Path, what: str) -> None:
    """Refuse a folder to fill that can't be made or written to: below a file, by a link that leads nowhere, read-only.

    Raises:
        UsageError: Naming the option or argument `what`.
        OSError: If no file can be made there for another reason; it names the folder.
    """
    refuse_new(folder, what)
    there = next((place for place in (folder, *folder.parents) if os.path.lexists(place)), folder)
    if not there.is_dir():
        kind = "a link that leads nowhere" if there.is_symlink() and not there.exists() else "a file"
        is_or_below = "is" if there == folder else f"lies below {there}, which is"
        raise UsageError(f"{what} {folder} {is_or_below} {kind}: give a folder, there or not")
    try:
        refuse_unwritable(there)
    except FileNotFoundError:  # a place of the system that takes no file, such as /proc
        raise UsageError(f"{what} {folder} can't be made: {there} takes no files; choose another place") from None


def _unfit(path: Path) -> str:
    parts = path.parts
    if parts and parts[0] in ("http:", "https:"):
        return "is an address: give a place on this machine"
    if any(part.strip() != part for part in parts):
        return "has a name that begins or ends with a space: leave the space out"
    if any(part.startswith("-") for part in parts):
        return "has a name that begins with a dash, like an option: begin it with a letter"
    if os.sep == "/" and any("\\" in part for part in parts):
        return "has a backslash in a name: on this machine / stands between folders"
    if any(len(os.fsencode(part)) > MOST_BYTES for part in parts):
        return f"... has a name of more than {MOST_BYTES} bytes: give a shorter one"
    return ""
