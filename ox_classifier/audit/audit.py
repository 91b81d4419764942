"""Whether a listing can be trusted: counts, findings, and which files are copies. Changes no file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np

from ox_classifier.audit import findings, looks
from ox_classifier.audit.columns import Columns, common
from ox_classifier.audit.duplicates import duplicate_pairs
from ox_classifier.audit.findings import Copies, Finding
from ox_classifier.audit.fingerprint_table import FingerprintTable
from ox_classifier.audit.looks import Look
from ox_classifier.audit.text import FEW
from ox_classifier.data.contents import Contents
from ox_classifier.data.decoding import Decoding
from ox_classifier.data.images import ImageError
from ox_classifier.data.listing import LabelledImage, Listing
from ox_classifier.data.splits import most_folds


@dataclass(frozen=True)
class Audit:
    """The answer of `quick_check` and `check`. `duplicates` are the sets of paths that `splits.split` keeps together,
    `bad` the files that can't be read, `counts` plain numbers for the page and for --json; `contents` (of
    `quick_check` only) what each file held."""

    listing: Listing
    findings: tuple[Finding, ...]
    duplicates: tuple[tuple[Path, ...], ...]
    bad: tuple[ImageError, ...]
    counts: dict
    contents: Contents

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What makes an accuracy measured on this data a lie."""
        return tuple(finding for finding in self.findings if finding.level == "error")

    def as_dict(self) -> dict:
        """Plain values, paths as reports write them."""
        told = {finding.sentence for finding in self.findings}
        return {
            "data": self.listing.root.as_posix(),
            "classes": list(self.listing.classes),
            "counts": self.counts,
            "notes": [note for note in self.listing.notes if note not in told],
            "unreadable": {self.listing.name(error.path): error.reason for error in (*self.listing.unread, *self.bad)},
            "findings": [
                {
                    "level": finding.level,
                    "kind": finding.kind,
                    "sentence": finding.sentence,
                    "cases": [[self.listing.name(path) for path in case] for case in finding.cases],
                }
                for finding in self.findings
            ],
        }


def quick_check(
    listing: Listing,
    *,
    cache: Path | None = None,
    decoded: Decoding | None = None,
    looked: Iterable[Look] | None = None,
) -> Audit:
    """What training must know before it starts: unreadable files, copies across splits, one picture under two labels.

    Reads every file once (see `looks.look`); `decoded`, of the files of the listing, gets their pixels at that.
    `looked`, if given, is what was seen of these files just now, which are not read again.
    """
    return _audit(listing, _looks(listing, cache, decoded) if looked is None else looked, thorough=False)


def check(listing: Listing, *, cache: Path | None = None) -> Audit:
    """`quick_check`, and copies inside splits, blanks, outliers, imbalance, and what other tools misread."""
    return _audit(listing, _looks(listing, cache, None), thorough=True)


def _looks(listing: Listing, cache: Path | None, decoded: Decoding | None) -> Iterator[Look]:
    return looks.look([image.file for image in listing.images], cache=cache, decoded=decoded)


def _audit(listing: Listing, each: Iterable[Look], *, thorough: bool) -> Audit:
    images, bad, contents = [], [], Contents()
    with TemporaryFile(buffering=0) as file:
        fingerprints = FingerprintTable(file)
        measured = Columns(fingerprints)
        for image, look in zip(listing.images, each, strict=True):
            if isinstance(look.found, ImageError):
                bad.append(look.found)
                continue
            images.append(image)
            measured.add(look.found)
            if not thorough:
                contents.add(image.file, look.content, look.stamp)
        copies = Copies.of(images, duplicate_pairs(fingerprints))
    left = {image.label for image in images}
    lost = [label for label in listing.classes if label not in left]
    found = [
        *findings.leaks(copies),
        *findings.label_conflicts(copies),
        *findings.unreadable(bad, lost),
        *findings.unread(listing.unread),
    ]
    if thorough:
        found += findings.outside(listing)
    if thorough and images:
        found += findings.duplicates(copies)
        found += findings.blanks(images, measured)
        found += findings.imbalance(images)
        found += findings.misread(images, measured)
        found += findings.outliers(images, measured)
    found.sort(key=lambda finding: findings.LEVELS.index(finding.level))
    together = tuple(copies.together())
    counts = _counts(images, measured, listing.classes)
    if sum(image.split != "test" for image in images) < FEW:
        counts["folds"] = most_folds(images, duplicates=together, root=listing.root)
    return Audit(listing, tuple(found), together, tuple(bad), counts, contents)


def _counts(images: list[LabelledImage], measured: Columns, classes: tuple[str, ...]) -> dict:
    splits = {}
    for split in ("", "train", "val", "test"):
        there = Counter(image.label for image in images if image.split == split)
        if there:
            splits[split or "undecided"] = {label: there[label] for label in classes}
    sizes, times = np.unique(measured.size, axis=0, return_counts=True)
    often = sorted(zip((-times).tolist(), sizes.tolist(), strict=True))[:5]
    sides = np.sort(measured.size.max(axis=1, initial=0)).tolist()
    return {
        "images": len(images),
        "splits": splits,
        "formats": common(measured.format),
        "modes": common(measured.mode),
        "sizes": {f"{width}x{height}": -times for times, (width, height) in often},
        "different_sizes": len(sizes),
        "longest_side": {"least": sides[0], "median": sides[len(sides) // 2], "most": sides[-1]} if sides else {},
        "bytes": int(measured.bytes.sum()),
    }
