"""What was drawn in a box: its ink without the printed frame, how much there is and of what shape."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ox_classifier.sheets import paper
from ox_classifier.sheets.cells import Cell
from ox_classifier.sheets.lines import DETAIL

FAINT = 20.0  # grey levels below the paper: less is no ink
NOISE = 4.0  # standard deviations of the paper's grain: less is no ink
SHARE = 0.35  # of the darkest ink of a cell: less is blur and shade
BAND = 0.25  # mm that a frame's line is broader than printed, to each side, at least
BROADEST = 1.0  # mm of half a line, however blurred
FLECK = 0.5  # mm: smaller pieces of paler ink are the grain of the paper
SPECK = 0.35  # mm: smaller pieces are dust
ALONG = 7  # pixels that a stroke may shift along a line while it crosses it
NEAR = 0.6  # mm from a line, where it may hide the ends of strokes
HALO = 0.7  # mm around a mark that its blur darkens
CROSSES = 0.5  # mm between what ends at a frame's line inside and what goes on outside


@dataclass(frozen=True, eq=False)
class Mark:
    """The ink of one answer. `ink` (h, w) bool lies on `picture`, uint8 (h, w, 3), which shows nothing else.

    `any_ink` (h, w) bool is what in the box is darker than paper, paler strokes and the blur of dark ones included.
    `beside_line` (h, w) bool is where a printed line has taken ink away, or may have.

    `area` in mm2; `length` in mm, of the longer side of the box about it; `outside` what share of it lies beyond the
    frame; `reach` (width, height) in mm; `fainter` the length, in mm, of other ink in the box, too pale to be of the
    same pen.
    """

    picture: np.ndarray
    ink: np.ndarray
    any_ink: np.ndarray
    beside_line: np.ndarray
    area: float
    reach: tuple[float, float]
    outside: float
    fainter: float

    @property
    def length(self) -> float:
        return max(self.reach)


def lifted(cell: Cell, *, line: float) -> Mark:
    """The ink that starts inside a cell's frame, followed over the frame as far as the cell's picture goes.

    `line` is the breadth of the frame's line in mm.
    """
    height, width = cell.picture.shape[:2]
    dark = cv2.GaussianBlur(255 - paper.least(cell.picture).astype(np.float32), (0, 0), 0.8)
    inner, outer, lines = _zones((height, width), cell.frame, _breadths(dark, cell.frame, line))
    least, level = _levels(dark[inner])
    ink = dark >= level
    kept = _pieces(ink & inner)
    if kept.any():
        kept |= _followed(kept, ink & outer, (ink & lines[0], ink & lines[1]))
    reach = _reach(kept)
    shown = cv2.dilate(kept.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(np.float32)
    shown = cv2.GaussianBlur(shown, (0, 0), 1.0)[:, :, None]
    picture = (255 - (255 - cell.picture.astype(np.float32)) * shown).astype(np.uint8)
    total = int(kept.sum())
    beyond = float((kept & outer).sum() / total) if total else 0.0
    line_near = _grown(~inner & ~outer, *[2 * round(NEAR * DETAIL) + 1] * 2)
    any_ink = (dark >= least) & inner
    rest = any_ink & ~line_near & ~_grown(kept, *[2 * round(HALO * DETAIL) + 1] * 2)
    return Mark(picture, kept, _pieces(any_ink), line_near, total / DETAIL**2, reach, beyond, _strewn(rest))


def _breadths(dark: np.ndarray, frame: tuple, line: float) -> list[float]:
    """How far each line of a frame (left, top, right, bottom) darkens the paper to each side of its middle, in pixels.

    Blur makes a line broader than it was printed, and a line that is a little askew, too.
    """
    left, top, right, bottom = (round(value) for value in frame)
    side = min(right - left, bottom - top)
    part = slice(top + side // 8, bottom - side // 8), slice(left + side // 8, right - side // 8)
    least, most = round((line / 2 + BAND) * DETAIL), round(BROADEST * DETAIL)
    inward = (
        dark[part[0], left:].T,
        dark[top:, part[1]],
        dark[part[0], : right + 1][:, ::-1].T,
        dark[: bottom + 1, part[1]][::-1],
    )
    breadths = []
    for lines in inward:
        profile = np.median(lines[: most + 1], axis=1) if lines.size else np.zeros(1)
        dim = np.flatnonzero(profile < FAINT / 2 + min(float(profile[-1]), FAINT))
        breadths.append(float(np.clip(dim[0] + 1 if len(dim) else most, least, most)))
    return breadths


def _zones(shape: tuple[int, int], frame: tuple, half: list[float]) -> tuple[np.ndarray, np.ndarray, tuple]:
    """Masks: inside the frame, outside it, and its (upright, level) lines, of these half breadths."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    left, top, right, bottom = frame
    upright = (np.abs(x - left) <= half[0]) | (np.abs(x - right) <= half[2])
    level = (np.abs(y - top) <= half[1]) | (np.abs(y - bottom) <= half[3])
    inner = (x > left + half[0]) & (x < right - half[2]) & (y > top + half[1]) & (y < bottom - half[3])
    outer = (x < left - half[0]) | (x > right + half[2]) | (y < top - half[1]) | (y > bottom + half[3])
    band = ~inner & ~outer
    return inner, outer, (band & upright, band & level)


def _levels(dark: np.ndarray) -> tuple[float, float]:
    """How dark any ink is here, and ink of the pen that wrote the darkest.

    The paper's own level and grain are what the lightest parts show.
    """
    if not dark.size:
        return FAINT, FAINT
    low, paper, darkest = np.quantile(dark, (0.05, 0.25, 0.99)).tolist()
    least = min(paper, FAINT) + float(np.clip(NOISE * (paper - low), FAINT, 2 * FAINT))
    return least, max(least, SHARE * darkest)


def _pieces(ink: np.ndarray) -> np.ndarray:
    """The ink without dust."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    keep = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]) >= SPECK * DETAIL
    keep[0] = False
    return keep[labels]


def _followed(kept: np.ndarray, outside: np.ndarray, lines: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Ink outside that goes on where the mark meets the frame, and the ink on the line between the two."""
    reach = round((2 * BAND + CROSSES) * DETAIL)
    near = _grown(kept, 2 * reach + 1, 2 * reach + 1)
    _, labels = cv2.connectedComponents(_pieces(outside).astype(np.uint8), connectivity=8)
    joined = np.isin(labels, np.setdiff1d(labels[near], [0]))
    bridges = joined.copy()
    for upright, line in zip((True, False), lines, strict=True):
        kernel = (2 * reach + 1, ALONG) if upright else (ALONG, 2 * reach + 1)  # (across x, across y)
        bridges |= line & _grown(kept, *kernel) & _grown(joined, *kernel)
    return bridges


def _strewn(ink: np.ndarray) -> float:
    """The length of all pieces of ink together, in mm, without dust."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    sides = stats[1:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1, initial=0) / DETAIL
    return float(sides[sides >= FLECK].sum())


def _grown(ink: np.ndarray, across: int, down: int) -> np.ndarray:
    return cv2.dilate(ink.astype(np.uint8), np.ones((down, across), np.uint8)) > 0


def _reach(ink: np.ndarray) -> tuple[float, float]:
    if not ink.any():
        return 0.0, 0.0
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return float(np.ptp(columns) + 1) / DETAIL, float(np.ptp(rows) + 1) / DETAIL
