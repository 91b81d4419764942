"""What a pen leaves on the paper: strokes in pixels → how much ink covers each pixel, 0..1."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ox_classifier.synthetic.sampler import Sampler

FINE = 4  # sub-pixels along a pixel's side: a line a quarter of a pixel wide can still be drawn
SHIFT = 4  # fractional bits of OpenCV's coordinates


@dataclass(frozen=True)
class Pen:
    """A pen's tip, `width` pixels wide; the other numbers go from 0 to 1.

    `vary` is how much the width changes along a stroke, `taper` how much it shrinks at the ends, `grain` how much of
    the paper's grain shows through.
    """

    width: float
    smooth: bool = True  # antialiased, or every pixel on or off
    flat: float = 0.0  # 0 a round tip, up to 0.8 a chisel tip
    vary: float = 0.0
    taper: float = 0.0
    grain: float = 0.0
    opacity: float = 1.0


def cover(strokes: list[np.ndarray], shape: tuple[int, int], pen: Pen, sampler: Sampler) -> np.ndarray:
    """Draw strokes, (n, 2) in pixels, with a pen; returns float32 coverage, shape (height, width).

    Where strokes of a translucent pen cross, the ink is darker.
    """
    bare = np.ones(shape, np.float32)
    for stroke in strokes:
        bare *= 1 - pen.opacity * _trace(stroke, shape, pen, sampler)
    ink = 1 - bare
    if pen.grain:
        ink *= _tooth(shape, pen, sampler)
    return ink


def broken(cover: np.ndarray, width: float, sampler: Sampler) -> np.ndarray:
    """Ink with gaps about as long as the pen is wide, as a hard threshold leaves of a faint stroke."""
    cells = max(3, int(len(cover) / max(width * sampler.scale(1, 3), 2)))
    noise = cv2.resize(sampler.rng.random((cells, cells), dtype=np.float32), cover.shape[::-1])
    return cover * (noise > np.quantile(noise, sampler.between(0.03, 0.18)))


def _trace(stroke: np.ndarray, shape: tuple[int, int], pen: Pen, sampler: Sampler) -> np.ndarray:
    """The coverage of one stroke, before opacity and grain."""
    fine = FINE if pen.smooth else 1
    canvas = np.zeros((shape[0] * fine, shape[1] * fine), np.uint8)
    points = (stroke + 0.5) * fine - 0.5
    width = max(pen.width * fine, 1.0)
    if pen.flat and pen.smooth:
        _chisel(canvas, points, width, pen.flat, sampler.between(0, np.pi))
    elif (pen.vary or pen.taper) and len(stroke) > 3:
        _varied(canvas, points, _profile(len(points), pen, sampler) * width)
    else:
        fixed = np.round(points * (1 << SHIFT)).astype(np.int32)
        cv2.polylines(canvas, [fixed.reshape(-1, 1, 2)], False, 255, max(1, round(width)), cv2.LINE_8, SHIFT)
    ink = canvas.astype(np.float32) / 255
    if fine > 1:
        ink = cv2.resize(ink, shape[::-1], interpolation=cv2.INTER_AREA)
        ink *= min(1.0, pen.width * fine)
    return ink


def _varied(canvas: np.ndarray, points: np.ndarray, widths: np.ndarray) -> None:
    fixed = np.round(points).astype(int).tolist()
    for start, end, width in zip(fixed[:-1], fixed[1:], widths.tolist(), strict=False):
        cv2.line(canvas, start, end, 255, max(1, round(width)), cv2.LINE_8)


def _chisel(canvas: np.ndarray, points: np.ndarray, width: float, flat: float, angle: float) -> None:
    """Sweep a tilted segment along the stroke: broad across it, thin along it."""
    half = width / 2 * np.array([np.cos(angle), np.sin(angle)])
    sides = np.stack([points[:-1] + half, points[1:] + half, points[1:] - half, points[:-1] - half], axis=1)
    for quad in np.round(sides).astype(np.int32):
        cv2.fillConvexPoly(canvas, quad, 255)
    fixed = np.round(points).astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(canvas, [fixed], False, 255, max(1, round(width * (1 - flat))))


def _profile(points: int, pen: Pen, sampler: Sampler) -> np.ndarray:
    """Width along the stroke, as a factor near 1: it changes with the pressure and shrinks at the ends."""
    t = np.linspace(0, 1, points)
    knots = sampler.count(3, 7)
    profile = 1 + pen.vary * np.interp(t, np.linspace(0, 1, knots), sampler.rng.uniform(-0.6, 0.6, knots))
    return (
        profile
        * (1 - pen.taper * np.clip((t - 0.6) / 0.4, 0, 1) ** 2)
        * (1 - pen.taper / 2 * np.clip(1 - t / 0.15, 0, 1))
    )


def _tooth(shape: tuple[int, int], pen: Pen, sampler: Sampler) -> np.ndarray:
    """The paper's grain as a factor: where a pencil, chalk or dry marker leaves less ink."""
    size = sampler.between(1.0, 2.5)
    coarse = (max(2, int(shape[0] / size)), max(2, int(shape[1] / size)))
    noise = cv2.resize(sampler.rng.random(coarse, dtype=np.float32), shape[::-1], interpolation=cv2.INTER_LINEAR)
    return 1 - pen.grain * np.clip((noise - 0.35) * 3, 0, 1)
