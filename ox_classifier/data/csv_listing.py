"""A CSV as data: `path,label[,split][,group]`; and groups read from the paths of any listing."""

from __future__ import annotations

import csv
import os
import re
from dataclasses import replace
from pathlib import Path

from ox_classifier.data.listing import SPLIT_FOLDERS, LabelledImage, Listing, checked
from ox_classifier.errors import UsageError

COLUMNS = "path,label[,split][,group]"


def read_table(csv_path: Path | str) -> Listing:
    """The listing a CSV describes; paths are meant from the CSV's own folder. Other columns are passed over.

    Raises:
        UsageError: If columns, paths, labels or splits are missing, unknown or given twice; it names the line.
    """
    csv_path = Path(csv_path)
    try:
        with csv_path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            names = [(name or "").strip().lower() for name in reader.fieldnames or ()]
            reader.fieldnames = names
            lines = [(reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{csv_path} is no CSV in UTF-8 ({error}): expected the columns {COLUMNS}") from None
    missing = [name for name in ("path", "label") if name not in names]
    if missing:
        raise UsageError(
            f"{csv_path} lacks the column {' and '.join(missing)} (it has {', '.join(filter(None, names)) or 'none'}): "
            f"expected a first line {COLUMNS}"
        )
    root = csv_path.parent
    images, seen = [], {}
    for number, row in lines:
        image = _image(
            {name: (row.get(name) or "").strip() for name in ("path", "label", "split", "group")},
            root,
            csv_path,
            number,
        )
        if image.path in seen:
            raise UsageError(
                f"{csv_path}, line {number}: {image.path} stands in line {seen[image.path]} already: keep one"
            )
        seen[image.path] = number
        images.append(image)
    ignored = [name for name in names if name and name not in ("path", "label", "split", "group")]
    notes = (f"passed over the columns {', '.join(ignored)} of {csv_path}",) if ignored else ()
    return checked(Listing(root, (), tuple(images), notes))


def with_groups(listing: Listing, regex: str) -> Listing:
    """Group images by what `--group REGEX` finds in their path: its first group, or the whole match without one.

    Searched in the path below the data folder, with forward slashes. Files it isn't found in keep their own group.

    Raises:
        UsageError: If the expression is wrong or fits no file.
    """
    try:
        pattern = re.compile(regex)
    except re.error as error:
        raise UsageError(f"--group {regex!r} is no regular expression ({error}): try 'writer-(\\d+)'") from None
    images = []
    for image in listing.images:
        match = pattern.search(listing.name(image.path))
        name = (match.group(1) if pattern.groups else match.group(0)) if match else None
        images.append(replace(image, group=name) if name else image)
    found = sum(new is not old for new, old in zip(images, listing.images, strict=True))
    if not found:
        example = listing.name(listing.images[0].path) if listing.images else "none"
        raise UsageError(f"--group {regex!r} fits none of {len(images):,} paths, such as {example}")
    groups = len({image.group for image in images if image.group})
    note = f"--group {regex!r}: {groups:,} groups in {found:,} of {len(images):,} files"
    return replace(listing, images=tuple(images), notes=(*listing.notes, note))


def _image(row: dict[str, str], root: Path, csv_path: Path, number: int) -> LabelledImage:
    where = f"{csv_path}, line {number}"
    for name in ("path", "label"):
        if not row[name]:
            raise UsageError(f"{where}: the {name} is empty: give every image a path and a label")
    split = row["split"].lower()
    if split and split not in SPLIT_FOLDERS:
        raise UsageError(f"{where}: split {row['split']!r} is unknown: give train, val, test or leave it empty")
    return LabelledImage(os.fspath(root / row["path"]), row["label"], SPLIT_FOLDERS.get(split, ""), row["group"])
