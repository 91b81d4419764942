"""CSV and JSON lines as ox writes them: one row for each entry, whatever its name holds."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence

from ox_classifier.names import is_printable

RESERVED = frozenset(
    ("path", "split", "label", "predicted", "loss", "error", "fold", "answer", "reason")
)  # columns of ours beside the classes
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet computes a cell that begins so, quoted or not


def csv_line(cells: Iterable[object]) -> str:
    """One line of CSV with its newline.

    A cell with a carriage return or a newline is quoted, so that every reader finds one row.
    """
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerow(cells)  # the module quotes what its line ends are made of
    return text.getvalue().removesuffix("\r\n") + "\n"


def json_line(value: object, *, indent: int | None = None) -> str:
    """JSON in which letters stay as they are, unless a terminal would obey one or it is no UTF-8: then all ASCII."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return text if is_printable(text.replace("\n", "")) else json.dumps(value, indent=indent)


def class_columns(classes: Sequence[str]) -> tuple[str, ...]:
    """The name of each class's column of probabilities: the class, or `p_<class>` where that is a column of ours.

    The same in every table, and no name twice.
    """
    columns: list[str] = []
    for name in classes:
        column = name
        while column in RESERVED or (column != name and column in classes):
            column = f"p_{column}"
        columns.append(column)
    return tuple(columns)


def formulas(names: Iterable[str]) -> int:
    """How many names a spreadsheet would take for a formula.

    Nothing is done about them: no quoting stops it, and another name would be another file to whoever reads the table.
    """
    return sum(name.startswith(FORMULA) for name in names)
