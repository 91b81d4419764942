"""A data folder made ready to learn from: pixels and labels of each split, and what was set aside."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ox_classifier.data import decoding, digests
from ox_classifier.data.decoding import OnDemand
from ox_classifier.data.images import ImageError
from ox_classifier.data.listing import SPLITS, LabelledImage, Listing
from ox_classifier.errors import UsageError
from ox_classifier.pixels import PixelRule


@dataclass(frozen=True)
class ImageDataset:
    """Readable images in the order train, val, test, each split in natural order of its paths."""

    listing: Listing
    files: tuple[LabelledImage, ...]
    pixels: np.ndarray | OnDemand  # uint8, (n, height, width, channels)
    bad: tuple[ImageError, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        return self.listing.classes

    def part(self, split: str) -> slice:
        """Where the images of a split lie in `files` and `pixels`."""
        indices = [i for i, file in enumerate(self.files) if file.split == split]
        return slice(indices[0], indices[-1] + 1) if indices else slice(0, 0)

    def images(self, split: str) -> np.ndarray | OnDemand:
        """The pixels of a split: slices of it are uint8 of shape (n, height, width, channels)."""
        return (
            self.pixels.part(self.part(split)) if isinstance(self.pixels, OnDemand) else self.pixels[self.part(split)]
        )

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
        digest = hashlib.blake2b(digest_size=16)
        for file in self.files:
            digest.update(f"{file.label}\0{file.split}\0".encode())
            digest.update(digests.content(file.path))
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
        UsageError: If a class has no readable image to train on or the validation has none at all.
    """
    ordered = sorted(images, key=lambda image: SPLITS.index(image.split))  # stable: natural order inside a split
    paths = tuple(image.path for image in ordered)
    if on_demand:
        dataset = ImageDataset(listing, tuple(ordered), OnDemand(paths, rule), tuple(bad))
    else:
        decoded = decoding.decode(paths, rule, label="reading images")
        dataset = ImageDataset(listing, tuple(ordered[i] for i in decoded.kept), decoded.images, (*bad, *decoded.bad))
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
