"""The slices of one split of a run, as its page shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ox_classifier.names import printable
from ox_classifier.report import slices
from ox_classifier.report.ink import Ink
from ox_classifier.report.predictions import Predictions
from ox_classifier.report.slices import Slice
from ox_classifier.runs import Run


@dataclass(frozen=True)
class Named:
    """A slice that is worse than the rest, its rows being those of the whole table."""

    slice: Slice
    rows: Sequence[int]

    def as_data(self) -> dict:
        """For the page's script."""
        return {"name": printable(self.slice.name), "rows": list(self.rows)}


@dataclass(frozen=True)
class SplitSlices:
    """The slices of a split that are worse than the rest, the worst first, and a sentence about all compared."""

    named: Sequence[Named]
    sentence: str

    def as_rows(self, *, first: int) -> list[dict]:
        """For the page's table; `first` is the number of the first in the page."""
        return [
            {
                "number": number,
                "name": printable(one.slice.name),
                "accuracy": one.slice.accuracy,
                "low": one.slice.interval[0],
                "high": one.slice.interval[1],
                "rest": one.slice.rest,
                "images": len(one.rows),
            }
            for number, one in enumerate(self.named, start=first)
        ]


def split_slices(
    run: Run, table: Predictions, split: str, sides: Mapping[str, int], inks: Mapping[str, Ink]
) -> SplitSlices:
    """Compare the slices of a split; `sides` and `inks` by path may lack images."""
    rows = [i for i, name in enumerate(table.splits) if name == split]
    part = table.take(rows)
    right = part.predicted == part.truth
    group = run.splitting.get("group")
    sources = [
        slices.source_of(path, part.classes[truth], group) for path, truth in zip(part.paths, part.truth, strict=True)
    ]
    members = slices.members(sources, [sides.get(path) for path in part.paths], [inks.get(path) for path in part.paths])
    found = [Named(one, [rows[i] for i in one.rows]) for one in slices.worse(members, right)]
    return SplitSlices(found, slices.sentence(len(members), len(found), float(right.mean())))
