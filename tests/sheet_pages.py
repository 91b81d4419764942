"""Printed pages as pictures, drawn from a layout, and their boxes filled in: blank, answered, struck out, doubled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from ox_classifier.sheets import straighten
from ox_classifier.sheets.layout import Layout, PrintedBox, PrintedPage
from ox_classifier.synthetic.sampler import Sampler
from tests import sheet_marks

SCALE = 12  # pixels a millimetre
KINDS = {"o": 42, "x": 42, "blank": 8, "struck": 4, "doubled": 4}
INK = (95, 95, 95)  # of the frames


def drawn(layout: Layout, number: int, copy: int) -> np.ndarray:
    """A page of a layout, uint8 (h, w, 3) at `SCALE` pixels a millimetre: markers, code, frames and numbers."""
    page = np.full((round(layout.size[1] * SCALE), round(layout.size[0] * SCALE), 3), 255, np.uint8)
    dictionary = cv2.aruco.getPredefinedDictionary(straighten.DICTIONARY)
    for marker, corners in layout.markers.items():
        left, top = (corners[0] * SCALE).round().astype(int).tolist()
        side = round(float(corners[1, 0] - corners[0, 0]) * SCALE)
        page[top : top + side, left : left + side] = cv2.aruco.generateImageMarker(dictionary, marker, side)[:, :, None]
    code = cv2.QRCodeEncoder.create().encode(layout.code_text(number, copy))
    dark = np.argwhere(code == 0)
    code = code[dark.min() : dark.max() + 1, dark.min() : dark.max() + 1]  # without its quiet zone, which is paper
    left, top, width, height = (round(value * SCALE) for value in layout.code)
    code = cv2.resize(code, (width, height), interpolation=cv2.INTER_NEAREST)
    page[top : top + height, left : left + width] = code[:, :, None]
    for box in layout.pages[number - 1].boxes:
        left, top, width, height = (round(value * SCALE) for value in box.place)
        line = max(1, round(layout.line * SCALE))
        cv2.rectangle(page, (left, top), (left + width, top + height), INK, line)
        cv2.putText(page, box.question, (left - 11 * SCALE, top + 7 * SCALE), 0, 1.6, (0, 0, 0), 4, cv2.LINE_AA)
    return page


def filled(
    page: np.ndarray, boxes: Sequence, seed: Sequence[int], inks: Mapping[str, Sequence[np.ndarray]]
) -> tuple[np.ndarray, dict[str, str]]:
    """The page with a mark in most boxes, and what stands in each by its question (a key of `KINDS`)."""
    sampler, page, truth = Sampler((183, *seed)), page.copy(), {}
    for box in boxes:
        kind = sampler.pick(KINDS)
        truth[box.question] = kind
        if kind != "blank":
            put(page, mark(kind, sampler, inks), box.place, sampler)
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


def layout(questions: int = 40, *, sheet: str = "Q7K2", people: Mapping[int, str] | None = None) -> Layout:
    """An A4 sheet of 40 boxes a page in four columns."""
    places = [(35.0 + column * 45, 45.0 + row * 22, 10.0, 10.0) for column in range(4) for row in range(10)]
    names = [str(number) for number in range(1, questions + 1)]
    pages = tuple(
        PrintedPage(k // 40 + 1, tuple(map(PrintedBox, names[k : k + 40], places))) for k in range(0, questions, 40)
    )
    markers = tuple((x, y, 12.0, 12.0) for x, y in ((12.0, 12.0), (186.0, 12.0), (186.0, 273.0), (12.0, 273.0)))
    return Layout(sheet, (210.0, 297.0), 0.33, markers, (95.0, 10.0, 18.0, 18.0), pages, people or {})
