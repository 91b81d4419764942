"""Where everything stands on a printed sheet: markers, code, boxes; written as `sheet.json`, read with suspicion.

All lengths are millimetres from the top left corner of the page, x to the right and y down.

Markers: each page has four ArUco markers of DICTIONARY, one a corner, whose id tells the corner: 0 top left,
1 top right, 2 bottom right, 3 bottom left. (x, y) is the top left of a marker's black square and `size` its side;
at least a cell of white (a sixth of `size`) is around it. All four give 16 points for the homography; any two are
enough. The order of `Marker.corners` is that of `cv2.aruco.ArucoDetector`.

Code: each page of each copy has a QR code (version 1, correction Q: 21 x 21 modules) of its own; `page_code` says what
it holds and reads it. (x, y) and `size` are those of its 21 modules; four modules of white are around them. Markers and
code stand at the same places on every page, so that a page can be straightened before it is known which one it is.

Boxes: (x, y, width, height) is the middle of the line that is printed `line` wide around the box.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ox_classifier.errors import MissingFileError, UsageError
from ox_classifier.files import write_text
from ox_classifier.limits import MOST_JSON, check_file
from ox_classifier.sheets.fields import checked, fail, integer, items, length, text

FORMAT, VERSION = "ox-sheet", 1
FILE = "sheet.json"
KINDS = ("quiz", "collect")
DICTIONARY = "DICT_4X4_50"
CORNERS = ("top left", "top right", "bottom right", "bottom left")  # by marker id
PAPERS = {"a4": (210.0, 297.0), "letter": (215.9, 279.4)}
ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # without what is mistaken for another when read aloud
ID_LETTERS = 6
MOST_PAGES, MOST_COPIES, MOST_BOXES, MOST_NUMBER = 99, 2000, 5000, 9999
MOST_SIDE = 1000.0  # mm of a page
MOST_LETTERS = 500  # of a title, a name or a question
Point = tuple[float, float]


@dataclass(frozen=True)
class Marker:
    """An ArUco marker: its id, the top left of its black square, and its side."""

    id: int
    x: float
    y: float
    size: float

    def corners(self) -> tuple[Point, Point, Point, Point]:
        """Top left, top right, bottom right, bottom left."""
        right, bottom = self.x + self.size, self.y + self.size
        return (self.x, self.y), (right, self.y), (right, bottom), (self.x, bottom)


@dataclass(frozen=True)
class Code:
    """The place of a page's QR code, without the white around it."""

    x: float
    y: float
    size: float


@dataclass(frozen=True)
class Field:
    """A place to write by hand, such as the name."""

    name: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Page:
    """One printed page; `number` counts from 1."""

    number: int
    markers: tuple[Marker, ...]
    code: Code
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True)
class Box:
    """A box to draw one mark in.

    `number` is the question's (quiz), or counts the boxes from 1 (collect). `label` is the class that is asked for, and
    `row` and `column` count from 1 on the page (collect). `text` is the question as printed, if it was.
    """

    number: int
    page: int
    x: float
    y: float
    width: float
    height: float
    label: str = ""
    row: int = 0
    column: int = 0
    text: str = ""


@dataclass(frozen=True)
class Copy:
    """One printed copy of all pages; `number` counts from 1, `person` is a name or a writer's code, "" if unknown."""

    number: int
    person: str = ""


@dataclass(frozen=True)
class Layout:
    """A sheet: its kind, a short id that its codes carry, its pages, boxes in order, and copies."""

    kind: str
    id: str
    title: str
    width: float
    height: float
    line: float
    pages: tuple[Page, ...]
    boxes: tuple[Box, ...]
    copies: tuple[Copy, ...]

    def page(self, number: int) -> Page:
        """The page of a number, which is from 1 to `len(pages)`."""
        return self.pages[number - 1]

    def copy(self, number: int) -> Copy:
        """The copy of a number, which is from 1 to `len(copies)`."""
        return self.copies[number - 1]

    def boxes_of(self, page: int) -> tuple[Box, ...]:
        """The boxes of a page, in order."""
        return tuple(box for box in self.boxes if box.page == page)

    def write(self, path: Path | str) -> None:
        """Write it as JSON, whole or not at all."""
        about = {"format": FORMAT, "version": VERSION, "dictionary": DICTIONARY}
        write_text(path, json.dumps(about | asdict(self), indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def read(cls, path: Path | str) -> Layout:
        """Read what `write` wrote.

        Raises:
            UsageError: If there is no such file, or it is not the layout of a sheet; the sentence says what is wrong.
        """
        path = Path(path)
        again = "give the sheet.json that ox sheet wrote beside the PDF"
        try:
            check_file(path, MOST_JSON)
            told = json.loads(path.read_bytes().decode("utf-8-sig"))
        except FileNotFoundError:
            raise MissingFileError(f"{path} does not exist: {again}") from None
        except (ValueError, RecursionError):
            raise UsageError(f"{path} is no JSON: {again}") from None
        try:
            return _layout(told)
        except ValueError as error:
            raise UsageError(f"{path} is not the layout of a sheet ({error}): {again}") from None


def _layout(told: Any) -> Layout:
    told = checked(told, Layout, about=("format", "version", "dictionary"))
    if told["format"] != FORMAT:
        fail(f"its format is not {FORMAT}")
    if told["version"] != VERSION:
        fail(f"it is of version {told['version']!r:.20}, this ox reads version {VERSION}")
    if told["dictionary"] != DICTIONARY:
        fail(f"its markers are not of {DICTIONARY}")
    if told["kind"] not in KINDS:
        fail(f"kind is not one of {', '.join(KINDS)}")
    name = text(told["id"], "id", ID_LETTERS)
    if len(name) != ID_LETTERS or set(name) - set(ALPHABET):
        fail(f"id is not {ID_LETTERS} capital letters and digits")
    width, height = (length(told[side], side, 50.0, MOST_SIDE) for side in ("width", "height"))
    pages = tuple(_page(page, width, height) for page in items(told["pages"], "pages", MOST_PAGES))
    boxes = tuple(_box(box, len(pages), width, height) for box in items(told["boxes"], "boxes", MOST_BOXES))
    copies = tuple(_copy(copy) for copy in items(told["copies"], "copies", MOST_COPIES))
    for what, numbers in (("pages", [p.number for p in pages]), ("copies", [c.number for c in copies])):
        if numbers != list(range(1, len(numbers) + 1)):
            fail(f"{what} are not numbered 1, 2, 3 ...")
    if any((page.markers, page.code) != (pages[0].markers, pages[0].code) for page in pages):
        fail("markers or code stand elsewhere on another page")
    if len({box.number for box in boxes}) < len(boxes):
        fail("two boxes have one number")
    if pair := next(overlaps(boxes), None):
        fail(f"boxes {pair[0].number} and {pair[1].number} overlap")
    line = length(told["line"], "line", 0.05, 3.0)
    title = text(told["title"], "title", MOST_LETTERS)
    return Layout(told["kind"], name, title, width, height, line, pages, boxes, copies)


def _page(told: Any, width: float, height: float) -> Page:
    told = checked(told, Page)
    markers = []
    for one in items(told["markers"], "markers", len(CORNERS)):
        one = checked(one, Marker)
        place = _inside(one, width, height, ("size", "size"))
        markers.append(Marker(integer(one["id"], "the id of a marker", 0, len(CORNERS) - 1), *place[:3]))
    if sorted(marker.id for marker in markers) != list(range(len(CORNERS))):
        fail("a page has not the four markers 0 to 3")
    code = Code(*_inside(checked(told["code"], Code), width, height, ("size", "size"))[:3])
    fields = []
    for one in items(told["fields"], "fields", 10, least=0):
        one = checked(one, Field)
        fields.append(Field(text(one["name"], "the name of a field", 100), *_inside(one, width, height)))
    return Page(integer(told["number"], "the number of a page", 1, MOST_PAGES), tuple(markers), code, tuple(fields))


def _box(told: Any, pages: int, width: float, height: float) -> Box:
    told = checked(told, Box)
    number = integer(told["number"], "the number of a box", 1, MOST_NUMBER)
    page = integer(told["page"], f"the page of box {number}", 1, pages)
    label, asked = (text(told[key], f"the {key} of box {number}", MOST_LETTERS) for key in ("label", "text"))
    row, column = (integer(told[key], f"the {key} of box {number}", 0, MOST_BOXES) for key in ("row", "column"))
    return Box(number, page, *_inside(told, width, height), label, row, column, asked)


def _copy(told: Any) -> Copy:
    told = checked(told, Copy)
    number = integer(told["number"], "the number of a copy", 1, MOST_COPIES)
    return Copy(number, text(told["person"], f"the person of copy {number}", MOST_LETTERS))


def _inside(
    told: dict[str, Any], width: float, height: float, sides: tuple[str, str] = ("width", "height")
) -> tuple[float, float, float, float]:
    """x, y, width and height of something that lies on the page."""
    x, y = length(told["x"], "x", 0.0, width), length(told["y"], "y", 0.0, height)
    wide, high = (length(told[side], side, 1.0, MOST_SIDE) for side in sides)
    if x + wide > width or y + high > height:
        fail(f"something at x {x:g}, y {y:g} reaches over the edge of the page")
    return x, y, wide, high


def overlaps(boxes: Sequence[Box]) -> Iterator[tuple[Box, Box]]:
    """Pairs of boxes of one page that overlap or touch; at least one pair of each overlapping group is given."""
    for page in {box.page for box in boxes}:
        standing = sorted((box for box in boxes if box.page == page), key=lambda box: box.y)
        open_boxes: list[Box] = []
        for box in standing:
            open_boxes = [other for other in open_boxes if other.y + other.height >= box.y]
            for other in open_boxes:
                if other.x <= box.x + box.width and box.x <= other.x + other.width:
                    yield other, box
            open_boxes.append(box)
