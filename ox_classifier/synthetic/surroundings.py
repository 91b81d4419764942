"""Where in the picture a mark stands, and what stands around it: cell borders, grid lines, neighbours."""

from __future__ import annotations

import math

import numpy as np

from ox_classifier.synthetic import handwriting
from ox_classifier.synthetic.sampler import Sampler
from ox_classifier.synthetic.strokes import curve

SIZES = {"middling": (0.25, 0.42), "small": (0.12, 0.25), "large": (0.42, 0.53), "tiny": (0.03, 0.12)}
JOINED = 0.1  # the share of marks that strokes lead to
LETTER = (0.1, 0.24)  # a letter's half-side in joined writing, of the picture's side
LEAST = 4.5  # pixels of a mark's half-side: in fewer an O has no hole


def place(sampler: Sampler, side: float) -> tuple[np.ndarray, float]:
    """Centre (x, y) and half-side in pixels: most marks fill the middle, some a corner, some are cut by the edge."""
    size = sampler.pick({"middling": 55, "small": 19, "large": 18, "tiny": 8})
    half = sampler.scale(*SIZES[size]) * side
    half = max(half, LEAST)
    free = max(side / 2 - half * sampler.between(0.9, 1.05), 0.02 * side)
    centre = (
        side / 2 + (sampler.rng.uniform(-1, 1, 2) if sampler.happens(0.5) else sampler.rng.uniform(-0.4, 0.4, 2)) * free
    )
    sampler.note(size=half / side, x=float(centre[0] / side), y=float(centre[1] / side))
    return centre, half


def mark(label: str, sampler: Sampler, side: float) -> tuple[list[np.ndarray], float, np.ndarray]:
    """Strokes in pixels, the breadth of the body in pixels, and the free space around it (see `gaps`)."""
    centre, half = place(sampler, side)
    strokes, breadth = handwriting.draw(label, sampler)
    if sampler.letter and strokes:
        strokes, centre, half = _letter(sampler.child("letter"), strokes, half, side)
        sampler.note(size=half / side, x=float(centre[0] / side), y=float(centre[1] / side))
    strokes = [stroke * half + centre for stroke in strokes]
    free = gaps(np.concatenate(strokes) if strokes else centre + np.array([[-half, -half], [half, half]]), side)
    joining = _joining(sampler.child("joining"), strokes, centre, half) if strokes else []
    if joining:
        sampler.note(joined=True)
    return strokes + joining, breadth * half, free


def _letter(
    sampler: Sampler, strokes: list[np.ndarray], half: float, side: float
) -> tuple[list[np.ndarray], np.ndarray, float]:
    """A mark as written between other letters, flattened, leaning, turned and small; its centre and half-side."""
    half = max(min(half, side * sampler.scale(*LETTER)), LEAST)
    centre = side / 2 + sampler.rng.uniform(-1, 1, 2) * (side / 2 - half) * (0.45, 0.7)
    flat, lean, turn = sampler.between(0.58, 1.0), sampler.between(-0.7, 0.2), math.radians(sampler.between(-25, 25))
    shape = np.array([[1, 0], [lean * flat, flat]])
    shape = shape @ [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]
    shaped = [stroke @ shape for stroke in strokes]
    reach = max(np.abs(np.concatenate(shaped)).max(), 1e-3)
    return [stroke / reach for stroke in shaped], centre, half


def _joining(sampler: Sampler, strokes: list[np.ndarray], centre: np.ndarray, half: float) -> list[np.ndarray]:
    """The strokes that lead from the letter before and to the letter after, as in joined writing."""
    by_chance = sampler.happens(JOINED)
    if not (by_chance if sampler.joined is None else sampler.joined):
        return []
    found = []
    lengths, rise = ((0.8, 4.0), (-0.9, 0.9)) if sampler.letter else ((0.25, 2.5), (-0.6, 0.7))
    for side in sampler.pick(((-1, 1), (-1, 1) if sampler.letter else (1,), (1,), (-1,))):
        ends = np.array([stroke[at] for stroke in strokes for at in (0, -1)])
        outer = np.concatenate(strokes)
        if sampler.happens(0.5):
            start = ends[np.argmax(ends[:, 0] * side)]
        else:  # from somewhere on the outer half
            reach = (outer[:, 0] - centre[0]) * side
            start = sampler.pick(outer[reach >= np.quantile(reach, 0.85)])
        away = half * np.array([side * sampler.scale(*lengths), sampler.between(*rise)])
        sag = half * np.array([0, sampler.between(-0.3, 0.4)])
        found.append(curve(np.array([start, start + away * 0.5 + sag, start + away])))
    return found


def gaps(points: np.ndarray, side: float) -> np.ndarray:
    """The space between a mark and the top, right, bottom and left edge, as fractions of the side."""
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    return np.clip(np.array([top, side - right, side - bottom, left]) / side, 0, 1)


def around(sampler: Sampler, side: float, gaps: np.ndarray, *, often: float) -> list[np.ndarray]:
    """Cell borders, grid lines and pieces of neighbours, as strokes in pixels; they seldom touch the mark."""
    strokes: list[np.ndarray] = []
    framed, sampler = sampler.framed, sampler.child("around")
    if framed is not None or not sampler.happens(often):
        return strokes
    kind = sampler.pick({"grid": 6, "box": 2, "neighbour": 2, "both": 1})
    reach = np.clip(gaps * 0.85, 0.02, 0.22)  # lines keep to the outer fifth, where cell borders are
    if kind in ("grid", "both"):
        tilt = math.radians(sampler.between(-5, 5) if sampler.happens(0.55) else sampler.between(-45, 45))
        corner = 0.15 * abs(math.sin(2 * tilt))  # a slanted line may cut off a corner only
        for quarter in range(4):
            if sampler.happens(0.42):
                strokes.append(
                    _edge_line(sampler, side, quarter * math.pi / 2 + tilt, sampler.between(-corner, reach[quarter]))
                )
    if kind == "box":
        top, right, bottom, left = sampler.rng.uniform(0, reach) * side
        corners = np.array(
            [(left, top), (side - right, top), (side - right, side - bottom), (left, side - bottom), (left, top)]
        )
        strokes.append(corners + sampler.rng.standard_normal((5, 2)) * side * 0.01)
    if kind in ("neighbour", "both"):
        strokes += _neighbour(sampler, side, reach)
    return strokes


def _neighbour(sampler: Sampler, side: float, reach: np.ndarray) -> list[np.ndarray]:
    """The part of the next cell's mark, of either class, that reaches into the picture."""
    quarter = sampler.count(0, 3)
    strokes, _ = handwriting.draw(sampler.pick(("o", "x")), Sampler((sampler.count(0, 2**31),), sampler.pool))
    half = sampler.between(0.2, 0.42) * side
    away = side / 2 + half - sampler.between(0.2, 1.0) * reach[quarter] * side
    angle = (quarter - 1) * math.pi / 2
    centre = side / 2 + np.array([math.cos(angle), math.sin(angle)]) * away
    centre = centre + np.array([-math.sin(angle), math.cos(angle)]) * sampler.between(-0.3, 0.3) * side
    return [stroke * half + centre for stroke in strokes]


def _edge_line(sampler: Sampler, side: float, angle: float, inset: float) -> np.ndarray:
    """A line along one side of the picture, `inset` of the side away from it, not always over its whole length."""
    along = np.array([-1.3, 1.3]) if sampler.happens(0.75) else np.array([-1.3, sampler.between(-0.4, 0.9)])
    t = np.linspace(*along, 12)
    bend = sampler.between(-0.01, 0.01) * (t**2)
    points = np.stack([t * 0.5, np.full(12, inset - 0.5) + bend], axis=1)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return (points @ turn + 0.5) * side


def ragged_border(sampler: Sampler, side: int, gaps: np.ndarray) -> np.ndarray:
    """Thick bands along some sides, with a torn inner edge."""
    border = np.zeros((side, side), np.float32)
    for quarter in range(4):
        if sampler.happens(0.5):
            knots = sampler.count(2, 8)
            depth = np.interp(np.linspace(0, 1, side), np.linspace(0, 1, knots), sampler.rng.normal(0, 0.012, knots))
            depth = (
                depth
                + sampler.between(0, np.clip(gaps[quarter * -1 % 4], 0.03, 0.22))
                + sampler.between(-0.04, 0.04) * np.linspace(-1, 1, side)
            )
            band = (np.arange(side)[:, None] < (depth * side)[None, :]).astype(np.float32)
            border = np.maximum(border, np.rot90(band, quarter))
    return border


def width(sampler: Sampler, side: float, breadth: float, low: float, high: float) -> float:
    """Pen width in pixels: `low` to `high` of the side, but never so broad that it fills the hole of an O."""
    width = min(sampler.scale(low, high) * side, breadth * 0.3)
    sampler.note(width=width / side)
    return width
