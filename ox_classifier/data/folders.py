"""Class folders → a listing. Looks at names only; opens no image."""

from __future__ import annotations

from pathlib import Path

from ox_classifier.console import say
from ox_classifier.data import csv_listing
from ox_classifier.data.listing import LAYOUTS, SPLIT_FOLDERS, LabelledImage, Listing, checked, natural_key
from ox_classifier.data.walk import Walk
from ox_classifier.errors import UsageError


def find(data: Path | str, *, to_learn: bool = True) -> Listing:
    """List the labelled images of a folder (or of a CSV `path,label[,split][,group]`).

    Hidden and system entries, `set-aside`, files of other kinds and empty class folders are passed over, with a note
    each. Without `to_learn`, what is to be judged or put in order may lack splits and classes.

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
    walk = Walk()
    parts = {SPLIT_FOLDERS[d.name.lower()]: d for d in walk.folders(data) if d.name.lower() in SPLIT_FOLDERS}
    if any(True for part in parts.values() for _ in Walk().folders(part)):
        if to_learn and "train" not in parts:
            raise UsageError(f"{data} has {', '.join(sorted(parts))} but no train folder: expected {LAYOUTS}")
        images = [LabelledImage(p, label, split) for split, part in parts.items() for label, p in walk.labelled(part)]
    else:
        images = [LabelledImage(p, label) for label, p in walk.labelled(data)]
    if walk.unread and not images:
        raise UsageError(f"no images found in {data}, where this can't be read: {walk.unread[0]}")
    listing = Listing(data, (), tuple(images), walk.notes(data), tuple(walk.unread), tuple(walk.outside))
    return checked(listing, walk.other, to_learn=to_learn)


def images_below(folder: Path) -> list[Path]:
    """Every image file in a folder, flat or nested, in natural order; hidden and system entries left out.

    A folder that can't be read is said.
    """
    walk = Walk()
    found = sorted(map(Path, walk.files(folder)), key=lambda p: natural_key(p.as_posix()))
    for error in walk.unread:
        say(f"left out, as it can't be read: {error}")
    return found
