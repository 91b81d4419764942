"""Printed pages as pictures, drawn from a layout, and their boxes filled in: blank, answered, struck out, doubled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from ox_classifier.sheets import page_code
from ox_classifier.sheets.layout import DICTIONARY, Box, Code, Copy, Layout, Marker, Page
from ox_classifier.synthetic.sampler import Sampler
from tests import sheet_marks

SCALE = 12  # pixels a millimetre
KINDS = {"o": 42, "x": 42, "blank": 8, "struck": 4, "doubled": 4}
KNOWN = 0.8  # of the right answers, to whoever knows some
INK = (95, 95, 95)  # of the frames


def drawn(layout: Layout, number: int, copy: int) -> np.ndarray:
    """A page of a layout, uint8 (h, w, 3) at `SCALE` pixels a millimetre: markers, code, frames and numbers."""
    page = np.full((round(layout.height * SCALE), round(layout.width * SCALE), 3), 255, np.uint8)
    dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, DICTIONARY))
    for marker in layout.page(number).markers:
        left, top, side = (round(value * SCALE) for value in (marker.x, marker.y, marker.size))
        picture = cv2.aruco.generateImageMarker(dictionary, marker.id, side)
        page[top : top + side, left : left + side] = picture[:, :, None]
    code = layout.page(number).code
    left, top, side = (round(value * SCALE) for value in (code.x, code.y, code.size))
    modules = np.where(page_code.modules(page_code.PageId(layout.id, number, copy)), 0, 255).astype(np.uint8)
    picture = cv2.resize(modules, (side, side), interpolation=cv2.INTER_NEAREST)
    page[top : top + side, left : left + side] = picture[:, :, None]
    for box in layout.boxes_of(number):
        left, top, width, height = (round(value * SCALE) for value in (box.x, box.y, box.width, box.height))
        cv2.rectangle(page, (left, top), (left + width, top + height), INK, max(1, round(layout.line * SCALE)))
        cv2.putText(page, str(box.number), (left - 11 * SCALE, top + 7 * SCALE), 0, 1.6, (0, 0, 0), 4, cv2.LINE_AA)
    return page


def filled(
    page: np.ndarray,
    boxes: Sequence,
    seed: Sequence[int],
    inks: Mapping[str, Sequence[np.ndarray]],
    key: Mapping[str, str] | None = None,
) -> tuple[np.ndarray, dict[str, str]]:
    """The page with a mark in most boxes, and what stands in each by its question (a key of `KINDS`).

    With the right answers, `key` by question, four of five answers are those.
    """
    sampler, page, truth = Sampler((183, *seed)), page.copy(), {}
    for box in boxes:
        kind = sampler.pick(KINDS)
        if key and kind in key.values() and sampler.happens(KNOWN):
            kind = key.get(str(box.number), kind)
        truth[str(box.number)] = kind
        if kind != "blank":
            put(page, mark(kind, sampler, inks), (box.x, box.y, box.width, box.height), sampler)
    return page, truth


def mark(kind: str, sampler: Sampler, inks: Mapping[str, Sequence[np.ndarray]]) -> np.ndarray:
    """What share of the light a mark lets through: one as its writer drew it, struck out, or two in one place."""
    ring, cross = sampler.pick(inks["o"]), sampler.pick(inks["x"])
    if kind == "struck":
        return sheet_marks.struck_out(sampler.pick((ring, cross)), sampler)
    if kind == "doubled":
        return sheet_marks.doubled(ring, cross, sampler)
    return ring if kind == "o" else cross


def put(page: np.ndarray, ink: np.ndarray, place: Sequence[float], sampler: Sampler) -> None:
    """Draw ink into a box (left, top, width, height in mm): half its size to more than all of it, a little off."""
    left, top, width, height = place
    side = sampler.between(0.45, 1.15) * min(width, height)
    scale = side * SCALE / max(ink.shape[:2])
    size = [max(1, int(length * scale)) for length in ink.shape[1::-1]]
    ink = cv2.resize(ink, size, interpolation=cv2.INTER_LINEAR)
    slack = max(0.12 * width, (width - side) / 2 * 0.8)
    middle = np.array([left + width / 2, top + height / 2]) + sampler.rng.uniform(-1, 1, 2) * slack
    x, y = (middle * SCALE - np.array(size) / 2).astype(int).tolist()
    under = page[y : y + size[1], x : x + size[0]]
    under[:] = (under * ink).astype(np.uint8)


def layout(questions: int = 40, *, sheet: str = "Q7K2QQ", people: Sequence[str] = ("", "", "")) -> Layout:
    """An A4 sheet of 40 boxes a page in four columns, and one copy for each of these people."""
    markers = tuple(Marker(k, x, y, 12.0) for k, (x, y) in enumerate(((12, 12), (186, 12), (186, 273), (12, 273))))
    pages = range(1, -(-questions // 40) + 1)
    boxes = [
        Box(k + 1, k // 40 + 1, 35.0 + k % 40 // 10 * 45, 45.0 + k % 10 * 22, 10.0, 10.0) for k in range(questions)
    ]
    return Layout(
        "quiz",
        sheet,
        "",
        210.0,
        297.0,
        0.33,
        tuple(Page(number, markers, Code(96.0, 12.0, 16.0)) for number in pages),
        tuple(boxes),
        tuple(Copy(number, person) for number, person in enumerate(people, start=1)),
    )
