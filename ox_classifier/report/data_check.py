"""What the files of a run are: their digests and sizes, copies among them, and what the data check finds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ox_classifier.audit import audit, looks
from ox_classifier.audit.findings import Finding
from ox_classifier.audit.looks import Look
from ox_classifier.audit.measurements import Measurements
from ox_classifier.data.listing import LabelledImage, Listing


@dataclass(frozen=True)
class DataCheck:
    """By path: `digests` of the bytes (hexadecimal), `sides` the longest in pixels, `copies` (path, label, split).

    `gone` is how many files can't be read any more.
    """

    digests: Mapping[str, str] = field(default_factory=dict)
    sides: Mapping[str, int] = field(default_factory=dict)
    copies: Mapping[str, Sequence[tuple[str, str, str]]] = field(default_factory=dict)
    findings: Sequence[Finding] = ()
    gone: int = 0


def data_check(rows: Iterable[tuple[str, str, str]], root: Path, classes: Sequence[str]) -> DataCheck:
    """Look at files given as (path below root, label, split); those seen before are not opened again."""
    listed = {path: LabelledImage((root / path).as_posix(), label, split) for path, label, split in rows}
    digests, sides = {}, {}

    def looked() -> Iterator[Look]:
        for path, look in zip(listed, looks.look([image.file for image in listed.values()]), strict=True):
            if look.content:
                digests[path] = look.content.hex()
            if isinstance(look.found, Measurements):
                sides[path] = max(look.found.size)
            yield look

    found = audit.quick_check(Listing(root, tuple(classes), tuple(listed.values())), looked=looked())
    names = {image.path: (path, image.label, image.split) for path, image in listed.items()}
    findings = [one for one in found.findings if one.kind != "unreadable"]  # `gone` says that
    return DataCheck(digests, sides, _copies(found.duplicates, names), findings, gone=len(found.bad))


def _copies(
    sets: Iterable[Sequence[Path]], names: Mapping[Path, tuple[str, str, str]]
) -> dict[str, list[tuple[str, str, str]]]:
    copies: dict[str, set] = defaultdict(set)
    for same in sets:
        for one in same:
            copies[names[one][0]] |= {names[other] for other in same if other != one}
    return {path: sorted(others) for path, others in copies.items()}
