"""What a data folder or a CSV lists: labelled files in natural order. Looks at names only; opens no image."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ox_classifier.data.images import SUFFIXES, ImageError
from ox_classifier.errors import UsageError
from ox_classifier.wording import counted

SPLITS = ("train", "val", "test")
SPLIT_FOLDERS = dict.fromkeys(("train", "training"), "train") | dict.fromkeys(("val", "valid", "validation"), "val")
SPLIT_FOLDERS |= {"test": "test"}
SET_ASIDE = "set-aside"  # a folder beside classes or splits, of images that are of no class: never listed
OUTLIERS = "outliers"  # a folder of images to be undecided on, see `folders.outliers_of`
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
    """What a data folder holds: class names in order, every image file once, and what was passed over.

    `unread` are folders that can't be read, so that nobody knows what is in them; `outside` are images that lie beside
    the class folders and so are of no class.
    """

    root: Path
    classes: tuple[str, ...]
    images: tuple[LabelledImage, ...]
    notes: tuple[str, ...] = ()
    unread: tuple[ImageError, ...] = ()
    outside: tuple[str, ...] = ()

    def name(self, path: Path) -> str:
        """The path as reports write it: below the data folder, with forward slashes."""
        # as text: pathlib takes ten times as long, and there may be 100,000 of them
        root = self.root.as_posix().rstrip("/") + "/"
        return path.as_posix().removeprefix(root if root != "./" else "")


def natural_key(name: str) -> str:
    """Sort key by which img2 comes before img10, and upper and lower case lie together.

    One text, not a tuple of parts, which takes four times the memory: a number becomes a mark below every letter,
    how many digits it has, and these.
    """
    return NUMBER.sub(lambda digits: f"\0{chr(len(digits[1]))}{digits[1]}", name.casefold()) + f"\0\0{name}"


def checked(listing: Listing, other: Counter | None = None, *, to_learn: bool = True) -> Listing:
    """Put classes and files in natural order and refuse a listing that nothing can be learned from.

    Without `to_learn` one image is enough, of any class in any split.

    Raises:
        UsageError: As in `find`.
    """
    if not listing.images:
        raise UsageError(_nothing_found(listing.root, other or Counter()))
    learned = {i.label for i in listing.images if i.split in ("train", "") or not to_learn}
    classes = tuple(sorted(learned, key=natural_key))
    closed = f"; this can't be read: {listing.unread[0]}" if listing.unread else ""
    for split in ("val", "test"):
        strangers = sorted({i.label for i in listing.images if i.split == split} - set(classes), key=natural_key)
        if strangers:
            raise UsageError(
                f"{split} has images of class {', '.join(map(repr, strangers))}, which train lacks "
                f"(train has {', '.join(map(repr, classes)) or 'none'}): add them to train or remove them from {split}"
                f"{closed}"
            )
    if to_learn and len(classes) < 2:
        raise UsageError(
            f"{listing.root} has images of one class only ({classes[0]!r}): {_inside(listing, classes[0])}"
            f"expected two or more classes, as {LAYOUTS}{closed}"
        )
    images = tuple(sorted(listing.images, key=lambda i: natural_key(listing.name(i.path))))
    return replace(listing, classes=classes, images=images)


def _nothing_found(root: Path, other: Counter) -> str:
    direct = [p for p in root.iterdir() if p.suffix.lower() in SUFFIXES] if root.is_dir() else []
    found = f"no images found in the class folders of {root}"
    looked = f"(looked for {LAYOUTS}, {' '.join(SUFFIXES)})"
    if direct:
        how = f"put them in a folder for each class, {root}/<class>"
        return f"{found}: {_lie(len(direct))} in {root} itself; {how} {looked}"
    if other:
        return f"{found}: it holds {kinds(other)} instead; convert them or point --data at another folder {looked}"
    return f"{found}: it holds no files; point --data at another folder {looked}"


def outside_note(files: Sequence[str]) -> str:
    """What is said of images that lie beside the class folders."""
    places = sorted({os.path.dirname(file) or "." for file in files})  # noqa: PTH120
    themselves, used = "itself" if len(places) == 1 else "themselves", "is" if len(files) == 1 else "are"
    return (
        f"{_lie(len(files))} in {', '.join(places[:3])} {themselves}, outside the class folders, and {used} not used: "
        "move what is to be used into a class folder"
    )


def _lie(count: int) -> str:
    return f"{counted(count, 'image')} {'lies' if count == 1 else 'lie'}"


def _inside(listing: Listing, label: str) -> str:
    """The hint that the classes may lie a folder deeper, where every image of the only class lies in one of several."""
    start = f"{(listing.root / label).as_posix()}/"
    below = [image.path.as_posix().removeprefix(start).split("/") for image in listing.images if not image.split]
    names = sorted({parts[0] for parts in below if len(parts) > 1}, key=natural_key)
    if len(names) < 2 or any(len(parts) < 2 for parts in below) or len(below) < len(listing.images):
        return ""
    shown = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
    return f"{label} holds folders {shown}: did you mean {start.rstrip('/')}? Else "


def kinds(counts: Counter) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in counts.most_common(4))
