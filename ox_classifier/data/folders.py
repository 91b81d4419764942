"""Class folders → a listing. Looks at names only; opens no image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ox_classifier.console import say
from ox_classifier.data import csv_listing
from ox_classifier.data.listing import LAYOUTS, OUTLIERS, SPLIT_FOLDERS, LabelledImage, Listing, checked, natural_key
from ox_classifier.data.walk import Walk
from ox_classifier.errors import UsageError


def find(data: Path | str, *, to_learn: bool = True) -> Listing:
    """List the labelled images of a folder (or of a CSV `path,label[,split][,group]`).

    Hidden and system entries, `set-aside`, `outliers` (see `outliers_of`), files of other kinds and empty class
    folders are passed over, with a note each. Without `to_learn`, what is to be judged or put in order may lack splits
    and classes.

    Raises:
        UsageError: If nothing is there or, with `to_learn`, if there is one class only, no train folder beside the
            others, or if val or test has a class that train lacks.
    """
    data = Path(data)
    if data.suffix.lower() in csv_listing.SUFFIXES and data.is_file():
        return csv_listing.read_table(data, to_learn=to_learn)
    if not data.is_dir():
        what = "is a file" if data.exists() else "does not exist"
        raise UsageError(f"{data} {what}: expected a folder of images as {LAYOUTS}")
    walk, notes = Walk(), []
    there = walk.folders(data)
    parts = _splits(there)
    if parts:
        if to_learn and "train" not in parts:
            raise UsageError(f"{data} has {', '.join(sorted(parts))} but no train folder: expected {LAYOUTS}")
        images = [LabelledImage(p, label, split) for split, part in parts.items() for label, p in walk.labelled(part)]
    else:
        outliers = _outliers_among(there)
        if outliers:
            notes = [f"{outliers} is taken for images of no class, not for a class: rename it if it is one"]
        images = [LabelledImage(p, label) for label, p in walk.labelled(data, without=outliers)]
    if walk.unread and not images:
        raise UsageError(f"no images found in {data}, where this can't be read: {walk.unread[0]}")
    listing = Listing(data, (), tuple(images), (*walk.notes(data), *notes), tuple(walk.unread), tuple(walk.outside))
    return checked(listing, walk.other, to_learn=to_learn)


def outliers_of(data: Path) -> Path | None:
    """The data's own folder of images of no class: `outliers` beside split folders, or beside two classes or more.

    Beside one class it is the other class, as in data of inliers and outliers.
    """
    return _outliers_among(Walk().folders(data))


def _outliers_among(there: Sequence[Path]) -> Path | None:
    named = next((folder for folder in there if folder.name.casefold() == OUTLIERS), None)
    if named is None or _splits(there):
        return named
    classes = [folder for folder in there if folder != named and Walk().files(folder)]
    return named if len(classes) > 1 else None


def _splits(there: Sequence[Path]) -> dict[str, Path]:
    """The folders that are splits, if any of them has class folders."""
    parts = {SPLIT_FOLDERS[folder.name.lower()]: folder for folder in there if folder.name.lower() in SPLIT_FOLDERS}
    return parts if any(Walk().folders(part) for part in parts.values()) else {}


def images_below(folder: Path) -> list[Path]:
    """Every image file in a folder, flat or nested, in natural order; hidden and system entries left out.

    A folder that can't be read is said.
    """
    walk = Walk()
    found = sorted(map(Path, walk.files(folder)), key=lambda p: natural_key(p.as_posix()))
    for error in walk.unread:
        say(f"left out, as it can't be read: {error}")
    return found
