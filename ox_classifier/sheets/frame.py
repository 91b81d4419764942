"""What every printed page has alike: paper, markers, code, title, footer, and the body that is left for boxes."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from ox_classifier.errors import UsageError
from ox_classifier.lettering import Lettering
from ox_classifier.names import is_printable, printable
from ox_classifier.sheets.layout import ALPHABET, ID_LETTERS, MOST_LETTERS, PAPERS, Code, Layout, Marker

MARGIN, MARKER = 10.0, 10.0  # from the edge of the paper to a marker, and its side; home printers leave 5 mm white
MODULE = 0.8  # mm of the code: 21 of them
GAP = 6.0  # from the code to the marker beside it
SIDE = 16.0  # from the edge of the paper to the body
BODY_TOP, BODY_FOOT = 54.0, 6.0  # from the top of the page; above the lower markers
LINE = 0.3  # of a box
MM = 25.4  # an inch
DPI = 600  # that widths are measured at
BOLD = 1.16  # how much wider bold letters are, at most
GREY = 95  # of small print, 0 black to 255 white


@dataclass(frozen=True)
class Words:
    """Printed text: (x, y) in mm is the left end of its baseline, or the middle or right end as `align` says."""

    page: int
    x: float
    y: float
    text: str
    size: float  # points
    bold: bool = False
    align: str = "left"
    grey: int = 0


@dataclass(frozen=True)
class Rule:
    """A straight line from (x, y) to (x2, y2), in mm."""

    page: int
    x: float
    y: float
    x2: float
    y2: float
    width: float = 0.2
    grey: int = 0


@dataclass(frozen=True)
class Printing:
    """A layout, and what is printed of words and lines beside its markers, codes and boxes, alike on all copies.

    On every page of a copy stand its `footer`, which has places for {page}, {pages}, {copy} and {copies}, and its
    person, if it has one, at `person`: left end of the baseline, and width, in mm.
    """

    layout: Layout
    words: tuple[Words, ...]
    rules: tuple[Rule, ...]
    footer: str
    person: tuple[float, float, float]


@dataclass(frozen=True)
class Frame:
    """The page of a paper: its markers and code, and the body (x, y, width, height) that boxes may fill."""

    width: float
    height: float

    @classmethod
    def of(cls, paper: str) -> Frame:
        """The frame of a paper of PAPERS."""
        return cls(*PAPERS[paper])

    @property
    def markers(self) -> tuple[Marker, ...]:
        right, bottom = (round(side - MARGIN - MARKER, 3) for side in (self.width, self.height))
        corners = ((MARGIN, MARGIN), (right, MARGIN), (right, bottom), (MARGIN, bottom))
        return tuple(Marker(number, x, y, MARKER) for number, (x, y) in enumerate(corners))

    @property
    def code(self) -> Code:
        size = 21 * MODULE
        return Code(round(self.width - MARGIN - MARKER - GAP - size, 3), MARGIN, round(size, 3))

    @property
    def body(self) -> tuple[float, float, float, float]:
        bottom = self.height - MARGIN - MARKER - BODY_FOOT
        return SIDE, BODY_TOP, self.width - 2 * SIDE, bottom - BODY_TOP

    @property
    def title_place(self) -> tuple[float, float]:
        """Left end and width of what stands between the upper left marker and the code."""
        left = MARGIN + MARKER + 5
        return left, self.code.x - 4 * MODULE - 3 - left


def new_id() -> str:
    """A short name for a sheet, which no other is likely to have."""
    while True:
        name = "".join(secrets.choice(ALPHABET) for _ in range(ID_LETTERS))
        if not re.fullmatch(r"\d+(E\d+)?", name):  # a spreadsheet would make a number of it
            return name


def checked_title(title: str) -> str:
    """A title as it can be printed.

    Raises:
        UsageError: If it is too long, or has a letter that no paper shows.
    """
    title = unicodedata.normalize("NFC", " ".join(title.split()))
    if len(title) > MOST_LETTERS:
        raise UsageError(f"--title has {len(title):,} letters: at most {MOST_LETTERS} can be printed")
    if not is_printable(title):
        raise UsageError(f"--title {printable(title)[:60]!r} has a letter that can't be printed: leave it out")
    return title


def is_korean(texts: Sequence[str]) -> bool:
    """Whether a text has Korean letters, so that what ox prints beside it is Korean, too."""
    return any("가" <= letter <= "힣" for text in texts for letter in text)


def wrapped(lettering: Lettering, text: str, mm: float, size: float, *, bold: bool = False, most: int = 2) -> list[str]:
    """The text in at most so many lines of a width; what doesn't fit is cut with …."""
    return lettering.wrap(text, mm / MM, size * (BOLD if bold else 1), most=most)


def title_words(lettering: Lettering, frame: Frame, page: int, title: str) -> list[Words]:
    """The title in one large line, or else in two smaller ones."""
    x, room = frame.title_place
    lines = wrapped(lettering, title, room, 17, bold=True)
    if len(lines) == 1:
        return [Words(page, x, MARGIN + 6.5, lines[0], 17, bold=True)]
    lines = wrapped(lettering, title, room, 11.5, bold=True)
    return [Words(page, x, MARGIN + 3.4 + 5 * i, line, 11.5, bold=True) for i, line in enumerate(lines)]
