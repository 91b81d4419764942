"""A folder of class folders → labelled files, numbered and ordered as Keras' `flow_from_directory` does it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ox_classifier.augmentation.labelled_files import Files
from ox_classifier.augmentation.targets import Targets
from ox_classifier.console import say
from ox_classifier.data.images import SUFFIXES
from ox_classifier.data.walk import Walk
from ox_classifier.errors import MissingFileError, UsageValueError

CLASS_MODES = ("categorical", "binary", "sparse", "input", None)


def find(
    root: Path, classes: Sequence[str] | None, class_mode: str | None, dtype: str, *, follow_links: bool = False
) -> Files:
    """Images of every class folder; with `classes`, of those alone and in that order.

    Class names are sorted as text (1, 10, 2; Dog before cat), an empty class folder keeps its number, and so does a
    class of `classes` without a folder; hidden and system folders are no classes.

    Raises:
        MissingFileError: If the folder is missing.
        UsageValueError: If the class mode is unknown or there is no image.
    """
    if class_mode not in CLASS_MODES:
        raise UsageValueError(f"class_mode={class_mode!r}: expected one of {CLASS_MODES}")
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist"
        raise MissingFileError(f"{root} {what}: expected a folder of class folders")
    walk = Walk()
    names = tuple(classes or sorted(folder.name for folder in walk.folders(root)))
    found = [_files(root / name, walk, follow_links) for name in names]
    labels = np.repeat(np.arange(len(names), dtype=np.int32), [len(some) for some in found])
    # joined as text, as `classes=["."]` means files that lie in the folder itself
    below = [os.path.join(name, os.path.relpath(p, root / name)) for name, some in zip(names, found) for p in some]  # noqa: B905, PTH118
    if not below:
        raise UsageValueError(f"no images found in the class folders of {root} (looked for {' '.join(SUFFIXES)})")
    for note in walk.notes(root):
        say(note)
    empty = [name for name, some in zip(names, found, strict=True) if not some]
    if empty:
        say(f"class {empty[0]!r} has no image in {root}" + (f", nor have {len(empty) - 1} more" if empty[1:] else ""))
    paths = tuple(root / name for name in below)
    targets = Targets(class_mode, labels if class_mode not in (None, "input") else None, len(names), dtype)
    return Files(str(root), paths, tuple(name.replace(os.sep, "/") for name in below), targets, names, labels)


def _files(folder: Path, walk: Walk, follow_links: bool) -> list[str]:
    """Image files of a class, folder by folder, each in the order of plain text."""
    found = walk.files(folder) if folder.is_dir() else []
    if follow_links:
        for link in folder.rglob("*"):
            if link.is_symlink() and link.is_dir():
                found += walk.files(link)
    return sorted(found, key=os.path.split)
