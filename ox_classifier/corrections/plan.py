"""Corrections and a data folder → which file goes where. Changes nothing."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ox_classifier.corrections.moves import Move, Refusal, obstacle
from ox_classifier.corrections.table import Correction
from ox_classifier.data.listing import SET_ASIDE, LabelledImage, Listing
from ox_classifier.errors import UsageError

LONGEST_NAME = 255  # bytes of a file's name on every common disk
NOT_THERE = "it is not there, or no longer an image of the data"


@dataclass(frozen=True)
class Plan:
    """What corrections do to a data folder: files that move, folders made for them, and files that are left alone."""

    moves: tuple[Move, ...]
    folders: tuple[str, ...]
    refused: tuple[Refusal, ...]


def plan(listing: Listing, corrections: Sequence[Correction]) -> Plan:
    """Where each corrected file goes: into the folder of its new class, or into `set-aside/<old class>/`.

    A name that is taken there, also one that differs in upper and lower case only, gets a number.

    Raises:
        UsageError: If a new label is no class, or an old one is not the label that the file has.
    """
    labels, moves, refused = fitting(listing, corrections), [], []
    names = _Names(listing.root)
    for one in corrections:
        image = labels.get(one.path)
        if image is None:
            refused.append(Refusal(one.path, NOT_THERE))
            continue
        place = _place(one, in_split=bool(image.split))
        move = Move(one.path, names.free(place), one.digest)
        reason = obstacle(listing.root, move)
        if reason:
            refused.append(Refusal(one.path, reason))
        else:
            names.take(move.target)
            moves.append(move)
    return Plan(tuple(moves), _missing(listing.root, moves), tuple(refused))


def fitting(listing: Listing, corrections: Sequence[Correction]) -> dict[str, LabelledImage]:
    """The images of a listing by name, once the corrections' labels are known to be its labels.

    Raises:
        UsageError: As in `plan`.
    """
    found = {listing.name(image.path): image for image in listing.images}
    classes = {*listing.classes, *_class_folders(listing)}
    for one in corrections:
        if not one.set_aside and one.new not in classes:
            there = ", ".join(map(repr, listing.classes))
            raise UsageError(
                f"{one.path} is to become {one.new!r}, which is no class of {listing.root} (there: {there}): "
                "make its folder first, or correct the new_label"
            )
        if one.path in found and found[one.path].label != one.old:
            raise UsageError(
                f"{one.path} has the label {found[one.path].label!r} in {listing.root}, the corrections say "
                f"{one.old!r}: they were made for other data, give its folder as --data"
            )
    return found


def _class_folders(listing: Listing) -> set[str]:
    """Names of class folders, those without an image among them, as they are written on the disk."""
    if not listing.root.is_dir():
        return set()
    tops = {PurePosixPath(listing.name(image.path)).parts[0] for image in listing.images if image.split}
    tops = {listing.root / top for top in tops} or {listing.root}
    return {path.name for top in tops for path in top.iterdir() if path.is_dir() and not path.name.startswith(".")}


def _place(one: Correction, *, in_split: bool) -> str:
    """Where a file would go if no name were taken; folders within the class stay."""
    parts = one.path.split("/")
    before, inside = parts[:in_split], parts[in_split + 1 :]
    return "/".join([SET_ASIDE, one.old, *inside] if one.set_aside else [*before, one.new, *inside])


class _Names:
    """Which names are free in the folders below `root`, on any kind of disk."""

    def __init__(self, root: Path):
        self.root = root
        self.taken: dict[str, set[str]] = {}

    def free(self, place: str) -> str:
        """The path itself, or one with a number after its name."""
        folder, _, name = place.rpartition("/")
        taken = self._taken(folder)
        stem, suffix = os.path.splitext(name)  # noqa: PTH122 - as text, like all paths of a listing
        number = 1
        while _folded(name) in taken:
            number += 1
            ending = f"-{number}{suffix}"
            room = LONGEST_NAME - len(os.fsencode(ending))
            name = _cut(stem, room) + ending
        return f"{folder}/{name}"

    def take(self, place: str) -> None:
        """Note that a path is not free any more."""
        folder, _, name = place.rpartition("/")
        self._taken(folder).add(_folded(name))

    def _taken(self, folder: str) -> set[str]:
        key = _folded(folder)
        if key not in self.taken:
            self.taken[key] = set()
        if (self.root / folder).is_dir():
            self.taken[key] |= {_folded(name) for name in os.listdir(self.root / folder)}  # noqa: PTH208
        return self.taken[key]


def _folded(name: str) -> str:
    """The same for two names that some disk takes for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _cut(stem: str, most: int) -> str:
    while len(os.fsencode(stem)) > most:
        stem = stem[:-1]
    return stem


def _missing(root: Path, moves: Sequence[Move]) -> tuple[str, ...]:
    """Folders that moves go to and that are not there, each after the one around it."""
    wanted: dict[str, None] = {}
    for move in moves:
        for folder in reversed(PurePosixPath(move.target).parents[:-1]):
            wanted.setdefault(folder.as_posix())
    return tuple(name for name in wanted if not os.path.lexists(root / name))
