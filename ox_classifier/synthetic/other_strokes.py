"""How hands draw what is no mark: writing, ticks, shapes, scribbles, marks that no longer count. Strokes only."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ox_classifier.synthetic import crosses, glyph_strokes, rings
from ox_classifier.synthetic.sampler import Sampler
from ox_classifier.synthetic.strokes import Hand, Stroke, curve, fit


def _tick(sampler: Sampler) -> list[Stroke]:
    """A tick, an arrow, a dash, an equals sign, dots: what stands where no O and no X was meant."""
    kind = sampler.pick({"tick": 7, "dash": 2, "stroke": 2, "dots": 1, "arrow": 2, "equals": 1})
    if kind == "tick":
        low = np.array([sampler.between(-0.6, 0.0), sampler.between(0.3, 0.9)])
        start = low + np.array([sampler.between(-0.7, -0.15), sampler.between(-0.8, -0.2)])
        end = [sampler.between(0.5, 1.2), sampler.between(-1.2, -0.4)]
        return [curve(np.array([start, low, end]), tension=sampler.between(0.1, 0.6))]
    if kind == "dots":
        return [np.array([[x, 0], [x + 0.08, 0.05]]) for x in np.linspace(-0.8, 0.8, sampler.count(2, 4))]
    if kind == "equals":
        apart = sampler.between(0.3, 0.6)
        return [curve(np.array([[-1, y], sampler.rng.standard_normal(2) * 0.05 + [0, y], [1, y]])) for y in (0, apart)]
    angle = sampler.between(-0.5, 0.5) + (math.pi / 2 if kind == "stroke" else 0)
    tip = np.array([math.cos(angle), math.sin(angle)])
    line = curve(np.array([-tip, sampler.rng.standard_normal(2) * 0.08, tip]))
    if kind == "arrow":
        spread, long = sampler.between(0.4, 0.75), sampler.between(0.3, 0.6)
        back = [tip - long * np.array([math.cos(angle + turn), math.sin(angle + turn)]) for turn in (-spread, spread)]
        return [line, np.array([back[0], tip, back[1]])]
    return [line]


def _triangle(sampler: Sampler) -> list[Stroke]:
    corners = np.array([[0, -1], [0.9, 0.7], [-0.9, 0.7], [0, -1]]) * [sampler.between(0.6, 1.3), 1]
    corners[:3] += np.clip(sampler.rng.standard_normal((3, 2)), -1.5, 1.5) * 0.16
    corners[3] = corners[0] + sampler.rng.standard_normal(2) * 0.06
    return [curve(corners, tension=sampler.between(0, 0.12)) * [1, sampler.pick((1, 1, 1, -1))]]


def _star(sampler: Sampler) -> list[Stroke]:
    """Five points, drawn in one go: by its outline or through its middle."""
    if sampler.happens(0.5):
        angles = -math.pi / 2 + np.arange(6) * 4 * math.pi / 5
        points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    else:
        angles = -math.pi / 2 + np.arange(11) * math.pi / 5
        points = np.stack([np.cos(angles), np.sin(angles)], axis=1) * np.where(np.arange(11) % 2, 0.4, 1)[:, None]
    points = points + sampler.rng.standard_normal(points.shape) * 0.05
    return [curve(points, tension=sampler.between(0, 0.15))]


def _zigzag(sampler: Sampler) -> list[Stroke]:
    steps = np.arange(sampler.count(3, 12))
    points = np.stack([steps, np.where(steps % 2, -1.0, 1.0) * sampler.between(0.5, 2)], axis=1)
    points = points + sampler.rng.standard_normal(points.shape) * 0.12
    return [curve(points, tension=sampler.between(0, 0.8))]  # a wave, where its corners are round


def _stairs(sampler: Sampler) -> list[Stroke]:
    steps = np.arange(sampler.count(4, 10))
    return [np.stack([(steps + 1) // 2, -(steps // 2)], axis=1) * np.array([sampler.pick((-1.0, 1.0)), 1.0])]


def _house(sampler: Sampler) -> list[Stroke]:
    eaves, wide = sampler.between(-0.3, 0.1), sampler.between(0.6, 1)
    walls = np.array([[-wide, eaves], [-wide, 1], [wide, 1], [wide, eaves]])
    roof = np.array([[-wide * 1.2, eaves], [0, -1], [wide * 1.2, eaves], [-wide * 1.2, eaves]])
    door = np.array([[-0.2, 1], [-0.2, 0.4], [0.2, 0.4], [0.2, 1]])
    parts = (walls, roof, door)[: sampler.count(2, 3)]
    return [curve(part + sampler.rng.standard_normal(part.shape) * 0.04, tension=0.05) for part in parts]


def _bracket(sampler: Sampler) -> list[Stroke]:
    """A bracket, an angle, a hook or a flash: open on one side by far."""
    corners = sampler.pick(
        (
            ((0.3, -1), (-0.3, -1), (-0.3, 1), (0.3, 1)),
            ((0.5, -1), (-0.5, 0), (0.5, 1)),
            ((-0.6, -1), (-0.6, 1), (0.8, 1)),
            ((0.3, -1), (-0.4, 0.1), (0.3, -0.1), (-0.4, 1)),
            ((0.4, -1), (0, -0.8), (0, -0.2), (-0.3, 0), (0, 0.2), (0, 0.8), (0.4, 1)),
            ((-0.4, -0.6), (0, -1), (0.4, -0.6), (0.4, 0), (0, 0.3), (0, 1)),
        )
    )
    points = np.array(corners) + sampler.rng.standard_normal((len(corners), 2)) * 0.06
    return [curve(points * [sampler.pick((-1, 1)), 1], tension=sampler.between(0, 0.25))]


def _shape(sampler: Sampler) -> list[Stroke]:
    return sampler.pick({_triangle: 5, _star: 2, _zigzag: 3, _stairs: 1, _house: 2, _bracket: 4})(sampler)


def _scribble(sampler: Sampler, kind: str = "") -> list[Stroke]:
    """A pen that goes back and forth ("hatch"), in curls or anywhere ("tangle")."""
    kind = kind or sampler.pick({"hatch": 4, "curls": 3, "tangle": 4})
    count = sampler.count(9, 20)
    if kind == "hatch":
        points = np.stack([np.linspace(-1, 1, count), np.where(np.arange(count) % 2, 0.8, -0.8)], axis=1)
        return [curve(points + sampler.rng.standard_normal((count, 2)) * 0.15, tension=0.6)]
    if kind == "curls":
        t = np.linspace(0, 2 * math.pi * sampler.count(4, 9), 40 * 6)
        forward = t * sampler.between(0.12, 0.5)
        return [np.stack([forward + np.cos(t), np.sin(t) * sampler.between(0.6, 1.6)], axis=1)]
    return [curve(sampler.rng.uniform(-1, 1, (2 * count, 2)), tension=1.0)]


def _struck_out(sampler: Sampler) -> list[Stroke]:
    """A mark that was crossed out by several lines or scribbled over, so that it no longer counts."""
    strokes = _mark(sampler.pick(("o", "x")), sampler)
    if sampler.happens(0.5):
        over = _scribble(sampler, sampler.pick(("hatch", "tangle")))[0]
        return [*strokes, (over - (over.min(axis=0) + over.max(axis=0)) / 2) / np.ptp(over, axis=0) * 2.2]
    slope = sampler.between(-0.35, 0.35)
    for y in np.linspace(-0.7, 0.7, sampler.count(4, 7)):
        bend = sampler.rng.standard_normal(3) * 0.1
        strokes.append(curve(np.array([[-1.3, y - slope + bend[0]], [0, y + bend[1]], [1.3, y + slope + bend[2]]])))
    return strokes


def _both(sampler: Sampler) -> list[Stroke]:
    """An O and an X over each other."""
    ring, cross = _mark("o", sampler), _mark("x", sampler, only=("straight", "retraced", "ticked"))
    scale, shift = sampler.between(0.65, 1.2), sampler.rng.uniform(-0.2, 0.2, 2)
    return ring + [stroke * scale + shift for stroke in cross]


def _mark(label: str, sampler: Sampler, *, only: Sequence[str] = ()) -> list[Stroke]:
    """A mark of any hand, or of those named: a cross of arcs over a ring would look like a ring drawn twice."""
    hands = {"o": rings.HANDS, "x": crosses.HANDS}[label]
    weights = {name: weight for name, (weight, _) in hands.items() if not only or name in only}
    return fit(hands[sampler.pick(weights)][1](sampler))


HANDS: dict[str, tuple[float, Hand]] = {
    "digit": (34, glyph_strokes.digit),
    "letter": (32, glyph_strokes.letter),
    "invented": (8, glyph_strokes.invented),
    "word": (7, glyph_strokes.word),
    "tick": (9, _tick),
    "shape": (11, _shape),
    "scribble": (6, _scribble),
    "struck-out": (5, _struck_out),
    "both": (4, _both),
}
# the narrowest gap between strokes, in half-sides: a pen three times as thin leaves it open
BREADTH = {"digit": 1.3, "letter": 1.2, "word": 0.4, "shape": 1.1, "scribble": 0.5, "struck-out": 0.45, "both": 0.9}
