"""What marks are drawn on: sheets and boards as colours in [0, 1], before light and shadow."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from ox_classifier.synthetic.sampler import Sampler

Sheet = np.ndarray  # (height, width, 3) float32 in [0, 1]
Maker = Callable[[Sampler, int, np.ndarray], Sheet]


def lay(sampler: Sampler, size: int, kinds: dict[str, tuple[float, Maker]], gaps: np.ndarray) -> Sheet:
    """A square sheet or board of `size` pixels, one of `kinds`: PAPERS or BOARDS.

    `gaps` is the space the mark leaves at the top, right, bottom and left, in fractions of the side: a printed box
    stays within it.
    """
    own = sampler.share(list(kinds), HELD_OUT)
    kind = sampler.pick({name: kinds[name][0] for name in own})
    sampler.note(paper=kind)
    return kinds[kind][1](sampler, size, gaps)


def _blank(sampler: Sampler, size: int, low: float, high: float, tint: float = 0.05) -> Sheet:
    """An even colour with a fine grain."""
    colour = sampler.between(low, high) * (1 - tint * sampler.rng.random(3))
    sheet = np.empty((size, size, 3), np.float32)
    sheet[:] = colour
    if sampler.happens(0.5):
        coarse = max(4, int(size / sampler.between(1, 4)))
        grain = sampler.rng.standard_normal((coarse, coarse), dtype=np.float32) * sampler.between(0, 0.03)
        sheet += cv2.resize(grain, (size, size), interpolation=cv2.INTER_CUBIC)[:, :, None]
    return sheet


def _rule(
    sheet: Sheet, sampler: Sampler, *, both: bool, pitch: tuple[float, float] = (0.12, 0.6), dash: bool = False
) -> Sheet:
    """Print lines across, or across and down, at one pitch (fraction of the side)."""
    size = len(sheet)
    step, width = sampler.scale(*pitch) * size, max(1, round(size * sampler.scale(0.004, 0.012)))
    colour = np.array(
        [sampler.pick(((0.4, 0.5, 0.8), (0.5, 0.5, 0.5), (0.3, 0.6, 0.6), (0.8, 0.45, 0.45), (0.2, 0.2, 0.25)))]
    )
    fade = sampler.between(0.1, 0.6)
    for axis in (0, 1) if both else (sampler.pick((0, 0, 0, 1)),):
        for at in np.arange(sampler.between(0, step), size, step).astype(int):
            band = sheet[at : at + width] if axis == 0 else sheet[:, at : at + width]
            if dash:
                gap = max(2, int(size * 0.02))
                band = band[:, gap::gap] if axis == 0 else band[gap::gap]
            band *= 1 - fade * (1 - colour.astype(np.float32))
    return sheet


def _plain(sampler: Sampler, size: int, _: np.ndarray) -> Sheet:
    return _blank(sampler, size, 0.8, 1.0)


def _ruled(sampler: Sampler, size: int, _: np.ndarray) -> Sheet:
    return _rule(_blank(sampler, size, 0.85, 1.0), sampler, both=False)


def _squared(sampler: Sampler, size: int, _: np.ndarray) -> Sheet:
    return _rule(_blank(sampler, size, 0.85, 1.0), sampler, both=True, pitch=(0.07, 0.5))


def _dashed(sampler: Sampler, size: int, _: np.ndarray) -> Sheet:
    return _rule(_blank(sampler, size, 0.85, 1.0), sampler, both=sampler.happens(0.5), dash=True)


def _dotted(sampler: Sampler, size: int, _: np.ndarray) -> Sheet:
    sheet, step = _blank(sampler, size, 0.8, 1.0), sampler.scale(0.1, 0.4) * size
    radius, grey = max(1, round(size * sampler.scale(0.004, 0.01))), sampler.between(0.3, 0.75)
    start = sampler.rng.random(2) * step
    for y in np.arange(start[0], size, step):
        for x in np.arange(start[1], size, step):
            cv2.circle(sheet, (int(x), int(y)), radius, (grey, grey, grey), -1)
    return sheet


def _boxed(sampler: Sampler, size: int, gaps: np.ndarray) -> Sheet:
    """A printed answer box, sometimes with the next one beside it."""
    sheet, width = _blank(sampler, size, 0.85, 1.0), max(1, round(size * sampler.scale(0.006, 0.025)))
    top, right, bottom, left = np.clip(gaps, 0, 0.25) * sampler.rng.uniform(0.3, 0.9, 4) * size
    low, high = np.array([left, top]), np.array([size - right, size - bottom])
    ink = tuple((sampler.between(0, 0.6) * (1 - 0.3 * sampler.rng.random(3))).tolist())
    cv2.rectangle(sheet, low.astype(int).tolist(), high.astype(int).tolist(), ink, width)
    if sampler.happens(0.3):
        step = int(high[0] - low[0])
        shift = (low[0] + sampler.pick((-1, 1)) * step, low[1]), (high[0] + sampler.pick((-1, 1)) * step, high[1])
        cv2.rectangle(sheet, *[np.array(corner).astype(int).tolist() for corner in shift], ink, width)
    return sheet


def _kraft(sampler: Sampler, size: int, _: np.ndarray) -> Sheet:
    """Brown or coloured card, envelopes, sticky notes."""
    sheet = _blank(sampler, size, 0.85, 1.0)
    return sheet * np.array(
        sampler.pick(((0.8, 0.65, 0.45), (1, 0.95, 0.5), (1, 0.75, 0.8), (0.7, 0.9, 1), (0.75, 0.95, 0.7))), np.float32
    )


def _newsprint(sampler: Sampler, size: int, _: np.ndarray) -> Sheet:
    """Recycled paper with specks and with what is printed on its back showing through."""
    sheet = _blank(sampler, size, 0.6, 0.85, tint=0.12)
    for _ in range(sampler.count(5, 60)):
        x, y = sampler.rng.integers(0, size, 2)
        sheet[y : y + 2, x : x + sampler.count(1, 4)] *= sampler.between(0.6, 0.95)
    ghost = cv2.resize(sampler.rng.random((max(4, size // 9), max(3, size // 18)), dtype=np.float32), (size, size))
    return sheet * (1 - 0.04 * sampler.rng.random() * (ghost > 0.6))[:, :, None].astype(np.float32)


def _whiteboard(sampler: Sampler, size: int, _: np.ndarray) -> Sheet:
    """A white surface with traces that the eraser left."""
    sheet = _blank(sampler, size, 0.7, 1.0)
    if sampler.happens(0.5):
        smear = cv2.resize(sampler.rng.random((5, 5), dtype=np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
        sheet *= 1 - sampler.between(0, 0.12) * smear[:, :, None]
    return sheet


def _glass(sampler: Sampler, size: int, _: np.ndarray) -> Sheet:
    """A window: soft shapes of what is behind the glass."""
    blobs = cv2.resize(sampler.rng.random((4, 4, 3), dtype=np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    return _blank(sampler, size, 0.35, 0.9) * (1 - sampler.between(0.02, 0.25) * np.clip(blobs, 0, 1))


def _blackboard(sampler: Sampler, size: int, _: np.ndarray) -> Sheet:
    sheet = _blank(sampler, size, 0.08, 0.3, tint=0.5)
    dust = cv2.resize(sampler.rng.random((12, 12), dtype=np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    return sheet + sampler.between(0, 0.15) * np.clip(dust, 0, 1)[:, :, None] ** 2


def _black_card(sampler: Sampler, size: int, _: np.ndarray) -> Sheet:
    return _blank(sampler, size, 0.02, 0.2, tint=0.6)


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
