"""All runs at a glance: what each was trained on, how it did, how long it took. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ox_classifier.errors import UsageError
from ox_classifier.intervals import wilson
from ox_classifier.names import printable
from ox_classifier.runs import Run

Result = tuple[int, int]  # right answers, images


@dataclass(frozen=True)
class Row:
    """One run. What its training has not recorded yet is None."""

    name: str
    network: str
    data: str | None
    images: int | None
    val: Result | None
    test: Result | None
    seconds: float | None
    state: str


SORTS: dict[str, Callable[[Row], object]] = {  # names from a to z, numbers from the best or the largest
    "name": lambda row: row.name.casefold(),
    "network": lambda row: row.network,
    "data": lambda row: row.data,
    "images": lambda row: row.images and -row.images,
    "val": lambda row: row.val and -row.val[0] / row.val[1],
    "test": lambda row: row.test and -row.test[0] / row.test[1],
    "seconds": lambda row: row.seconds,
    "state": lambda row: row.state,
}
HEADER = ("name", "network", "data", "images", "val accuracy (95 %)", "test accuracy (95 %)", "seconds", "state")
NUMBERS = ("images", "seconds")


def row_of(run: Run) -> Row:
    """What a run tells of itself.

    A cross-validation's validation accuracy is that over all its folds; so many images as were used count, bad files
    do not.
    """
    try:
        data, counts = str(run.data_source), run.counts
    except UsageError:  # its training did not get that far
        data, counts = None, {}
    images = sum(count for split in counts.values() for count in split.values()) or None
    val = _summed([(right, images) for _, right, images in run.folds]) or _result(run, "val")
    state = f"{run.state}, killed" if run.killed else run.state
    return Row(run.name, run.arch, data, images, val, _result(run, "test"), run.seconds, state)


def ordered(rows: Iterable[Row], by: str) -> list[Row]:
    """Rows by a column; those that lack it come last."""
    key = SORTS[by]
    return sorted(rows, key=lambda row: (key(row) is None, 0 if key(row) is None else key(row)))


def as_dict(row: Row) -> dict:
    """Plain values, each under a name of its own, for JSON and CSV."""
    return {
        "name": row.name,
        "network": row.network,
        "data": row.data,
        "images": row.images,
        **_interval("val", row.val),
        **_interval("test", row.test),
        "seconds": row.seconds,
        "state": row.state,
    }


def text(rows: Sequence[Row]) -> str:
    """The rows as a table for a terminal."""
    cells = [HEADER, *map(_cells, rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADER))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if name in NUMBERS else cell.ljust(width)
            for name, cell, width in zip(HEADER, line, widths, strict=True)
        ).rstrip()
        for line in cells
    )


def _cells(row: Row) -> tuple[str, ...]:
    images, seconds = (f"{n:,.0f}" if n is not None else "-" for n in (row.images, row.seconds))
    data = "-" if row.data is None else printable(_short(row.data))
    results = map(_result_text, (row.val, row.test))
    return (printable(row.name), printable(row.network), data, images, *results, seconds, row.state)


def _short(path: str) -> str:
    """A path below the current folder without that."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path


def _result_text(result: Result | None) -> str:
    if result is None:
        return "-"
    low, high = wilson(*result)
    return f"{result[0] / result[1]:.4f} ({low:.3f} to {high:.3f})"


def _interval(split: str, result: Result | None) -> dict:
    right, images = result or (None, None)
    low, high = wilson(right, images) if result else (None, None)
    accuracy = right / images if result else None
    names = ("correct", "images", "accuracy", "low", "high")
    values = (right, images, accuracy, low, high)
    return {f"{split}_{name}": value for name, value in zip(names, values, strict=True)}


def _result(run: Run, split: str) -> Result | None:
    found = run.results.get(split)
    return (found["correct"], found["images"]) if found else None


def _summed(results: Sequence[Result]) -> Result | None:
    return (sum(right for right, _ in results), sum(images for _, images in results)) if results else None


COLUMNS = tuple(as_dict(Row("", "", None, None, None, None, None, "")))  # of CSV and JSON
