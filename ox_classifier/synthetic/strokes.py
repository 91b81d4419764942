"""Pen strokes as polylines, and what is done to any of them: fit into a box, smooth, shake. Knows no pixels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ox_classifier.synthetic.sampler import Sampler

Stroke = np.ndarray  # (n, 2) float64: x to the right, y down
Hand = Callable[[Sampler], list[Stroke]]
POINTS = 72  # in one turn or arm: no corner can be seen at 200 pixels


def fit(strokes: list[Stroke]) -> list[Stroke]:
    """Move and scale strokes so that their box is centred on 0 and its longer half-side is 1."""
    points = np.concatenate(strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    half = max(float((high - low).max()) / 2, 1e-6)
    return [(stroke - (low + high) / 2) / half for stroke in strokes]


def curve(points: np.ndarray, *, tension: float = 1.0) -> Stroke:
    """Catmull-Rom spline through `points`; tension 0 gives straight sides."""
    padded = np.concatenate([points[:1], points, points[-1:]])
    p0, p1, p2, p3 = padded[:-3, None], padded[1:-2, None], padded[2:-1, None], padded[3:, None]
    t = np.linspace(0, 1, 14)[None, :, None]
    m1, m2 = tension * (p2 - p0) / 2, tension * (p3 - p1) / 2
    pieces = (
        (2 * t**3 - 3 * t**2 + 1) * p1 + (t**3 - 2 * t**2 + t) * m1 + (3 * t**2 - 2 * t**3) * p2 + (t**3 - t**2) * m2
    )
    return pieces.reshape(-1, 2)


def shake(stroke: Stroke, tremor: float, sampler: Sampler) -> Stroke:
    """Draw the stroke with an unsteady hand: `tremor` is the standard deviation, in half-sides, of a smooth error."""
    knots = sampler.count(5, 16)
    at, t = np.linspace(0, 1, knots), np.linspace(0, 1, len(stroke))
    sway = sampler.rng.standard_normal((knots, 2)) * tremor
    ease = np.stack([np.interp(t, at, sway[:, k]) for k in (0, 1)], axis=1)
    return stroke + ease


def by_mouse(stroke: Stroke, sampler: Sampler) -> Stroke:
    """Keep a few points and join them by straight lines, as a slow mouse or touch screen reports them."""
    keep = np.linspace(0, len(stroke) - 1, max(4, int(len(stroke) / POINTS * sampler.trait(7, 22)))).astype(int)
    return stroke[keep]
