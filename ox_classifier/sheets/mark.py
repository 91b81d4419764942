"""What was drawn in a box: its ink without the printed frame, how much there is and of what shape."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ox_classifier.sheets.cells import DETAIL, Cell

FAINT = 20.0  # grey levels below the paper: less is no ink
NOISE = 4.0  # standard deviations of the paper's grain: less is no ink
SHARE = 0.35  # of the darkest ink of a cell: less is blur and shade
BAND = 0.25  # mm that a frame's line is taken to be broader than printed, to each side
SPECK = 0.35  # mm: smaller pieces are dust
CROSSES = 0.5  # mm between what ends at a frame's line inside and what goes on outside
HOLE = 0.12  # mm2: a smaller hole in the ink is grain


@dataclass(frozen=True, eq=False)
class Mark:
    """The ink of one answer. `ink` (h, w) bool lies on `picture`, uint8 (h, w, 3), which shows nothing else.

    `area` in mm2; `length` in mm, of the longer side of the box about it; `outside` what share of it lies beyond the
    frame; `holes` the areas of the holes in it, in mm2, largest first; `reach` (width, height) in mm.
    """

    picture: np.ndarray
    ink: np.ndarray
    area: float
    reach: tuple[float, float]
    holes: tuple[float, ...]
    outside: float

    @property
    def length(self) -> float:
        return max(self.reach)


def lifted(cell: Cell, *, line: float) -> Mark:
    """The ink that starts inside a cell's frame, followed over the frame as far as the cell's picture goes.

    `line` is the breadth of the frame's line in mm.
    """
    height, width = cell.picture.shape[:2]
    dark = cv2.GaussianBlur(255 - cell.picture.min(axis=2).astype(np.float32), (0, 0), 0.8)
    inner, band, outer = _zones((height, width), cell.frame, line)
    level = _level(dark[inner])
    ink = dark >= level
    kept = _pieces(ink & inner)
    if kept.any():
        kept |= _followed(kept, ink & outer, ink & band)
    reach, holes = _shape(kept)
    shown = cv2.dilate(kept.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(np.float32)
    shown = cv2.GaussianBlur(shown, (0, 0), 1.0)[:, :, None]
    picture = (255 - (255 - cell.picture.astype(np.float32)) * shown).astype(np.uint8)
    total = int(kept.sum())
    beyond = float((kept & outer).sum() / total) if total else 0.0
    return Mark(picture, kept, total / DETAIL**2, reach, holes, beyond)


def _zones(shape: tuple[int, int], frame: tuple, line: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Masks: inside the frame, on its lines, outside it."""
    half = (line / 2 + BAND) * DETAIL
    y, x = np.ogrid[: shape[0], : shape[1]]
    left, top, right, bottom = frame
    inner = (x > left + half) & (x < right - half) & (y > top + half) & (y < bottom - half)
    outer = (x < left - half) | (x > right + half) | (y < top - half) | (y > bottom + half)
    return inner, ~inner & ~outer, outer


def _level(dark: np.ndarray) -> float:
    """How much darker than paper ink is here, at least."""
    if not dark.size:
        return FAINT
    grain = 1.4826 * float(np.median(np.abs(dark - np.median(dark))))
    return max(FAINT, NOISE * grain, SHARE * float(np.quantile(dark, 0.99)))


def _pieces(ink: np.ndarray) -> np.ndarray:
    """The ink without dust."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    keep = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]) >= SPECK * DETAIL
    keep[0] = False
    return keep[labels]


def _followed(kept: np.ndarray, outside: np.ndarray, on_line: np.ndarray) -> np.ndarray:
    """Ink outside that goes on where the mark meets the frame, and the ink between."""
    reach = 2 * round((2 * BAND + CROSSES) * DETAIL) + 1
    near = cv2.dilate(kept.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))) > 0
    _, labels = cv2.connectedComponents(_pieces(outside).astype(np.uint8), connectivity=8)
    joined = np.isin(labels, np.setdiff1d(labels[near], [0]))
    if joined.any():
        near_out = cv2.dilate(joined.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
        bridge = on_line & near & near_out
    else:
        bridge = np.zeros_like(kept)
    closed = cv2.morphologyEx(kept.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8)) > 0
    return joined | bridge | (closed & on_line & near)


def _shape(ink: np.ndarray) -> tuple[tuple[float, float], tuple[float, ...]]:
    if not ink.any():
        return (0.0, 0.0), ()
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    reach = ((np.ptp(columns) + 1) / DETAIL, (np.ptp(rows) + 1) / DETAIL)
    part = np.pad(~ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], 1, constant_values=True)
    _, _, stats, _ = cv2.connectedComponentsWithStats(part.astype(np.uint8), connectivity=4)
    outside = stats[1:, cv2.CC_STAT_LEFT] == 0
    areas = stats[1:, cv2.CC_STAT_AREA][~outside] / DETAIL**2
    return reach, tuple(sorted((float(a) for a in areas if a >= HOLE), reverse=True))
