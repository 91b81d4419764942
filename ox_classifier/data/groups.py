"""Images that must not be parted, such as the files of one writer or copies of one picture, in a seeded ranking."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

from ox_classifier.data.listing import LabelledImage


@dataclass(frozen=True, eq=False)
class Group:
    """Images that must not be parted, and their place in the seeded ranking."""

    rank: bytes
    images: tuple[LabelledImage, ...]

    @cached_property
    def labels(self) -> Counter:
        return Counter(image.label for image in self.images)

    @property
    def splits(self) -> set[str]:
        return {image.split for image in self.images}

    def only(self, side: str) -> Group | None:
        """The part of the group that lies in `side` already."""
        part = tuple(image for image in self.images if image.split == side)
        return Group(self.rank, part) if part else None


def gather(
    images: Sequence[LabelledImage], duplicates: Iterable[Iterable[Path]], root: Path | None, seed: int
) -> list[Group]:
    """Groups of the images that share a group's name or stand together in `duplicates`, directly or through others.

    Ranked by a hash of the seed and of the paths under `root` (default: the folder common to all), so neither the
    order of the images nor the place of the folder matters.
    """
    parent: dict = {image.file: image.file for image in images}

    def find(key):
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for image in images:
        if image.group:
            name = ("group", image.group)
            parent[find(image.file)] = find(parent.setdefault(name, name))
    for together in duplicates:
        known = [file for file in map(os.fspath, together) if file in parent]
        for file in known[1:]:
            parent[find(file)] = find(known[0])
    members = defaultdict(list)
    for image in images:
        members[find(image.file)].append(image)
    base = _base(images, root)
    key = str(seed).encode()
    groups = [Group(min(_hash(image, base, key) for image in found), tuple(found)) for found in members.values()]
    return sorted(groups, key=lambda group: group.rank)


def _base(images: Sequence[LabelledImage], root: Path | None) -> Path:
    if root is not None:
        return Path(root)
    return Path(os.path.commonpath([image.path.parent for image in images])) if images else Path()


def _hash(image: LabelledImage, base: Path, key: bytes) -> bytes:
    name = f"group {image.group}" if image.group else f"file {_under(image.path, base)}"
    return blake2b(
        unicodedata.normalize("NFC", name).encode("utf-8", "surrogateescape"), key=key, digest_size=16
    ).digest()


def _under(path: Path, base: Path) -> str:
    try:
        return path.relative_to(base).as_posix()
    except ValueError:
        return Path(os.path.relpath(path, base)).as_posix()
