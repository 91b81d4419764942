"""A data folder → images with a split each, looked over before anything is learned from them."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ox_classifier.audit import audit
from ox_classifier.audit.audit import Audit
from ox_classifier.audit.text import FOLDS
from ox_classifier.console import say
from ox_classifier.data import csv_listing, folders, image_dataset, outliers, splits
from ox_classifier.data.contents import Contents
from ox_classifier.data.decoding import Decoding, decode
from ox_classifier.data.image_dataset import ImageDataset, Pixels
from ox_classifier.data.listing import LabelledImage, Listing
from ox_classifier.data.outliers import OutlierFiles, Outliers
from ox_classifier.data.pixel_cache import PixelCache
from ox_classifier.errors import GateError, UsageError
from ox_classifier.pixels import PixelRule
from ox_classifier.training.exposure import MOST_FROZEN_HELD_OUT, frozen_most

READING = "reading images"
MOST_COPIES = 0.5  # of a held-out split; beyond it, its accuracy measures memory


@dataclass(frozen=True)
class Prepared:
    """What `ox train` is about to use: the listing, its audit, and the readable images with their splits.

    Every file is read once, however many datasets are asked for: all of one rule share their pixels.
    """

    listing: Listing
    audit: Audit
    images: tuple[LabelledImage, ...]
    seed: int
    decoding: Decoding | None = None  # of the listing's files, begun while they were looked at
    outlier_files: OutlierFiles | None = None
    _shared: dict[tuple[PixelRule, bool], Pixels] = field(default_factory=dict, repr=False)
    _outliers: dict[tuple[PixelRule, bool], Outliers] = field(default_factory=dict, repr=False)

    def with_outliers(self, files: OutlierFiles | None) -> Prepared:
        """The same with these outliers, which join every dataset asked for.

        Raises:
            UsageError: If some of them are of a class.
        """
        if files:
            files.refuse_shared([image.file for image in self.listing.images])
        return replace(self, outlier_files=files)

    def dataset(self, rule: PixelRule, *, on_demand: bool = False) -> ImageDataset:
        """Every image by its split; with `on_demand`, each is decoded when it is asked for."""
        return self._arranged(self.images, rule, on_demand)

    def folds(self, k: int, rule: PixelRule, *, on_demand: bool = False) -> Iterator[ImageDataset]:
        """The dataset of each fold of a cross-validation; what can't be divided so is refused now."""
        duplicates, root = self.audit.duplicates, self.listing.root
        drawn = splits.folds(self.images, k, self.seed, duplicates=duplicates, root=root)
        return (self._arranged(images, rule, on_demand) for images in drawn)

    def everything(self, rule: PixelRule, *, on_demand: bool = False) -> ImageDataset:
        """All that is not for the test to train on, nothing to validate with: for the run after a cross-validation."""
        images = [image if image.split == "test" else replace(image, split="train") for image in self.images]
        return self._arranged(images, rule, on_demand, without_val=True)

    def _arranged(
        self, images: Sequence[LabelledImage], rule: PixelRule, on_demand: bool, *, without_val: bool = False
    ) -> ImageDataset:
        key = rule, on_demand
        if key not in self._shared:
            self._shared[key] = self._pixels(rule, on_demand)
        dataset = image_dataset.arrange(
            self.listing, images, self._shared[key], bad=self.audit.bad, without_val=without_val
        )
        if not self.outlier_files:
            return dataset
        if key not in self._outliers:
            files, held_out = self.outlier_files.divided(self.seed)
            if on_demand:  # a frozen base takes long for each
                files = files.at_most(frozen_most(len(self.images)), self.seed)
                held_out = held_out and held_out.at_most(MOST_FROZEN_HELD_OUT, self.seed)
            self._outliers[key] = outliers.load(files, rule, held_out=held_out, on_demand=on_demand)
        return replace(dataset, outliers=self._outliers[key])

    def _pixels(self, rule: PixelRule, on_demand: bool) -> Pixels:
        contents = self.audit.contents
        if on_demand:
            return Pixels.undecoded(self.images, rule, contents)
        if self.decoding and self.decoding.rule == rule:
            return Pixels.of(self.listing.images, self.decoding.result(READING), contents)
        decoded = decode([image.file for image in self.images], rule, contents=contents, label=READING)
        return Pixels.of(self.images, decoded, contents)

    def lines(self) -> Iterator[str]:
        """What a reader should know before training begins, a line each."""
        yield from self.listing.notes
        for error in self.audit.bad:
            yield f"set aside: {error}"
        for error in self.listing.unread:
            yield f"left out with all that is in it: {error}"
        for finding in self.audit.findings:
            if finding.kind not in ("unreadable", "unread"):
                yield f"{finding.level}: {finding.sentence}"


def prepare(
    data: Path,
    *,
    val_fraction: float,
    test_fraction: float,
    seed: int,
    group: str | None = None,
    earlier: Mapping[str, str] | None = None,
    strict: bool = False,
    rule: PixelRule | None = None,
) -> Prepared:
    """List, look over and split a data folder (or CSV); changes no file.

    Near-duplicates and files of one group stay on one side of every split that is drawn. `earlier` gives the
    sides that some files, by their names in the listing, shall keep. With the `rule` by which a dataset will be
    asked for, files are decoded for it while they are looked at, and those that need no look meanwhile and after.

    Raises:
        UsageError: If there is nothing to learn from, most of a held-out split lies in train, too, or none of
            the `earlier` files is there.
        GateError: If `strict` and the look found any error.
    """
    listing = folders.find(data)
    if group:
        listing = csv_listing.with_groups(listing, group)
    before = _earlier_sides(listing, earlier) if earlier is not None else {}
    files = [image.file for image in listing.images]
    decoding = Decoding(files, rule, contents=Contents(), cache=PixelCache(rule)) if rule else None
    try:
        found = audit.quick_check(listing, decoded=decoding)
        if strict and found.errors:
            sentences = "; ".join(error.sentence for error in found.errors)
            raise GateError(f"{data} has errors and --strict was given: {sentences}")
        _refuse_leaked_splits(found)
        bad = {error.path for error in found.bad}
        images = splits.split(
            [image for image in listing.images if not bad or image.path not in bad],
            val_fraction=val_fraction,
            test_fraction=test_fraction,
            seed=seed,
            duplicates=found.duplicates,
            root=listing.root,
            before=before,
        )
    except BaseException:
        if decoding:
            decoding.close()
        raise
    if decoding:
        decoding.contents = found.contents
        decoding.fetch()
    notes = [_stayed(images, before, len(earlier))] if earlier is not None else []
    notes += _unmet(test_fraction, listing, images)
    return Prepared(replace(listing, notes=(*listing.notes, *notes)), found, images, seed, decoding)


def advise(prepared: Prepared, folds: int | None) -> None:
    """Say when the data are too few for one validation to be trusted, and how many folds they are enough for."""
    count = sum(image.split != "test" for image in prepared.images)
    most = min(prepared.audit.counts.get("folds", 0), FOLDS)
    if folds is None and most > 1:
        say(f"{count} images for training and validation are few: --folds {most} measures with all of them")


def _unmet(fraction: float, listing: Listing, images: Sequence[LabelledImage]) -> list[str]:
    """What to say where the test is not the share that was asked for."""
    if not fraction:
        return []
    held_out = Counter(image.label for image in images if image.split == "test")
    if any(image.split == "test" for image in listing.images):
        return [f"--test-fraction {fraction:g}: nothing is drawn, as there is a test of {held_out.total():,} images"]
    free = {image.file for image in listing.images if image.split in ("", "train")}
    there = Counter(image.label for image in images if image.file in free)
    lacking = [label for label in listing.classes if abs(held_out[label] - fraction * there[label]) >= 1]
    lacking += [label for label in listing.classes if label not in lacking and not held_out[label]]
    if not lacking:
        return []
    each = ", ".join(f"{held_out[label]:,} of {there[label]:,} {label}" for label in lacking)
    return [
        f"--test-fraction {fraction:g}: held out {each}, as near as it gets, since copies and groups stay together "
        "and every class keeps images to train and to validate with"
    ]


def _earlier_sides(listing: Listing, sides: Mapping[str, str]) -> dict[Path, str]:
    """The side of each file that has one already; names that look alike are alike, however they are encoded."""
    known = {unicodedata.normalize("NFC", name): side for name, side in sides.items()}
    names = {image.path: unicodedata.normalize("NFC", listing.name(image.path)) for image in listing.images}
    before = {path: known[name] for path, name in names.items() if name in known}
    if not before:
        raise UsageError(
            f"--split-from: none of the run's {len(sides):,} files, such as {next(iter(sides), 'none')}, is in "
            f"{listing.root}: name a run trained on an earlier state of this folder"
        )
    return before


def _stayed(images: Sequence[LabelledImage], before: Mapping[Path, str], known: int) -> str:
    """What became of the files of an earlier split."""
    there = [image.split == before[image.path] for image in images if image.path in before]
    parts = [f"{sum(there):,} files stay on their side", f"{len(images) - len(there):,} are new"]
    if not all(there):
        parts.append(
            f"{len(there) - sum(there):,} change sides (copies or groups link them, or the data say otherwise)"
        )
    if len(there) < known:
        parts.append(f"{known - len(there):,} of the run's are not here")
    return f"--split-from: {', '.join(parts)}"


def _refuse_leaked_splits(found: Audit) -> None:
    splits_of = {image.path: image.split for image in found.listing.images}
    for split in ("val", "test"):
        total = sum(side == split for side in splits_of.values())
        copied = {
            path
            for finding in found.findings
            if finding.kind == "leak"
            for case in finding.cases
            if any(splits_of[p] == "train" for p in case)
            for path in case
            if splits_of[path] == split
        }
        if total and len(copied) > MOST_COPIES * total:
            raise UsageError(
                f"{len(copied)} of the {total} {split} images are copies of training images, so their accuracy would "
                f"measure memory: give other images for {split}, or leave the folder out and one is drawn from train"
            )
