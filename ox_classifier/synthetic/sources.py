"""The kinds of pictures that show marks: paint, memo, font, pen, marker, board, scan, bitmap. One function each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from ox_classifier.synthetic import camera, colours, fonts, frames, handwriting, ink, paper, surroundings
from ox_classifier.synthetic.sampler import Sampler

WORDS = 0.2  # of what is printed and no mark: words, not single characters
Pixels = np.ndarray  # (height, width, 3) uint8


# --- on a screen ---


def _paint(label: str, sampler: Sampler, _: Sequence[fonts.Font]) -> Pixels:
    """Drawn in a paint program: one colour, hard edges."""
    side = sampler.count(90, 200)
    ground, colour = colours.on_screen(sampler)
    strokes, breadth, gaps = surroundings.mark(label, sampler, side)
    pen = ink.Pen(
        surroundings.width(sampler, side, breadth, 0.005, 0.14), smooth=False, vary=0.3 * sampler.happens(0.2)
    )
    cover = ink.cover(strokes + surroundings.around(sampler, side, gaps, often=0.2), (side, side), pen, sampler)
    sheet = frames.on_sheet(sampler, np.broadcast_to(ground, (side, side, 3)), gaps, colour, hard=True)
    return _bytes(colours.laid(cover, sheet, colour))


def _memo(label: str, sampler: Sampler, _: Sequence[fonts.Font]) -> Pixels:
    """Drawn in a notes app: smooth lines, sometimes on ruled or squared paper."""
    side = sampler.count(90, 200)
    ground, colour = colours.on_screen(sampler)
    strokes, breadth, gaps = surroundings.mark(label, sampler, side)
    pen = ink.Pen(
        surroundings.width(sampler, side, breadth, 0.003, 0.12),
        vary=sampler.between(0, 1.0) * sampler.happens(0.5),
        taper=sampler.between(0, 0.8) * sampler.happens(0.3),
        opacity=1.0 if sampler.happens(0.7) else sampler.between(0.35, 1),
    )
    cover = ink.cover(strokes + surroundings.around(sampler, side, gaps, often=0.2), (side, side), pen, sampler)
    sheet = frames.on_sheet(sampler, np.broadcast_to(ground, (side, side, 3)), gaps, colour)
    if sampler.happens(0.12):
        sheet = sheet * paper.lay(sampler, side, {name: paper.PAPERS[name] for name in ("ruled", "squared")}, gaps)
    return _bytes(colours.laid(cover, sheet, colour))


# --- printed ---


def _font(label: str, sampler: Sampler, found: Sequence[fonts.Font]) -> Pixels:
    """A printed letter or sign, on a screen or photographed on paper."""
    side = sampler.count(90, 200)
    cover = _printed(label, sampler, side, found)
    gaps = surroundings.gaps(np.argwhere(cover >= cover.max() / 2)[:, ::-1], side)
    if sampler.happens(0.25):
        margin = sampler.between(0.03, 0.12)
        sheet = paper.lay(sampler, side, paper.PAPERS, gaps)
        tint = np.array(sampler.pick(colours.INKS), np.float32)
        sheet = frames.on_sheet(sampler, sheet, gaps, tint)
        scene = sheet * (1 - cover[:, :, None] * (1 - tint))
        pad = int(side * margin)
        scene = cv2.copyMakeBorder(scene, pad, pad, pad, pad, cv2.BORDER_REFLECT)
        return camera.photograph(scene, side, sampler, detail=3.0, slack=float(gaps.min()) * side)
    ground, colour = colours.on_screen(sampler)
    if sampler.happens(0.25):
        cover = (cover > 0.5).astype(np.float32)
    around = surroundings.around(sampler, side, gaps, often=0.2)
    if around:
        cover = np.maximum(cover, ink.cover(around, (side, side), ink.Pen(sampler.scale(0.005, 0.03) * side), sampler))
    sheet = frames.on_sheet(sampler, np.broadcast_to(ground, (side, side, 3)), gaps, colour)
    return _bytes(colours.laid(cover, sheet, colour))


def _printed(label: str, sampler: Sampler, side: int, found: Sequence[fonts.Font]) -> np.ndarray:
    """Coverage of one glyph of one font: slanted, bold, hollow, turned or as it is."""
    families = sampler.share(sorted({font.family for font in found}), fonts.held_out(found))
    family = sampler.pick(families)
    font = sampler.pick([font for font in found if font.family == family])
    character = sampler.pick(getattr(font, label))
    if label == handwriting.OTHER and sampler.happens(WORDS):
        character = "".join(sampler.pick(font.other) for _ in range(sampler.count(2, 6)))
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


def _photo(label: str, sampler: Sampler, pen: Callable[[float, float], ink.Pen], kinds: dict, inks: Sequence) -> Pixels:
    """Draw on a sheet a little larger than what the camera sees, then photograph it."""
    side = sampler.count(110, 180)
    margin = int(side * sampler.between(0.03, 0.14))
    strokes, breadth, gaps = surroundings.mark(label, sampler, side)
    sheet = paper.lay(sampler, side + 2 * margin, kinds, (gaps * side + margin) / (side + 2 * margin))
    tip = pen(side, breadth)
    dark = sheet.mean() < 0.45
    inks = colours.CHALKS if dark else inks
    solid = dark or sampler.happens(0.3)  # chalk and paint hide the sheet, ink only darkens it
    colour = colours.visible(sampler, inks, sheet, tip.opacity)
    sampler.note(dark=bool(dark))
    inked = ink.cover([stroke + margin for stroke in strokes], sheet.shape[:2], tip, sampler)
    around = [stroke + margin for stroke in surroundings.around(sampler, side, gaps, often=0.5)]
    if around and sampler.happens(0.75):
        inked = np.maximum(inked, ink.cover(around, sheet.shape[:2], tip, sampler))
    elif around:
        other = np.array(sampler.pick(inks), np.float32)
        lines = ink.cover(around, sheet.shape[:2], ink.Pen(sampler.scale(0.008, 0.05) * side), sampler)
        sheet = sheet + lines[:, :, None] * (other - sheet)
    sheet = frames.on_sheet(
        sampler, sheet, (gaps * side + margin) / len(sheet), colour if solid else sheet.mean() * colour
    )
    stain = colour if solid else sheet * colour
    scene = sheet + inked[:, :, None] * (stain - sheet)
    slack = float(gaps.min()) * side  # the view moves no further than the free space around the mark
    return camera.photograph(scene.astype(np.float32), side, sampler, detail=tip.width, slack=slack)


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

    return _photo(label, sampler, tip, paper.PAPERS, colours.INKS)


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

    return _photo(label, sampler, tip, paper.PAPERS, colours.INKS)


def _board(label: str, sampler: Sampler, _: Sequence[fonts.Font]) -> Pixels:
    """A photo of a mark on a whiteboard, a blackboard or glass."""

    def tip(side: float, breadth: float) -> ink.Pen:
        return ink.Pen(
            surroundings.width(sampler, side, breadth, 0.01, 0.07),
            vary=sampler.between(0, 0.5),
            grain=sampler.between(0.2, 0.8) if sampler.happens(0.4) else 0.0,
            opacity=sampler.between(0.4, 1.0),
        )

    return _photo(label, sampler, tip, paper.BOARDS, colours.INKS)


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
    if sampler.happens(0.12):
        cover = ink.broken(cover, pen.width, sampler)
    cover = frames.over(sampler, cover, gaps)
    noise = cv2.GaussianBlur(
        sampler.rng.standard_normal((side, side), dtype=np.float32), (0, 0), sampler.between(0.5, 1.5)
    )
    grey = cv2.GaussianBlur(1 - cover, (0, 0), sampler.between(0.2, 0.5) * min(pen.width, 3)) + noise * sampler.between(
        0, 0.25
    ) * min(1.0, pen.width / 3)  # specks as large as the strokes would hide them
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
    cover = frames.over(sampler, cover, gaps)
    if sampler.happens(0.75):
        ground, colour = (np.zeros(3), np.ones(3)) if sampler.happens(0.5) else (np.ones(3), np.zeros(3))
        sampler.note(ground="black" if ground[0] == 0 else "white")
    else:
        ground, colour = colours.on_screen(sampler)
    return _bytes(colours.laid(cover, ground, colour))


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
