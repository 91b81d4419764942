"""The images that an export is proved on: those that the run was validated on, from where they lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ox_classifier.data import images
from ox_classifier.data.images import ImageError
from ox_classifier.errors import UsageError
from ox_classifier.pixels import PixelRule
from ox_classifier.runs import Run

BATCH = 64  # decoded images that are held at a time
MOST_TRAIN = 500  # of a run that held nothing out
SAMPLES = 100  # training images that show a converter which values occur


@dataclass(frozen=True)
class Held:
    """Images of one split: names as in split.csv, files, and indices of their classes."""

    split: str
    names: Sequence[str]
    paths: Sequence[Path]
    truth: np.ndarray

    def batches(self, rule: PixelRule) -> Iterator[tuple[Sequence[Path], np.ndarray]]:
        """Paths and uint8 pixels, shape (n, height, width, channels), of a few at a time."""
        for start in range(0, len(self.paths), BATCH):
            paths = self.paths[start : start + BATCH]
            yield paths, pixels_of(paths, rule)


def held_out(run: Run) -> Held:
    """The run's val images; of a run that held nothing out, its test images or a part of those it learned from.

    Raises:
        UsageError: If the run has no images.
    """
    splits = [_split(run, split) for split in ("val", "test", "train")]
    found = next((split for split in splits if len(split.truth)), None)
    if found is None:
        raise UsageError(f"run {run.path} has no images in split.csv: there is nothing to prove an export on")
    return _spread(found, MOST_TRAIN) if found.split == "train" else found


def samples(run: Run) -> np.ndarray:
    """Some training images as float32 in [0, 1], for scales of 8-bit weights.

    Raises:
        UsageError: If one can't be read any more.
    """
    return images.as_float(pixels_of(_spread(_split(run, "train"), SAMPLES).paths, run.rule))


def pixels_of(paths: Sequence[Path], rule: PixelRule) -> np.ndarray:
    """Decode files, uint8 of shape (n, height, width, channels).

    Raises:
        UsageError: If one can't be read any more.
    """
    try:
        with ThreadPoolExecutor() as pool:
            return np.stack([*pool.map(lambda path: images.read(path, rule), paths)])
    except ImageError as error:
        raise UsageError(f"{error}: the model is proved on this image, put it back first") from None


def _split(run: Run, split: str) -> Held:
    rows = [row for row in run.read_table("split.csv") if row["split"] == split]
    names = [row["path"] for row in rows]
    truth = np.array([run.classes.index(row["label"]) for row in rows], dtype=int)
    return Held(split, names, [run.source(name) for name in names], truth)


def _spread(held: Held, most: int) -> Held:
    """At most so many, evenly spread over the list, so that every class has its share."""
    step = max(1, -(-len(held.paths) // most))
    return Held(held.split, held.names[::step], held.paths[::step], held.truth[::step])
