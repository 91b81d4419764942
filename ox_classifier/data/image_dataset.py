"""A data folder made ready to learn from: pixels and labels of each split, and what was set aside."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ox_classifier.data import decoding
from ox_classifier.data.contents import Contents
from ox_classifier.data.images import ImageError
from ox_classifier.data.listing import SPLITS, LabelledImage, Listing
from ox_classifier.data.on_demand import Chosen, OnDemand
from ox_classifier.data.outliers import Outliers
from ox_classifier.errors import UsageError
from ox_classifier.pixels import PixelRule


@dataclass(frozen=True)
class Pixels:
    """Images by path, in whatever order they were decoded; any number of datasets shares them."""

    images: np.ndarray | OnDemand  # uint8, (n, height, width, channels)
    rows: Mapping[str, int]  # where each readable file's is
    bad: tuple[ImageError, ...] = ()
    contents: Contents = field(default_factory=Contents)

    @classmethod
    def of(cls, files: Sequence[LabelledImage], decoded: decoding.Decoded, contents: Contents) -> Pixels:
        """What came of decoding `files`."""
        rows = {files[position].file: row for row, position in enumerate(decoded.kept)}
        return cls(decoded.images, rows, tuple(decoded.bad), contents)

    @classmethod
    def undecoded(cls, files: Sequence[LabelledImage], rule: PixelRule, contents: Contents) -> Pixels:
        """Each file is decoded when it is asked for; none may be unreadable."""
        images = OnDemand(tuple(image.path for image in files), rule, contents)
        return cls(images, {image.file: row for row, image in enumerate(files)}, (), contents)


@dataclass(frozen=True)
class ImageDataset:
    """Readable images in the order train, val, test, each split in natural order of its paths."""

    listing: Listing
    files: tuple[LabelledImage, ...]
    pixels: np.ndarray | OnDemand  # uint8, (n, height, width, channels); in another order, and with more than `files`
    indices: np.ndarray  # where in `pixels` each of `files` is
    bad: tuple[ImageError, ...]
    contents: Contents
    outliers: Outliers | None = None  # of no class, for training alone

    @property
    def classes(self) -> tuple[str, ...]:
        return self.listing.classes

    def part(self, split: str) -> slice:
        """Where the images of a split lie in `files` and `indices`."""
        places = [i for i, file in enumerate(self.files) if file.split == split]
        return slice(places[0], places[-1] + 1) if places else slice(0, 0)

    def images(self, split: str) -> np.ndarray | Chosen | OnDemand:
        """The pixels of a split, not copied: slices of it are uint8 of shape (n, height, width, channels)."""
        indices = self.indices[self.part(split)]
        if isinstance(self.pixels, OnDemand):
            return self.pixels.part(indices)
        if len(indices) and (np.diff(indices) == 1).all():
            return self.pixels[indices[0] : indices[-1] + 1]
        return Chosen(self.pixels, indices)

    def labels(self, split: str) -> np.ndarray:
        """Class index of each image of a split, int64 of shape (n,)."""
        order = {name: i for i, name in enumerate(self.classes)}
        return np.array([order[file.label] for file in self.files[self.part(split)]], dtype=np.int64)

    def names(self, split: str) -> list[str]:
        """Paths below the data folder, as reports write them."""
        return [self.listing.name(file.path) for file in self.files[self.part(split)]]

    def counts(self) -> dict[str, dict[str, int]]:
        """Images per split and class."""
        found = Counter((file.split, file.label) for file in self.files)
        return {s: {c: found[s, c] for c in self.classes} for s in SPLITS if any(f.split == s for f in self.files)}

    def rows(self) -> list[tuple[str, str, str]]:
        """path, label and split of every file used, for split.csv."""
        return [(self.listing.name(file.path), file.label, file.split) for file in self.files]

    def fingerprint(self) -> str:
        """One digest of every file's bytes, label and split: equal for equal training data, wherever it lies."""
        return fingerprint((file.label, file.split, self.contents.digest(file.path)) for file in self.files)


def fingerprint(files: Iterable[tuple[str, str, bytes]]) -> str:
    """One digest of the label, the split and the digest of every file, in the order of split.csv."""
    digest = hashlib.blake2b(digest_size=16)
    for label, split, content in files:
        digest.update(f"{label}\0{split}\0".encode("utf-8", "surrogateescape"))
        digest.update(content)
    return digest.hexdigest()


def load(
    listing: Listing,
    images: Sequence[LabelledImage],
    rule: PixelRule,
    *,
    bad: Sequence[ImageError] = (),
    on_demand: bool = False,
    without_val: bool = False,
) -> ImageDataset:
    """Decode every image once; unreadable ones join those known to be `bad` and are never touched.

    With `on_demand` each is decoded when asked for instead, and none may be unreadable.
    `without_val` allows that nothing is held out for validation.

    Raises:
        UsageError: As `arrange`.
    """
    contents = Contents()
    if on_demand:
        pixels = Pixels.undecoded(images, rule, contents)
    else:
        decoded = decoding.decode([Path(image.file) for image in images], rule, label="reading images")
        pixels = Pixels.of(images, decoded, contents)
    return arrange(listing, images, pixels, bad=bad, without_val=without_val)


def arrange(
    listing: Listing,
    images: Sequence[LabelledImage],
    pixels: Pixels,
    *,
    bad: Sequence[ImageError] = (),
    without_val: bool = False,
) -> ImageDataset:
    """A dataset of those of `images` that have pixels, by their splits; copies none of the pixels.

    Raises:
        UsageError: If a class has no readable image to train on, or the validation has none at all and this was not
            asked for.
    """
    ordered = sorted(images, key=lambda image: SPLITS.index(image.split))  # stable: natural order inside a split
    files = tuple(image for image in ordered if image.file in pixels.rows)
    indices = np.array([pixels.rows[image.file] for image in files], dtype=np.int64)
    dataset = ImageDataset(listing, files, pixels.images, indices, (*bad, *pixels.bad), pixels.contents)
    counts = dataset.counts()
    for name in listing.classes:
        if not counts.get("train", {}).get(name):
            raise UsageError(
                f"class {name!r} has no readable image to train on in {listing.root}: add some{_why(dataset.bad)}"
            )
    if "val" not in counts and not without_val:
        raise UsageError(f"no readable image to validate with in {listing.root}: add some{_why(dataset.bad)}")
    return dataset


def _why(bad: Sequence[ImageError]) -> str:
    return f" ({len(bad)} unreadable; the first: {bad[0]})" if bad else ""
