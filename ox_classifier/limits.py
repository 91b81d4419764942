"""What a file that came from elsewhere may be: a plain file of bounded size that may be read."""

from __future__ import annotations

import stat
from pathlib import Path

from ox_classifier.errors import UsageError

MEGABYTE = 2**20
MOST_JSON = 16 * MEGABYTE
MOST_NETWORK = 2048 * MEGABYTE
MOST_TABLE = 256 * MEGABYTE
MOST_ROWS = 1_000_000
MOST_SIDE = 4096  # pixels


def check_file(path: Path, most: int) -> int:
    """Give the size of a file in bytes, once it is known to be safe to open.

    Raises:
        FileNotFoundError: If there is none.
        UsageError: If it is a folder, a pipe or a device, may not be read, or is larger than `most` bytes.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise UsageError(f"{path} is no plain file: expected a file that ox wrote, not a folder, pipe or device")
        with path.open("rb"):
            pass
    except PermissionError:
        raise UsageError(f"{path} may not be read: give yourself permission, on Linux with chmod u+r") from None
    except FileNotFoundError:
        raise
    except OSError as error:  # a loop of links, a folder in between that is a file, a disk that fails
        raise UsageError(f"{path} can't be read ({error.strerror}): check the path") from None
    if found.st_size > most:
        size = f"{found.st_size / MEGABYTE:,.0f} MB"
        raise UsageError(f"{path} has {size}, ox writes at most {most // MEGABYTE:,} MB there: it is not of ox' making")
    return found.st_size


def stays_below(name: str) -> bool:
    """Whether a path names something below the folder it is joined to."""
    path = Path(name)
    return bool(name) and "\0" not in name and not path.anchor and ".." not in path.parts
