"""Parts of a split on which the network is worse than on the rest: by source, size, brightness, ink and polarity."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from ox_classifier.intervals import wilson
from ox_classifier.report.headline import percent
from ox_classifier.report.ink import Ink

LEAST = 5  # images of a slice and of the rest: fewer say nothing
PARTS = 4  # into which values are cut, each with as many images
SPLIT_FOLDERS = ("train", "training", "val", "valid", "validation", "test")


@dataclass(frozen=True)
class Slice:
    """Images that have something in common: the indices of them, how many are right, and the accuracy on the rest."""

    name: str
    rows: np.ndarray
    correct: int
    rest: float

    @property
    def accuracy(self) -> float:
        return self.correct / len(self.rows)

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.correct, len(self.rows))


def worse(members: Mapping[str, np.ndarray], right: np.ndarray) -> list[Slice]:
    """The slices whose 95 % interval lies below the accuracy on the rest, the worst first.

    `members` are indices by the name of the slice, `right` says of each image whether it was named right.
    """
    found = []
    for name, rows in members.items():
        others = len(right) - len(rows)
        if min(len(rows), others) < LEAST:
            continue
        correct = int(right[rows].sum())
        one = Slice(name, rows, correct, (int(right.sum()) - correct) / others)
        if one.interval[1] < one.rest:
            found.append(one)
    return sorted(found, key=lambda one: (one.accuracy, one.name))


def members(sources: Sequence[str], sides: Sequence[int | None], inks: Sequence[Ink | None]) -> dict[str, np.ndarray]:
    """Slices of images by source, longest side, brightness, ink and polarity; None and "" are of no slice."""
    found: dict[str, np.ndarray] = {}
    by_source = defaultdict(list)
    for i, source in enumerate(sources):
        if source:
            by_source[f"source {source}"].append(i)
    if len(by_source) > 1 or any(len(rows) < len(sources) for rows in by_source.values()):
        found |= {name: np.array(rows) for name, rows in by_source.items()}
    columns = {
        "a longest side of {} pixels": [side or np.nan for side in sides],
        "a brightness of {} %": [np.nan if one is None else round(100 * one.brightness, 1) for one in inks],
        "ink on {} % of the area": [np.nan if one is None else round(100 * one.share, 1) for one in inks],
    }
    for name, values in columns.items():
        found |= _parts(name, np.array(values, dtype=float))
    dark = np.array([np.nan if one is None or not one.share else one.dark for one in inks], dtype=float)
    for name, value in (("dark ink on light", 1), ("light ink on dark", 0)):
        found[name] = np.flatnonzero(dark == value)
    return {name: rows for name, rows in found.items() if len(rows)}


def source_of(path: str, label: str, group: str | None) -> str:
    """Where an image comes from: what `--group` finds in its path, else its folders beside split and class."""
    if group:
        match = re.search(group, path)
        return ((match.group(1) if match.re.groups else match.group(0)) or "") if match else ""
    folders = list(PurePosixPath(path).parts[:-1])
    if folders and folders[0].lower() in SPLIT_FOLDERS:
        folders = folders[1:]
    return "/".join(folder for folder in folders if folder != label)


def sentence(tried: int, named: int, accuracy: float) -> str:
    """What was looked at, and what finding so many may mean."""
    if not named:
        return (
            f"None of {tried} slices (sources, sizes, brightness, ink, polarity) is worse than the rest beyond chance."
        )
    return (
        f"{tried} slices were compared; the whole has {percent(accuracy)}. "
        "Of forty slices that are no worse, one would look so by chance."
    )


def _parts(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """Images cut into parts of about equal number by their values; nothing where all values are the same."""
    there = np.flatnonzero(~np.isnan(values))
    if not len(there):
        return {}
    edges = np.unique(np.quantile(values[there], np.linspace(0, 1, PARTS + 1), method="nearest"))
    if len(edges) < 2:
        return {}
    place = np.clip(np.searchsorted(edges, values[there], side="right") - 1, 0, len(edges) - 2)
    found = {}
    for part in range(len(edges) - 1):
        rows = there[place == part]
        if len(rows):
            least, most = values[rows].min(), values[rows].max()
            found[name.format(f"{least:g}" if least == most else f"{least:g} to {most:g}")] = rows
    return found
