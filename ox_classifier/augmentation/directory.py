"""A folder of class folders → labelled files and how to read them, as `flow_from_directory` asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from ox_classifier.data.decoding import Reader
from ox_classifier.data.folders import Walk
from ox_classifier.data.images import COLORS, SUFFIXES, ImageError, open_picture, read
from ox_classifier.data.listing import natural_key
from ox_classifier.errors import UsageError
from ox_classifier.pixels import PixelRule

ANTIALIASED = "antialiased"
FILTERS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


@dataclass(frozen=True)
class Files:
    """Labelled files in the order of their images; `bad` has an error for each one that could not be read."""

    root: Path
    class_names: tuple[str, ...]
    classes: np.ndarray  # int32 (n,), indices into class_names
    paths: tuple[Path, ...]
    bad: tuple[ImageError, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """Paths below the root, with forward slashes."""
        return [path.relative_to(self.root).as_posix() for path in self.paths]

    def take(self, rows: Sequence[int], bad: tuple[ImageError, ...] = ()) -> Files:
        """The files at `rows` only."""
        rows = np.asarray(rows, dtype=int)
        return replace(self, classes=self.classes[rows], paths=tuple(self.paths[row] for row in rows), bad=bad)


def find(root: Path, classes: Sequence[str] | None = None, *, follow_links: bool = False) -> Files:
    """Images of every class folder, in natural order; with `classes`, of those alone and in that order.

    Raises:
        UsageError: If the folder, a class or every image is missing.
    """
    if not root.is_dir():
        raise UsageError(
            f"{root} {'is a file' if root.exists() else 'does not exist'}: expected a folder of class folders"
        )
    walk = Walk()
    found: dict[str, list[Path]] = {}
    for label, path in walk.labelled(root):
        found.setdefault(label, []).append(Path(path))
    if follow_links:
        for link in (p for p in root.rglob("*") if p.parent != root and p.is_symlink() and p.is_dir()):
            found.setdefault(link.relative_to(root).parts[0], []).extend(map(Path, walk.files(link)))
    names = tuple(classes or sorted(found, key=natural_key))
    missing = [name for name in names if not (root / name).is_dir()]
    if missing:
        raise UsageError(f"{root} has no folder for class {missing[0]!r}: it has {', '.join(sorted(found)) or 'none'}")
    paths = [sorted(found.get(name, ()), key=lambda path: natural_key(path.as_posix())) for name in names]
    if not any(paths):
        raise UsageError(f"no images found in the class folders of {root} (looked for {' '.join(SUFFIXES)})")
    labels = np.repeat(np.arange(len(names), dtype=np.int32), [len(some) for some in paths])
    return Files(root, names, labels, tuple(path for some in paths for path in some), (), walk.notes(root))


def reader(interpolation: str, keep_aspect_ratio: bool) -> Reader:
    """How a file is resized: by default as everywhere in ox, otherwise as Keras would.

    Raises:
        UsageError: If there is no such interpolation.
    """
    if interpolation not in (ANTIALIASED, *FILTERS):
        raise UsageError(f"interpolation={interpolation!r}: expected one of {', '.join((ANTIALIASED, *FILTERS))}")
    if interpolation == ANTIALIASED and not keep_aspect_ratio:
        return read
    resample = Image.Resampling["BILINEAR" if interpolation == ANTIALIASED else interpolation.upper()]

    def read_as_keras(path: Path, rule: PixelRule) -> np.ndarray:
        image = open_picture(path).image.convert(COLORS[rule.color])
        box = _centre(image.size, rule) if keep_aspect_ratio else None
        if image.size != (rule.width, rule.height):
            image = image.resize((rule.width, rule.height), resample, box=box)
        return np.asarray(image).reshape(rule.shape)

    return read_as_keras


def _centre(size: tuple[int, int], rule: PixelRule) -> tuple[int, int, int, int]:
    """The largest centred part of the wanted proportions, in Keras' whole numbers."""
    width, height = size
    part_width = min(width, height * rule.width // rule.height)
    part_height = min(height, width * rule.height // rule.width)
    left, top = (width - part_width) // 2, (height - part_height) // 2
    return left, top, left + part_width, top + part_height
