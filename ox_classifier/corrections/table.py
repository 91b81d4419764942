"""corrections.csv, as a report's page saves it: which images have another class than their label says, or none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ox_classifier import limits
from ox_classifier.data import table_text
from ox_classifier.data.listing import SET_ASIDE
from ox_classifier.errors import UsageError

HEADER = ("path", "digest", "old_label", "new_label")
DIGEST = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Correction:
    """What an image's label should be.

    `path` is the image's name in the listing, `digest` that of its bytes when the report was made (hex), `new` a
    class, or `set-aside` if the image shows none.
    """

    path: str
    digest: str
    old: str
    new: str

    @property
    def set_aside(self) -> bool:
        return self.new == SET_ASIDE


def read(path: Path) -> list[Correction]:
    """The corrections of a file, in its order, without those that change nothing.

    Raises:
        UsageError: If it is no such table, a path leaves the data folder, or one image has two corrections; it
            names the line.
    """
    try:
        limits.check_file(path, limits.MOST_TABLE)
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist: give the corrections.csv that a report's page saved") from None
    text, _ = next(table_text.texts(path))
    header, rows = table_text.rows(path, text, HEADER, strip=False)
    missing = [name for name in HEADER if name not in header]
    if missing:
        raise UsageError(
            f"{path} lacks the column {' and '.join(missing)}: expected a first line {','.join(HEADER)}, "
            "as a report's page saves it"
        )
    found: dict[str, Correction] = {}
    for number, row in rows:
        one = _correction(f"{path}, line {number}", [row.get(name, "") for name in HEADER])
        if found.setdefault(one.path, one) != one:
            raise UsageError(f"{path}, line {number}: {one.path} has another correction above: keep one")
    return [one for one in found.values() if one.new != one.old]


def _correction(where: str, cells: list[str]) -> Correction:
    name, digest, old, new = cells
    if not limits.stays_below(name):
        raise UsageError(f"{where}: {name[:80]!r} is no path below the data folder: expected one as in predictions.csv")
    if not DIGEST.fullmatch(digest):
        raise UsageError(f"{where}: the digest {digest[:40]!r} is none: expected 32 signs of 0-9 and a-f")
    for label, value in (("old_label", old), ("new_label", new)):
        if not value or value in (".", "..") or re.search(r"[/\0]", value):
            raise UsageError(f"{where}: the {label} {value[:80]!r} is no class: expected the name of a class folder")
    return Correction(name, digest, old, new)
