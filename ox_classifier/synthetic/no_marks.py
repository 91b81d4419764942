"""Pictures without any mark, and without strokes: blank, noise, patterns, clothes, printed pages, photographs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from ox_classifier.synthetic import clothes, colours, fonts, photographs, textures
from ox_classifier.synthetic.sampler import Sampler

Pixels = np.ndarray  # (side, side, 3) uint8
Plain = Callable[[Sampler, int], np.ndarray]
SIDES = (48, 112)  # pixels a side: what is nowhere sharp needs no more
LARGE = ("noise", "clouds")  # kinds that take 5 to 12 KB as PNG


def draw(sampler: Sampler, found: Sequence[fonts.Font] = ()) -> Pixels:
    """One of the kinds below; which one is noted as `no_mark`. Without fonts nothing is printed."""
    kind = sampler.pick({name: weight for name, weight in KINDS.items() if found or name != "page"})
    sampler.note(no_mark=kind)
    side = sampler.count(*SIDES)
    if kind in PHOTOGRAPHS:
        photograph = photographs.taken(PHOTOGRAPHS[kind](sampler, side + 2 * (side // 10)), side, sampler)
        small = sampler.count(24, 48)
        return (
            cv2.resize(photograph, (small, small), interpolation=cv2.INTER_AREA) if sampler.happens(0.2) else photograph
        )
    picture = _page(sampler, side, found) if kind == "page" else PLAIN[kind](sampler, side)
    if picture.ndim == 2:
        grounds = {"clothes": lambda _: _black_and_white(sampler)}.get(kind, _two_colours)
        low, high = grounds(sampler)
        picture = low + picture[:, :, None] * (high - low)
    return np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)


def _black_and_white(sampler: Sampler) -> tuple[np.ndarray, np.ndarray]:
    return (np.zeros(3), np.ones(3)) if sampler.happens(0.8) else _two_colours(sampler)


def _two_colours(sampler: Sampler) -> tuple[np.ndarray, np.ndarray]:
    """Black and white, two greys or two colours."""
    if sampler.happens(0.35):
        return np.zeros(3), np.ones(3)
    if sampler.happens(0.5):
        return np.full(3, sampler.rng.random()), np.full(3, sampler.rng.random())
    return colours.on_screen(sampler)


def _page(sampler: Sampler, side: int, found: Sequence[fonts.Font]) -> np.ndarray:
    """Some lines of print, cut out of a page anywhere; 0 is the paper, 1 the ink."""
    page = np.zeros((side, side), np.float32)
    font = sampler.pick(found)
    size = max(7, int(side * sampler.scale(0.08, 0.3)))
    letters = [character for character in font.other if character.islower()] or font.other
    at = sampler.between(-0.7, 0.3) * size
    while at < side:
        left = sampler.between(-1.5, 0.3) * size
        while left < side:
            text = "".join(sampler.pick(letters) for _ in range(sampler.count(2, 8)))
            word = fonts.glyph(font, text, size)
            _put(page, word, int(at + (size - len(word)) / 2), int(left))
            left += word.shape[1] + size * 0.35
        at += size * sampler.between(1.25, 1.5)
    return page


def _put(page: np.ndarray, ink: np.ndarray, top: int, left: int) -> None:
    """Lay ink on the page, where it is on it."""
    height, width = ink.shape
    inside = (
        page[max(top, 0) : top + height, max(left, 0) : left + width] if top + height > 0 < left + width else page[:0]
    )
    if inside.size:
        cut = ink[max(-top, 0) :, max(-left, 0) :][: inside.shape[0], : inside.shape[1]]
        np.maximum(inside, cut, out=inside)


PLAIN: dict[str, Plain] = {
    "flat": textures.gradient,
    "noise": textures.noise,
    "clouds": textures.clouds,
    "pattern": textures.pattern,
    "clothes": clothes.thing,
}
PHOTOGRAPHS: dict[str, Plain] = {
    "leaves": photographs.leaves,
    "hills": photographs.hills,
    "room": photographs.room,
    "lights": photographs.lights,
    "sheet": photographs.sheet,
    "hand": photographs.hand,
}
KINDS = {
    "flat": 6,
    "noise": 5,
    "clouds": 3,
    "pattern": 5,
    "clothes": 26,
    "page": 4,
    "leaves": 11,
    "hills": 5,
    "room": 6,
    "lights": 3,
    "sheet": 8,
    "hand": 7,
}
