"""A run judged on labelled images that are not those it was trained with: another folder, or its own in a new place."""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ox_classifier import limits
from ox_classifier.console import say
from ox_classifier.data import digests, folders, image_dataset
from ox_classifier.data.listing import Listing
from ox_classifier.errors import UsageError
from ox_classifier.report import table as own
from ox_classifier.report.predictions import Predictions
from ox_classifier.report.watch import Watch
from ox_classifier.runs import Run

NO_SPLIT = "test"  # what images without a split are counted as
LONGEST_NAME = 80  # characters of the data's name in that of the report's folder


@dataclass(frozen=True)
class Elsewhere:
    """Labelled images to judge a run on, and the folder within the run that their report goes to."""

    data: Path
    root: Path
    rows: tuple[dict[str, str], ...]  # path, label and split
    folder: str
    trained_on: int  # how many of them the run has learned from

    @property
    def told(self) -> dict:
        """What metrics.json says of the data."""
        return {"data": str(self.data), "trained_on": self.trained_on}

    def source(self, name: str) -> Path:
        """Where an image lies."""
        return self.root / name

    def table(self, run: Run, watch: Watch | None = None) -> Predictions:
        """What the run answers to every image.

        Raises:
            UsageError: If none can be read.
        """
        return own.answers(run, self.rows, self.source, watch)

    def fingerprint(self, run: Run) -> str:
        """What the predictions follow from: the run and which images these are."""
        return hashlib.sha256(json.dumps([own.fingerprint(run), str(self.data), self.rows]).encode()).hexdigest()


def find(run: Run, data: Path, splits: Sequence[str]) -> Elsewhere:
    """The images of a folder or CSV that lie in `splits`; those without a split count as test.

    A folder that holds just the run's own images, moved, has the splits that they had in the run.

    Raises:
        UsageError: If there are none, or one has a class that the run does not know.
    """
    listing = folders.find(data, to_learn=False)
    for note in listing.notes:
        say(note)
    sides = _own_splits(run, listing)
    named = [(listing.name(image.path), image) for image in listing.images]
    rows = [
        {"path": name, "label": image.label, "split": image.split or sides.get(name, NO_SPLIT)} for name, image in named
    ]
    used = tuple(sorted((row for row in rows if row["split"] in splits), key=lambda row: row["path"]))
    if not used:
        there = ", ".join(sorted({row["split"] for row in rows}))
        raise UsageError(f"{data} has no images in {', '.join(splits)} (it has {there}): give another --split")
    _refuse_strangers(run, data, used)
    known = _trained_on(run, listing.root, used)
    if known:
        say(
            f"warning: the run was trained on {known:,} of these {len(used):,} images, so the accuracy says little of "
            "images it has not seen"
        )
    place = data.resolve()
    return Elsewhere(place, listing.root, used, _folder(run, place), known)


def _refuse_strangers(run: Run, data: Path, rows: Sequence[dict[str, str]]) -> None:
    strangers = sorted({row["label"] for row in rows} - set(run.classes))
    if strangers:
        raise UsageError(
            f"{data} has images of class {', '.join(map(repr, strangers))}, which run {run.name} does not know (it "
            f"knows {', '.join(map(repr, run.classes))}): name their folders as the run does, or leave them out"
        )


def _own_splits(run: Run, listing: Listing) -> dict[str, str]:
    """The run's split of each of its images, if a listing without splits holds just these, byte for byte."""
    if any(image.split for image in listing.images):
        return {}
    rows = run.read_table("split.csv")
    if {row["path"] for row in rows} != {listing.name(image.path) for image in listing.images}:
        return {}
    try:
        found = ((row["label"], row["split"], digests.content(listing.root / row["path"])) for row in rows)
        same = image_dataset.fingerprint(found) == run.fingerprint
    except OSError:
        return {}
    if same:
        say("these are the run's own images: split as they were then")
    return {row["path"]: row["split"] for row in rows} if same else {}


def _trained_on(run: Run, root: Path, rows: Sequence[dict[str, str]]) -> int:
    """How many images have the bytes of one the run was trained on, as far as those are there; by size, then digest."""
    sizes: dict[int, list[Path]] = defaultdict(list)
    for row in run.read_table("split.csv"):
        if row["split"] == "train":
            path = run.source(row["path"])
            sizes[_size(path)].append(path)
    sizes.pop(-1, None)
    learned: dict[int, set[bytes]] = {}
    count = 0
    for row in rows:
        size = _size(root / row["path"])
        if size in sizes:
            if size not in learned:
                learned[size] = {_digest(path) for path in sizes[size]} - {b""}
            count += _digest(root / row["path"]) in learned[size]
    return count


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _digest(path: Path) -> bytes:
    try:
        return digests.content(path)
    except OSError:
        return b""


def _folder(run: Run, data: Path) -> str:
    """`report-<name of the data>`, with a number if a report on other data of that name is there."""
    stem = data.stem if data.is_file() else data.name
    name = re.sub(r"[^\w.-]+", "-", stem).strip("-.")[:LONGEST_NAME] or "data"
    number = 1
    while True:
        folder = f"report-{name}" if number == 1 else f"report-{name}-{number}"
        if not (run.path / folder).exists() or _told(run.path / folder / "metrics.json") == str(data):
            return folder
        number += 1


def _told(path: Path) -> str | None:
    """Which data a report says it is about."""
    try:
        limits.check_file(path, limits.MOST_JSON)
        told = json.loads(path.read_text(encoding="utf-8"))
        return told.get("data")
    except (UsageError, OSError, ValueError, AttributeError, RecursionError):
        return None
