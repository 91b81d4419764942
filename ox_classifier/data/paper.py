"""What marks are drawn on: sheets and boards as colours in [0, 1] before any light falls on them."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from ox_classifier.data.chance import Chance

Sheet = np.ndarray  # (height, width, 3) float32 in [0, 1]
Maker = Callable[[Chance, int, np.ndarray], Sheet]


def lay(chance: Chance, size: int, kinds: dict[str, tuple[float, Maker]], gaps: np.ndarray) -> Sheet:
    """A square sheet or board of `size` pixels, one of `kinds`: PAPERS or BOARDS.

    `gaps` is the space the mark leaves at the top, right, bottom and left, in fractions of the side: a printed box
    stays within it.
    """
    own = chance.share(list(kinds), HELD_OUT)
    kind = chance.pick({name: kinds[name][0] for name in own})
    chance.note(paper=kind)
    return kinds[kind][1](chance, size, gaps)


def _blank(chance: Chance, size: int, low: float, high: float, tint: float = 0.05) -> Sheet:
    """An even colour with a fine grain."""
    colour = chance.between(low, high) * (1 - tint * chance.rng.random(3))
    sheet = np.empty((size, size, 3), np.float32)
    sheet[:] = colour
    if chance.happens(0.5):
        coarse = max(4, int(size / chance.between(1, 4)))
        grain = chance.rng.standard_normal((coarse, coarse), dtype=np.float32) * chance.between(0, 0.03)
        sheet += cv2.resize(grain, (size, size), interpolation=cv2.INTER_CUBIC)[:, :, None]
    return sheet


def _rule(
    sheet: Sheet, chance: Chance, *, both: bool, pitch: tuple[float, float] = (0.12, 0.6), dash: bool = False
) -> Sheet:
    """Print lines across, or across and down, at one pitch (fraction of the side)."""
    size = len(sheet)
    step, width = chance.scale(*pitch) * size, max(1, round(size * chance.scale(0.004, 0.012)))
    colour = np.array(
        [chance.pick(((0.4, 0.5, 0.8), (0.5, 0.5, 0.5), (0.3, 0.6, 0.6), (0.8, 0.45, 0.45), (0.2, 0.2, 0.25)))]
    )
    fade = chance.between(0.1, 0.6)
    for axis in (0, 1) if both else (chance.pick((0, 0, 0, 1)),):
        for at in np.arange(chance.between(0, step), size, step).astype(int):
            band = sheet[at : at + width] if axis == 0 else sheet[:, at : at + width]
            if dash:
                gap = max(2, int(size * 0.02))
                band = band[:, gap::gap] if axis == 0 else band[gap::gap]
            band *= 1 - fade * (1 - colour.astype(np.float32))
    return sheet


def _plain(chance: Chance, size: int, _: np.ndarray) -> Sheet:
    return _blank(chance, size, 0.8, 1.0)


def _ruled(chance: Chance, size: int, _: np.ndarray) -> Sheet:
    return _rule(_blank(chance, size, 0.85, 1.0), chance, both=False)


def _squared(chance: Chance, size: int, _: np.ndarray) -> Sheet:
    return _rule(_blank(chance, size, 0.85, 1.0), chance, both=True, pitch=(0.07, 0.5))


def _dashed(chance: Chance, size: int, _: np.ndarray) -> Sheet:
    return _rule(_blank(chance, size, 0.85, 1.0), chance, both=chance.happens(0.5), dash=True)


def _dotted(chance: Chance, size: int, _: np.ndarray) -> Sheet:
    sheet, step = _blank(chance, size, 0.8, 1.0), chance.scale(0.1, 0.4) * size
    radius, grey = max(1, round(size * chance.scale(0.004, 0.01))), chance.between(0.3, 0.75)
    start = chance.rng.random(2) * step
    for y in np.arange(start[0], size, step):
        for x in np.arange(start[1], size, step):
            cv2.circle(sheet, (int(x), int(y)), radius, (grey, grey, grey), -1)
    return sheet


def _boxed(chance: Chance, size: int, gaps: np.ndarray) -> Sheet:
    """A printed answer box, square-cornered or a row of them."""
    sheet, width = _blank(chance, size, 0.85, 1.0), max(1, round(size * chance.scale(0.006, 0.025)))
    top, right, bottom, left = np.clip(gaps, 0, 0.25) * chance.rng.uniform(0.3, 0.9, 4) * size
    low, high = np.array([left, top]), np.array([size - right, size - bottom])
    ink = tuple((chance.between(0, 0.6) * (1 - 0.3 * chance.rng.random(3))).tolist())
    cv2.rectangle(sheet, low.astype(int).tolist(), high.astype(int).tolist(), ink, width)
    if chance.happens(0.3):
        step = int(high[0] - low[0])
        shift = (low[0] + chance.pick((-1, 1)) * step, low[1]), (high[0] + chance.pick((-1, 1)) * step, high[1])
        cv2.rectangle(sheet, *[np.array(corner).astype(int).tolist() for corner in shift], ink, width)
    return sheet


def _kraft(chance: Chance, size: int, _: np.ndarray) -> Sheet:
    """Brown or coloured card, envelopes, sticky notes."""
    sheet = _blank(chance, size, 0.85, 1.0)
    return sheet * np.array(
        chance.pick(((0.8, 0.65, 0.45), (1, 0.95, 0.5), (1, 0.75, 0.8), (0.7, 0.9, 1), (0.75, 0.95, 0.7))), np.float32
    )


def _newsprint(chance: Chance, size: int, _: np.ndarray) -> Sheet:
    """Recycled paper with specks and the back of the page shining through."""
    sheet = _blank(chance, size, 0.6, 0.85, tint=0.12)
    for _ in range(chance.count(5, 60)):
        x, y = chance.rng.integers(0, size, 2)
        sheet[y : y + 2, x : x + chance.count(1, 4)] *= chance.between(0.6, 0.95)
    ghost = cv2.resize(chance.rng.random((max(4, size // 9), max(3, size // 18)), dtype=np.float32), (size, size))
    return sheet * (1 - 0.04 * chance.rng.random() * (ghost > 0.6))[:, :, None].astype(np.float32)


def _whiteboard(chance: Chance, size: int, _: np.ndarray) -> Sheet:
    """Enamel with what the eraser left."""
    sheet = _blank(chance, size, 0.7, 1.0)
    if chance.happens(0.5):
        smear = cv2.resize(chance.rng.random((5, 5), dtype=np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
        sheet *= 1 - chance.between(0, 0.12) * smear[:, :, None]
    return sheet


def _glass(chance: Chance, size: int, _: np.ndarray) -> Sheet:
    """A window or a dark table behind glass: soft shapes of anything."""
    blobs = cv2.resize(chance.rng.random((4, 4, 3), dtype=np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    return _blank(chance, size, 0.35, 0.9) * (1 - chance.between(0.02, 0.25) * np.clip(blobs, 0, 1))


def _blackboard(chance: Chance, size: int, _: np.ndarray) -> Sheet:
    sheet = _blank(chance, size, 0.08, 0.3, tint=0.5)
    dust = cv2.resize(chance.rng.random((12, 12), dtype=np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    return sheet + chance.between(0, 0.15) * np.clip(dust, 0, 1)[:, :, None] ** 2


def _black_card(chance: Chance, size: int, _: np.ndarray) -> Sheet:
    return _blank(chance, size, 0.02, 0.2, tint=0.6)


HELD_OUT = ("dashed", "newsprint", "black-card")  # kept for test images
PAPERS: dict[str, tuple[float, Maker]] = {
    "plain": (30, _plain),
    "ruled": (10, _ruled),
    "squared": (10, _squared),
    "dashed": (4, _dashed),
    "dotted": (6, _dotted),
    "boxed": (10, _boxed),
    "kraft": (6, _kraft),
    "newsprint": (5, _newsprint),
}
BOARDS: dict[str, tuple[float, Maker]] = {
    "whiteboard": (10, _whiteboard),
    "glass": (5, _glass),
    "blackboard": (5, _blackboard),
    "black-card": (3, _black_card),
}
