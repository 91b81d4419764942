"""A flattened page → one picture a box: where each printed frame really lies, and what is cut out around it.

Paper that was folded or curled is no plane: frames lie up to a few millimetres beside where the markers alone put them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ox_classifier.sheets import paper

DETAIL = 10.0  # pixels a millimetre, at which pages are flattened
SEARCH = 1.8  # mm to each side, in which a frame is looked for; less than half the gap between two boxes
APART = 0.25  # mm: opposite lines of a frame move together, up to this
SEEN = 0.55  # of a line's length that must be dark for it to be found
NEIGHBOURS = 5  # frames nearby that say where one should lie
AGREES = (0.25, 0.8)  # mm between a frame and where its neighbours would have it: beyond, a stroke was taken for a line
SPREAD = 4.0  # times the neighbours' own deviation, which is large beside a crease, may be added to the least
FRAMED = 0.6  # of a frame's lines that must be to be seen
BESIDE = 1.0  # mm from a line, where the paper is to be lighter
LINE_DARK = 18  # grey levels below the paper


@dataclass(frozen=True, eq=False)
class Cell:
    """A box cut out of a page: `picture` uint8 (h, w, 3), on even paper, with `margin` pixels around the frame.

    `frame` is (left, top, right, bottom) of the frame's lines in the picture, in pixels; `lines` says what share of
    each (left, top, right, bottom) is to be seen; `place` is the same frame on the page, in millimetres.
    """

    picture: np.ndarray
    frame: tuple[float, float, float, float]
    lines: tuple[float, float, float, float]
    place: tuple[float, float, float, float]

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
    grey = paper.least(even)
    found = [_frame(grey, box, line) for box in boxes]
    shifts, seen = np.array([shift for shift, _ in found]), np.array([share for _, share in found])
    settled = _settled(boxes, shifts, seen)
    cells = []
    for box, shift, margin in zip(boxes, settled, margins, strict=True):
        left, top, width, height = box
        place = np.array([left, top, left + width, top + height]) + shift
        low, high = place[:2] - margin[:2], place[2:] + margin[2:]
        first = np.floor(low * DETAIL).astype(int)
        last = np.ceil(high * DETAIL).astype(int)
        picture = _part(even, first, last)
        frame = place * DETAIL - 0.5 - np.tile(first, 2)
        cells.append(
            Cell(picture, tuple(frame.tolist()), _lines(paper.least(picture), frame, line), tuple(place.tolist()))
        )
    return cells


def misplaced(boxes: np.ndarray, cells: Sequence[Cell]) -> np.ndarray:
    """How far each frame lay from where the markers had it, in mm (n,)."""
    place = np.array([cell.place for cell in cells])
    expected = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    return np.abs(place - expected).max(axis=1)


def _part(page: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """A part of a page; beyond its edge the paper is white."""
    low, high = np.maximum(first, 0), np.minimum(last, [page.shape[1], page.shape[0]])
    picture = np.full((last[1] - first[1], last[0] - first[0], *page.shape[2:]), 255, np.uint8)
    if (high > low).all():
        picture[low[1] - first[1] : high[1] - first[1], low[0] - first[0] : high[0] - first[0]] = page[
            low[1] : high[1], low[0] : high[0]
        ]
    return picture


def _frame(grey: np.ndarray, box: np.ndarray, line: float) -> tuple[np.ndarray, np.ndarray]:
    """By how much the four lines of a box are shifted (left, top, right, bottom, mm), and how dark each is there."""
    reach = round((SEARCH + line) * DETAIL)
    first = np.round(box[:2] * DETAIL).astype(int) - reach
    last = np.round((box[:2] + box[2:]) * DETAIL).astype(int) + reach
    dark = 255 - _part(grey, first, last)
    inside = slice(2 * reach, -2 * reach)
    shifts, darkness = np.zeros(4), np.zeros(4)
    for axis in (0, 1):  # columns of pixels for left and right, rows for top and bottom
        across = dark[inside] if axis == 0 else dark[:, inside].T
        wide = cv2.dilate(np.ascontiguousarray(across), np.ones((1, 3), np.uint8))  # a line may be a little askew
        rank = int((1 - SEEN) * len(wide))
        profile = np.partition(wide, rank, axis=0)[rank]  # what a stroke crosses only here and there stays light
        exact = np.array([0, box[2 + axis]]) * DETAIL + box[axis] * DETAIL - first[axis] - 0.5
        for side, place in enumerate(_pair(profile, exact)):
            shifts[axis + 2 * side] = (_centre(across.mean(axis=0), place, line) - exact[side]) / DETAIL
            darkness[axis + 2 * side] = profile[place]
    return shifts, darkness


def _pair(profile: np.ndarray, exact: np.ndarray) -> tuple[int, int]:
    """Where two opposite lines lie: the darkest places that are shifted about alike, and little."""
    shifts = np.arange(-round(SEARCH * DETAIL), round(SEARCH * DETAIL) + 1)
    near, far = (profile[np.clip(np.round(place).astype(int) + shifts, 0, len(profile) - 1)] for place in exact)
    both = 1.0 * near[:, None] + far[None, :] - 0.5 * np.abs(shifts[:, None]) - 0.5 * np.abs(shifts[None, :])
    both[np.abs(shifts[:, None] - shifts[None, :]) > 2 * APART * DETAIL] = -np.inf
    one, two = np.unravel_index(int(both.argmax()), both.shape)
    return tuple(
        int(np.clip(round(place) + shifts[k], 0, len(profile) - 1)) for place, k in zip(exact, (one, two), strict=True)
    )


def _centre(profile: np.ndarray, place: int, line: float) -> float:
    """The middle of a line near a place, to a fraction of a pixel."""
    reach = max(2, round(line * DETAIL))
    places = np.arange(max(place - reach, 0), min(place + reach + 1, len(profile)))
    weight = profile[places] - profile[places].min()
    return float((places * weight).sum() / weight.sum()) if weight.sum() > 0 else float(place)


def _settled(boxes: np.ndarray, shifts: np.ndarray, darkness: np.ndarray) -> np.ndarray:
    """Where each frame is taken to lie: where it was seen, if its neighbours agree, else where they would have it."""
    middle = boxes[:, :2] + boxes[:, 2:] / 2
    seen = darkness >= LINE_DARK
    settled = shifts.copy()
    for axis in (0, 1):
        pair = shifts[:, [axis, axis + 2]]
        both = seen[:, axis] & seen[:, axis + 2]
        expected, apart = _smooth(middle, pair.mean(axis=1), both)
        agrees = np.clip(AGREES[0] + SPREAD * apart, *AGREES)
        good = [seen[:, axis + 2 * side] & (np.abs(pair[:, side] - expected) <= agrees) for side in (0, 1)]
        nearer = np.abs(pair - expected[:, None]).argmin(axis=1)
        doubtful = np.abs(pair[:, 0] - pair[:, 1]) > APART  # one of the two is a stroke beside the line
        for side in (0, 1):
            own = good[side] & ~(doubtful & (nearer != side))
            settled[:, axis + 2 * side] = np.where(
                own, pair[:, side], np.where(good[1 - side], pair[:, 1 - side], expected)
            )
    return settled


def _smooth(middle: np.ndarray, shift: np.ndarray, trusted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the frames around it say of each frame's shift, and how far apart they are, both in mm.

    The median of the nearest that were seen, and their median deviation from it.
    """
    if trusted.sum() < 2:
        return np.zeros(len(middle)), np.zeros(len(middle))
    far = np.linalg.norm(middle[:, None] - middle[None, trusted], axis=2)
    far[far == 0] = np.inf  # itself
    nearest = np.argsort(far, axis=1)[:, : min(NEIGHBOURS, int(trusted.sum()))]
    near = shift[trusted][nearest]
    expected = np.median(near, axis=1)
    return expected, np.median(np.abs(near - expected[:, None]), axis=1)


def _lines(grey: np.ndarray, frame: np.ndarray, line: float) -> tuple[float, ...]:
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
