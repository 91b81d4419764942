"""The kinds of pictures that show marks: paint, memo, font, pen, marker, board, scan, bitmap. One function each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from ox_classifier.synthetic import camera, fonts, ink, paper, surroundings
from ox_classifier.synthetic.sampler import Sampler

Pixels = np.ndarray  # (height, width, 3) uint8
LUMA = np.array((0.3, 0.6, 0.1))
INKS = (
    (0.08, 0.08, 0.1),
    (0.1, 0.15, 0.5),
    (0.05, 0.2, 0.7),
    (0.7, 0.08, 0.1),
    (0.05, 0.45, 0.25),
    (0.4, 0.1, 0.5),
    (0.9, 0.4, 0.05),
    (0.35, 0.2, 0.1),
)
CHALKS = ((0.95, 0.95, 0.92), (0.95, 0.9, 0.5), (0.95, 0.65, 0.7), (0.6, 0.8, 0.95))


# --- on a screen ---


def _screen_colours(sampler: Sampler) -> tuple[np.ndarray, np.ndarray]:
    """Ground and ink, at least 0.2 apart in brightness."""
    kind = sampler.pick({"white": 45, "black": 15, "pale": 12, "dark": 8, "any": 20})
    sampler.note(ground=kind)
    while True:
        ground = {
            "white": np.ones(3),
            "black": np.zeros(3),
            "pale": 1 - sampler.rng.random(3) * 0.3,
            "dark": sampler.rng.random(3) * 0.3,
            "any": sampler.rng.random(3),
        }[kind]
        pen = (
            sampler.rng.random(3)
            if sampler.happens(0.5)
            else np.full(3, 1 - round(float(ground.mean()))) + (sampler.rng.random(3) - 0.5) * 0.3
        )
        pen = np.clip(pen, 0, 1)
        if abs(float((ground - pen) @ LUMA)) > 0.2:
            return ground.astype(np.float32), pen.astype(np.float32)


def _flat(cover: np.ndarray, ground: np.ndarray, pen: np.ndarray) -> np.ndarray:
    return ground + cover[:, :, None] * (pen - ground)


def _paint(label: str, sampler: Sampler, _: Sequence[fonts.Font]) -> Pixels:
    """Drawn in a paint program: one colour, hard edges."""
    side = sampler.count(90, 200)
    ground, colour = _screen_colours(sampler)
    strokes, breadth, gaps = surroundings.mark(label, sampler, side)
    pen = ink.Pen(
        surroundings.width(sampler, side, breadth, 0.005, 0.14), smooth=False, vary=0.3 * sampler.happens(0.2)
    )
    cover = ink.cover(strokes + surroundings.around(sampler, side, gaps, often=0.25), (side, side), pen, sampler)
    return _bytes(_flat(cover, ground, colour))


def _memo(label: str, sampler: Sampler, _: Sequence[fonts.Font]) -> Pixels:
    """Drawn in a notes app: smooth lines, sometimes on ruled or squared paper."""
    side = sampler.count(90, 200)
    ground, colour = _screen_colours(sampler)
    strokes, breadth, gaps = surroundings.mark(label, sampler, side)
    pen = ink.Pen(
        surroundings.width(sampler, side, breadth, 0.003, 0.12),
        vary=sampler.between(0, 1.0) * sampler.happens(0.5),
        taper=sampler.between(0, 0.8) * sampler.happens(0.3),
        opacity=1.0 if sampler.happens(0.7) else sampler.between(0.35, 1),
    )
    cover = ink.cover(strokes + surroundings.around(sampler, side, gaps, often=0.25), (side, side), pen, sampler)
    sheet = np.broadcast_to(ground, (side, side, 3))
    if sampler.happens(0.12):
        sheet = sheet * paper.lay(sampler, side, {name: paper.PAPERS[name] for name in ("ruled", "squared")}, gaps)
    return _bytes(_flat(cover, sheet, colour))


# --- printed ---


def _font(label: str, sampler: Sampler, found: Sequence[fonts.Font]) -> Pixels:
    """A printed letter or sign, on a screen or photographed on paper."""
    side = sampler.count(90, 200)
    cover = _printed(label, sampler, side, found)
    gaps = surroundings.gaps(np.argwhere(cover >= cover.max() / 2)[:, ::-1], side)
    if sampler.happens(0.25):
        margin = sampler.between(0.03, 0.12)
        sheet = paper.lay(sampler, side, paper.PAPERS, gaps)
        tint = np.array(sampler.pick(INKS), np.float32)
        scene = sheet * (1 - cover[:, :, None] * (1 - tint))
        pad = int(side * margin)
        scene = cv2.copyMakeBorder(scene, pad, pad, pad, pad, cv2.BORDER_REFLECT)
        return camera.photograph(scene, side, sampler, detail=3.0, slack=float(gaps.min()) * side)
    ground, colour = _screen_colours(sampler)
    if sampler.happens(0.25):
        cover = (cover > 0.5).astype(np.float32)
    around = surroundings.around(sampler, side, gaps, often=0.2)
    if around:
        cover = np.maximum(cover, ink.cover(around, (side, side), ink.Pen(sampler.scale(0.005, 0.03) * side), sampler))
    return _bytes(_flat(cover, ground, colour))


def _printed(label: str, sampler: Sampler, side: int, found: Sequence[fonts.Font]) -> np.ndarray:
    """Coverage of one glyph of one font: slanted, bold, hollow, turned or as it is."""
    families = sampler.share(sorted({font.family for font in found}), fonts.held_out(found))
    family = sampler.pick(families)
    font = sampler.pick([font for font in found if font.family == family])
    character = sampler.pick(getattr(font, label))
    bold = sampler.count(1, 6) if sampler.happens(0.25) else 0
    glyph = fonts.glyph(font, character, 150, bold=bold, hollow=bold > 1 and sampler.happens(0.3))
    centre, half = surroundings.place(sampler, side)
    height, width = glyph.shape
    zoom = 2 * half / max(height, width)
    slant, turn = (
        sampler.trait(-0.3, 0.3) * sampler.happens(0.35),
        math.radians(sampler.trait(-30, 30)) * sampler.happens(0.5),
    )
    matrix = (
        np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
        @ np.array([[1, slant], [0, 1]])
        * zoom
    )
    matrix = matrix * np.array([[math.exp(sampler.trait(-0.4, 0.4) * sampler.happens(0.3)), 1]])
    offset = centre - matrix @ np.array([width / 2, height / 2])
    sampler.note(font=font.name, character=character)
    glyph = cv2.GaussianBlur(glyph, (0, 0), 0.45 / zoom) if zoom < 0.7 else glyph
    return cv2.warpAffine(glyph, np.hstack([matrix, offset[:, None]]), (side, side), flags=cv2.INTER_LINEAR)


# --- photographed ---


def _photo(
    label: str, sampler: Sampler, pen: Callable[[float, float], ink.Pen], kinds: dict, colours: Sequence
) -> Pixels:
    """Draw on a sheet a little larger than what the camera sees, then photograph it."""
    side = sampler.count(110, 180)
    margin = int(side * sampler.between(0.03, 0.14))
    strokes, breadth, gaps = surroundings.mark(label, sampler, side)
    sheet = paper.lay(sampler, side + 2 * margin, kinds, (gaps * side + margin) / (side + 2 * margin))
    tip = pen(side, breadth)
    dark = sheet.mean() < 0.45
    colours = CHALKS if dark else colours
    solid = dark or sampler.happens(0.3)  # chalk and paint hide the sheet, ink only darkens it
    colour = _visible(sampler, colours, sheet, tip.opacity)
    sampler.note(dark=bool(dark))
    inked = ink.cover([stroke + margin for stroke in strokes], sheet.shape[:2], tip, sampler)
    around = [stroke + margin for stroke in surroundings.around(sampler, side, gaps, often=0.5)]
    if around and sampler.happens(0.75):
        inked = np.maximum(inked, ink.cover(around, sheet.shape[:2], tip, sampler))
    elif around:
        other = np.array(sampler.pick(colours), np.float32)
        lines = ink.cover(around, sheet.shape[:2], ink.Pen(sampler.scale(0.008, 0.05) * side), sampler)
        sheet = sheet + lines[:, :, None] * (other - sheet)
    stain = colour if solid else sheet * colour
    scene = sheet + inked[:, :, None] * (stain - sheet)
    slack = float(gaps.min()) * side  # the view moves no further than the free space around the mark
    return camera.photograph(scene.astype(np.float32), side, sampler, detail=tip.width, slack=slack)


def _visible(sampler: Sampler, colours: Sequence, sheet: np.ndarray, opacity: float) -> np.ndarray:
    """An ink that stands out from the sheet by at least 0.15 in brightness."""
    ground = float(sheet.mean(axis=(0, 1)) @ LUMA)
    while True:
        colour = np.array(sampler.pick(colours)) * sampler.between(0.75, 1.0) + sampler.rng.uniform(0, 0.12, 3)
        if opacity * abs(ground - float(colour @ LUMA)) > 0.15:
            return colour


def _pen(label: str, sampler: Sampler, _: Sequence[fonts.Font]) -> Pixels:
    """A photo of a mark in ballpoint, pencil or ink on paper."""

    def tip(side: float, breadth: float) -> ink.Pen:
        return ink.Pen(
            surroundings.width(sampler, side, breadth, 0.006, 0.035),
            vary=sampler.between(0, 0.8),
            taper=sampler.between(0, 0.7) * sampler.happens(0.4),
            grain=sampler.between(0.1, 0.8) if sampler.happens(0.35) else 0.0,
            opacity=sampler.between(0.5, 1.0),
        )

    return _photo(label, sampler, tip, paper.PAPERS, INKS)


def _marker(label: str, sampler: Sampler, _: Sequence[fonts.Font]) -> Pixels:
    """A photo of a mark in marker or felt pen on paper."""

    def tip(side: float, breadth: float) -> ink.Pen:
        return ink.Pen(
            surroundings.width(sampler, side, breadth, 0.02, 0.12),
            flat=sampler.between(0.3, 0.75) if sampler.happens(0.3) else 0.0,
            vary=sampler.between(0, 0.4),
            grain=sampler.between(0.1, 0.6) if sampler.happens(0.25) else 0.0,
            opacity=sampler.between(0.55, 1.0),
        )

    return _photo(label, sampler, tip, paper.PAPERS, INKS)


def _board(label: str, sampler: Sampler, _: Sequence[fonts.Font]) -> Pixels:
    """A photo of a mark on a whiteboard, a blackboard or glass."""

    def tip(side: float, breadth: float) -> ink.Pen:
        return ink.Pen(
            surroundings.width(sampler, side, breadth, 0.01, 0.07),
            vary=sampler.between(0, 0.5),
            grain=sampler.between(0.2, 0.8) if sampler.happens(0.4) else 0.0,
            opacity=sampler.between(0.4, 1.0),
        )

    return _photo(label, sampler, tip, paper.BOARDS, INKS)


# --- few levels or few pixels ---


def _scan(label: str, sampler: Sampler, _: Sequence[fonts.Font]) -> Pixels:
    """Black on white or white on black, with remains of a cell's border at the edges."""
    side = sampler.count(28, 160)
    strokes, breadth, gaps = surroundings.mark(label, sampler, side)
    width = surroundings.width(sampler, side, breadth, 0.012, 0.13)
    pen = ink.Pen(max(width, 1.2), vary=sampler.between(0, 0.9), grain=sampler.between(0, 1) * sampler.happens(0.2))
    cover = ink.cover(strokes, (side, side), pen, sampler)
    if sampler.happens(0.5):
        cover = np.maximum(cover, surroundings.ragged_border(sampler, side, gaps))
    else:
        cover = np.maximum(
            cover, ink.cover(surroundings.around(sampler, side, gaps, often=0.5), (side, side), pen, sampler)
        )
    noise = cv2.GaussianBlur(
        sampler.rng.standard_normal((side, side), dtype=np.float32), (0, 0), sampler.between(0.5, 1.5)
    )
    grey = cv2.GaussianBlur(1 - cover, (0, 0), sampler.between(0.2, 0.5) * min(pen.width, 3)) + noise * sampler.between(
        0, 0.25
    )
    white = (
        camera.threshold(np.clip(grey * 0.8, 0, 1), sampler)
        if sampler.happens(0.4)
        else (grey > sampler.between(0.45, 0.75)).astype(np.float32)
    )
    if sampler.happens(0.4):
        white = cv2.GaussianBlur(white, (0, 0), sampler.between(0.3, 0.8))
    inverse = sampler.happens(0.5)
    sampler.note(white_on_black=inverse)
    return _bytes(np.repeat((1 - white if inverse else white)[:, :, None], 3, axis=2))


def _bitmap(label: str, sampler: Sampler, _: Sequence[fonts.Font]) -> Pixels:
    """10 to 32 pixels a side, drawn pixel by pixel or shrunk from something larger."""
    side = sampler.count(10, 32)
    strokes, breadth, gaps = surroundings.mark(label, sampler, side)
    # thinner than in other sources: in so few pixels a loop in a stroke would be filled
    width = max(surroundings.width(sampler, side, breadth * 0.8, max(0.04, 0.8 / side), 0.16), 0.8)
    around = surroundings.around(sampler, side, gaps, often=0.15)
    if sampler.happens(0.45):
        cover = ink.cover(strokes + around, (side, side), ink.Pen(width, smooth=False), sampler)
    else:
        cover = ink.cover(strokes + around, (side, side), ink.Pen(width, vary=sampler.between(0, 0.5)), sampler)
        cover = np.clip(cover * sampler.between(1, 2.5), 0, 1)
    if sampler.happens(0.75):
        ground, colour = (np.zeros(3), np.ones(3)) if sampler.happens(0.5) else (np.ones(3), np.zeros(3))
        sampler.note(ground="black" if ground[0] == 0 else "white")
    else:
        ground, colour = _screen_colours(sampler)
    return _bytes(_flat(cover, ground, colour))


def _bytes(picture: np.ndarray) -> Pixels:
    return np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)


Source = Callable[[str, Sampler, Sequence[fonts.Font]], Pixels]
SOURCES: dict[str, tuple[float, Source]] = {
    "paint": (15, _paint),
    "memo": (15, _memo),
    "font": (8, _font),
    "pen": (13, _pen),
    "marker": (11, _marker),
    "board": (10, _board),
    "scan": (14, _scan),
    "bitmap": (14, _bitmap),
}
PHOTOGRAPHED = ("pen", "marker", "board")
