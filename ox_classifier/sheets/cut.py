"""Photographs of filled collecting sheets → training images: each box that was drawn in, as the camera saw it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ox_classifier.data.images import ImageError
from ox_classifier.errors import UsageError
from ox_classifier.files import claimed, replacing
from ox_classifier.sheets import cells, mark, paper, straighten
from ox_classifier.sheets.collect import class_names
from ox_classifier.sheets.decide import DUST
from ox_classifier.sheets.layout import Box, Layout
from ox_classifier.sheets.lines import DETAIL
from ox_classifier.sheets.photos import Source
from ox_classifier.sheets.reading import margins

MOST_ROWS = 26  # of a page, each with a letter
AROUND = 2.0  # mm of paper around a box
GROUP = r"/([A-Z0-9]{8,10})-\d+-[A-Z]\d+\."  # finds the writer's code in a path, for --group
OTHER_SHEET = "give its own sheet.json as --layout"


@dataclass(frozen=True, eq=False)
class Drawn:
    """A box that was drawn in: its class, its file's name, and its pixels, uint8 (h, w, 3)."""

    label: str
    name: str
    pixels: np.ndarray


@dataclass(frozen=True, eq=False)
class Cut:
    """What a photograph gave: its drawn boxes, how many were empty, and what is wrong with it."""

    drawn: tuple[Drawn, ...] = ()
    empty: int = 0
    notes: tuple[str, ...] = ()


def check_layout(layout: Layout) -> None:
    """Refuse a layout of another kind of sheet, or one whose names would not be names of folders and files.

    Raises:
        UsageError: Saying what is wrong with it.
    """
    if layout.kind != "collect":
        raise UsageError("this sheet.json is of a quiz: ox sheet read takes its photos")
    for label in {box.label for box in layout.boxes}:
        if "," in label:
            raise UsageError(f"this sheet.json asks for {label!r}: a class can't have a comma in its name")
        class_names(label)
    if not all(re.fullmatch(r"[A-Z0-9]{1,20}", copy.person) for copy in layout.copies):
        raise UsageError("this sheet.json has writers whose codes are not capital letters and digits: print it anew")
    if not all(1 <= box.row <= MOST_ROWS for box in layout.boxes):
        raise UsageError("this sheet.json has boxes without a row: print it anew")


def file_name(writer: str, box: Box) -> str:
    """`K7Q2MX03-1-B07.png`: the writer's code, the page, the row as a letter and the column."""
    return f"{writer}-{box.page}-{chr(ord('A') + box.row - 1)}{box.column:02}.png"


def cut(sources: Iterable[Source], layout: Layout) -> Iterator[Cut]:
    """Cut each photograph; one that can't be opened has a note that says so."""
    for source in sources:
        try:
            yield cut_photo(source.read(), source.name, layout)
        except ImageError as error:
            yield Cut(notes=(f"{source.name}: {error.reason}",))


def cut_photo(pixels: np.ndarray, name: str, layout: Layout) -> Cut:
    """Cut every sheet in a photograph, uint8 (h, w, 3)."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    views = straighten.views(straighten.markers(grey), straighten.printed_corners(layout.pages[0]))
    if not views:
        note = f"{name}: no sheet found: photograph the whole sheet, with its black corner squares"
        return Cut(notes=(note,))
    pages = [_page(pixels, view, name, layout) for view in views]
    return Cut(
        tuple(one for page in pages for one in page.drawn),
        sum(page.empty for page in pages),
        tuple(note for page in pages for note in page.notes),
    )


def _page(pixels: np.ndarray, view: straighten.View, name: str, layout: Layout) -> Cut:
    said = straighten.page_id(pixels, view.to_photo, layout)
    if said is None:
        return Cut(notes=(f"{name}: the code of a sheet can't be read: photograph it again, sharp and without glare",))
    if said.sheet != layout.id:
        return Cut(notes=(f"{name}: a page of another sheet ({said.sheet}): {OTHER_SHEET}",))
    if not (0 < said.page <= len(layout.pages) and 0 < said.copy <= len(layout.copies)):
        return Cut(notes=(f"{name}: page {said.page} of copy {said.copy} is not of this sheet.json: {OTHER_SHEET}",))
    writer = layout.copy(said.copy).person
    printed = layout.boxes_of(said.page)
    places = np.array([(box.x, box.y, box.width, box.height) for box in printed], np.float64)
    flat = view.flattened(pixels, (layout.width, layout.height), DETAIL)
    found = cells.cut(paper.evened(flat, DETAIL), places, line=layout.line, margins=margins(places))
    drawn, empty, hidden = [], 0, 0
    for box, cell in zip(printed, found, strict=True):
        if cell.hidden or not view.shows(cell.corners, pixels.shape).all():
            hidden += 1
        elif mark.lifted(cell, line=layout.line).length < DUST:
            empty += 1
        else:
            picture = cells.straight(flat, cell.corners, (box.width, box.height), [AROUND] * 4)
            drawn.append(Drawn(box.label, file_name(writer, box), picture))
    notes = []
    if hidden:
        boxes = "1 box" if hidden == 1 else f"{hidden} boxes"
        notes.append(f"{name}: {boxes} of writer {writer} can't be seen (glare, a hand, the edge): left out")
    return Cut(tuple(drawn), empty, tuple(notes))


def write_new(into: Path, one: Drawn) -> bool:
    """Write a drawn box as `into/train/<class>/<name>`; False, and nothing is written, if there is such a file.

    Raises:
        OSError: If the folder can't be made or written to.
    """
    place = into / "train" / one.label / one.name
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        place.touch(exist_ok=False)  # no other process can take the name then
    except FileExistsError:
        return False
    try:
        with replacing(place) as beside:
            Image.fromarray(one.pixels).save(beside, "PNG")
    except BaseException:
        place.unlink(missing_ok=True)
        raise
    return True


def write_contact_sheet(into: Path, picture: Image.Image) -> Path:
    """Write it under the first free name of `cut.png`, `cut-2.png` ...; gives it."""
    with claimed(into / "cut.png") as place, replacing(place) as beside:
        picture.save(beside, "PNG")
    return place
