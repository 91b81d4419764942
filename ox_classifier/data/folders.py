"""Class folders → a listing. Looks at names only; opens no image."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from ox_classifier.data import csv_listing
from ox_classifier.data.images import SUFFIXES
from ox_classifier.data.listing import LAYOUTS, SPLIT_FOLDERS, LabelledImage, Listing, checked, kinds, natural_key
from ox_classifier.errors import UsageError

SYSTEM_NAMES = {"__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin"}


def find(data: Path | str) -> Listing:
    """List the labelled images of a folder (or of a CSV `path,label[,split][,group]`).

    Hidden and system entries, files of other kinds and empty class folders are passed over, with a note each.

    Raises:
        UsageError: If nothing is there, if there is one class only, or if val or test has a class that train lacks.
    """
    data = Path(data)
    if data.suffix.lower() in csv_listing.SUFFIXES and data.is_file():
        return csv_listing.read_table(data)
    if not data.is_dir():
        what = "is a file" if data.exists() else "does not exist"
        raise UsageError(f"{data} {what}: expected a folder of images as {LAYOUTS}")
    walk = Walk()
    parts = {SPLIT_FOLDERS[d.name.lower()]: d for d in walk.folders(data) if d.name.lower() in SPLIT_FOLDERS}
    if any(True for part in parts.values() for _ in Walk().folders(part)):
        if "train" not in parts:
            raise UsageError(f"{data} has {', '.join(sorted(parts))} but no train folder: expected {LAYOUTS}")
        images = [LabelledImage(p, label, split) for split, part in parts.items() for label, p in walk.labelled(part)]
    else:
        images = [LabelledImage(p, label) for label, p in walk.labelled(data)]
    return checked(Listing(data, (), tuple(images), walk.notes(data)), walk.other)


def images_below(folder: Path) -> list[Path]:
    """Every image file in a folder, flat or nested, in natural order; hidden and system entries left out."""
    return sorted(map(Path, Walk().files(folder)), key=lambda p: natural_key(p.as_posix()))


class Walk:
    """Walks folders and remembers what it passed over."""

    def __init__(self):
        self.hidden: list[str] = []
        self.empty: list[str] = []
        self.other: Counter[str] = Counter()

    def folders(self, folder: Path) -> list[Path]:
        """The visible folders directly inside, in natural order."""
        found = sorted((p for p in folder.iterdir() if p.is_dir()), key=lambda p: natural_key(p.name))
        return [p for p in found if not self._hide(p.name)]

    def labelled(self, folder: Path) -> Iterable[tuple[str, str]]:
        """(class name, file) for every image below the class folders of `folder`."""
        for path in folder.iterdir():
            if path.is_file() and not self._hide(path.name):
                self.other[path.suffix.lower() or "no suffix"] += 1
        for class_folder in self.folders(folder):
            files = self.files(class_folder)
            if not files:
                self.empty.append(class_folder.name)
            yield from ((class_folder.name, file) for file in files)

    def files(self, folder: Path) -> list[str]:
        """Every visible file below with an image's suffix."""
        found = []
        for top, folders, names in os.walk(folder):
            start = os.fspath(Path(top, "-"))[:-1]  # "" for "."
            folders[:] = [name for name in folders if not self._hide(name)]
            for name in names:
                suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122 - a Path would intern every name
                if self._hide(name):
                    continue
                if suffix in SUFFIXES:
                    found.append(start + name)
                else:
                    self.other[suffix.rstrip(".") or "no suffix"] += 1
        return found

    def notes(self, root: Path) -> tuple[str, ...]:
        """One line for each kind of thing passed over."""
        lines = []
        if self.hidden:
            lines.append(f"skipped {len(self.hidden)} hidden or system entries in {root} ({_some(self.hidden)})")
        if self.other:
            lines.append(f"skipped {sum(self.other.values())} files that are no images ({kinds(self.other)})")
        if self.empty:
            lines.append(f"skipped empty class folders ({_some(self.empty)})")
        return tuple(lines)

    def _hide(self, name: str) -> bool:
        hidden = name.startswith(".") or name.casefold() in SYSTEM_NAMES
        if hidden and name not in self.hidden:
            self.hidden.append(name)
        return hidden


def _some(names: list[str]) -> str:
    return ", ".join(sorted(names)[:4]) + (", ..." if len(names) > 4 else "")
