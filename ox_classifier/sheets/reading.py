"""Photographs of filled sheets → what each box says. Nothing leaves this machine: all of it is read here.

A page is known by its code alone. Where the code can't be read or names another sheet, no box of it is answered, so
that an answer never lands on another question.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ox_classifier.data.images import ImageError
from ox_classifier.sheets import cells as boxes_of
from ox_classifier.sheets import decide, page_code, paper, straighten
from ox_classifier.sheets import mark as marks
from ox_classifier.sheets.decide import Answer
from ox_classifier.sheets.layout import CORNERS, Layout
from ox_classifier.sheets.lines import DETAIL
from ox_classifier.sheets.photos import Source
from ox_classifier.sheets.straighten import NEEDED, View

if TYPE_CHECKING:
    from ox_classifier.classifier import Classifier

MOST_AT_ONCE = 4  # photographs that are read at once, each by a core of its own; each takes some 300 MB
MOST_MARGIN = 4.0  # mm that a mark is followed out of its box
UNPLACED = 0.4  # of the frames: where more are not where the layout has them, it is another page
SHOWN = 5.0  # pixels a millimetre of the pictures that people look at


@dataclass(frozen=True, eq=False)
class Box:
    """One box as it was read; `corners` (4, 2) are its frame's on the page, in mm, clockwise from the top left."""

    question: str
    answer: Answer
    corners: np.ndarray

    @property
    def place(self) -> tuple[float, float, float, float]:
        """The rectangle (left, top, right, bottom) about it, in mm."""
        return boxes_of.rectangle(self.corners)


@dataclass(frozen=True, eq=False)
class Page:
    """One page in one photograph. `shown` is a JPEG of it from above, at `SHOWN` pixels a millimetre.

    `number` and `copy` are None where its code could not be read; then it has no boxes. `notes` say what is wrong with
    it; `residual` in mm, how far its markers miss a flat page.
    """

    photo: str
    number: int | None
    copy: int | None
    boxes: tuple[Box, ...]
    notes: tuple[str, ...]
    shown: bytes
    residual: float

    def picture(self) -> np.ndarray:
        """The page from above, uint8 (h, w, 3)."""
        return cv2.cvtColor(cv2.imdecode(np.frombuffer(self.shown, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


@dataclass(frozen=True)
class Photo:
    """What one photograph holds: its pages, and what is wrong with the photograph itself."""

    name: str
    pages: tuple[Page, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def all_notes(self) -> tuple[str, ...]:
        """What is wrong with it and with each of its pages."""
        return self.notes + tuple(note for page in self.pages for note in page.notes)


def read_sheet(path: Path | str, layout: Layout, classifier: Classifier) -> Photo:
    """Read every sheet in a photograph: a file, not a PDF.

    >>> photo = read_sheet("IMG_1.jpg", Layout.read("sheet.json"), Classifier.load())
    >>> [(box.question, box.answer.answer) for page in photo.pages for box in page.boxes]

    Raises:
        ImageError: If it can't be read as a picture.
    """
    source = Source(Path(path))
    return read_photo(source.read(), source.name, layout, classifier)


def read_sources(found: Iterable[Source], layout: Layout, classifier: Classifier) -> Iterator[Photo]:
    """Read many photographs, in their order; one that can't be opened has a note that says so.

    As many at once as there are cores: a classifier of one thread is quickest here, as more get in each other's way.
    """

    def one(source: Source) -> Photo:
        try:
            return read_photo(source.read(), source.name, layout, classifier)
        except ImageError as error:
            return Photo(source.name, notes=(f"{source.name}: {error.reason}",))

    yield from _ahead(one, found)


def _ahead(work, items: Iterable) -> Iterator:
    items = iter(items)
    workers = min(MOST_AT_ONCE, os.cpu_count() or 1)
    with ThreadPoolExecutor(workers) as pool:
        waiting = [pool.submit(work, item) for item in islice(items, workers + 1)]
        while waiting:
            done = waiting.pop(0).result()
            waiting += [pool.submit(work, item) for item in islice(items, 1)]
            yield done


def read_photo(pixels: np.ndarray, name: str, layout: Layout, classifier: Classifier) -> Photo:
    """Read every sheet in a photograph, uint8 (h, w, 3)."""
    found = straighten.markers(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
    printed = straighten.printed_corners(layout.pages[0])
    views = straighten.views(found, printed)
    used = {id(marker) for view in views for marker in view.markers}
    left = [marker for marker in found if id(marker) not in used and marker.number in printed]
    notes = []
    if not found:
        notes.append(f"{name}: no sheet found: none of the square markers of a sheet's corners is to be seen")
    elif not views and not left:
        notes.append(f"{name}: no sheet found: its markers are of another kind of sheet")
    elif left:
        notes.append(
            f"{name}: {'a sheet' if views else 'the sheet'} shows only {len(left)} of the 4 corner markers, {NEEDED} "
            "are needed: photograph the whole sheet, nothing over its corners"
        )
    return Photo(name, tuple(_page(pixels, view, name, layout, classifier) for view in views), tuple(notes))


def _page(pixels: np.ndarray, view: View, name: str, layout: Layout, classifier: Classifier) -> Page:
    first = layout.pages[0]
    flat = view.flattened(pixels, (layout.width, layout.height), DETAIL)
    small = cv2.resize(flat, None, fx=SHOWN / DETAIL, fy=SHOWN / DETAIL, interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 90])
    shown = encoded.tobytes()
    notes = []
    missing = sorted({marker.id for marker in first.markers} - set(view.numbers))
    if missing:
        notes.append(f"{name}: the {CORNERS[missing[0]]} marker is missing or covered: read by the other three")
    said = straighten.page_id(pixels, view.to_photo, layout)
    wrong = _unknown(said, layout)
    if wrong or said is None:
        return Page(name, None, None, (), (*notes, f"{name}: {wrong}"), shown, view.residual)
    printed = layout.boxes_of(said.page)
    boxes, more = _boxes(flat, pixels.shape, view, printed, layout.line, classifier)
    notes += [f"{name}: {note}" for note in more]
    return Page(name, said.page, said.copy, boxes, tuple(notes), shown, view.residual)


def _unknown(said: page_code.PageId | None, layout: Layout) -> str:
    """What a code has against being one of the layout's pages; "" if it is one."""
    if said is None:
        return "the code of a sheet can't be read: photograph it again, sharp and without glare"
    if said.sheet != layout.id:
        return f"a page of another sheet ({said.sheet}): give its own sheet.json as --layout"
    if not 0 < said.page <= len(layout.pages):
        return f"page {said.page} of a sheet that has {len(layout.pages)}: nothing of it is read"
    if not 0 < said.copy <= len(layout.copies):
        return f"copy {said.copy} of a sheet that was printed {len(layout.copies)} times: nothing of it is read"
    return ""


def _boxes(flat, shape, view: View, printed, line: float, classifier: Classifier) -> tuple[tuple[Box, ...], list[str]]:
    """The boxes of a page of known layout, and what is wrong with some of them."""
    places = np.array([(box.x, box.y, box.width, box.height) for box in printed], np.float64)
    even = paper.evened(flat, DETAIL)
    cells = boxes_of.cut(even, places, line=line, margins=margins(places))
    drowned = _drowned(flat, cells)
    answers = decide.decide(cells, [marks.lifted(cell, line=line) for cell in cells], drowned, classifier)
    notes = []
    corners = np.concatenate([cell.corners for cell in cells])
    inside = view.shows(corners, shape).reshape(-1, 4).all(axis=1)
    if not inside.all():
        notes.append(f"{int((~inside).sum())} of its boxes lie outside the picture: photograph the whole sheet")
        answers = [a if seen else decide.unseen("outside the picture") for a, seen in zip(answers, inside, strict=True)]
    framed = ~np.array([cell.hidden for cell in cells])
    if (~framed & inside).sum() > UNPLACED * len(cells):
        notes.append("its boxes are not where the layout has them: bent too much, or another print of the sheet")
        answers = [decide.unseen("the boxes of this page are not where its layout has them")] * len(cells)
    elif (~framed & inside).any():
        hidden = [str(box.number) for box, seen in zip(printed, framed | ~inside, strict=True) if not seen]
        notes.append(f"the box of question {', '.join(hidden)} can't be seen: glare, or something lies over it")
    return tuple(
        Box(str(box.number), answer, cell.corners) for box, answer, cell in zip(printed, answers, cells, strict=True)
    ), notes


def margins(places: np.ndarray) -> np.ndarray:
    """How far each box, (n, 4) left, top, width, height, may be left in mm (left, top, right, bottom).

    Half the way to the next box on that side, so that no neighbour's box is crossed.
    """
    low, high = places[:, :2], places[:, :2] + places[:, 2:]
    found = np.full((len(places), 4), MOST_MARGIN)
    for k in range(len(places)):
        for axis in (0, 1):
            other = 1 - axis
            beside = (low[:, other] < high[k, other] + MOST_MARGIN) & (high[:, other] > low[k, other] - MOST_MARGIN)
            before = low[k, axis] - high[beside & (high[:, axis] <= low[k, axis]), axis]
            after = low[beside & (low[:, axis] >= high[k, axis]), axis] - high[k, axis]
            found[k, axis] = min(MOST_MARGIN, *(before / 2), MOST_MARGIN)
            found[k, axis + 2] = min(MOST_MARGIN, *(after / 2), MOST_MARGIN)
    return found


def _drowned(flat: np.ndarray, cells: Sequence) -> list[float]:
    """What share of each box glare takes, where it does not take the whole page (bright paper is none)."""
    lost = paper.drowned(flat)
    if lost.mean() > decide.DROWNED:
        return [0.0] * len(cells)
    shares = []
    for cell in cells:
        left, top, right, bottom = (max(0, round(value * DETAIL)) for value in boxes_of.rectangle(cell.corners))
        part = lost[top:bottom, left:right]
        shares.append(float(part.mean()) if part.size else 0.0)
    return shares
