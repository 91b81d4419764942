"""A data folder → images with a split each, looked over before anything is learned from them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ox_classifier.audit import audit
from ox_classifier.audit.audit import Audit
from ox_classifier.console import say
from ox_classifier.data import csv_listing, folders, image_dataset, splits
from ox_classifier.data.image_dataset import ImageDataset
from ox_classifier.data.listing import LabelledImage, Listing
from ox_classifier.errors import GateError, UsageError
from ox_classifier.pixels import PixelRule

FEW_IMAGES = 400  # under this, cross-validation says more than one small validation set
MOST_COPIES = 0.5  # of a held-out split; beyond it, its accuracy measures memory


@dataclass(frozen=True)
class Prepared:
    """What `ox train` is about to use: the listing, its audit, and the readable images with their splits."""

    listing: Listing
    audit: Audit
    images: tuple[LabelledImage, ...]
    seed: int

    def dataset(self, rule: PixelRule, *, on_demand: bool = False) -> ImageDataset:
        """Decode everything; with `on_demand`, each image when it is asked for."""
        return self._load(self.images, rule, on_demand)

    def folds(self, k: int, rule: PixelRule, *, on_demand: bool = False) -> Iterator[ImageDataset]:
        """The dataset of each fold of a cross-validation."""
        duplicates, root = self.audit.duplicates, self.listing.root
        for images in splits.folds(self.images, k, self.seed, duplicates=duplicates, root=root):
            yield self._load(images, rule, on_demand)

    def everything(self, rule: PixelRule, *, on_demand: bool = False) -> ImageDataset:
        """The dataset with all but the test in train, for a last training with nothing held out."""
        images = tuple(image if image.split == "test" else replace(image, split="train") for image in self.images)
        return image_dataset.load(self.listing, images, rule, bad=self.audit.bad, on_demand=on_demand, without_val=True)

    def _load(self, images: tuple[LabelledImage, ...], rule: PixelRule, on_demand: bool) -> ImageDataset:
        return image_dataset.load(self.listing, images, rule, bad=self.audit.bad, on_demand=on_demand)

    def lines(self) -> Iterator[str]:
        """What a reader should know before training begins, a line each."""
        yield from self.listing.notes
        for error in self.audit.bad:
            yield f"set aside: {error}"
        for finding in self.audit.findings:
            if finding.kind != "unreadable":
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
) -> Prepared:
    """List, look over and split a data folder (or CSV); changes no file.

    Near-duplicates and files of one group stay on one side of every split that is drawn. `earlier` gives the
    sides that some files, by their names in the listing, shall keep.

    Raises:
        UsageError: If there is nothing to learn from, most of a held-out split lies in train, too, or none of
            the `earlier` files is there.
        GateError: If `strict` and the look found any error.
    """
    listing = folders.find(data)
    if group:
        listing = csv_listing.with_groups(listing, group)
    before = _earlier_sides(listing, earlier) if earlier is not None else {}
    found = audit.quick_check(listing)
    if strict and found.errors:
        raise GateError(f"{data} has errors and --strict was given: " + "; ".join(e.sentence for e in found.errors))
    _refuse_leaked_splits(found)
    bad = {error.path for error in found.bad}
    images = splits.split(
        [image for image in listing.images if image.path not in bad],
        val_fraction=val_fraction,
        test_fraction=test_fraction,
        seed=seed,
        duplicates=found.duplicates,
        root=listing.root,
        before=before,
    )
    if earlier is not None:
        listing = replace(listing, notes=(*listing.notes, _stayed(images, before, len(earlier))))
    return Prepared(listing, found, images, seed)


def advise(prepared: Prepared, folds: int | None) -> None:
    """Say when the data are too few for one validation to be trusted."""
    count = sum(image.split != "test" for image in prepared.images)
    if folds is None and count < FEW_IMAGES:
        say(f"{count} images for training and validation are few: --folds 5 measures with all of them")


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
