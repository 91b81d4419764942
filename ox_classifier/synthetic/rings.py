"""How people draw an O: closed or open, with one turn or up to three, round, square, drop-shaped or with a tail."""

from __future__ import annotations

import math

import numpy as np

from ox_classifier.synthetic.sampler import Sampler
from ox_classifier.synthetic.strokes import POINTS, Hand, Stroke, curve


def _ring(
    sampler: Sampler, *, turns: float = 1.0, drift: float = 0.0, power: float = 2.0, bumps: float = 0.06
) -> Stroke:
    """One stroke around a centre: `power` 2 is a circle, 4 nearly a square; `drift` is how much
    the radius grows in a turn."""
    t = np.linspace(0, turns, max(12, int(POINTS * turns)))
    start = sampler.trait(-math.pi, math.pi) if sampler.happens(0.4) else -math.pi / 2 + sampler.trait(-0.9, 0.9)
    angle = start + sampler.pick((-1, 1)) * 2 * math.pi * t
    radius = (np.abs(np.cos(angle)) ** power + np.abs(np.sin(angle)) ** power) ** (-1 / power)
    for k in (2, 3, 4, 5):
        radius = radius * (1 + sampler.between(-bumps, bumps) * np.cos(k * angle + sampler.between(0, 6.3)) * 2 / k)
    radius = radius * (1 + drift * (t - turns / 2))
    wander = 0.05 * max(turns - 1.05, 0) * sampler.rng.standard_normal(2)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius[:, None] + t[:, None] * wander


def _round(sampler: Sampler) -> list[Stroke]:
    ring = _ring(
        sampler, turns=1 + sampler.trait(-0.04, 0.12), drift=sampler.trait(-0.1, 0.1), power=sampler.trait(1.7, 2.6)
    )
    return [_hooked(ring, sampler, inward=True) if sampler.happens(0.25) else ring]


def _open(sampler: Sampler) -> list[Stroke]:
    # with more than a fifth left open it is a C
    ring = _ring(sampler, turns=sampler.trait(0.8, 0.97), drift=sampler.trait(-0.2, 0.2), power=sampler.trait(1.8, 2.6))
    return [_hooked(ring, sampler, inward=sampler.happens(0.7)) if sampler.happens(0.4) else ring]


def _spiral(sampler: Sampler) -> list[Stroke]:
    turns = sampler.trait(1.1, 2.4)
    return [_ring(sampler, turns=turns, drift=sampler.pick((-1, 1)) * sampler.trait(0.1, 0.55) / turns, bumps=0.05)]


def _retraced_ring(sampler: Sampler) -> list[Stroke]:
    if sampler.happens(0.5):
        return [_ring(sampler, turns=sampler.trait(1.5, 3.3), drift=sampler.trait(-0.06, 0.06), bumps=0.05)]
    first, second = _ring(sampler), _ring(sampler)
    return [first, second * sampler.trait(0.82, 1.1) + sampler.rng.standard_normal(2) * 0.06]


def _square(sampler: Sampler) -> list[Stroke]:
    return [
        _ring(sampler, turns=sampler.trait(0.93, 1.08), drift=sampler.trait(-0.15, 0.15), power=sampler.trait(2.6, 6))
    ]


def _drop(sampler: Sampler) -> list[Stroke]:
    """A ring that is pointed at one end, as when an O is closed in a hurry."""
    t = np.linspace(0, 1, POINTS)
    angle = 2 * math.pi * t
    sharp = sampler.trait(0.3, 1.1)
    ring = np.stack([np.sin(angle) * np.sin(angle / 2) ** sharp, -np.cos(angle)], axis=1)
    turn = sampler.pick((0, 0, 0, math.pi, math.pi / 2, -math.pi / 2)) + sampler.trait(-0.5, 0.5)
    ring = ring @ np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    return [ring + sampler.trait(-0.12, 0.12) * np.outer(t, sampler.rng.standard_normal(2))]


def _two_arcs(sampler: Sampler) -> list[Stroke]:
    """A left half and a right half that meet, miss or overlap."""
    halves = []
    for side in (-1, 1):
        reach = math.pi / 2 + sampler.trait(-0.22, 0.3)
        angle = np.linspace(-reach, reach, POINTS // 2)
        half = np.stack([side * np.cos(angle), np.sin(angle)], axis=1)
        halves.append(half + np.array([side * sampler.trait(-0.03, 0.08), sampler.trait(-0.1, 0.1)]))
    return halves


def _tailed(sampler: Sampler) -> list[Stroke]:
    """A ring with a short tail at one end or both, as in a sigma, a six or an alpha."""
    ring = _ring(sampler, turns=sampler.trait(0.95, 1.15), drift=sampler.trait(-0.12, 0.12))
    ring = _hooked(ring, sampler, inward=False)
    return [_hooked(ring[::-1], sampler, inward=False)] if sampler.happens(0.35) else [ring]


def _corners(sampler: Sampler) -> list[Stroke]:
    """A ring of a few nearly straight sides."""
    sides = sampler.count(5, 9)
    ring = _ring(sampler, turns=sampler.trait(0.96, 1.06), bumps=0.1)
    corners = ring[np.linspace(0, len(ring) - 1, sides + 1).astype(int)]
    return [curve(corners, tension=sampler.between(0.0, 0.6))]


def _hooked(stroke: Stroke, sampler: Sampler, *, inward: bool) -> Stroke:
    """Lengthen the end of a ring: inwards as a short hook, outwards as a tail."""
    way = stroke[-1] - stroke[-4]
    way = way / max(float(np.hypot(*way)), 1e-9)
    inside = -stroke[-1] / max(float(np.hypot(*stroke[-1])), 1e-9)
    turn = sampler.trait(0.4, 1.6) if inward else sampler.trait(-1.2, 0.1)
    target = way * math.cos(turn) + inside * math.sin(turn)
    length = sampler.trait(0.12, 0.6) if inward else sampler.trait(0.15, 1.0)
    t = np.linspace(0, 1, 16)[1:, None]
    return np.concatenate([stroke, stroke[-1] + length * (way * t * (1 - t) + target * t * t)])


HANDS: dict[str, tuple[float, Hand]] = {
    "round": (30, _round),
    "open": (16, _open),
    "spiral": (8, _spiral),
    "retraced": (9, _retraced_ring),
    "square": (7, _square),
    "drop": (7, _drop),
    "two-arcs": (5, _two_arcs),
    "tailed": (10, _tailed),
    "corners": (8, _corners),
}
