"""A dataframe → labelled files: its columns are read and checked by Keras' own code, its files by ours."""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ox_classifier.augmentation.labelled_files import Files
from ox_classifier.augmentation.targets import Targets
from ox_classifier.data.images import SUFFIXES


def find(frame, directory: str | Path | None, x_col: str, *, validate: bool, dtype: str, parse: Callable) -> Files:
    """Files of the column `x_col`, below `directory`, with their targets.

    `parse` makes Keras' iterator over a frame, without looking at any file; what it found in the columns is taken
    over. Names that are no image files are left out with Keras' warning, unless `validate` is off.

    Raises:
        TypeError, ValueError: Keras' own, if a column does not hold what the class mode needs.
    """
    there = [not validate or not isinstance(name, str) or _is_image(directory, name) for name in frame[x_col]]
    with contextlib.redirect_stdout(io.StringIO()):  # it counts names, where we count images
        parsed = parse(frame if all(there) else frame[there])
    if not all(there):
        warnings.warn(
            f'Found {there.count(False)} invalid image filename(s) in x_col="{x_col}". '
            "These filename(s) will be ignored.",
            stacklevel=3,
        )
    mode, classes = parsed.class_mode, getattr(parsed, "classes", None)
    if classes is not None and not any(isinstance(own, (list, tuple)) for own in classes):
        classes = np.asarray(classes, dtype=np.int32)
    names = tuple(getattr(parsed, "class_indices", {}))
    values = classes if classes is not None else None if mode in ("input", None) else parsed.labels
    return Files(
        parsed.directory,
        tuple(map(Path, parsed.filepaths)),
        tuple(parsed.filenames),
        Targets(mode, values, len(names), dtype),
        names,
        classes,
        parsed.sample_weight,
    )


def _is_image(directory: str | Path | None, name: str) -> bool:
    path = Path(directory or "", name)
    return os.path.splitext(name)[1].lower() in SUFFIXES and path.is_file()  # noqa: PTH122 - "" for a bare ".png"
