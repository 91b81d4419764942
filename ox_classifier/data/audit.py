"""Whether a listing can be trusted: counts, findings, and which files are copies. Changes no file."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np

from ox_classifier.data import facts as facts_of_files
from ox_classifier.data import findings
from ox_classifier.data.columns import Columns, common
from ox_classifier.data.copies import near
from ox_classifier.data.findings import Copies, Finding
from ox_classifier.data.folders import LabelledImage, Listing
from ox_classifier.data.images import ImageError
from ox_classifier.data.prints import Prints


@dataclass(frozen=True)
class Audit:
    """The answer of `quick_check` and `check`. `near` are the sets of paths that `splits.split` keeps together,
    `bad` the files that can't be read, `counts` plain numbers for the page and for --json."""

    listing: Listing
    findings: tuple[Finding, ...]
    near: tuple[tuple[Path, ...], ...]
    bad: tuple[ImageError, ...]
    counts: dict

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What makes an accuracy measured on this data a lie."""
        return tuple(finding for finding in self.findings if finding.level == "error")

    def as_dict(self) -> dict:
        """Plain values, paths as reports write them."""
        return {
            "data": self.listing.root.as_posix(),
            "classes": list(self.listing.classes),
            "counts": self.counts,
            "notes": list(self.listing.notes),
            "unreadable": {self.listing.name(error.path): error.reason for error in self.bad},
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


def quick_check(listing: Listing, *, cache: Path | None = None) -> Audit:
    """What training must know before it starts: unreadable files, copies across splits, one picture under two labels.

    Reads every file once in threads (some 3 ms an image), or its facts from the cache in `cache` (see `facts.gather`).
    """
    return _audit(listing, cache, thorough=False)


def check(listing: Listing, *, cache: Path | None = None) -> Audit:
    """`quick_check`, and copies inside splits, blanks, outliers, imbalance, and what other tools misread."""
    return _audit(listing, cache, thorough=True)


def _audit(listing: Listing, cache: Path | None, *, thorough: bool) -> Audit:
    images, bad = [], []
    measured = facts_of_files.gather([image.file for image in listing.images], cache=cache)
    with TemporaryFile(buffering=0) as file:
        prints = Prints(file)
        facts = Columns(prints)
        for image, fact in zip(listing.images, measured, strict=True):
            if isinstance(fact, ImageError):
                bad.append(fact)
            else:
                images.append(image)
                facts.add(fact)
        copies = Copies.of(images, near(prints))
    found = [*findings.leaks(copies), *findings.label_conflicts(copies), *findings.unreadable(bad)]
    if thorough and images:
        found += findings.duplicates(copies)
        found += findings.blanks(images, facts)
        found += findings.imbalance(images)
        found += findings.misread(images, facts)
        found += findings.outliers(images, facts)
    found.sort(key=lambda finding: findings.LEVELS.index(finding.level))
    return Audit(listing, tuple(found), tuple(copies.together()), tuple(bad), _counts(images, facts, listing.classes))


def _counts(images: list[LabelledImage], facts: Columns, classes: tuple[str, ...]) -> dict:
    splits = {}
    for split in ("", "train", "val", "test"):
        there = Counter(image.label for image in images if image.split == split)
        if there:
            splits[split or "undecided"] = {label: there[label] for label in classes}
    sizes, times = np.unique(facts.size, axis=0, return_counts=True)
    often = sorted(zip((-times).tolist(), sizes.tolist(), strict=True))[:5]
    sides = np.sort(facts.size.max(axis=1, initial=0)).tolist()
    return {
        "images": len(images),
        "splits": splits,
        "formats": common(facts.format),
        "modes": common(facts.mode),
        "sizes": {f"{width}x{height}": -times for times, (width, height) in often},
        "different_sizes": len(sizes),
        "longest_side": {"least": sides[0], "median": sides[len(sides) // 2], "most": sides[-1]} if sides else {},
        "bytes": int(facts.bytes.sum()),
    }
