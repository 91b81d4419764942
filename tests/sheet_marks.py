"""Marks to fill printed sheets with: the ink of strangers' real marks, else drawn ones; struck out and doubled, too."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ox_classifier.synthetic import handwriting
from ox_classifier.synthetic.ink import Pen, cover
from ox_classifier.synthetic.sampler import Sampler
from tests.conftest import REAL

# those of `REAL` that are photographs of pens and pencils on paper, where the mark can be told from what stands around
SOURCES = (
    "nmaszin kosmipolita_crops pokawa_crops natalia_szymczyk_crops vourer_crops vitaliivlo_crops wad321_cells "
    "sofibrezden_crops bendikjohansen charan2k"
).split()
CLASSES = ("o", "x")
SIDE = 160  # pixels of a drawn mark
LEAST_CONTRAST = 0.12  # of ink against its paper: what is paler is no photograph of a mark that a teacher could read


def inks() -> dict[str, list[np.ndarray]]:
    """For each class, what share of the light each mark lets through: float32 in [0, 1], (h, w, 3), cut tight.

    Real ones where they are at hand, else 60 drawn ones of each class.
    """
    found: dict[str, list[np.ndarray]] = {}
    for label in CLASSES:
        paths = [path for source in SOURCES for path in sorted((REAL / source / label).glob("*"))]
        found[label] = [ink for ink in map(lifted, paths) if ink is not None] or [drawn(label, n) for n in range(60)]
    return found


def lifted(path: Path) -> np.ndarray | None:
    """The ink of a photographed mark without the paper; None where lines of a board can't be told from it."""
    pixels = np.asarray(Image.open(path).convert("RGB"), np.float32)
    if max(pixels.shape) > 200:
        scale = 200 / max(pixels.shape[:2])
        pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    side = min(pixels.shape[:2])
    if side < 40:
        return None
    wide = 2 * (side // 4) + 1
    paper = cv2.blur(cv2.morphologyEx(pixels, cv2.MORPH_CLOSE, np.ones((wide, wide), np.uint8)), (wide, wide))
    through = np.clip(pixels / np.maximum(paper, 1), 0, 1)
    dark = 1 - through.min(axis=2)
    level = max(LEAST_CONTRAST, 0.45 * float(np.quantile(dark, 0.98)))
    count, labels, stats, _ = cv2.connectedComponentsWithStats((dark > level).astype(np.uint8), connectivity=8)
    height, width = dark.shape
    kept = np.zeros(dark.shape, np.uint8)
    for label in range(1, count):
        left, top, across, down, area = stats[label]
        at_edge = left <= 1 or top <= 1 or left + across >= width - 1 or top + down >= height - 1
        if at_edge and max(across, down) > 0.3 * side:
            return None
        if not at_edge and area >= 12 and max(across, down) > 0.15 * side:
            kept[labels == label] = 1
    if not kept.any():
        return None
    near = cv2.GaussianBlur(cv2.dilate(kept, np.ones((5, 5), np.uint8)).astype(np.float32), (0, 0), 1)[:, :, None]
    rows, columns = np.flatnonzero(kept.any(axis=1)), np.flatnonzero(kept.any(axis=0))
    if max(np.ptp(rows), np.ptp(columns)) < 0.3 * side:
        return None
    clean = np.clip((1 - through - 0.04) / 0.96, 0, 1) * near
    low = np.maximum([rows[0] - 3, columns[0] - 3], 0)
    return 1 - clean[low[0] : rows[-1] + 4, low[1] : columns[-1] + 4]


def drawn(label: str, seed: int) -> np.ndarray:
    """A mark as the project's own generator draws its strokes, by a pen of any kind."""
    sampler = Sampler((181, seed, ord(label[0])), "test")
    strokes, _ = handwriting.draw(label, sampler)
    return written([SIDE / 2 + stroke * SIDE * 0.42 for stroke in strokes], sampler)


def written(strokes: list[np.ndarray], sampler: Sampler, shape: tuple[int, int] = (SIDE, SIDE)) -> np.ndarray:
    pen = Pen(min(shape) * sampler.scale(0.025, 0.07), vary=sampler.between(0, 0.4), grain=sampler.between(0, 0.3))
    colour = np.array(sampler.pick(((25, 25, 30), (20, 35, 120), (70, 70, 75), (150, 25, 30)))) / 255
    return (1 - cover(strokes, shape, pen, sampler)[:, :, None] * (1 - colour)).astype(np.float32)


def struck_out(ink: np.ndarray, sampler: Sampler) -> np.ndarray:
    """A mark that its writer took back: lines through it, or a scribble over it, by a pen like its own."""
    height, width = ink.shape[:2]
    middle, half = np.array([width, height]) / 2, np.array([width, height]) / 2
    if sampler.happens(0.5):
        lines = []
        for place in np.linspace(-0.25, 0.25, sampler.count(2, 4)):
            slope = sampler.between(-0.25, 0.25)
            ends = np.array([[-1.0, place - slope], [0, place + sampler.between(-0.08, 0.08)], [1.0, place + slope]])
            lines.append(middle + ends * half * 0.98)
    else:
        turns = sampler.count(7, 13)
        zigzag = np.stack([np.linspace(-0.85, 0.85, turns), np.where(np.arange(turns) % 2, 0.75, -0.75)], axis=1)
        lines = [middle + (zigzag + sampler.rng.standard_normal(zigzag.shape) * 0.08) * half]
    dark = 1 - ink.min(axis=2)
    inked = dark > 0.5 * dark.max()
    colour = np.median(ink[inked], axis=0)
    thick = max(2.0, 2 * float(np.median(cv2.distanceTransform(inked.astype(np.uint8), cv2.DIST_L2, 3)[inked])))
    over = cover(lines, (height, width), Pen(min(thick, 0.09 * min(height, width))), sampler)[:, :, None]
    return (ink * (1 - over * (1 - colour))).astype(np.float32)


def doubled(one: np.ndarray, other: np.ndarray, sampler: Sampler) -> np.ndarray:
    """Two answers in one box: the second over the first, or beside it."""
    if sampler.happens(0.6):
        side = max(*one.shape[:2], *other.shape[:2])
        return padded(one, side) * padded(other, side)
    height = max(one.shape[0], other.shape[0])
    first, second = (
        cv2.resize(ink, (max(8, ink.shape[1] * height // ink.shape[0]), height), interpolation=cv2.INTER_AREA)
        for ink in (one, other)
    )
    return np.concatenate([first, np.ones((height, height // 8, 3), np.float32), second], axis=1)


def padded(ink: np.ndarray, side: int) -> np.ndarray:
    """A mark stretched, keeping its shape, to fill a square."""
    scale = side / max(ink.shape[:2])
    size = (max(1, round(ink.shape[1] * scale)), max(1, round(ink.shape[0] * scale)))
    ink = cv2.resize(ink, size, interpolation=cv2.INTER_LINEAR)
    square = np.ones((side, side, 3), np.float32)
    top, left = (side - ink.shape[0]) // 2, (side - ink.shape[1]) // 2
    square[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return square
