"""Which images several runs were all tested on: told by name and, where the files are there, by their bytes."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ox_classifier.data import digests
from ox_classifier.errors import UsageError
from ox_classifier.report.predictions import Predictions
from ox_classifier.report.table import HELD_OUT, held_out, predict, reported
from ox_classifier.runs import Run

SPLITS = ("test", "val")


@dataclass(frozen=True, eq=False)
class Tested:
    """What a run answered to the images of one split."""

    run: Run
    rows: Predictions

    @cached_property
    def places(self) -> dict[str, int]:
        """The row of each path."""
        return {path: row for row, path in enumerate(self.rows.paths)}

    def label(self, row: int) -> str:
        return self.rows.classes[self.rows.truth[row]]

    @cached_property
    def root(self) -> Path:
        """The data folder, without links."""
        return Path(os.path.realpath(self.run.data_root))

    def digest(self, row: int) -> bytes | None:
        """What tells the image's bytes from others; None if the file is not there any more."""
        if row not in self._seen:
            try:
                self._seen[row] = digests.content(self.run.source(self.rows.paths[row]))
            except OSError:
                self._seen[row] = None
        return self._seen[row]

    @cached_property
    def _seen(self) -> dict[int, bytes | None]:
        return {}


@dataclass(frozen=True)
class Shared:
    """For each run the rows of the images that all were tested on, in one order; and how many were left out, why."""

    rows: tuple[tuple[int, ...], ...]
    other_picture: int = 0  # files of one name, but of other bytes
    other_label: int = 0
    unseen: int = 0  # taken for the same by their names, as they are not there to look at

    def __len__(self) -> int:
        return len(self.rows[0])


def common_split(runs: Sequence[Run]) -> str:
    """test, or val if a run has no test.

    Raises:
        UsageError: If they have neither in common.
    """
    sides = [{*run.splits().values()} | ({"val"} if run.folds else set()) for run in runs]
    for split in SPLITS:
        if all(split in side for side in sides):
            return split
    names = ", ".join(run.name for run in runs)
    raise UsageError(f"{names} have no split in common that is held out: expected test or val in all of them")


def tested(run: Run, split: str) -> Tested:
    """The answers of a run to a split: those of its last report if that was of the same model, else made now.

    Raises:
        UsageError: If the run has no such split or its images are gone.
    """
    if split == "val" and run.folds:
        return Tested(run, held_out(run))
    found, same = reported(run)
    rows = found.of(split) if found is not None and same and split != HELD_OUT else None
    return Tested(run, rows if rows is not None and rows.paths else predict(run, [split]))


def shared(all_tested: Sequence[Tested]) -> Shared:
    """The images that all runs were tested on under the same label.

    An image that lies under another name in another data folder is found by its bytes.

    Raises:
        UsageError: If there is none.
    """
    first, *others = all_tested
    matches = [_match(first, other) for other in others]
    found = [row for row in range(len(first.rows.paths)) if all(row in match for match in matches)]
    same = [rows for row in found if _same_bytes(all_tested, rows := (row, *(match[row] for match in matches)))]
    alike = [rows for rows in same if len({one.label(row) for one, row in zip(all_tested, rows, strict=True)}) == 1]
    if not alike:
        counts = ", ".join(f"{one.run.name} on {len(one.rows.paths):,}" for one in all_tested)
        raise UsageError(
            f"the runs were tested on other images each ({counts}): train them on the same data to compare"
        )
    named = {row for path, row in first.places.items() if all(path in other.places for other in others)}
    one_root = all(_one_root(first, other) for other in others)
    unseen = [rows for rows in alike if None in _digests(all_tested, rows)] if not one_root else ()
    return Shared(
        tuple(zip(*alike, strict=True)),
        other_picture=len(named - {rows[0] for rows in same}),
        other_label=len(same) - len(alike),
        unseen=len(unseen),
    )


def _match(first: Tested, other: Tested) -> dict[int, int]:
    """Rows of one run and those of another that show the same picture: of one data folder, those of one name.

    Of two folders those of the same bytes, of one name where there are several; where a file can't be looked at, its
    name has to do.
    """
    if _one_root(first, other):
        return {row: other.places[path] for path, row in first.places.items() if path in other.places}
    by_bytes: dict[bytes | None, dict[str, int]] = defaultdict(dict)
    for path, row in other.places.items():
        by_bytes[other.digest(row)][path] = row
    found = {}
    for same_name in (True, False):
        for path, row in first.places.items():
            there = by_bytes.get(first.digest(row), {}) if first.digest(row) else {}
            name = path if path in there else next(iter(there), None)
            if row not in found and name is not None and same_name == (name == path):
                found[row] = there.pop(name)
    taken = set(found.values())
    for path, row in first.places.items():
        partner = other.places.get(path)
        free = row not in found and partner is not None and partner not in taken
        if free and (first.digest(row) is None or other.digest(partner) is None):
            found[row] = partner
    return found


def _same_bytes(all_tested: Sequence[Tested], rows: Sequence[int]) -> bool:
    """Whether files are the same as far as they can be looked at; of one data folder they are, if of one name."""
    first, *others = all_tested
    return all(_one_root(first, other) for other in others) or len(_digests(all_tested, rows) - {None}) <= 1


def _digests(all_tested: Sequence[Tested], rows: Sequence[int]) -> set[bytes | None]:
    return {one.digest(row) for one, row in zip(all_tested, rows, strict=True)}


def _one_root(first: Tested, other: Tested) -> bool:
    return first.root == other.root
