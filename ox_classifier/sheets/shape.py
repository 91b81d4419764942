"""The shape of a mark's ink, whatever it means: how crowded its strokes are, how solid, of how many parts.

A straight line crosses the strokes of a ring or of a cross twice at most, and a circle around the middle of a cross
its four arms; what was struck out, or written over, they cross more often.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

SIDE = 64  # pixels of the square that a mark is fitted into
TURNS = 8  # directions in which lines are laid through it
MANY = 3  # strokes that a line crosses, from which on it is crowded
ARMS = 4  # of a cross
CIRCLES = np.linspace(0.35, 0.95, 25)  # around the middle of a mark, as shares of the way to its furthest ink
ROUND = np.linspace(0, 2 * np.pi, 360, endpoint=False)
GRAIN = 0.003  # of the square: smaller holes are grain
APART = 0.25  # of the whole ink: a part that stands beside the others and has this share is a mark of its own


@dataclass(frozen=True)
class Shape:
    """Measures of a mark, all shares from 0 to 1.

    `crowded`: of the lines through it in the worst direction, those that cross three strokes or more. `solid`: of its
    convex hull, what is ink. `holes`: of its box, the area of each hole, largest first. `dented`: of the largest
    hole's convex hull, what is no hole. `beside`: of its ink, the smaller part where it falls into two that stand side
    by side. `armed`: of circles around its middle, those that cross more than four strokes. `enclosed`: of its length,
    that of the longest piece of ink that lies loose in a hole.
    """

    crowded: float
    solid: float
    holes: tuple[float, ...]
    dented: float
    beside: float
    armed: float
    enclosed: float

    @property
    def second_hole(self) -> float:
        """The second largest hole as a share of the largest; 0 without one."""
        return _second(self.holes)


def measured(ink: np.ndarray, beside_line: np.ndarray) -> Shape:
    """The shape of ink, bool (h, w), of which there is some; `beside_line` is where a printed line may hide more."""
    fitted = _fitted(ink)
    points = np.argwhere(fitted)[:, ::-1].astype(np.int32)
    hull = cv2.contourArea(cv2.convexHull(points)) + 1
    return Shape(
        _crowded(fitted),
        min(1.0, float(len(points) / hull)),
        *_holes(fitted),
        _beside(ink, beside_line),
        _armed(fitted),
        _enclosed(ink),
    )


def parted(ink: np.ndarray) -> float:
    """The second largest hole of ink, bool (h, w), as a share of the largest; 0 without one."""
    return _second(_holes(_fitted(ink))[0]) if ink.any() else 0.0


def _second(holes: tuple[float, ...]) -> float:
    return holes[1] / holes[0] if len(holes) > 1 else 0.0


def _fitted(ink: np.ndarray) -> np.ndarray:
    """The ink scaled into a square, in its proportions, gaps of a pen's jitter closed."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    part = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = SIDE / max(part.shape)
    size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    small = cv2.resize(part.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.3
    square = np.zeros((SIDE, SIDE), bool)
    top, left = (SIDE - size[1]) // 2, (SIDE - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = small
    padded = np.pad(square, 4).astype(np.uint8)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3)))
    return closed > 0


def _crowded(ink: np.ndarray) -> float:
    side = len(ink)
    middle = ((side - 1) / 2, (side - 1) / 2)
    most = 0.0
    for turn in range(TURNS):
        view = cv2.getRotationMatrix2D(middle, 180 * turn / TURNS, 1.0)
        turned = cv2.warpAffine(ink.astype(np.float32), view, (side, side), flags=cv2.INTER_LINEAR) > 0.5
        begins = (np.diff(turned.astype(np.int8), axis=1, prepend=0) == 1).sum(axis=1)
        crossed = begins > 0
        most = max(most, float((begins >= MANY).sum() / max(crossed.sum(), 1)))
    return most


def _holes(ink: np.ndarray) -> tuple[tuple[float, ...], float]:
    """The area of each hole, and how dented the largest is."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((~ink).astype(np.uint8), connectivity=4)
    inner = [k for k in range(1, len(stats)) if stats[k, cv2.CC_STAT_LEFT] > 0]
    areas = {k: float(stats[k, cv2.CC_STAT_AREA]) / SIDE**2 for k in inner}
    areas = {k: area for k, area in areas.items() if area >= GRAIN}
    if not areas:
        return (), 0.0
    hole = labels == max(areas, key=areas.get)
    hull = cv2.convexHull(np.argwhere(hole)[:, ::-1].astype(np.int32))
    full = cv2.fillConvexPoly(np.zeros(ink.shape, np.uint8), hull, 1)
    return tuple(sorted(areas.values(), reverse=True)), float(1 - hole.sum() / full.sum())


def _beside(ink: np.ndarray, beside_line: np.ndarray) -> float:
    """The widest split of the ink by an empty column or row, as the share of its smaller part.

    Not counted is a ring whose top and bottom lie on printed lines, which leaves two arcs.
    """
    best = 0.0
    for turned, lines in ((ink, beside_line), (ink.T, beside_line.T)):
        along = turned.sum(axis=0).astype(np.float64)
        before = np.cumsum(along) / along.sum()
        filled = np.flatnonzero(along)
        for last, first in pairwise(filled):
            if first - last > 1 and not (lines | ~turned)[:, [last, first]].all():
                best = max(best, float(min(before[last], 1 - before[last])))
    return best


def _armed(ink: np.ndarray) -> float:
    """Of circles around the middle of the ink, the share that cross more strokes than a cross has arms."""
    y, x = np.nonzero(ink)
    middle = np.array([y.mean(), x.mean()])
    furthest = float(np.hypot(y - middle[0], x - middle[1]).max())
    ways = np.stack([np.sin(ROUND), np.cos(ROUND)])
    y, x = np.round(middle[:, None, None] + furthest * CIRCLES[:, None] * ways[:, None]).astype(int)
    on = ink[y.clip(0, ink.shape[0] - 1), x.clip(0, ink.shape[1] - 1)]
    begins = (on & ~np.roll(on, 1, axis=1)).sum(axis=1)
    return float((begins > ARMS).mean())


def _enclosed(ink: np.ndarray) -> float:
    """The longest loose piece of ink in a hole of the largest, as a share of that one's length."""
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    if len(stats) < 3:  # the paper and one piece
        return 0.0
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    rest = np.pad(pieces != largest, 1, constant_values=True).astype(np.uint8)
    _, spaces = cv2.connectedComponents(rest, connectivity=4)
    held = np.setdiff1d(pieces[ink & (pieces != largest) & (spaces[1:-1, 1:-1] != spaces[0, 0])], [0])
    sides = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1)
    return float(sides[held].max(initial=0) / sides[largest])
