"""Images of no class, for a network to learn where it can't decide: their files, and their pixels and fingerprint."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ox_classifier.console import say
from ox_classifier.data import decoding, folders
from ox_classifier.data.contents import Contents
from ox_classifier.data.images import SUFFIXES, ImageError
from ox_classifier.data.on_demand import OnDemand
from ox_classifier.errors import UsageError
from ox_classifier.pixels import PixelRule


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

    def __len__(self) -> int:
        return len(self.pixels)

    def as_dict(self) -> dict[str, object]:
        """As run.json keeps it."""
        return {"root": str(self.root.absolute()), "images": len(self), "fingerprint": self.fingerprint}


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


def load(files: OutlierFiles, rule: PixelRule, *, on_demand: bool = False) -> Outliers:
    """Decode every file once; those that can't be read are said and left out. With `on_demand` no pixels are kept.

    Raises:
        UsageError: If none can be read.
    """
    contents, there, bad = Contents(), [], []
    for path in files.paths:
        try:
            contents.digest(path)
            there.append(path)
        except ImageError as error:
            bad.append(error)
    decoded = decoding.decode(there, rule, contents=contents, label="reading outliers")
    bad += decoded.bad
    for error in bad:
        say(f"set aside: {error}")
    kept = tuple(there[position] for position in decoded.kept)
    if not kept:
        raise UsageError(f"none of the {len(files.paths):,} images in {files.root} can be read: {bad[0]}")
    fingerprint = hashlib.blake2b(b"".join(contents.digest(path) for path in kept), digest_size=16).hexdigest()
    return Outliers(
        files.root, OnDemand(kept, rule, contents) if on_demand else decoded.images, fingerprint, tuple(bad)
    )
