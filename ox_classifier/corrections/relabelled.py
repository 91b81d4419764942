"""Corrections and a CSV of images → a new CSV beside it; the old one and the images stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ox_classifier.corrections.moves import Refusal, changed
from ox_classifier.corrections.plan import NOT_THERE, fitting
from ox_classifier.corrections.table import Correction
from ox_classifier.data import csv_listing
from ox_classifier.data.listing import Listing
from ox_classifier.files import write_new_text
from ox_classifier.tables import csv_line


def accepted(listing: Listing, corrections: Sequence[Correction]) -> tuple[list[Correction], list[Refusal]]:
    """Corrections of images that are in the listing and as the report saw them, and those of others.

    Raises:
        UsageError: If a new label is no class, or an old one is not the label that the file has.
    """
    images, good, refused = fitting(listing, corrections), [], []
    for one in corrections:
        reason = changed(images[one.path].path, one.digest) if one.path in images else NOT_THERE
        if reason:
            refused.append(Refusal(one.path, reason))
        else:
            good.append(one)
    return good, refused


def write(csv_path: Path, corrections: Sequence[Correction]) -> Path:
    """Write `<name>-corrected.csv` with new labels and without the rows set aside; never over a file."""
    header, rows = csv_listing.read_rows(csv_path)
    new = {one.path: one for one in corrections}
    lines = [csv_line(header)]
    for cells, name in rows:
        one = new.get(name)
        if one is None or not one.set_aside:
            changes = {} if one is None else {"label": one.new}
            lines.append(csv_line((cells | changes).get(column, "") for column in header))
    return write_new_text(csv_path.with_name(f"{csv_path.stem}-corrected.csv"), "".join(lines))
