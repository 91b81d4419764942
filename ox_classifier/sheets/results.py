"""Pages as they were read → one answer a question of each sheet, its table and its score."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ox_classifier import limits
from ox_classifier.data import table_text
from ox_classifier.errors import UsageError
from ox_classifier.sheets.decide import BLANK, UNSURE, Answer, unseen
from ox_classifier.sheets.reading import Box, Page, Photo
from ox_classifier.tables import csv_line
from ox_classifier.wording import counted

if TYPE_CHECKING:
    from ox_classifier.sheets.layout import Layout

COLUMNS = ("sheet", "person", "question", "answer", "probability", "reason")
KEY_COLUMNS = ("question", "answer")
SETTLED = "settled by hand"  # a reason
MARK = "\ufeff"  # by which Excel knows UTF-8


@dataclass(frozen=True, eq=False)
class Line:
    """One question of one sheet. `page` shows its box at `box`; both None if no photograph does."""

    sheet: str
    person: str
    question: str
    answer: Answer
    page: Page | None = None
    box: Box | None = None


@dataclass(frozen=True)
class Score:
    """Right answers of one sheet out of `questions`: `right` for certain, `open` more at most."""

    sheet: str
    person: str
    right: int
    open: int
    questions: int

    def __str__(self) -> str:
        most = self.right + self.open
        said = f"{self.right}" if most == self.right else f"{self.right} to {most}"
        return f"{said} of {self.questions}"


def lines(photos: Iterable[Photo], layout: Layout) -> tuple[list[Line], list[str]]:
    """Every question of every sheet seen, by sheet and in the layout's order, and sentences on what is wrong.

    Where two photographs of one page agree, or only one of them is sure, its answer stands; where they say different
    things the question is unsure.
    """
    pages: dict[int, dict[int, list[Page]]] = {}
    for photo in photos:
        for page in photo.pages:
            if page.number is not None and page.copy is not None:
                pages.setdefault(page.copy, {}).setdefault(page.number, []).append(page)
    found, notes = [], []
    for copy in sorted(pages):
        sheet, person = str(copy), layout.copy(copy).person
        for printed in layout.pages:
            shown = pages[copy].get(printed.number, [])
            if not shown:
                notes.append(f"sheet {sheet}: page {printed.number} is in no photograph: its questions are unsure")
            if len(shown) > 1:
                names = ", ".join(page.photo for page in shown)
                notes.append(f"sheet {sheet}: {len(shown)} photographs of page {printed.number} ({names}): compared")
            found += [_line(sheet, person, str(box.number), shown) for box in layout.boxes_of(printed.number)]
    return found, notes


def _line(sheet: str, person: str, question: str, pages: Sequence[Page]) -> Line:
    seen = [(page, box) for page in pages for box in page.boxes if box.question == question]
    if not seen:
        return Line(sheet, person, question, unseen("in no photograph"))
    sure = [(page, box) for page, box in seen if box.answer.answer != UNSURE]
    page, box = (sure or seen)[0]
    answer = box.answer
    if len({box.answer.answer for _, box in sure}) > 1:
        said = " and ".join(sorted({box.answer.answer for _, box in sure}))
        answer = Answer(UNSURE, answer.probability, f"two photographs say {said}", answer.likeliest)
    return Line(sheet, person, question, answer, page, box)


def table(found: Sequence[Line]) -> str:
    """answers.csv: one row a question."""
    rows = [
        (
            line.sheet,
            line.person,
            line.question,
            line.answer.answer,
            "" if line.answer.probability is None else f"{line.answer.probability:.4f}",
            line.answer.reason,
        )
        for line in found
    ]
    return MARK + "".join(map(csv_line, [COLUMNS, *rows]))


def score_table(found: Sequence[Score]) -> str:
    """scores.csv: one row a sheet, with the least and the most that may be right."""
    rows = [(one.sheet, one.person, one.right, one.right + one.open, one.questions) for one in found]
    return MARK + "".join(map(csv_line, [("sheet", "person", "least", "most", "questions"), *rows]))


def by_sheet(found: Sequence[Line]) -> dict[str, list[Line]]:
    """The lines of each sheet."""
    sheets: dict[str, list[Line]] = {}
    for line in found:
        sheets.setdefault(line.sheet, []).append(line)
    return sheets


def by_page(found: Sequence[Line]) -> list[tuple[str, Page, list[Line]]]:
    """Each page that is shown: a name for a file, the page, and its lines."""
    pages: dict[tuple[str, int], tuple[Page, list[Line]]] = {}
    for line in found:
        if line.page is not None:
            place = (line.sheet, id(line.page))
            pages.setdefault(place, (line.page, []))[1].append(line)
    taken: dict[str, int] = {}
    named = []
    for (sheet, _), (page, rows) in pages.items():
        name = f"sheet-{re.sub('[^0-9A-Za-z_-]', '_', sheet)[:60]}-page-{page.number}"
        taken[name] = taken.get(name, 0) + 1
        named.append((name if taken[name] == 1 else f"{name}-{taken[name]}", page, rows))
    return named


def tally(found: Sequence[Line]) -> list[tuple[str, str, dict[str, int]]]:
    """How often each answer was given on each sheet: (sheet, person, counts)."""
    rows = []
    for sheet, of_sheet in by_sheet(found).items():
        counts = Counter(line.answer.answer for line in of_sheet)
        order = sorted(counts, key=lambda answer: (answer == UNSURE, answer == BLANK, answer))
        rows.append((sheet, of_sheet[0].person, {answer: counts[answer] for answer in order}))
    return rows


def as_dicts(found: Sequence[Line], score: Sequence[Score]) -> list[dict]:
    """Plain values for JSON, one dictionary a sheet."""
    of_sheet = {one.sheet: one for one in score}
    sheets = []
    for sheet, rows in by_sheet(found).items():
        said: dict = {"sheet": sheet, "person": rows[0].person}
        if sheet in of_sheet:
            one = of_sheet[sheet]
            said["score"] = {"least": one.right, "most": one.right + one.open, "questions": one.questions}
        said["answers"] = [
            {
                "question": row.question,
                "answer": row.answer.answer,
                "probability": None if row.answer.probability is None else round(row.answer.probability, 6),
                "reason": row.answer.reason,
            }
            for row in rows
        ]
        sheets.append(said)
    return sheets


def read_key(path: Path, questions: Sequence[str], classes: Sequence[str]) -> dict[str, str]:
    """The right answer of each question, from a CSV with the columns question and answer.

    Raises:
        UsageError: If it is no such table, or its questions aren't the layout's.
    """
    names = {name.lower(): name for name in classes}
    key: dict[str, str] = {}
    for where, row in rows_of(path, KEY_COLUMNS):
        question, answer = row["question"], row["answer"].lower()
        if not answer:
            raise UsageError(
                f"{where}: question {question[:40]} has no answer yet: write {' or '.join(classes)} behind it"
            )
        if answer not in names:
            raise UsageError(f"{where}: the answer {row['answer'][:40]!r} is none: expected {' or '.join(classes)}")
        if key.setdefault(question, names[answer]) != names[answer]:
            raise UsageError(f"{where}: question {question} has another answer above: keep one")
    strange = [question for question in key if question not in set(questions)]
    absent = [question for question in questions if question not in key]
    if strange or absent:
        said = [f"question {strange[0][:40]!r} is not on the sheet"] if strange else []
        said += (
            [f"{counted(len(absent), 'question')} of the sheet lack an answer, such as {absent[0]}"] if absent else []
        )
        raise UsageError(f"{path}: {', and '.join(said)}: give the key of this sheet")
    return key


def scores(found: Sequence[Line], key: Mapping[str, str]) -> list[Score]:
    """Each sheet's score; an unsure answer may still be right, a blank one is wrong."""
    return [
        Score(
            sheet,
            rows[0].person,
            sum(row.answer.answer == key[row.question] for row in rows),
            sum(row.answer.answer == UNSURE for row in rows),
            len(rows),
        )
        for sheet, rows in by_sheet(found).items()
    ]


def rows_of(path: Path, columns: Sequence[str], optional: Sequence[str] = ()) -> list[tuple[str, dict[str, str]]]:
    """Where each row of a CSV stands, and its cells; "" where it lacks an optional column.

    Raises:
        UsageError: If it is no such table.
    """
    try:
        limits.check_file(path, limits.MOST_JSON)
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist: give a CSV with the columns {','.join(columns)}") from None
    text, _ = next(table_text.texts(path))
    header, rows = table_text.rows(path, text, (*columns, *optional))
    if "number" in header and "question" not in header:  # as in the list of questions that a sheet is made from
        header = ["question" if name == "number" else name for name in header]
        rows = [(line, {"question" if k == "number" else k: v for k, v in row.items()}) for line, row in rows]
    missing = [name for name in columns if name not in header]
    if missing:
        raise UsageError(f"{path} lacks the column {' and '.join(missing)}: expected a first line {','.join(columns)}")
    return [
        (f"{path}, line {number}", {name: row.get(name, "") for name in (*columns, *optional)}) for number, row in rows
    ]
