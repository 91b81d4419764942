"""Pictures for people: a page with what was read in each box, and a box with what stands around it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image

from ox_classifier.sheets.decide import BLANK, UNSURE
from ox_classifier.sheets.reading import SHOWN, Page
from ox_classifier.sheets.results import Line

READ, GREY, DOUBT, WRONG, RIGHT = (37, 99, 168), (130, 138, 147), (200, 98, 0), (185, 47, 47), (34, 121, 63)
AROUND = (17.0, 9.0)  # mm to the sides of a box, and above and below, that show its neighbours
LARGE = 10.0  # pixels a millimetre of a box shown by itself
QUALITY = 80


def page(shown: Page, found: Sequence[Line], key: Mapping[str, str] | None = None) -> bytes:
    """A page as JPEG: each box outlined, its answer beside it; right and wrong ones in colour if there is a key."""
    picture = cv2.convertScaleAbs(shown.picture(), alpha=0.75, beta=0.25 * 255)
    for line in found:
        if line.page is not shown or line.box is None:
            continue
        colour = _colour(line, key)
        left, top, right, bottom = (round(value * SHOWN) for value in line.box.place)
        cv2.rectangle(picture, (left - 3, top - 3), (right + 3, bottom + 3), colour, 3, cv2.LINE_AA)
        _label(picture, _sign(line), (right + 6, top), bottom - top, colour)
    return jpeg(picture)


def around(line: Line) -> bytes:
    """The box of a line and its neighbours as JPEG, the box in a frame of colour; b"" if it is in no photograph."""
    if line.page is None or line.box is None:
        return b""
    left, top, right, bottom = (np.array(line.box.place) * SHOWN).tolist()
    dx, dy = (mm * SHOWN for mm in AROUND)
    low = np.array([left - dx, top - dy]).round().astype(int)
    high = np.array([right + dx, bottom + dy]).round().astype(int)
    picture = _opened(line.page)
    height, width = picture.shape[:2]
    part = np.full((high[1] - low[1], high[0] - low[0], 3), 255, np.uint8)
    first, last = np.maximum(low, 0), np.minimum(high, [width, height])
    part[first[1] - low[1] : last[1] - low[1], first[0] - low[0] : last[0] - low[0]] = picture[
        first[1] : last[1], first[0] : last[0]
    ]
    scale = LARGE / SHOWN
    part = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    frame = ((np.array([left, top, right, bottom]) - np.tile(low, 2)) * scale).round().astype(int)
    frame += np.array([-9, -9, 9, 9])
    faded = (255 - (255 - part.astype(np.float32)) * 0.45).astype(np.uint8)
    faded[frame[1] : frame[3], frame[0] : frame[2]] = part[frame[1] : frame[3], frame[0] : frame[2]]
    cv2.rectangle(faded, tuple(frame[:2].tolist()), tuple(frame[2:].tolist()), DOUBT, 4, cv2.LINE_AA)
    return jpeg(faded)


@lru_cache(maxsize=1)  # the boxes of one page come one after the other
def _opened(page: Page) -> np.ndarray:
    return page.picture()


def jpeg(picture: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue()


def _sign(line: Line) -> str:
    return {UNSURE: "?", BLANK: "-"}.get(line.answer.answer, line.answer.answer.upper()[:6])


def _colour(line: Line, key: Mapping[str, str] | None) -> tuple[int, int, int]:
    if line.answer.answer == UNSURE:
        return DOUBT
    if key is None:
        return GREY if line.answer.answer == BLANK else READ
    return RIGHT if line.answer.answer == key[line.question] else WRONG


def _label(picture: np.ndarray, text: str, place: tuple[int, int], height: int, colour: tuple[int, int, int]) -> None:
    """A sign in a filled patch, which can be read on any paper."""
    scale = height / 45
    (width, tall), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 2)
    left, top = place
    cv2.rectangle(picture, (left, top), (left + width + 8, top + tall + 10), colour, -1)
    cv2.putText(
        picture, text, (left + 4, top + tall + 5), cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255), 2, cv2.LINE_AA
    )
