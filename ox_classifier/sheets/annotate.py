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
from ox_classifier.sheets.results import SETTLED, Line

READ, GREY, DOUBT, WRONG, RIGHT = (37, 99, 168), (130, 138, 147), (200, 98, 0), (185, 47, 47), (34, 121, 63)
AROUND = (17.0, 9.0)  # mm to the sides of a box, and above and below, that show its neighbours
LARGE = 10.0  # pixels a millimetre of a box shown by itself
QUALITY = 80
LEGEND = 44  # pixels high


def page(shown: Page, found: Sequence[Line], key: Mapping[str, str] | None = None, score: str = "") -> bytes:
    """A page as JPEG: each box outlined, its answer beside it, and under all a line that says what the signs mean.

    With a key, right and wrong answers have a colour each, and under a wrong one stands the right one; `score` is put
    before the line.
    """
    picture = cv2.convertScaleAbs(shown.picture(), alpha=0.75, beta=0.25 * 255)
    signs: dict[str, tuple[int, int, int]] = {}
    for line in found:
        if line.page is not shown or line.box is None:
            continue
        colour, by_hand = _colour(line, key), line.answer.reason == SETTLED
        signs[_meaning(line, key)] = colour
        left, top, right, bottom = (round(value * SHOWN) for value in line.box.place)
        cv2.rectangle(picture, (left - 3, top - 3), (right + 3, bottom + 3), colour, 3, cv2.LINE_AA)
        below = _label(picture, _sign(line) + "*" * by_hand, (right + 6, top), bottom - top, colour)
        if key and colour == WRONG:
            _label(picture, key[line.question].upper(), (right + 6, below + 2), (bottom - top) // 2, GREY)
        if by_hand:
            signs["* settled by hand"] = GREY
    return jpeg(np.concatenate([picture, _legend(picture.shape[1], score, signs)]))


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


def _meaning(line: Line, key: Mapping[str, str] | None) -> str:
    colour = _colour(line, key)
    if colour == WRONG:
        return "wrong (- blank), the right answer below"
    return {RIGHT: "right", DOUBT: "? unsure", GREY: "- blank", READ: "read"}[colour]


def _legend(width: int, score: str, signs: Mapping[str, tuple[int, int, int]]) -> np.ndarray:
    """A strip that says the score, and what each colour stands for."""
    strip, left = np.full((LEGEND, width, 3), 255, np.uint8), 20
    for text, colour in [*([(score, READ)] if score else []), *sorted(signs.items())]:
        if text != score:
            cv2.rectangle(strip, (left, 12), (left + 16, LEGEND - 12), colour, -1)
            left += 24
        size = (cv2.FONT_HERSHEY_SIMPLEX, 0.55)
        cv2.putText(strip, text, (left, LEGEND - 14), *size, (40, 40, 40), 2 if text == score else 1, cv2.LINE_AA)
        left += cv2.getTextSize(text, *size, 1)[0][0] + 28
    return strip


def _label(picture: np.ndarray, text: str, place: tuple[int, int], height: int, colour: tuple[int, int, int]) -> int:
    """A sign in a filled patch, which can be read on any paper; gives where the patch ends."""
    scale = height / 45
    (width, tall), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 2)
    left, top = place
    cv2.rectangle(picture, (left, top), (left + width + 8, top + tall + 10), colour, -1)
    cv2.putText(
        picture, text, (left + 4, top + tall + 5), cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255), 2, cv2.LINE_AA
    )
    return top + tall + 10
