"""An answer sheet for O and X: where its title, name, numbers and boxes go."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from ox_classifier.errors import UsageError
from ox_classifier.lettering import Lettering
from ox_classifier.sheets.frame import (
    BODY_TOP,
    DPI,
    GREY,
    LINE,
    MARGIN,
    MM,
    Frame,
    Printing,
    Rule,
    Words,
    is_korean,
    new_id,
    title_words,
    wrapped,
)
from ox_classifier.sheets.layout import Box, Copy, Field, Layout, Page
from ox_classifier.sheets.letters import families_for
from ox_classifier.sheets.roster import Question

BOX = 11.0  # side of a box
PITCH, CLOSEST = 20.0, 13.2  # from the top of a box to the next one's, where there is room and where there is not
FIVE = 3.0  # more room after each fifth question
MOST_COLUMNS = 4
ROWS = (5, 10, 15)  # of a column
TEXT_SIZE, TEXT_LINE, MOST_LINES = 10.5, 4.7, 4  # points; mm; lines of a question
NUMBER_ROOM = 11.0  # for the number left of a text
MOST_TEXT_COLUMNS = 2
NAME, FIELD_FOOT = 16.0, 1.8  # mm from a field's left to a printed name; from its baseline to the line below
EXAMPLE = 5.4  # side of the squares with an example


class Wording(NamedTuple):
    """What is printed besides the teacher's own words."""

    title: str
    rule: str
    true: str
    false: str
    pen: str
    fields: tuple[str, str, str]
    footer: str

    @property
    def printed(self) -> tuple[str, ...]:
        """All of it."""
        return (self.title, self.rule, self.true, self.false, self.pen, *self.fields, self.footer)


ENGLISH = Wording(
    "Answer sheet",
    "Draw one mark in each box:",
    "true",
    "false",
    "Use a dark pen or pencil. To change an answer, erase it cleanly.",
    ("Name", "Class", "No."),
    "Page {page} of {pages}  ·  Sheet {copy} of {copies}",
)
KOREAN = Wording(
    "답안지",
    "네모 칸마다 하나만 그리세요:",
    "맞음",
    "틀림",
    "진한 펜이나 연필을 쓰세요. 고칠 때는 깨끗이 지우고 다시 그리세요.",
    ("이름", "반", "번호"),
    "{page} / {pages}쪽  ·  답안지 {copy} / {copies}",
)


@dataclass(frozen=True)
class Item:
    """A question on its way to a place: the lines of its text, and the height that it takes without the gap below."""

    question: Question
    lines: tuple[str, ...] = ()

    @property
    def height(self) -> float:
        return max(BOX, len(self.lines) * TEXT_LINE + 1.5)


def arrange(
    questions: Sequence[Question], copies: Sequence[Copy], *, title: str = "", paper: str = "a4", columns: int = 0
) -> Printing:
    """Place a box for each question, down the columns and over as many pages as they need; 0 columns: as suits.

    Raises:
        UsageError: If questions with a text don't fit into so many columns, or no font has a letter.
    """
    asked, people = [title, *(question.text for question in questions)], [copy.person for copy in copies]
    texts = [*asked, *people]
    korean = is_korean(asked) or 2 * sum(is_korean([person]) for person in people) > len(people)
    wording = KOREAN if korean else ENGLISH
    title = title or wording.title
    families_for([*texts, *wording.printed])
    lettering = Lettering([*texts, title, *wording.printed, "…0123456789"], dpi=DPI)
    frame = Frame.of(paper)
    if any(question.text for question in questions):
        if columns > MOST_TEXT_COLUMNS:
            raise UsageError(f"--columns {columns}: questions with a text fit into 1 or 2 columns, give one of them")
        boxes, words = _with_texts(questions, frame, lettering, columns)
    else:
        boxes, words = _numbers(questions, frame, columns)
    named = any(copy.person for copy in copies)
    fields = _fields(frame, wording, named=named)
    pages = tuple(Page(n, frame.markers, frame.code, fields) for n in range(1, boxes[-1].page + 1))
    rules: list[Rule] = []
    for page in pages:
        words += title_words(lettering, frame, page.number, title)
        more_words, more_rules = _head(lettering, frame, page, wording)
        words, rules = words + more_words, rules + more_rules
    layout = Layout("quiz", new_id(), title, frame.width, frame.height, LINE, pages, tuple(boxes), tuple(copies))
    name = fields[0]
    person = name.x + NAME, name.y + name.height - FIELD_FOOT, name.width - NAME
    return Printing(layout, tuple(words), tuple(rules), wording.footer, person)


def _numbers(questions: Sequence[Question], frame: Frame, columns: int) -> tuple[list[Box], list[Words]]:
    """Boxes with only a number: columns of five, ten or fifteen rows."""
    columns = columns or min(MOST_COLUMNS, math.ceil(len(questions) / ROWS[1]))
    rows = next((rows for rows in ROWS if rows * columns >= len(questions)), ROWS[-1])
    x, y, width, height = frame.body
    gaps = (rows - 1) // 5 * FIVE
    pitch = min(PITCH, (height - gaps - BOX) / max(1, rows - 1))
    boxes, words = [], []
    for index, question in enumerate(questions):
        page, place = divmod(index, rows * columns)
        column, row = divmod(place, rows)
        middle = x + (column + 0.5) * width / columns
        left, top = round(middle - BOX / 2 + 4, 3), round(y + row * pitch + row // 5 * FIVE, 3)
        boxes.append(Box(question.number, page + 1, left, top, BOX, BOX))
        words.append(Words(page + 1, left - 3, top + BOX / 2 + 1.6, f"{question.number}", 13, bold=True, align="right"))
    return boxes, words


def _with_texts(
    questions: Sequence[Question], frame: Frame, lettering: Lettering, columns: int
) -> tuple[list[Box], list[Words]]:
    """The questions' texts with their boxes at the right; two columns where each text then fits into two lines."""
    x, y, width, height = frame.body
    between = 10.0

    def items(columns: int, most: int) -> list[Item]:
        room = _column_width(width, columns, between) - NUMBER_ROOM - BOX - 4
        lines = (wrapped(lettering, q.text, room, TEXT_SIZE, most=most) if q.text else () for q in questions)
        return [Item(question, tuple(found)) for question, found in zip(questions, lines, strict=True)]

    if not columns:
        columns = 2 if all(len(item.lines) < 3 for item in items(2, 3)) else 1
    gap = CLOSEST - BOX + 1.5
    wide = _column_width(width, columns, between)
    boxes, words = [], []
    page, column, top = 1, 0, y
    for item in items(columns, MOST_LINES):
        if top + item.height > y + height:
            column, top = column + 1, y
            if column == columns:
                page, column = page + 1, 0
        left, right = x + column * (wide + between), x + column * (wide + between) + wide
        middle = top + item.height / 2
        number = item.question.number
        boxes.append(
            Box(number, page, round(right - BOX, 3), round(middle - BOX / 2, 3), BOX, BOX, text=item.question.text)
        )
        first = middle - (len(item.lines) - 1) / 2 * TEXT_LINE + 1.35
        words.append(Words(page, left + NUMBER_ROOM - 3, first, f"{number}", TEXT_SIZE, bold=True, align="right"))
        words += [
            Words(page, left + NUMBER_ROOM, first + i * TEXT_LINE, line, TEXT_SIZE) for i, line in enumerate(item.lines)
        ]
        top += item.height + gap
    return boxes, words


def _column_width(width: float, columns: int, between: float) -> float:
    return (width - (columns - 1) * between) / columns


def _fields(frame: Frame, wording: Wording, *, named: bool) -> tuple[Field, ...]:
    """The name, and unless names are printed class and number: as wide as the body."""
    x, _, width, _ = frame.body
    top, height = BODY_TOP - 16, 8.0
    if named:
        return (Field(wording.fields[0], x, top, width, height),)
    room = round(width - 16, 3)
    shares = ((0, 0.56), (0.56, 0.22), (0.78, 0.22))
    return tuple(
        Field(name, round(x + 8 * i + start * room, 3), top, round(share * room, 3), height)
        for i, (name, (start, share)) in enumerate(zip(wording.fields, shares, strict=True))
    )


def _head(lettering: Lettering, frame: Frame, page: Page, wording: Wording) -> tuple[list[Words], list[Rule]]:
    """The instruction with an example of each mark, and the fields to fill in."""
    x, _ = frame.title_place
    number, base = page.number, MARGIN + 15.4
    words = [Words(number, x, base, wording.rule, 10), Words(number, x, base + 6.4, wording.pen, 8.5, grey=GREY)]
    rules: list[Rule] = []
    x += lettering.width(wording.rule, 10) * MM + 4
    for mark, meaning in (("O", wording.true), ("X", wording.false)):
        rules += _square(number, x, base - 4.2, EXAMPLE)
        words.append(Words(number, x + EXAMPLE / 2, base - 0.1, mark, 11, bold=True, align="center"))
        words.append(Words(number, x + EXAMPLE + 1.5, base, meaning, 10))
        x += EXAMPLE + 1.5 + lettering.width(meaning, 10) * MM + 5
    for field in page.fields:
        foot, right = field.y + field.height, field.x + field.width
        words.append(Words(number, field.x, foot - FIELD_FOOT, field.name, 10, grey=GREY))
        rules.append(Rule(number, field.x, foot, right, foot))
    return words, rules


def _square(page: int, x: float, y: float, side: float) -> list[Rule]:
    corners = [(x, y), (x + side, y), (x + side, y + side), (x, y + side), (x, y)]
    return [Rule(page, *start, *end) for start, end in pairwise(corners)]
