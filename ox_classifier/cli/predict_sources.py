"""The images that `ox predict` is asked about: files, folders, globs, tables of paths, and paths from a pipe."""

from __future__ import annotations

import glob
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from ox_classifier.console import say
from ox_classifier.errors import UsageError
from ox_classifier.names import quoted
from ox_classifier.wording import counted

STDIN = "-"
MANY_LINKS = 4  # named, where more were left out


@dataclass(frozen=True)
class Sources:
    """How the words of a command line are read: `null` ends a path from stdin, folders are `deep`, links followed."""

    null: bool = False
    deep: bool = True
    follow: bool = False

    def collect(self, words: list[str]) -> list[Path]:
        """The files that were meant, none twice: each file given, the images in each folder, each match of each glob.

        What a table or stdin (`-`) names is taken as it stands, there or not: a row says what is wrong with it.

        Raises:
            UsageError: If a word is nothing, or a folder, a table or stdin holds no image.
        """
        if self.null and STDIN not in words:
            raise UsageError(f"--null was given without {STDIN}: it is how paths on stdin end, as in find -print0")
        found: dict[Path, None] = {}
        for word in words:
            found.update(dict.fromkeys(self._meant(word)))
        return list(found)

    def _meant(self, word: str) -> list[Path]:
        from ox_classifier import exported, runs
        from ox_classifier.data import csv_listing
        from ox_classifier.data.listing import natural_key

        if word == STDIN:
            return self._from_stdin()
        path = Path(word)
        if (path / "run.json").exists() or (not path.exists() and (runs.ROOT / word / "run.json").exists()):
            raise UsageError(f"{word} is a run, not an image: did you mean --run {quoted(word)}?")
        if (path / exported.MODEL).exists():
            raise UsageError(f"{word} is an exported network, not an image: did you mean --run {quoted(word)}?")
        if path.suffix.lower() in csv_listing.SUFFIXES and path.is_file():
            return _from_table(path)
        if path.is_dir():
            return self._folder(path)
        if path.exists():
            return [path]
        matches = sorted(glob.glob(word, recursive=True), key=natural_key)  # noqa: PTH207 - a pattern may be absolute
        found = [file for name in matches for file in self._match(Path(name))]
        if not found:
            raise UsageError(f"{word} is no file, no folder and no pattern that matches any: check the path")
        return found

    def _folder(self, folder: Path) -> list[Path]:
        from ox_classifier.data.listing import SUFFIXES

        found = self._match(folder)
        if not found:
            where = f"{folder} or below" if self.deep else f"{folder} itself (--recursive looks below, too)"
            raise UsageError(f"no images found in {where}: looked for {' '.join(SUFFIXES)}")
        return found

    def images_in(self, folder: Path) -> list[Path]:
        """The images that are in a folder now, without a word."""
        from ox_classifier.data.walk import Walk

        return sorted(map(Path, Walk(deep=self.deep, follow=self.follow).files(folder)))

    def _match(self, path: Path) -> list[Path]:
        if not path.is_dir():
            return [path]
        from ox_classifier.data.listing import natural_key
        from ox_classifier.data.walk import Walk

        walk = Walk(deep=self.deep, follow=self.follow)
        found = sorted(map(Path, walk.files(path)), key=lambda file: natural_key(file.as_posix()))
        for error in walk.unread:
            say(f"left out, as it can't be read: {error}")
        if walk.links and self.deep:
            names = ", ".join(sorted(walk.links)[:MANY_LINKS]) + (", ..." if len(walk.links) > MANY_LINKS else "")
            what = "link to a folder" if len(walk.links) == 1 else "links to folders"
            say(f"left out {len(walk.links):,} {what} in {path} ({names}): --follow-links takes what is there")
        return found

    def _from_stdin(self) -> list[Path]:
        sign, what = (b"\0", "NUL") if self.null else (b"\n", "line end")
        content = sys.stdin.buffer.read()
        parts = content.split(sign)
        if not self.null:
            if b"\0" in content:
                raise UsageError("stdin holds NUL bytes, which no path has: give --null for paths that end with one")
            parts = [part.removesuffix(b"\r") for part in parts]
        found = [Path(os.fsdecode(part)) for part in parts if part]
        if not found:
            raise UsageError(f"no path came on stdin: expected one a {what}, as from find")
        return found


def _from_table(table: Path) -> list[Path]:
    """The column `path` of a CSV; a relative path is meant from the CSV's own folder or, if it isn't there, from here.

    Raises:
        UsageError: If there is no such column or no row.
    """
    from ox_classifier.data import table_text

    best: tuple[int, list[Path]] = (-1, [])
    for text, encoding in table_text.texts(table):
        header, rows = table_text.rows(table, text, ("path",), strip=False)
        if "path" not in header:
            has = ", ".join(filter(None, header))[:100] or "none"
            raise UsageError(f"{table} has no column path (it has {has}): name the column of the images' paths so")
        empty = next((number for number, cells in rows if not cells["path"].strip()), None)
        if empty is not None:
            raise UsageError(f"{table}, line {empty}: the path is empty: give every row one, or leave the row out")
        named = [Path(cells["path"]) for _, cells in rows]
        below = [table.parent / path for path in named]
        there = [place.exists() for place in below]
        found = [
            path if not inside and path.exists() else place
            for path, place, inside in zip(named, below, there, strict=True)
        ]
        missing = sum(not inside and not path.exists() for inside, path in zip(there, named, strict=True))
        if len(found) - missing > best[0]:
            best = len(found) - missing, found
        if not missing or encoding.startswith("utf"):
            break
    if not best[1]:
        raise UsageError(f"{table} names no image: it has no row below its first line; add one for each image")
    if best[0] < len(best[1]):
        say(f"{counted(len(best[1]) - best[0], 'file')} of {table} not there: their rows say so")
    return best[1]
