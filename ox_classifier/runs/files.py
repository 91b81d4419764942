"""run.json and the tables of a run: read against their schema, written whole."""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from ox_classifier import limits
from ox_classifier.errors import UsageError
from ox_classifier.files import replacing, write_text
from ox_classifier.runs import schema
from ox_classifier.runs.schema import SCHEMA
from ox_classifier.tables import csv_line

NOT_OURS = "the run is damaged or not made by ox"


def read_config(path: Path) -> dict:
    """What a run.json says.

    Raises:
        UsageError: If it is missing, unreadable, of another version, or says anything that ox would not write.
    """
    try:
        limits.check_file(path, limits.MOST_JSON)
        config = json.loads(path.read_text(encoding="utf-8", errors="surrogateescape"))
    except FileNotFoundError:
        raise UsageError(f"{path} is not there: {path.parent} is no run, or its training did not begin") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} can't be read ({error}): the run is damaged; train again") from None
    found = config.get("schema") if isinstance(config, dict) else SCHEMA
    if found != SCHEMA or isinstance(found, bool):
        raise UsageError(f"{path.parent} is of schema {found!r:.40}, this ox reads {SCHEMA}: use the ox that made it")
    wrong = schema.RUN_JSON(config)
    if wrong:
        raise UsageError(f"{path}{': ' + wrong[1:] if wrong.startswith('.') else wrong}; {NOT_OURS}")
    return config


def write_config(path: Path, config: dict) -> None:
    """Write a run.json."""
    write_text(path, json.dumps(config, indent=2, ensure_ascii=False) + "\n")


def read_table(path: Path, classes: Collection[str]) -> list[dict[str, str]]:
    """The rows of one of the tables of a run with these classes.

    Raises:
        UsageError: If there is no such file, or it is none that ox writes.
    """
    try:
        limits.check_file(path, limits.MOST_TABLE)
    except FileNotFoundError:
        sentence = f"run {path.parent} has no {path.name}: its training did not get that far; train again"
        raise UsageError(sentence) from None
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        reader = csv.DictReader(file)
        try:
            return list(_checked(path, reader, frozenset(classes)))
        except csv.Error as error:
            raise UsageError(f"{path}, line {reader.line_num}: {error}; {NOT_OURS}") from None


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence]) -> None:
    """Write a CSV file in UTF-8, with a header; names of files that are no UTF-8 keep their bytes."""
    with replacing(path) as beside, beside.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        file.writelines(map(csv_line, (header, *rows)))


def _checked(path: Path, reader: csv.DictReader, classes: frozenset[str]) -> Iterator[dict[str, str]]:
    names = list(reader.fieldnames or ())
    lacking = [name for name in schema.NEEDED.get(path.name, ()) if name not in names]
    if lacking or len(set(names)) < len(names):
        problem = f"lacks the column {', '.join(lacking)}" if lacking else "has two columns of one name"
        raise UsageError(f"{path} {problem}; {NOT_OURS}")
    for count, row in enumerate(reader, start=1):
        wrong = schema.wrong_row(path.name, row, classes)
        if count > limits.MOST_ROWS:
            wrong = f"there are more than {limits.MOST_ROWS:,} rows"
        if wrong:
            raise UsageError(f"{path}, line {reader.line_num}: {wrong}; {NOT_OURS}")
        yield row
