"""`ox predict --sort-into OUT`: each image once more in the folder of its answer; what it was taken from stays."""

from __future__ import annotations

import filecmp
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ox_classifier.cli import places
from ox_classifier.console import say
from ox_classifier.errors import UsageError
from ox_classifier.files import PART
from ox_classifier.wording import counted


def refuse_place(out: Path, sources: Iterable[Path]) -> None:
    """Refuse an OUT that can't be filled, or that lies in a folder whose images are sorted.

    Raises:
        UsageError: Naming --sort-into.
        OSError: If it can't be written to.
    """
    places.refuse_new_folder(out, "--sort-into")
    place = Path(os.path.realpath(out))
    for source in sources:
        if source.is_dir() and place.is_relative_to(os.path.realpath(source)):
            raise UsageError(f"--sort-into {out} lies in {source}, whose images are sorted: give a folder elsewhere")


class Sorter:
    """Copies images (or links to them) into OUT/<answer>/, over no file: a name that is taken gets a number.

    An image that is there already, byte for byte or as the same link, stays the only one.

    Raises:
        UsageError: If an answer is no name of a folder or that of a link.
    """

    def __init__(self, out: Path, answers: Iterable[str], *, link: bool = False):
        self.out, self.link, self.count = out, link, Counter()
        for answer in answers:
            if answer in (".", "..") or set("/\\\0") & set(answer) or not answer.strip():
                raise UsageError(f"--sort-into can't make a folder for the class {answer!r}: it is no name of a folder")
            if (out / answer).is_symlink():
                raise UsageError(f"{out / answer} is a link, so ox puts no image there: remove it, or give another OUT")

    def add(self, path: Path, answer: str) -> None:
        """Put one image where its answer says.

        Raises:
            OSError: If it can't be copied, or the disk is full.
        """
        folder = self.out / answer
        folder.mkdir(parents=True, exist_ok=True)
        number, target = 1, folder / path.name
        while not (self._same(path, target) or self._put(path, target)):
            number += 1
            target = folder / f"{path.stem}-{number}{path.suffix}"
        self.count[answer] += 1

    def tell(self) -> None:
        """Say what lies where."""
        parts = ", ".join(f"{answer} {count:,}" for answer, count in sorted(self.count.items()))
        how = "linked" if self.link else "copied"
        say(f"{counted(self.count.total(), 'image')} {how} into {self.out}{f': {parts}' if parts else ''}")

    def _same(self, path: Path, target: Path) -> bool:
        if not os.path.lexists(target):
            return False
        if self.link:
            return target.is_symlink() and os.path.realpath(target) == os.path.realpath(path)
        return not target.is_symlink() and target.is_file() and filecmp.cmp(path, target, shallow=False)

    def _put(self, path: Path, target: Path) -> bool:
        """Whether the name was free and is the image's now, whole."""
        if os.path.lexists(target):
            return False
        if self.link:
            with suppress(FileExistsError):
                target.symlink_to(os.path.realpath(path))
                return True
            return False
        beside = target.with_name(f".{secrets.token_hex(6)}{PART}")
        try:
            shutil.copy2(path, beside)
            try:
                os.link(beside, target)  # fails where a rename would write over
            except FileExistsError:
                return False
            except OSError:  # a disk without hard links
                if os.path.lexists(target):
                    return False
                beside.rename(target)
            return True
        finally:
            beside.unlink(missing_ok=True)
