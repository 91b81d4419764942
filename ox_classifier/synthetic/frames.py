"""Frames around a mark: printed boxes, hand-drawn cells, whole boards. They say nothing of the class."""

from __future__ import annotations

import math

import cv2
import numpy as np

from ox_classifier.synthetic import colours, handwriting, ink
from ox_classifier.synthetic.sampler import Sampler
from ox_classifier.synthetic.strokes import curve

FRAMED = 0.24  # the share of pictures with a frame around the mark
KINDS = {"box": 30, "drawn": 30, "row": 12, "hash": 14, "board": 14}
LEAST = 20  # pixels a side: in fewer, a frame can't be told from the mark in it
CORNERS = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], dtype=float)


def layer(sampler: Sampler, side: int, gaps: np.ndarray, *, often: float) -> np.ndarray | None:
    """How much a frame covers each pixel, float32 of shape (side, side), or None where there is none.

    `gaps` is the space the mark leaves at the top, right, bottom and left, in fractions of the side: the frame keeps
    clear of the mark, and may leave the picture. What it is drawn from is no part of the mark's own random numbers:
    the same mark comes with and without a frame (`Sampler.framed`).
    """
    sampler = sampler.child("frame")
    if side < LEAST or not (sampler.happens(often) if sampler.framed is None else sampler.framed):
        return None
    kind = sampler.pick(KINDS)
    width = max(sampler.scale(0.006, 0.09) * side, 1.0)
    cell = _cell(sampler, side, gaps, width)
    if kind == "box":
        strokes = [_closed(cell, sampler)]
        if sampler.happens(0.15):  # a second line outside the first
            strokes.append(_closed(_scaled(cell, sampler.between(1.12, 1.3)), sampler))
    elif kind == "drawn":
        strokes = _drawn(cell, sampler)
    elif kind == "row":
        way = (cell[1] - cell[0]) * sampler.between(1.0, 1.25)
        if sampler.happens(0.3):
            way = (cell[3] - cell[0]) * sampler.between(1.0, 1.25)
        strokes = [_closed(cell + way * step, sampler) for step in (-2, -1, 0, 1, 2)]
    else:
        strokes = _hash(cell, sampler, long=sampler.between(1.4, 4))
    pen = ink.Pen(width, smooth=not sampler.happens(0.2), vary=sampler.between(0, 0.6) * (kind != "box"))
    cover = ink.cover(strokes, (side, side), pen, sampler)
    if kind == "board" or (kind == "row" and sampler.happens(0.5)):
        marks = _neighbours(cell, sampler, across=1 if kind == "row" else 2)
        if marks:
            cover = np.maximum(cover, ink.cover(marks, (side, side), ink.Pen(max(width * 0.8, 1.0)), sampler))
    return cover if cover.max() > 0.3 else None  # else all of it is outside the picture


def _cell(sampler: Sampler, side: int, gaps: np.ndarray, width: float) -> np.ndarray:
    """The four corners of the mark's cell in pixels: turned, seen at an angle, and clear of the mark."""
    top, right, bottom, left = gaps * side
    centre = np.array([(left + side - right) / 2, (top + side - bottom) / 2])
    half = np.array([side - right - left, side - bottom - top]) / 2
    degrees = sampler.pick({6.0: 45, 25.0: 30, 45.0: 25})
    turn = math.radians(sampler.between(-degrees, degrees))
    cos, sin = math.cos(turn), math.sin(turn)
    reach = np.array([abs(cos) * half[0] + abs(sin) * half[1], abs(sin) * half[0] + abs(cos) * half[1]])
    if sampler.happens(0.6):
        reach[:] = reach.max()
    room = np.array([sampler.scale(1.12, 2.3), sampler.scale(1.12, 2.3)])
    if sampler.happens(0.6):
        room[:] = room[0]
    size = reach * room + width * 0.7 + max(0.015 * side, 1.0)
    corners = CORNERS * size
    tallest = float((room - 1).min())
    corners = corners + np.clip(sampler.rng.standard_normal((4, 2)), -1.5, 1.5) * 0.15 * tallest * reach
    shift = sampler.rng.uniform(-0.5, 0.5, 2) * (room - 1) * reach
    return (corners + shift) @ np.array([[cos, sin], [-sin, cos]]) + centre


def _scaled(cell: np.ndarray, factor: float) -> np.ndarray:
    return cell.mean(axis=0) + (cell - cell.mean(axis=0)) * factor


def _closed(cell: np.ndarray, sampler: Sampler) -> np.ndarray:
    """A line through the corners and back, with round corners or sharp ones."""
    if sampler.happens(0.75):
        return np.concatenate([np.linspace(cell[i - 1], cell[i], 8) for i in range(4)] + [cell[3:4]])
    cut = sampler.between(0.04, 0.15)  # more would make a ring of it
    points = [
        cell[i] + (cell[j % 4] - cell[i]) * cut for i in range(4) for j in (i - 1, i + 1)
    ]  # two points beside each corner
    ring = np.array([points[0], *points[1:], points[0]])
    return curve(ring, tension=0.5)


def _drawn(cell: np.ndarray, sampler: Sampler) -> list[np.ndarray]:
    """Four sides by hand: they miss each other or run over, and none is quite straight."""
    if sampler.happens(0.35):  # in one go
        ends = np.concatenate([cell, cell[:1] + sampler.rng.standard_normal((1, 2)) * np.ptp(cell) * 0.03])
        return [curve(ends, tension=sampler.between(0, 0.35))]
    strokes = []
    for i in range(4):
        start, end = cell[i - 1], cell[i]
        way = end - start
        over = sampler.rng.uniform(-0.06, 0.2, 2)
        bend = ((start + end) / 2 - cell.mean(axis=0)) * sampler.between(0, 0.06)  # outwards
        strokes.append(curve(np.array([start - way * over[0], (start + end) / 2 + bend, end + way * over[1]])))
    return strokes


def _hash(cell: np.ndarray, sampler: Sampler, *, long: float) -> list[np.ndarray]:
    """The cell's sides drawn on past its corners, as on a board; seldom one of them is missing."""
    strokes = []
    for i in range(4):
        if sampler.happens(0.12):
            continue
        middle, way = (cell[i - 1] + cell[i]) / 2, (cell[i] - cell[i - 1]) / 2
        bend = (middle - cell.mean(axis=0)) * sampler.between(0, 0.06)
        strokes.append(curve(np.array([middle - way * long, middle + bend, middle + way * long])))
    return strokes


def _neighbours(cell: np.ndarray, sampler: Sampler, *, across: int) -> list[np.ndarray]:
    """Marks of either class in the cells beside this one."""
    warp = cv2.getPerspectiveTransform(CORNERS.astype(np.float32), cell.astype(np.float32))
    strokes: list[np.ndarray] = []
    for row in (-1, 0, 1) if across == 2 else (0,):
        for column in (-1, 0, 1):
            if (row, column) == (0, 0) or not sampler.happens(0.55):
                continue
            mark, _ = handwriting.draw(sampler.pick(("o", "x")), sampler.child(f"neighbour {row} {column}"))
            half, centre = sampler.between(0.4, 0.75), np.array([column, row]) * 2.0
            for stroke in mark:
                flat = (stroke * half + centre).astype(np.float32).reshape(-1, 1, 2)
                strokes.append(cv2.perspectiveTransform(flat, warp).reshape(-1, 2).astype(float))
    return strokes


def on_sheet(
    sampler: Sampler, sheet: np.ndarray, gaps: np.ndarray, pen: np.ndarray, *, hard: bool = False
) -> np.ndarray:
    """The sheet with a frame around the mark's place, in the pen's colour or another; often as it was."""
    frame = layer(sampler, len(sheet), gaps, often=FRAMED)
    if frame is None:
        return sheet
    own = sampler.child("frame colour")
    colour = pen if own.happens(0.6) else own.rng.random(3)
    sampler.note(frame=True)
    return colours.laid((frame > 0.5).astype(np.float32) if hard else frame, sheet, colour)


def over(sampler: Sampler, cover: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """The coverage of a mark with that of a frame around it; often as it was."""
    frame = layer(sampler, len(cover), gaps, often=FRAMED)
    if frame is None:
        return cover
    sampler.note(frame=True)
    return np.maximum(cover, frame)
