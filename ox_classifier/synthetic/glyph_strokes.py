"""Digits and letters as hands write them, and letters of no alphabet. Strokes only; knows neither pen nor paper."""

from __future__ import annotations

import cv2
import numpy as np

from ox_classifier.synthetic.sampler import Sampler
from ox_classifier.synthetic.strokes import Stroke, curve, fit

# Points on a grid of 9 columns (a to i) by 9 rows (1 above to 9 below); a "/" lifts the pen, "|" begins straight sides.
# No 0, O, Q, C, D and no a (rings, nearly), no X, K, Y, t, no plus sign (crosses, nearly).
GLYPHS = {
    "1": (
        "|b3 e1 e9",
        "|e1 e9",
        "|b3 e1 e9 / |c9 g9",
        "|f1 d9",
        "|c4 f1 e9",
        "|e1 e5 f9",
        "|c4 f1 f9 / |c9 h9",
        "|b5 f1 f9",
        "|d4 f2 f9",
        "|c5 e2 e9",
        "|d3 f1 d9 / |b9 g9",
    ),
    "2": ("b3 d1 g2 f5 c7 |b9 h9", "b3 e1 g3 d7 b9 c8 f9 h8", "b2 f1 g4 d7 |b9 h9", "a3 d1 g3 e7 b9 b7 e8 h9"),
    "3": (
        "b2 e1 g3 e5 / e5 h7 e9 b8",
        "|b1 g1 d4 / d4 g5 g8 d9 b8",
        "b2 f1 g3 d5 g6 g8 d9 a8",
        "c1 g2 e4 c5 f5 h7 e9 b9",
    ),
    "4": (
        "|f1 b6 h6 / |f3 f9",
        "|c1 b5 g5 / |g1 g9",
        "|g1 b6 h6 / |g1 g9",
        "b1 b4 d5 g4 / |g1 f9",
        "|b5 f1 f9 / |b6 h6",
        "e1 b5 c6 h5 / |f3 e9",
        "d1 c5 e6 g5 / |g3 e9",
    ),
    "5": (
        "|g1 c1 b5 / b5 e4 h6 f9 b8",
        "|b1 b4 / b4 f4 h7 e9 b8 / |b1 g1",
        "h1 c1 c4 f5 g7 e9 a8",
        "g2 d2 c5 g6 f8 b9",
        "|c1 c4 / c4 g5 g7 e9 b9 / |c1 h1",
        "h1 d1 c4 f4 g6 f9 b9",
    ),
    "6": ("g1 c4 b7 e9 h7 f5 b6", "f1 b5 b8 e9 g7 e5 b7", "e1 c5 c8 f9 g7 e6 c7", "h1 d3 b6 c9 g9 h7 e6 b7"),
    "7": (
        "|b1 h1 d9",
        "|b2 b1 h1 e9 / |d5 g5",
        "|b1 h1 e4 d9",
        "b2 c1 f2 h1 / |h1 e9",
        "|b3 b1 g1 f9",
        "b1 g1 f5 e9",
        "b2 d1 g1 f5 d9 / |b5 h5",
        "b2 c1 f1 g2 e6 d9 / |c6 h5",
        "b3 b1 e2 h1 e5 d9 / |b6 h5",
    ),
    "8": (
        "g2 d1 b3 f5 h7 e9 b7 d5 g3 g2",
        "e5 b3 e1 g3 e5 b7 e9 h7 e5",
        "g1 c1 c3 g6 g8 d9 b7 f4 h1",
        "f2 d2 c3 f6 f8 d9 c7 g2",
    ),
    "9": (
        "g3 e1 b3 e5 g3 / |g3 f9",
        "g2 d1 b3 d5 g4 / g2 g5 e9 c9",
        "g3 e1 c3 d5 g4 g2 f9",
        "h2 d1 b3 d5 g4 h2 |g5 d9",
        "g2 e1 b2 c4 g3 h5 g8 d9 b8",
        "f1 c2 d4 g3 f1 h6 f9 b9",
        "g1 d1 b4 e5 g2 / g2 h6 f9 c9 b8",
    ),
    "A": ("|b9 e1 h9 / |c6 g6", "b9 d3 f1 g4 h9 / |c6 h6", "|a9 e1 / |e1 i9 / |b7 h6"),
    "B": ("|b1 b9 / b1 f1 g3 b5 h7 f9 b9", "|c1 b9 / c2 g1 g4 c5 / c5 h6 g9 b9"),
    "E": ("|g1 b1 b9 g9 / |b5 f5", "g2 d1 c3 e4 b6 c9 g8", "|b1 b9 / |b1 g1 / |b5 f5 / |b9 g9"),
    "F": ("|g1 b1 b9 / |b5 f5", "|c1 c9 / b1 e2 i1 / |c5 g5"),
    "G": ("g2 d1 b4 b7 e9 h8 h6 / |h6 e6", "g2 c2 b6 e9 g7 / |d6 i6 / |g6 g9"),
    "H": ("|b1 b9 / |h1 h9 / |b5 h5", "|c1 b9 / |h1 g9 / b6 e5 h4"),
    "I": ("|e1 e9 / |b1 h1 / |b9 h9",),
    "J": ("|g1 g7 / g7 e9 b8", "|c1 i1 / |f1 f7 / f7 d9 a7"),
    "L": ("|b1 b9 g9", "d2 c1 b3 c7 b9 e9 h9"),
    "M": ("|a9 b1 e7 h1 i9", "a9 b2 c1 d5 e7 f4 g1 h4 i9", "|a9 a1 e5 i1 i9"),
    "N": ("|b9 b1 h9 h1", "b9 c1 d3 g8 h6 h1"),
    "P": ("|b9 b1 / b1 g2 g5 b5", "|c1 b9 / b2 e1 h2 g4 c5"),
    "R": ("|b9 b1 / b1 g2 g4 b5 / |d5 h9", "|c1 b9 / b2 f1 g3 c5 |e6 i9"),
    "S": ("g2 d1 b3 f5 h7 e9 b8", "h1 d2 c4 g6 f9 a9"),
    "T": ("|a1 i1 / |e1 e9", "a2 d1 i1 / |e1 d9"),
    "U": ("b1 b7 e9 h7 h1", "|b1 b6 / b6 d9 g7 / |h1 h9"),
    "V": ("|b1 e9 h1", "a2 c3 e9 g4 i1"),
    "W": ("|a1 c9 e3 g9 i1", "a1 b8 d9 e5 f9 h8 i1"),
    "Z": ("|b1 h1 b9 h9", "|b1 h1 b9 h9 / |d5 g5", "b2 e1 g2 d5 f6 f9 c9 b8"),
    "b": ("|b1 b9 / b6 e4 g7 e9 b8", "c1 b5 b8 e9 f7 d5 b7"),
    "d": ("|g1 g9 / g6 d4 b7 d9 g8",),
    "e": ("|b6 g6 / g6 g4 e3 b5 b7 d9 f9",),
    "f": ("g2 e1 d4 |d9 / |b5 f5", "h2 f1 e4 d8 b9 / |d5 g5"),
    "g": ("g3 d2 b4 d6 g4 / g2 g7 e9 b8", "g1 d1 c3 e4 g2 g6 f9 c9 c7 i5"),
    "h": ("|b1 b9 / b6 e4 g6 g9", "b9 d3 d1 c3 b9 d5 f5 g9 i8"),
    "i": ("|e4 e9 / |e1 e2", "c5 e4 e8 g9 / |f1 f2"),
    "j": ("|f3 f7 / f7 d9 b8 / |f1 g1",),
    "l": ("|e1 e9", "c7 f3 e1 d3 d8 g9"),
    "m": ("|a4 a9 / a6 c4 e6 e9 / e6 g4 i6 i9", "a5 b4 b9 d4 e9 g4 h9 i8"),
    "n": ("|b4 b9 / b6 e4 g6 g9", "a5 b4 b9 e4 g5 g9 i8"),
    "p": ("|c2 c9 / c3 f2 h4 e6 c5", "b3 c2 b9 / c4 f2 g5 c6"),
    "r": ("|b4 b9 / b6 e4 g4", "b6 c3 d4 g4 f7 g9 i8"),
    "s": ("g4 d3 b5 f6 g8 d9 b8", "a8 d3 f6 f8 c9 a8"),
    "u": ("b4 b8 e9 g7 / |g4 g9", "a5 b4 b8 e8 g4 |g8 i9"),
    "v": ("|b3 e9 h3", "a4 c4 e9 g4 i4"),
    "w": ("b4 c9 e6 g9 h4", "a4 b8 d8 e5 f9 h8 h4 i5"),
    "z": ("|b4 g4 b9 g9", "b3 f3 c6 f7 d9 b8"),
}
DIGITS, LETTERS = "123456789", "".join(name for name in GLYPHS if name.isalpha())
GRID = 32  # pixels a side on which an invented letter is judged
FREE = 0.35  # how far apart, in half-sides, strokes of an invented letter stay but for where they join


def written(character: str, sampler: Sampler) -> list[Stroke]:
    """A digit or letter as one hand writes it: its points moved, its corners more or less round, some parts larger."""
    loose = sampler.between(0.02, 0.1)
    swell = sampler.rng.uniform(-0.14, 0.14, (2, 3))  # some hands write wide bowls, high waists, bent stems
    strokes = []
    for part in sampler.pick(GLYPHS[character]).split("/"):
        tension = sampler.between(0.0, 0.25) if part.strip().startswith("|") else sampler.between(0.55, 1.0)
        places = part.replace("|", " ").split()
        points = np.array([((ord(place[0]) - ord("e")) / 4 * 0.75, (int(place[1]) - 5) / 4) for place in places])
        x, y = points.T
        points = points + np.stack([x * x, x * y, y * y], axis=1) @ swell.T
        points = points + sampler.rng.standard_normal(points.shape) * loose
        for end, inner in ((0, 1), (-1, -2)):  # the pen lands early or leaves late
            points[end] += (points[end] - points[inner]) * sampler.between(-0.08, 0.12)
        strokes.append(curve(points, tension=tension))
    lean = sampler.between(-0.35, 0.35)
    return [stroke @ np.array([[1, 0], [lean, 1]]) for stroke in strokes]


def digit(sampler: Sampler) -> list[Stroke]:
    return written(sampler.pick(DIGITS), sampler)


def letter(sampler: Sampler) -> list[Stroke]:
    return written(sampler.pick(LETTERS), sampler)


def word(sampler: Sampler) -> list[Stroke]:
    """Two to five letters or digits in a line."""
    strokes, at = [], 0.0
    alphabet = DIGITS if sampler.happens(0.25) else LETTERS
    for _ in range(sampler.count(2, 5)):
        shift = np.array([at, sampler.between(-0.1, 0.1)])
        strokes += [stroke + shift for stroke in written(sampler.pick(alphabet), sampler)]
        at += sampler.between(1.7, 2.2)
    return fit(strokes)


def invented(sampler: Sampler) -> list[Stroke]:
    """A letter of no alphabet: lines and bows that join, but neither cross nor close nor meet by threes."""
    for _ in range(40):
        strokes = [_line(sampler) for _ in range(sampler.count(2, 4))]
        if _is_letter(strokes):
            return strokes
    return letter(sampler)


def _line(sampler: Sampler) -> Stroke:
    """A straight or slightly bent line from one of sixteen points to another."""
    while True:
        start, end = sampler.rng.integers(0, 4, (2, 2)) / 1.5 - 1
        if np.hypot(*(end - start)) > 0.6:
            break
    way = end - start
    middle = (start + end) / 2 + np.array([-way[1], way[0]]) * sampler.between(-0.22, 0.22) * sampler.happens(0.5)
    points = np.array([start, middle, end]) + sampler.rng.standard_normal((3, 2)) * 0.04
    return curve(points, tension=sampler.between(0.3, 1))


def _is_letter(strokes: list[Stroke]) -> bool:
    """Whether strokes make neither a ring (closed, or as good as closed) nor a cross, a plus, a K, a Y or a y."""
    for at, one in enumerate(strokes):
        others = strokes[:at] + strokes[at + 1 :]
        if any(_apart(_middle(one), _middle(other)) < FREE for other in others):
            return False
        for other in others:  # a T may not lean: it would be a y
            joins = min(_apart(end[None], _middle(other)) for end in one[[0, -1]]) < FREE
            if joins and not (_upright(one) and _upright(other)):
                return False
        if any(sum(_apart(end[None], other) < FREE for other in others) > 1 for end in one[[0, -1]]):
            return False
    board = np.full((GRID, GRID), 255, np.uint8)
    for stroke in strokes:
        cv2.polylines(board, [np.round((stroke * 0.3 + 0.5) * GRID).astype(np.int32)], False, 0, 5)
    return cv2.connectedComponents(board, connectivity=4)[0] == 2  # the strokes, and one ground around them


def _middle(stroke: Stroke) -> Stroke:
    """The inner half."""
    return stroke[len(stroke) // 4 : -len(stroke) // 4]


def _upright(stroke: Stroke) -> bool:
    """Whether a stroke goes across or down, give or take 20 degrees."""
    across, down = np.abs(stroke[-1] - stroke[0])
    return bool(min(across, down) < 0.36 * max(across, down))


def _apart(one: np.ndarray, other: np.ndarray) -> float:
    """The least distance between the points of two strokes."""
    return float(np.hypot(*(one[:, None] - other[None]).transpose(2, 0, 1)).min())
