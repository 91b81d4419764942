"""The files below a folder, and what was passed over on the way. Looks at names only; opens no file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from ox_classifier.data.images import SUFFIXES, ImageError
from ox_classifier.data.listing import SET_ASIDE, kinds, natural_key, outside_note
from ox_classifier.data.regular_file import why
from ox_classifier.wording import counted

OWN_LIST = "marks.csv"  # what `ox dataset make` writes beside the class folders
SYSTEM_NAMES = {"__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin"}


class Walk:
    """Walks folders, however deep, and remembers what it passed over; links to folders are followed at the top only.

    Without `deep` it stays in the folder it is given. With `follow` it takes what links to folders lead to, each
    folder once.
    """

    def __init__(self, *, deep: bool = True, follow: bool = False):
        self.deep, self.follow = deep, follow
        self.unread: list[ImageError] = []  # folders that can't be read
        self.hidden: list[str] = []
        self.empty: list[str] = []
        self.links: list[str] = []  # to folders
        self.set_aside: dict[Path, int] = {}  # images in each such folder
        self.outside: list[str] = []  # images beside the class folders
        self.other: Counter[str] = Counter()

    def folders(self, folder: Path) -> list[Path]:
        """The visible folders directly inside, in natural order, without the one of images set aside."""
        found = sorted((entry.name for entry in self._entries(folder) if _is_folder(entry)), key=natural_key)
        aside = [name for name in found if name.casefold() == SET_ASIDE]
        self.set_aside |= {folder / name: len(Walk().files(folder / name)) for name in aside}
        return [folder / name for name in found if name not in aside and not self._hide(name)]

    def labelled(self, folder: Path, *, without: Path | None = None) -> Iterable[tuple[str, str]]:
        """(class name, file) for every image below the class folders of `folder`; `without` is none of them."""
        for entry in self._entries(folder):
            if _is_folder(entry) or self._hide(entry.name) or entry.name == OWN_LIST:
                continue
            suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122
            if suffix in SUFFIXES:
                self.outside.append(os.fspath(Path(folder, entry.name)))
            else:
                self.other[suffix or "no suffix"] += 1
        for class_folder in self.folders(folder):
            if class_folder == without:
                continue
            files = self.files(class_folder)
            if not files:
                self.empty.append(class_folder.name)
            yield from ((class_folder.name, file) for file in files)

    def files(self, folder: Path) -> list[str]:
        """Every visible file below with an image's suffix."""
        found, ahead = [], [os.fspath(folder)]
        seen = {os.path.realpath(folder)} if self.follow else set()
        while ahead:
            top = ahead.pop()
            start = os.fspath(Path(top, "-"))[:-1]  # "" for "."
            for entry in self._entries(top):
                name = entry.name
                if self._hide(name):
                    continue
                if _is_folder(entry):
                    if entry.is_symlink() and not self.follow:
                        self.links.append(name)
                    elif self.deep and not self._seen(entry, seen):
                        ahead.append(start + name)
                    continue
                suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122 - a Path would intern every name
                if suffix in SUFFIXES:
                    found.append(start + name)
                else:
                    self.other[suffix.rstrip(".") or "no suffix"] += 1
        return found

    def notes(self, root: Path) -> tuple[str, ...]:
        """One line for each kind of thing passed over."""
        lines = []
        if self.hidden:
            lines.append(
                f"skipped {counted(len(self.hidden), 'hidden or system entry')} in {root} ({_some(self.hidden)})"
            )
        if self.set_aside:
            there = ", ".join(map(str, self.set_aside))
            lines.append(f"passed over {counted(sum(self.set_aside.values()), 'image')} set aside in {there}")
        if self.outside:
            lines.append(outside_note(self.outside))
        if self.other:
            count = sum(self.other.values())
            what = "that is no image" if count == 1 else "that are no images"
            lines.append(f"skipped {counted(count, 'file')} {what} ({kinds(self.other)})")
        if self.links:
            what = "a folder, which is" if len(self.links) == 1 else "folders, which are"
            lines.append(f"skipped {counted(len(self.links), 'link')} to {what} not followed ({_some(self.links)})")
        if self.empty:
            lines.append(f"skipped empty class folders ({_some(self.empty)})")
        return tuple(lines)

    def _entries(self, folder: Path | str) -> Iterator[os.DirEntry]:
        try:
            with os.scandir(folder) as entries:
                yield from entries
        except OSError as error:
            if not any(known.path == Path(folder) for known in self.unread):
                self.unread.append(ImageError(folder, why(error)))

    def _seen(self, entry: os.DirEntry, seen: set[str]) -> bool:
        """Whether this folder was walked before, by another path; asked only where links are followed."""
        real = os.path.realpath(entry.path) if self.follow else ""
        known = real in seen
        if self.follow:
            seen.add(real)
        return known

    def _hide(self, name: str) -> bool:
        hidden = name.startswith(".") or name.casefold() in SYSTEM_NAMES
        if hidden and name not in self.hidden:
            self.hidden.append(name)
        return hidden


def _is_folder(entry: os.DirEntry) -> bool:
    with suppress(OSError):  # a link that leads in a circle
        return entry.is_dir()
    return False


def _some(names: list[str]) -> str:
    return ", ".join(sorted(names)[:4]) + (", ..." if len(names) > 4 else "")
