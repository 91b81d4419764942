"""A CSV as data: `path,label[,split][,group]`; and groups read from the paths of any listing."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ox_classifier.data import table_text
from ox_classifier.data.listing import SPLIT_FOLDERS, LabelledImage, Listing, checked
from ox_classifier.errors import UsageError
from ox_classifier.limits import stays_below
from ox_classifier.wording import counted

NAMES = ("path", "label", "split", "group")
COLUMNS = "path,label[,split][,group]"
SUFFIXES = (".csv", ".tsv")


@dataclass(frozen=True)
class Table:
    """A CSV as it was read: its rows, the image of each as written, and where that lies ("": nowhere)."""

    header: list[str]
    rows: list[table_text.Row]
    images: list[LabelledImage]
    places: list[str]
    encoding: str


def read_table(csv_path: Path | str, *, to_learn: bool = True) -> Listing:
    """The listing a CSV describes, as text editors, Excel and ox write it.

    It may be in UTF-8, UTF-16 or an older encoding, its cells separated by commas, semicolons, tabs or bars. A
    relative path is meant from the CSV's own folder or, if nothing is there, from the current one. Other columns
    are passed over. `to_learn` as in `folders.find`.

    Raises:
        UsageError: If columns, paths, labels or splits are missing, unknown or given twice (it names the line), or
            not one of the files is there.
    """
    csv_path = Path(csv_path)
    table = _likeliest(csv_path)
    root, names = _placed(csv_path, table)
    images = [replace(image, file=name) for name, image in zip(names, table.images, strict=True)]
    return checked(Listing(root, (), tuple(images), _notes(csv_path, table)), to_learn=to_learn)


def read_rows(csv_path: Path) -> tuple[list[str], list[tuple[dict[str, str], str]]]:
    """Column names, and every row with the name that its file has in the listing.

    Raises:
        UsageError: As in `read_table`.
    """
    table = _likeliest(csv_path)
    root, names = _placed(csv_path, table)
    name = Listing(root, (), ()).name
    return table.header, [(cells, name(Path(file))) for (_, cells), file in zip(table.rows, names, strict=True)]


def _placed(csv_path: Path, table: Table) -> tuple[Path, list[str]]:
    """A folder that all files lie below, and where each of them lies.

    Raises:
        UsageError: If there is no row, or not one of the files is there.
    """
    images, places = table.images, table.places
    if not images:
        raise UsageError(f"no images found in {csv_path}: it has no row below its first line; add one for each image")
    if not any(places):
        raise UsageError(f"none of the {len(images):,} files of {csv_path} is there: {_looked(csv_path, images[0])}")
    names = [place or _below(csv_path.parent, image) for place, image in zip(places, images, strict=True)]
    return _rooted(csv_path, names)


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
    note = f"--group {regex!r}: {counted(groups, 'group')} in {found:,} of {counted(len(images), 'file')}"
    return replace(listing, images=tuple(images), notes=(*listing.notes, note))


def _likeliest(csv_path: Path) -> Table:
    """The table in the encoding by which most of its files are found."""
    best, most = None, -1
    for text, encoding in table_text.texts(csv_path):
        header, rows = table_text.rows(csv_path, text, NAMES)
        missing = [name for name in ("path", "label") if name not in header]
        if missing:
            has = ", ".join(filter(None, table_text.columns(text, NAMES)))[:100] or "none"
            lacks = f"column{'s' if len(missing) > 1 else ''} {' and '.join(missing)}"
            raise UsageError(f"{csv_path} lacks the {lacks} (it has {has}): expected a first line {COLUMNS}")
        images = _images(csv_path, rows)
        places = [_place(csv_path.parent, image) for image in images]
        there = sum(map(bool, places))
        if there > most:
            best, most = Table(header, rows, images, places, encoding), there
        if there == len(images):
            break
    return best


def _notes(csv_path: Path, table: Table) -> tuple[str, ...]:
    """What a reader should know of how the table was understood."""
    notes, images, places = [], table.images, table.places
    if not table.encoding.startswith("utf"):
        notes.append(f"{csv_path} is no UTF-8: read as {table.encoding}")
    ignored = [name for name in table.header if name and name not in NAMES]
    if ignored:
        notes.append(f"passed over the columns {', '.join(ignored)} of {csv_path}")
    elsewhere = sum(
        bool(place) and place != _below(csv_path.parent, image) for place, image in zip(places, images, strict=True)
    )
    if elsewhere:
        notes.append(
            f"{elsewhere:,} of {len(images):,} files of {csv_path} were found from the current folder "
            f"{Path.cwd()}, not from the CSV's own"
        )
    lost = [image for place, image in zip(places, images, strict=True) if not place]
    if lost:
        notes.append(
            f"{len(lost):,} of {len(images):,} files of {csv_path} are not there: {_looked(csv_path, lost[0])}"
        )
    return tuple(notes)


def _images(csv_path: Path, rows: Sequence[table_text.Row]) -> list[LabelledImage]:
    images, seen = [], {}
    for number, row in rows:
        where = f"{csv_path}, line {number}"
        path, label, split, group = (row.get(name, "") for name in NAMES)
        for name, value in (("path", path), ("label", label)):
            if not value:
                raise UsageError(f"{where}: the {name} is empty: give every image a path and a label")
        if split and split.lower() not in SPLIT_FOLDERS:
            raise UsageError(f"{where}: split {split!r} is unknown: give train, val, test or leave it empty")
        if seen.setdefault(Path(path), number) != number:
            raise UsageError(f"{where}: {path} stands in line {seen[Path(path)]} already: keep one")
        images.append(LabelledImage(path, label, SPLIT_FOLDERS.get(split.lower(), ""), group))
    return images


def _below(root: Path, image: LabelledImage) -> str:
    return os.fspath(root / image.file)


def _place(root: Path, image: LabelledImage) -> str:
    """Where the file lies: in the CSV's folder, else in the current one (then as an absolute path), else ""."""
    below = _below(root, image)
    if os.path.exists(below):  # noqa: PTH110 - a third of the time, and there may be 100,000
        return below
    return os.path.abspath(image.file) if os.path.exists(image.file) else ""  # noqa: PTH100, PTH110


def _rooted(csv_path: Path, names: list[str]) -> tuple[Path, list[str]]:
    """A folder that all files lie below, and their paths there: the CSV's, or else the nearest that holds them all.

    What a run records of a file is its path below that folder, never one that leads out of it, and the same whether the
    CSV is named by a relative or an absolute path.
    """
    start = os.path.join(os.fspath(csv_path.parent), "")  # noqa: PTH118 - text, as there may be 100,000
    inside = start if start != "./" else ""
    if all(name.startswith(inside) and stays_below(name.removeprefix(inside)) for name in names):
        return csv_path.parent, names
    folder, straight = _straight(os.fspath(csv_path.parent)), [_straight(name) for name in names]
    inside = os.path.join(folder, "")  # noqa: PTH118
    if all(name.startswith(inside) for name in straight):
        return Path(folder), straight
    try:
        return Path(os.path.commonpath([os.path.dirname(name) for name in straight])), straight  # noqa: PTH120
    except ValueError:
        raise UsageError(
            f"{csv_path} lists files of several drives: put those of each drive in a CSV of its own"
        ) from None


def _straight(path: str) -> str:
    """The path as an absolute one without `..`, which a link before it makes lead elsewhere than the text says."""
    return os.path.realpath(path) if ".." in Path(path).parts else os.path.abspath(path)  # noqa: PTH100


def _looked(csv_path: Path, image: LabelledImage) -> str:
    """Which places were tried for a file."""
    places = dict.fromkeys((csv_path.parent.absolute(), Path.cwd()))
    if Path(image.file).is_absolute():
        return f"looked for {image.file}"
    return f"looked for {image.file} in {' and in '.join(map(str, places))}"
