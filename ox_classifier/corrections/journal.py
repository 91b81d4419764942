"""undo.csv: every move of an `ox dataset apply`, on disk before the first file moves."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ox_classifier import limits
from ox_classifier.corrections.moves import Move, arrived
from ox_classifier.errors import UsageError
from ox_classifier.files import write_new_text
from ox_classifier.tables import csv_line

HEADER = ("kind", "path", "moved_to", "digest")
DATA, FOLDER, FILE = (
    "data",
    "folder",
    "file",
)  # kinds of rows: the data folder; a folder that is made; a file that moves
NOT_OURS = "expected the undo.csv that ox dataset apply wrote"


@dataclass(frozen=True)
class Journal:
    """Moves in a data folder, and the folders that were made for them; `origin` is the digest of corrections.csv."""

    root: Path
    origin: str
    moves: tuple[Move, ...]
    folders: tuple[str, ...]

    def begun(self) -> bool:
        """Whether any file was moved and is not back."""
        return any(arrived(self.root, move) for move in self.moves)


def write(journal: Journal, beside: Path) -> Path:
    """Write a journal into the folder `beside`, under a name that no file has; it is on disk when the call returns."""
    rows = [
        HEADER,
        (DATA, journal.root, "", journal.origin),
        *((FOLDER, "", name, "") for name in journal.folders),
        *((FILE, move.source, move.target, move.digest) for move in journal.moves),
    ]
    return write_new_text(beside / "undo.csv", "".join(map(csv_line, rows)))


def read(path: Path) -> Journal:
    """The journal in a file.

    Raises:
        UsageError: If it is none, or a path in it leaves the data folder.
    """
    try:
        limits.check_file(path, limits.MOST_TABLE)
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist: {NOT_OURS}") from None
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    try:
        header, *rows = [tuple(row) for row in csv.reader(io.StringIO(text, newline=""))] or [()]
    except csv.Error as error:
        raise UsageError(f"{path} is no CSV ({error}): {NOT_OURS}") from None
    fits = header == HEADER and all(len(row) == len(HEADER) and row[0] in (DATA, FOLDER, FILE) for row in rows)
    if not fits or [row[0] for row in rows].count(DATA) != 1:
        raise UsageError(f"{path} has other rows than {','.join(HEADER)} with one of {DATA}: {NOT_OURS}")
    for kind, source, target, _ in rows:
        for name in {FOLDER: (target,), FILE: (source, target)}.get(kind, ()):
            if not limits.stays_below(name):
                raise UsageError(f"{path} names {name[:80]!r}, which is not below the data folder: {NOT_OURS}")
    (data,) = (row for row in rows if row[0] == DATA)
    moves = tuple(Move(*row[1:]) for row in rows if row[0] == FILE)
    return Journal(Path(data[1]), data[3], moves, tuple(row[2] for row in rows if row[0] == FOLDER))


def earlier(beside: Path, root: Path, origin: str) -> Iterator[tuple[Path, Journal]]:
    """Journals in the folder `beside` of the same corrections in the same data folder."""
    for path in sorted(beside.glob("undo*.csv")):
        try:
            found = read(path)
        except (UsageError, OSError):  # someone else's, or a name that a killed call had only claimed
            continue
        if found.origin == origin and found.root == root:
            yield path, found
