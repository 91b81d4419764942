"""The tables that a teacher gives: questions `number[,text]`, and a class list, one person a row."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ox_classifier.data import table_text
from ox_classifier.errors import MissingFileError, UsageError
from ox_classifier.limits import MEGABYTE, check_file
from ox_classifier.names import is_printable, printable
from ox_classifier.sheets.layout import MOST_COPIES, MOST_LETTERS, MOST_NUMBER, Copy

MOST_QUESTIONS = 200
MOST_BYTES = 4 * MEGABYTE
NUMBER = ("number", "번호", "문항")
TEXT = ("text", "question", "내용", "문제")
NAME = ("name", "이름", "성명")


@dataclass(frozen=True)
class Question:
    """A question: its number, and its text if it is to be printed."""

    number: int
    text: str = ""


def counted_questions(count: int) -> tuple[Question, ...]:
    """Questions 1 to `count`."""
    return tuple(Question(number) for number in range(1, count + 1))


def read_questions(path: Path) -> tuple[Question, ...]:
    """The questions of a CSV with the columns number and, if there is one, text, in its order.

    Raises:
        UsageError: If it is no such table, or a number is missing, given twice or none.
    """
    expected = "expected a first line number,text and a row for each question"
    rows = _rows(path, (NUMBER, TEXT), NUMBER, expected)
    if len(rows) > MOST_QUESTIONS:
        raise UsageError(f"{path} has {len(rows):,} questions: a sheet has at most {MOST_QUESTIONS}, make two of it")
    questions: dict[int, Question] = {}
    for line, number, text in rows:
        where = f"{path}, line {line}"
        if not (number.isascii() and number.isdigit() and 1 <= int(number[:9]) <= MOST_NUMBER):
            raise UsageError(
                f"{where}: the number {printable(number)[:40]!r} is not a whole number from 1 to {MOST_NUMBER}"
            )
        if int(number) in questions:
            raise UsageError(f"{where}: question {int(number)} stands there already: give each number once")
        questions[int(number)] = Question(int(number), _text(where, "text", text))
    return tuple(questions.values())


def read_people(path: Path) -> tuple[Copy, ...]:
    """A copy for each person of a CSV with the column name and, if there is one, number, in its order.

    Raises:
        UsageError: If it is no such table, a name is empty, or two people can't be told apart.
    """
    rows = _rows(path, (NAME, NUMBER), NAME, "expected a first line name (or number,name) and a row for each person")
    if len(rows) > MOST_COPIES:
        raise UsageError(f"{path} has {len(rows):,} people: at most {MOST_COPIES:,} sheets are made at a time")
    people: dict[str, int] = {}
    for line, name, number in rows:
        where = f"{path}, line {line}"
        if not name:
            raise UsageError(f"{where}: the name is empty: give every row a name")
        person = _text(where, "name", f"{number} {name}" if number else name)
        if person in people:
            raise UsageError(
                f"{where}: {person} stands in line {people[person]} already: tell the two apart, "
                "by a column number or by a longer name"
            )
        people[person] = line
    return tuple(Copy(number, person) for number, person in enumerate(people, start=1))


def _rows(
    path: Path, columns: tuple[Collection[str], Collection[str]], needed: Collection[str], expected: str
) -> list[tuple[int, str, str]]:
    """Line and the two columns' cells of each row, each column under one of several names."""
    try:
        check_file(path, MOST_BYTES)
    except FileNotFoundError:
        raise MissingFileError(f"{path} does not exist: {expected}") from None
    text, _ = next(table_text.texts(path))
    if "\0" in text:
        raise UsageError(f"{path} is no text: {expected}")
    known = [name for names in columns for name in names]
    header, rows = table_text.rows(path, text, known)
    found = [next((name for name in names if name in header), "") for names in columns]
    if not found[columns.index(needed)]:
        has = ", ".join(filter(None, header))
        raise UsageError(
            f"{path} has no column {next(iter(needed))} (it has {printable(has)[:80] or 'none'}): {expected}"
        )
    if not rows:
        raise UsageError(f"{path} has no row below its first line: {expected}")
    return [(line, row.get(found[0], ""), row.get(found[1], "")) for line, row in rows]


def _text(where: str, what: str, text: str) -> str:
    text = unicodedata.normalize("NFC", " ".join(text.split()))
    if len(text) > MOST_LETTERS:
        raise UsageError(f"{where}: the {what} has {len(text):,} letters: at most {MOST_LETTERS} can be printed")
    if not is_printable(text):
        raise UsageError(
            f"{where}: the {what} {printable(text)[:60]!r} has a letter that can't be printed: leave it out"
        )
    return text
