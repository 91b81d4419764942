"""How hands draw what is no mark: digits, letters, ticks, shapes, words, scribbles. Strokes as in `handwriting`."""

from __future__ import annotations

import math

import numpy as np

from ox_classifier.synthetic import crosses, rings
from ox_classifier.synthetic.sampler import Sampler
from ox_classifier.synthetic.strokes import Stroke, curve, fit

# Points on a grid of 9 columns (a to i) by 9 rows (1 above to 9 below); a "/" lifts the pen, "|" begins straight sides.
# No 0, O, Q, C, D (rings, nearly), no X, K, Y, no plus sign (crosses, nearly).
GLYPHS = {
    "1": ("|b3 e1 e9", "|e1 e9", "|b3 e1 e9 / |c9 g9", "|f1 d9"),
    "2": ("b3 d1 g2 f5 c7 |b9 h9", "b3 e1 g3 d7 b9 c8 f9 h8"),
    "3": ("b2 e1 g3 e5 / e5 h7 e9 b8", "|b1 g1 d4 / d4 g5 g8 d9 b8"),
    "4": ("|f1 b6 h6 / |f3 f9", "|c1 b5 g5 / |g1 g9", "|g1 b6 h6 / |g1 g9"),
    "5": ("|g1 c1 b5 / b5 e4 h6 f9 b8", "|b1 b4 / b4 f4 h7 e9 b8 / |b1 g1"),
    "6": ("g1 c4 b7 e9 h7 f5 b6", "f1 b5 b8 e9 g7 e5 b7"),
    "7": ("|b1 h1 d9", "|b2 b1 h1 e9 / |d5 g5", "|b1 h1 e4 d9"),
    "8": ("g2 d1 b3 f5 h7 e9 b7 d5 g3 g2", "e5 b3 e1 g3 e5 b7 e9 h7 e5"),
    "9": ("g3 e1 b3 e5 g3 / |g3 f9", "g2 d1 b3 d5 g4 / g2 g5 e9 c9"),
    "A": ("|b9 e1 h9 / |c6 g6",),
    "B": ("|b1 b9 / b1 f1 g3 b5 h7 f9 b9",),
    "E": ("|g1 b1 b9 g9 / |b5 f5",),
    "F": ("|g1 b1 b9 / |b5 f5",),
    "H": ("|b1 b9 / |h1 h9 / |b5 h5",),
    "J": ("|g1 g7 / g7 e9 b8",),
    "L": ("|b1 b9 g9",),
    "M": ("|a9 b1 e7 h1 i9",),
    "N": ("|b9 b1 h9 h1",),
    "P": ("|b9 b1 / b1 g2 g5 b5",),
    "R": ("|b9 b1 / b1 g2 g4 b5 / |d5 h9",),
    "S": ("g2 d1 b3 f5 h7 e9 b8",),
    "T": ("|a1 i1 / |e1 e9",),
    "U": ("b1 b7 e9 h7 h1",),
    "V": ("|b1 e9 h1",),
    "W": ("|a1 c9 e3 g9 i1",),
    "Z": ("|b1 h1 b9 h9", "|b1 h1 b9 h9 / |d5 g5"),
    "a": ("g4 d3 b6 d9 g7 / |g3 g9",),
    "b": ("|b1 b9 / b6 e4 g7 e9 b8",),
    "d": ("|g1 g9 / g6 d4 b7 d9 g8",),
    "f": ("g2 e1 d4 |d9 / |b4 f4",),
    "g": ("g3 d2 b4 d6 g4 / g2 g7 e9 b8",),
    "h": ("|b1 b9 / b6 e4 g6 g9",),
    "m": ("|a4 a9 / a6 c4 e6 e9 / e6 g4 i6 i9",),
    "n": ("|b4 b9 / b6 e4 g6 g9",),
    "r": ("|b4 b9 / b6 e4 g4",),
    "s": ("g4 d3 b5 f6 g8 d9 b8",),
    "u": ("b4 b8 e9 g7 / |g4 g9",),
    "w": ("b4 c9 e6 g9 h4",),
    "z": ("|b4 g4 b9 g9",),
}
DIGITS, LETTERS = "123456789", "".join(name for name in GLYPHS if name.isalpha())


def _written(character: str, sampler: Sampler) -> list[Stroke]:
    """A digit or letter as one hand writes it: its points moved, its corners more or less round."""
    way = sampler.pick(GLYPHS[character])
    loose = sampler.between(0.02, 0.1)
    strokes = []
    for part in way.split("/"):
        straight, points = part.strip().startswith("|"), []
        for place in part.replace("|", " ").split():
            points.append(((ord(place[0]) - ord("e")) / 4 * 0.75, (int(place[1]) - 5) / 4))
        points = np.array(points) + sampler.rng.standard_normal((len(points), 2)) * loose
        tension = sampler.between(0.0, 0.25) if straight else sampler.between(0.6, 1.0)
        strokes.append(curve(points, tension=tension))
    lean = sampler.between(-0.35, 0.35)
    return [stroke @ np.array([[1, 0], [lean, 1]]) for stroke in strokes]


def digit(sampler: Sampler) -> list[Stroke]:
    return _written(sampler.pick(DIGITS), sampler)


def letter(sampler: Sampler) -> list[Stroke]:
    return _written(sampler.pick(LETTERS), sampler)


def word(sampler: Sampler) -> list[Stroke]:
    """Two to six characters in a line."""
    strokes, at = [], 0.0
    alphabet = DIGITS if sampler.happens(0.25) else LETTERS
    for _ in range(sampler.count(2, 6)):
        strokes += [
            stroke + np.array([at, sampler.between(-0.1, 0.1)]) for stroke in _written(sampler.pick(alphabet), sampler)
        ]
        at += sampler.between(1.5, 2.2)
    return fit(strokes)


def tick(sampler: Sampler) -> list[Stroke]:
    """A tick, an arrow's head or a dash: what stands where no O and no X was meant."""
    kind = sampler.pick({"tick": 6, "dash": 2, "stroke": 2, "dots": 1, "arrow": 2})
    if kind == "tick":
        low = np.array([sampler.between(-0.6, 0.0), sampler.between(0.3, 0.9)])
        start = low + np.array([sampler.between(-0.7, -0.15), sampler.between(-0.8, -0.2)])
        return [curve(np.array([start, low, [sampler.between(0.5, 1.2), sampler.between(-1.2, -0.4)]]), tension=0.3)]
    if kind == "dots":
        return [np.array([[x, 0], [x + 0.08, 0.05]]) for x in np.linspace(-0.8, 0.8, sampler.count(2, 4))]
    angle = sampler.between(-0.5, 0.5) + (math.pi / 2 if kind == "stroke" else 0)
    tip = np.array([math.cos(angle), math.sin(angle)])
    line = curve(np.array([-tip, sampler.rng.standard_normal(2) * 0.08, tip]))
    if kind == "arrow":
        back = [
            tip - 0.5 * np.array([math.cos(angle + turn), math.sin(angle + turn)]) * sampler.between(0.7, 1.2)
            for turn in (-0.6, 0.6)
        ]
        return [line, np.array([back[0], tip, back[1]])]
    return [line]


def shape(sampler: Sampler) -> list[Stroke]:
    """A triangle, a star, a zigzag, a wave, a heart, stairs; a house has more than one stroke."""
    kind = sampler.pick(("triangle", "triangle", "zigzag", "wave", "heart", "stairs", "house", "star"))
    if kind in ("triangle", "star"):
        corners = 3 if kind == "triangle" else 5
        angles = -math.pi / 2 + np.arange(corners + 1) * 2 * math.pi * (1 if corners == 3 else 2) / corners
        points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        points[:-1] += sampler.rng.standard_normal((corners, 2)) * 0.12
        points[-1] = points[0] + sampler.rng.standard_normal(2) * 0.08
        return [curve(points, tension=sampler.between(0, 0.2))]
    t = np.linspace(0, 1, 60)
    if kind == "heart":
        s = 2 * math.pi * t
        return [np.stack([np.sin(s) ** 3, -(13 * np.cos(s) - 5 * np.cos(2 * s) - 2 * np.cos(3 * s)) / 16], axis=1)]
    if kind == "house":
        return [np.array([[-1, 1], [-1, -0.2], [0, -1], [1, -0.2], [1, 1], [-1, 1]]), np.array([[-1, -0.2], [1, -0.2]])]
    turns = sampler.count(2, 6)
    if kind == "wave":
        return [np.stack([2 * t - 1, sampler.between(0.15, 0.6) * np.sin(turns * math.pi * t)], axis=1)]
    steps = np.arange(turns * 2 + 1)
    if kind == "stairs":
        return [np.stack([(steps + 1) // 2, -(steps // 2)], axis=1).astype(float)]
    return [np.stack([steps, np.where(steps % 2, -1.0, 1.0) * sampler.between(0.5, 2)], axis=1)]


def scribble(sampler: Sampler) -> list[Stroke]:
    """A pen that goes back and forth, or wanders."""
    if sampler.happens(0.5):
        count = sampler.count(6, 18)
        x = np.linspace(-1, 1, count)
        points = np.stack([x, np.where(np.arange(count) % 2, 0.8, -0.8)], axis=1)
        return [curve(points + sampler.rng.standard_normal((count, 2)) * 0.15, tension=0.6)]
    steps = sampler.rng.standard_normal((sampler.count(10, 30), 2))
    return [curve(np.cumsum(steps, axis=0), tension=1.0)]


def struck_out(sampler: Sampler) -> list[Stroke]:
    """A mark that was crossed out, so that it no longer counts."""
    strokes = _mark(sampler.pick(("o", "x")), sampler)
    for _ in range(sampler.count(2, 5)):
        y, slope = sampler.between(-0.8, 0.8), sampler.between(-0.3, 0.3)
        strokes.append(np.array([[-1.3, y - slope], [0, y + sampler.between(-0.1, 0.1)], [1.3, y + slope]]))
    return strokes + (scribble(sampler) if sampler.happens(0.5) else [])


def both(sampler: Sampler) -> list[Stroke]:
    """An O and an X over each other."""
    ring, cross = _mark("o", sampler), _mark("x", sampler)
    scale, shift = sampler.between(0.6, 1.2), sampler.rng.uniform(-0.25, 0.25, 2)
    return ring + [stroke * scale + shift for stroke in cross]


def _mark(label: str, sampler: Sampler) -> list[Stroke]:
    hands = {"o": rings.HANDS, "x": crosses.HANDS}[label]
    return fit(hands[sampler.pick({name: weight for name, (weight, _) in hands.items()})][1](sampler))


HANDS = {
    "digit": (26, digit),
    "letter": (26, letter),
    "word": (9, word),
    "tick": (9, tick),
    "shape": (10, shape),
    "scribble": (8, scribble),
    "struck-out": (6, struck_out),
    "both": (6, both),
}
