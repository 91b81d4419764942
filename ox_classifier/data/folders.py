"""Class folders → a list of labelled files. Looks at names only; opens no image."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ox_classifier.data.images import SUFFIXES
from ox_classifier.errors import UsageError

SPLITS = ("train", "val", "test")
SPLIT_FOLDERS = dict.fromkeys(("train", "training"), "train") | dict.fromkeys(("val", "valid", "validation"), "val")
SPLIT_FOLDERS |= {"test": "test"}
SYSTEM_NAMES = {"__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin"}
NUMBER = re.compile("0*([0-9]+)")
LAYOUTS = "DATA/{train,val,test}/<class>/ or DATA/<class>/"


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """One file to learn from or be judged by. `split` is "train", "val", "test" or "" while undecided;
    files of one `group` (a writer, a sheet) must stay on one side of every split."""

    file: str  # text, as a Path takes five times the memory, and there may be 100,000
    label: str
    split: str = ""
    group: str = ""

    @property
    def path(self) -> Path:
        return Path(self.file)


@dataclass(frozen=True)
class Listing:
    """What a data folder holds: class names in order, every image file once, and what was passed over."""

    root: Path
    classes: tuple[str, ...]
    images: tuple[LabelledImage, ...]
    notes: tuple[str, ...] = ()

    def name(self, path: Path) -> str:
        """The path as reports write it: below the data folder, with forward slashes."""
        root = self.root.as_posix() + "/"  # text: pathlib takes ten times as long, and there may be 100,000 of them
        return path.as_posix().removeprefix(root if root != "./" else "")


def natural_key(name: str) -> str:
    """Sort key by which img2 comes before img10, and upper and lower case lie together.

    One text, not a tuple of parts, which takes four times the memory: a number becomes a mark below every letter,
    how many digits it has, and these.
    """
    return NUMBER.sub(lambda digits: f"\0{chr(len(digits[1]))}{digits[1]}", name.casefold()) + f"\0\0{name}"


def find(data: Path | str) -> Listing:
    """List the labelled images of a folder (or of a CSV `path,label[,split][,group]`).

    Hidden and system entries, files of other kinds and empty class folders are passed over, with a note each.

    Raises:
        UsageError: If nothing is there, if there is one class only, or if val or test has a class that train lacks.
    """
    data = Path(data)
    if data.suffix.lower() == ".csv" and data.is_file():
        from ox_classifier.data.tables import read_table

        return read_table(data)
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


def checked(listing: Listing, other: Counter | None = None) -> Listing:
    """Put classes and files in natural order and refuse a listing that nothing can be learned from.

    Raises:
        UsageError: As in `find`.
    """
    if not listing.images:
        raise UsageError(_nothing_found(listing.root, other or Counter()))
    labels = {split: {i.label for i in listing.images if i.split in (split, "")} for split in SPLITS}
    classes = tuple(sorted(labels["train"], key=natural_key))
    for split in ("val", "test"):
        strangers = sorted({i.label for i in listing.images if i.split == split} - set(classes), key=natural_key)
        if strangers:
            raise UsageError(
                f"{split} has images of class {', '.join(map(repr, strangers))}, which train lacks "
                f"(train has {', '.join(map(repr, classes)) or 'none'}): add them to train or remove them from {split}"
            )
    if len(classes) < 2:
        raise UsageError(
            f"{listing.root} has images of one class only ({classes[0]!r}): expected two or more classes, as {LAYOUTS}"
        )
    images = tuple(sorted(listing.images, key=lambda i: natural_key(listing.name(i.path))))
    return Listing(listing.root, classes, images, listing.notes)


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
            lines.append(f"skipped {sum(self.other.values())} files that are no images ({_kinds(self.other)})")
        if self.empty:
            lines.append(f"skipped empty class folders ({_some(self.empty)})")
        return tuple(lines)

    def _hide(self, name: str) -> bool:
        hidden = name.startswith(".") or name.casefold() in SYSTEM_NAMES
        if hidden and name not in self.hidden:
            self.hidden.append(name)
        return hidden


def _nothing_found(root: Path, other: Counter) -> str:
    direct = [p for p in root.iterdir() if p.suffix.lower() in SUFFIXES] if root.is_dir() else []
    looked = f"no images found in the class folders of {root} (looked for {LAYOUTS}, {' '.join(SUFFIXES)})"
    if direct:
        return (
            f"{looked}: {len(direct)} images lie in {root} itself; put them in a folder for each class, {root}/<class>"
        )
    if other:
        return f"{looked}: found {_kinds(other)} instead; convert them or point --data at another folder"
    return f"{looked}: it holds no files; point --data at another folder"


def _kinds(counts: Counter) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in counts.most_common(4))


def _some(names: list[str]) -> str:
    return ", ".join(sorted(names)[:4]) + (", ..." if len(names) > 4 else "")
