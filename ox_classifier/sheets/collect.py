"""A sheet to gather training images with: rows of boxes, each row for one class, and a code for each writer."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from ox_classifier.errors import UsageError
from ox_classifier.lettering import Lettering
from ox_classifier.names import is_printable, printable
from ox_classifier.sheets.frame import (
    BODY_TOP,
    DPI,
    GREY,
    LINE,
    MARGIN,
    Frame,
    Printing,
    Words,
    is_korean,
    new_id,
    title_words,
    wrapped,
)
from ox_classifier.sheets.layout import MOST_BOXES, MOST_PAGES, Box, Copy, Layout, Page
from ox_classifier.sheets.letters import families_for

BOX = 11.0
ROW = 10  # boxes
PITCH = 15.8  # from box to box in a row
CLOSEST, WIDEST = 17.0, 21.0  # from row to row
MOST_CLASSES, MOST_NAME = 26, 40
FORBIDDEN = frozenset('/\\:*?"<>|')  # in a folder's name, on one system or another
ENGLISH = ("Marks to learn from", "In every box of a row, draw what stands at its left.", "Writer")
ENGLISH_HINTS = ("As you usually write it. A box may stay empty.", "draw", "Page {page} of {pages}")
KOREAN = ("손글씨 모으기", "줄마다 왼쪽에 적힌 것을 모든 칸에 하나씩 그리세요.", "글쓴이")
KOREAN_HINTS = ("평소에 쓰는 대로 그리세요. 빈칸이 있어도 됩니다.", "그리기", "{page} / {pages}쪽")


def class_names(given: str) -> tuple[str, ...]:
    """The classes of `o,x`, each fit to be a folder's name.

    Raises:
        UsageError: If one is not, stands there twice, or there are too many.
    """
    names = [unicodedata.normalize("NFC", name.strip()) for name in given.split(",")]
    for name in names:
        wrong = set(name) & FORBIDDEN or not is_printable(name) or name[:1] in ("", ".", "-") or name[-1:] == "."
        if wrong or len(name) > MOST_NAME:
            raise UsageError(
                f"--classes: {printable(name)[:60]!r} can't be the name of a folder: "
                "give names such as o,x of letters and digits"
            )
    if len({name.casefold() for name in names}) < len(names):
        raise UsageError(f"--classes {given[:60]}: a class stands there twice, upper and lower case being the same")
    if len(names) > MOST_CLASSES:
        raise UsageError(f"--classes: {len(names)} are given, at most {MOST_CLASSES} go on a sheet")
    return tuple(names)


def arrange(classes: Sequence[str], *, writers: int, per_class: int, paper: str = "a4") -> Printing:
    """Place `per_class` boxes of each class, in rows that take turns, so that no class is drawn by tired hands alone.

    Raises:
        UsageError: If they need too many pages, or no font has a letter.
    """
    korean = is_korean(classes)
    title, rule, writer = KOREAN if korean else ENGLISH
    hint, draw, footer = KOREAN_HINTS if korean else ENGLISH_HINTS
    texts = [*classes, title, rule, writer, hint, draw, footer, "…0123456789"]
    families_for(texts)
    lettering = Lettering(texts, dpi=DPI)
    frame = Frame.of(paper)
    x, _, width, _ = frame.body
    boxes, words = _rows(classes, per_class, frame, lettering, draw)
    count = boxes[-1].page
    if count > MOST_PAGES or len(boxes) > MOST_BOXES:
        raise UsageError(f"--per-class {per_class} of {len(classes)} classes is over {MOST_BOXES:,} boxes: give fewer")
    pages = tuple(Page(number, frame.markers, frame.code) for number in range(1, count + 1))
    left, _ = frame.title_place
    for page in pages:
        words += title_words(lettering, frame, page.number, title)
        words.append(Words(page.number, left, MARGIN + 15.4, rule, 10))
        words.append(Words(page.number, left, MARGIN + 21.8, hint, 8.5, grey=GREY))
        words.append(Words(page.number, x, BODY_TOP - 9.8, writer, 10, grey=GREY))
    name = new_id()
    copies = tuple(Copy(number, f"{name}{number:0{max(2, len(str(writers)))}}") for number in range(1, writers + 1))
    layout = Layout("collect", name, title, frame.width, frame.height, LINE, pages, tuple(boxes), copies)
    return Printing(layout, tuple(words), (), footer, person=(x + 18, BODY_TOP - 9.8, width - 18))


def _rows(
    classes: Sequence[str], per_class: int, frame: Frame, lettering: Lettering, draw: str
) -> tuple[list[Box], list[Words]]:
    x, y, width, height = frame.body
    first = x + width - (ROW - 1) * PITCH - BOX
    lines = int((height - BOX) / CLOSEST) + 1
    turns = list(_turns(classes, per_class))
    pitch = min(WIDEST, (height - BOX) / max(1, min(lines, len(turns)) - 1))
    boxes, words = [], []
    for index, (label, count) in enumerate(turns):
        page, row = divmod(index, lines)
        top = round(y + row * pitch, 3)
        name = wrapped(lettering, label, first - x - 3, 15, bold=True, most=1)[0]
        words.append(Words(page + 1, x, top + 3.2, draw, 7.5, grey=GREY))
        words.append(Words(page + 1, x, top + 9.2, name, 15, bold=True))
        for column in range(count):
            left = round(first + column * PITCH, 3)
            number = len(boxes) + 1
            boxes.append(Box(number, page + 1, left, top, BOX, BOX, label=label, row=row + 1, column=column + 1))
    return boxes, words


def _turns(classes: Sequence[str], per_class: int) -> Iterator[tuple[str, int]]:
    """Rows of at most ROW boxes: one of each class, then the next of each."""
    for done in range(0, per_class, ROW):
        for label in classes:
            yield label, min(ROW, per_class - done)
