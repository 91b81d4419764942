"""A flattened page → one picture a box: straightened between its printed lines, with what stands around it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ox_classifier.sheets import lines, paper
from ox_classifier.sheets.lines import DETAIL

FRAMED = 0.6  # of a frame's lines that must be to be seen
BESIDE = 1.0  # mm from a line, where the paper is to be lighter
LINE_DARK = 18  # grey levels below the paper


@dataclass(frozen=True, eq=False)
class Cell:
    """A box cut out of a page: `picture` uint8 (h, w, 3), on even paper, with a margin around the frame.

    `frame` is (left, top, right, bottom) of the frame's lines in the picture, in pixels; `lines` says what share of
    each (left, top, right, bottom) is to be seen; `corners` (4, 2) are the frame's on the page, in millimetres,
    clockwise from the top left.
    """

    picture: np.ndarray
    frame: tuple[float, float, float, float]
    lines: tuple[float, float, float, float]
    corners: np.ndarray

    @property
    def framed(self) -> float:
        """The share of the whole frame that is to be seen."""
        return float(np.mean(self.lines))

    @property
    def hidden(self) -> bool:
        """Whether glare, a shadow or some thing lies over the box, so that its frame is gone."""
        return self.framed < FRAMED


def cut(even: np.ndarray, boxes: np.ndarray, *, line: float, margins: np.ndarray) -> list[Cell]:
    """Cut boxes, (n, 4) left, top, width, height in mm, out of a page on even paper (see `paper.evened`).

    `line` is the breadth of a frame's line and `margins` (n, 4) what is cut around each box (left, top, right, bottom),
    both in mm.
    """
    corners = lines.corners(paper.least(even), boxes)
    return [_cut(even, *each, line=line) for each in zip(boxes, margins, corners, strict=True)]


def _cut(even: np.ndarray, box: np.ndarray, margin: np.ndarray, corners: np.ndarray, *, line: float) -> Cell:
    low = margin[:2]
    frame = ((np.concatenate([low, low + box[2:]])) * DETAIL - 0.5).tolist()
    picture = straight(even, corners, box[2:], margin)
    return Cell(picture, tuple(frame), _lines(paper.least(picture), frame, line), corners)


def straight(page: np.ndarray, corners: np.ndarray, size: Sequence[float], margin: Sequence[float]) -> np.ndarray:
    """A box and what lies around it as if its paper were flat: uint8 (h, w, 3) at `DETAIL` pixels a millimetre.

    Its `corners` on the page (mm) come to be those of a rectangle of `size` (width, height), as it was printed, with
    `margin` (left, top, right, bottom) around it, all in mm.
    """
    (width, height), (left, top, right, bottom) = size, margin
    ends = left + width, top + height
    printed = np.array([(left, top), (ends[0], top), ends, (left, ends[1])])
    view = cv2.getPerspectiveTransform(
        (printed * DETAIL - 0.5).astype(np.float32), (corners * DETAIL - 0.5).astype(np.float32)
    )
    size = (math.ceil((left + width + right) * DETAIL), math.ceil((top + height + bottom) * DETAIL))
    return cv2.warpPerspective(
        page,
        view,
        size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(255, 255, 255),
    )


def rectangle(corners: np.ndarray) -> tuple[float, float, float, float]:
    """The upright rectangle (left, top, right, bottom) about corners, (4, 2)."""
    return (*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist())


def _lines(grey: np.ndarray, frame: Sequence[float], line: float) -> tuple[float, ...]:
    """The share of each line of a frame (left, top, right, bottom) that is darker than what lies beside it."""
    near, far = (max(1, round((0.6 * line + beside) * DETAIL)) for beside in (0, BESIDE))
    left, top, right, bottom = np.round(frame).astype(int)
    shares = []
    for place, low, high, pixels in (
        (left, top, bottom, grey.T),
        (top, left, right, grey),
        (right, top, bottom, grey.T),
        (bottom, left, right, grey),
    ):
        part = pixels[:, max(low, 0) : high + 1]
        inner, outer = (part[max(place - reach, 0) : max(place + reach + 1, 0)] for reach in (near, far))
        if not inner.size:
            shares.append(0.0)
            continue
        contrast = outer.max(axis=0).astype(int) - inner.min(axis=0)
        shares.append(float((contrast >= LINE_DARK).mean()))
    return tuple(shares)
