"""Images of no class, for a network to learn where it can't decide: their files, and their pixels and fingerprint."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ox_classifier.console import say
from ox_classifier.data import decoding, folders
from ox_classifier.data.contents import Contents
from ox_classifier.data.images import SUFFIXES, ImageError
from ox_classifier.data.on_demand import OnDemand
from ox_classifier.errors import UsageError
from ox_classifier.pixels import PixelRule

HELD_OUT = 0.1  # of the outliers: not learned from, so that they tell from which probability on an answer counts
LEAST_HELD_OUT, MOST_HELD_OUT = 50, 400  # with fewer, none are held out: they would tell too little


@dataclass(frozen=True)
class OutlierFiles:
    """Every image file below `root`, in natural order, none opened yet."""

    root: Path
    paths: tuple[Path, ...]

    def at_most(self, count: int, seed: int) -> OutlierFiles:
        """So many of them, chosen by seed."""
        if len(self.paths) <= count:
            return self
        chosen = np.sort(np.random.default_rng(seed).permutation(len(self.paths))[:count])
        return OutlierFiles(self.root, tuple(self.paths[place] for place in chosen))

    def divided(self, seed: int) -> tuple[OutlierFiles, OutlierFiles | None]:
        """Those to learn from, and those that are held out, chosen by seed; None where there are too few."""
        count = min(int(HELD_OUT * len(self.paths)), MOST_HELD_OUT)
        if count < LEAST_HELD_OUT:
            return self, None
        held_out = self.at_most(count, seed)
        known = set(held_out.paths)
        return OutlierFiles(self.root, tuple(path for path in self.paths if path not in known)), held_out

    def refuse_shared(self, files: Collection[str]) -> None:
        """Refuse outliers that are among these files, which are of a class.

        Raises:
            UsageError: Naming the first one.
        """
        known = {os.path.abspath(file) for file in files}  # noqa: PTH100 - as text, since there may be 100,000
        shared = [path for path in self.paths if os.path.abspath(path) in known]  # noqa: PTH100
        if shared:
            raise UsageError(
                f"--outliers {self.root}: {len(shared):,} of its images are in a class of the data, too, such as "
                f"{shared[0]}: give a folder of images of no class"
            )


@dataclass(frozen=True)
class Outliers:
    """Readable images of no class, ready to learn from; `bad` are those that can't be read."""

    root: Path
    pixels: np.ndarray | OnDemand  # uint8, (n, height, width, channels)
    fingerprint: str  # of every file's bytes, in order
    bad: tuple[ImageError, ...] = ()
    held_out: np.ndarray | OnDemand | None = None  # as `pixels`: those that are not learned from

    def __len__(self) -> int:
        return len(self.pixels)

    def as_dict(self) -> dict[str, object]:
        """As run.json keeps it."""
        held_out = 0 if self.held_out is None else len(self.held_out)
        about = {"root": str(self.root.absolute()), "images": len(self), "fingerprint": self.fingerprint}
        return about | {"held_out": held_out}


def find(asked: str, data: Path) -> OutlierFiles | None:
    """The outliers that were asked for: "none", those of a folder, or with "auto" those in the data's own `outliers`.

    Raises:
        UsageError: If the folder that was given is none, or holds no image.
    """
    if asked == "none":
        return None
    if asked == "auto":
        root = folders.outliers_of(data) if data.is_dir() else None
        paths = folders.images_below(root) if root else []
        return OutlierFiles(root, tuple(paths)) if paths else None
    if not os.path.isdir(asked):  # noqa: PTH112 - which takes every text, however long
        raise UsageError(
            f"--outliers {asked[:60]!r} is no folder: give a folder of images of no class, none to train without, or "
            "auto for the folder outliers in the data"
        )
    paths = folders.images_below(Path(asked))
    if not paths:
        raise UsageError(
            f"--outliers {asked} holds no images (looked for {' '.join(SUFFIXES)}, however deep): give a folder of "
            "images of no class, or none"
        )
    return OutlierFiles(Path(asked), tuple(paths))


def load(
    files: OutlierFiles, rule: PixelRule, *, held_out: OutlierFiles | None = None, on_demand: bool = False
) -> Outliers:
    """Decode every file once; those that can't be read are said and left out. With `on_demand` no pixels are kept.

    Raises:
        UsageError: If none of `files` can be read.
    """
    learned = _read(files, rule, on_demand)
    if not learned.kept:
        raise UsageError(f"none of the {len(files.paths):,} images in {files.root} can be read: {learned.bad[0]}")
    others = _read(held_out, rule, on_demand) if held_out else None
    bad, kept = learned.bad, learned.kept
    if others:
        bad, kept = (*bad, *others.bad), (*kept, *others.kept)
    for error in bad:
        say(f"set aside: {error}")
    fingerprint = hashlib.blake2b(b"".join(digest for _, digest in kept), digest_size=16).hexdigest()
    return Outliers(files.root, learned.pixels, fingerprint, bad, others.pixels if others and others.kept else None)


class _Read(NamedTuple):
    pixels: np.ndarray | OnDemand
    kept: tuple[tuple[Path, bytes], ...]  # each file and the digest of its bytes
    bad: tuple[ImageError, ...]


def _read(files: OutlierFiles, rule: PixelRule, on_demand: bool) -> _Read:
    contents, there, bad = Contents(), [], []
    for path in files.paths:
        try:
            contents.digest(path)
            there.append(path)
        except ImageError as error:
            bad.append(error)
    decoded = decoding.decode(there, rule, contents=contents, label="reading outliers")
    kept = tuple(there[position] for position in decoded.kept)
    pixels = OnDemand(kept, rule, contents) if on_demand else decoded.images
    return _Read(pixels, tuple((path, contents.digest(path)) for path in kept), (*bad, *decoded.bad))
