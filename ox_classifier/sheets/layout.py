"""Where everything stands on a printed sheet, in millimetres from the top left of the page; kept as sheet.json."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ox_classifier import limits
from ox_classifier.errors import UsageError
from ox_classifier.files import write_text
from ox_classifier.tables import json_line

SCHEMA = 1
CORNERS = ("top left", "top right", "bottom right", "bottom left")  # of the page, by the number of the marker there
LARGEST = 1200.0  # mm of a page's side
MOST_BOXES = 2000
CODE = re.compile(r"OX1/([0-9A-Z]{4,16})/([1-9][0-9]{0,3})/([1-9][0-9]{0,5})")
Place = tuple[float, float, float, float]  # left, top, width, height


@dataclass(frozen=True)
class PrintedBox:
    """The box of one question; `place` to the middle of its lines."""

    question: str
    place: Place


@dataclass(frozen=True)
class PrintedPage:
    """One page, counted from 1."""

    number: int
    boxes: tuple[PrintedBox, ...]


@dataclass(frozen=True)
class Code:
    """What the printed code of a page says."""

    sheet: str
    page: int
    copy: int


@dataclass(frozen=True)
class Layout:
    """A sheet of one or more pages, printed in one or more numbered copies.

    `line` is the breadth of a box's lines; `marker_places` the four corner markers (left, top, side, side), in the
    order of `CORNERS`; `people` the names of copies that have one.
    """

    sheet: str
    size: tuple[float, float]
    line: float
    marker_places: tuple[Place, ...]
    code: Place
    pages: tuple[PrintedPage, ...]
    people: Mapping[int, str]

    @property
    def markers(self) -> dict[int, np.ndarray]:
        """The corners of each marker, (4, 2) in mm, clockwise from its top left."""
        return {
            number: np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)], np.float64)
            for number, (x, y, w, h) in enumerate(self.marker_places)
        }

    @property
    def questions(self) -> list[str]:
        return [box.question for page in self.pages for box in page.boxes]

    def corner(self, marker: int) -> str:
        """Which corner of the page a marker stands in, in words."""
        return CORNERS[marker]

    def code_text(self, page: int, copy: int) -> str:
        """What the code of a page says; `named` is the way back."""
        return f"OX1/{self.sheet}/{page}/{copy}"

    @staticmethod
    def named(text: str) -> Code | None:
        """What a code's text names; None if it is none of ours."""
        found = CODE.fullmatch(text)
        return Code(found[1], int(found[2]), int(found[3])) if found else None

    def label(self, copy: int) -> str:
        """What a copy is called in tables."""
        return str(copy)

    def person(self, copy: int) -> str:
        """Whose sheet a copy is; "" if that is not known."""
        return self.people.get(copy, "")

    def save(self, path: Path) -> None:
        values = {
            "schema": SCHEMA,
            "sheet": self.sheet,
            "size": self.size,
            "line": self.line,
            "markers": self.marker_places,
            "code": self.code,
            "pages": [[{"question": box.question, "place": box.place} for box in page.boxes] for page in self.pages],
            "people": {str(copy): name for copy, name in self.people.items()},
        }
        write_text(path, json_line(values, indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Layout:
        """Read sheet.json.

        Raises:
            UsageError: If it isn't there or is no layout.
        """
        try:
            limits.check_file(path, limits.MOST_JSON)
            values = json.loads(path.read_text(encoding="utf-8"))
            if values["schema"] != SCHEMA:
                raise UsageError(f"{path} is a layout of another version of ox ({values['schema']}): use that one")
            pages = tuple(
                PrintedPage(number, tuple(PrintedBox(str(box["question"]), _place(box["place"])) for box in boxes))
                for number, boxes in enumerate(values["pages"], start=1)
            )
            width, height = map(_length, values["size"])
            layout = cls(
                str(values["sheet"]),
                (width, height),
                _length(values["line"]),
                tuple(map(_place, values["markers"])),
                _place(values["code"]),
                pages,
                {int(copy): str(name) for copy, name in values["people"].items()},
            )
        except FileNotFoundError:
            raise UsageError(f"{path} does not exist: give the sheet.json that was written with the sheet") from None
        except UsageError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            reason = " ".join(str(error).split())[:80]
            raise UsageError(f"{path} is no layout of a sheet ({reason}): give the sheet.json that ox wrote") from None
        _check(path, layout)
        return layout


def _length(value: object) -> float:
    number = float(value)
    if not (math.isfinite(number) and 0 < number <= LARGEST):
        raise ValueError(f"{value} is no length in mm")
    return number


def _place(values: Sequence) -> Place:
    left, top, width, height = values
    return _length(left), _length(top), _length(width), _length(height)


def _check(path: Path, layout: Layout) -> None:
    questions = layout.questions
    twice = [question for question in questions if questions.count(question) > 1] if len(questions) < MOST_BOXES else []
    places = [*layout.marker_places, layout.code, *(box.place for page in layout.pages for box in page.boxes)]
    outside = [p for p in places if p[0] + p[2] > layout.size[0] or p[1] + p[3] > layout.size[1]]
    wrong = (
        ("it has not four markers" if len(layout.marker_places) != len(CORNERS) else "")
        or ("it has no box" if not questions else "")
        or (f"it has over {MOST_BOXES:,} boxes" if len(questions) > MOST_BOXES else "")
        or (f"it has two boxes of question {twice[0][:40]}" if twice else "")
        or ("something stands outside the page" if outside else "")
    )
    if wrong:
        raise UsageError(f"{path} is no layout of a sheet ({wrong}): give the sheet.json that ox wrote")
