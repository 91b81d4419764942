"""How people draw an X: two strokes or one, straight, curved, looped, uneven, retraced, with ticks."""

from __future__ import annotations

import math

import numpy as np

from ox_classifier.synthetic.sampler import Sampler
from ox_classifier.synthetic.strokes import POINTS, Hand, Stroke, curve


def _ends(sampler: Sampler, spread: float = 0.16) -> list[np.ndarray]:
    """Top left, bottom right, top right, bottom left, each a little off."""
    corners = np.array([[-1, -1], [1, 1], [1, -1], [-1, 1]], dtype=float)
    return list(corners + np.clip(sampler.rng.standard_normal((4, 2)), -1.8, 1.8) * spread)


def _arm(start: np.ndarray, end: np.ndarray, sampler: Sampler, *, bow: float = 0.05, sway: float = 0.03) -> Stroke:
    """A stroke from `start` to `end`, bent into an arc by at most `bow` and into an S by at most `sway`."""
    t = np.linspace(0, 1, POINTS)[:, None]
    way = end - start
    normal = np.array([-way[1], way[0]])
    side = sampler.between(-bow, bow) * 4 * t * (1 - t) + sampler.between(-sway, sway) * np.sin(2 * math.pi * t)
    return start + way * t + normal * side


def _straight(sampler: Sampler) -> list[Stroke]:
    a, b, c, d = _ends(sampler, sampler.trait(0.03, 0.2))
    return _order([_arm(a, b, sampler), _arm(c, d, sampler)], sampler)


def _curved(sampler: Sampler) -> list[Stroke]:
    a, b, c, d = _ends(sampler)
    bow, sway = sampler.trait(0.08, 0.3), sampler.trait(0.0, 0.2)
    return _order([_arm(a, b, sampler, bow=bow, sway=sway), _arm(c, d, sampler, bow=bow, sway=sway)], sampler)


def _uneven(sampler: Sampler) -> list[Stroke]:
    """Arms of unequal length that cross off-centre, at any angle; the extremes look like a y, a tick or a v."""
    crossing = np.array([sampler.trait(-0.45, 0.45), sampler.trait(-0.65, 0.65)])
    strokes = []
    for lean in (1, -1):
        angle = lean * (math.pi / 4 + sampler.trait(-0.5, 0.5))
        way = np.array([math.cos(angle), math.sin(angle)])
        ahead, behind = (
            min(1.5, (1 + end * crossing[1]) / abs(way[1])) * sampler.trait(0.65, 1.1) for end in (-lean, lean)
        )
        strokes.append(_arm(crossing - behind * way, crossing + ahead * way, sampler, bow=0.1, sway=0.05))
    return _order(strokes, sampler)


def _joined(sampler: Sampler) -> list[Stroke]:
    """One stroke without lifting the pen: one arm, along a side, the other arm; sometimes all of it back again."""
    rounded = sampler.trait(0.0, 0.45)
    paths = []
    for _ in range(2 if sampler.happens(0.3) else 1):
        a, b, c, d = _ends(sampler, 0.13)
        side = [[b[0] + rounded * 0.6, (2 * b[1] + c[1]) / 3], [c[0] + rounded * 0.6, (b[1] + 2 * c[1]) / 3]]
        path = np.array([a, (a + b) / 2, b, *side, c, (c + d) / 2, d])
        paths.append(path[::-1] if paths else path)
    return [_turned(curve(np.concatenate(paths), tension=sampler.between(0.3, 0.9)), sampler)]


def _cursive(sampler: Sampler) -> list[Stroke]:
    """A long arm with curls at its ends, crossed by a second stroke or by its own return loop."""
    curl, rise = sampler.trait(0.1, 0.5), sampler.trait(0.1, 0.45)
    spine = np.array(
        [
            [-1 - curl / 2, -1 + rise],
            [-0.85, -1],
            [-0.5, -0.75],
            [0, 0],
            [0.5, 0.75],
            [0.85, 1],
            [1 + curl / 2, 1 - rise],
        ]
    )
    spine = curve(spine + sampler.rng.standard_normal(spine.shape) * 0.05)
    if sampler.happens(0.35):  # small loop at the foot, then back up and across
        end = spine[-1]
        loop = np.array([end, [1.1, 0.3], [0.95, -0.9], [0.75, -1], [0, 0.05], [-0.8, 1.0]])
        return [np.concatenate([spine, curve(loop + sampler.rng.standard_normal(loop.shape) * 0.05)])]
    _, _, c, d = _ends(sampler, 0.12)
    return _order([spine, _arm(c, d, sampler, bow=0.15, sway=0.1)], sampler)


def _back_to_back(sampler: Sampler) -> list[Stroke]:
    """Two arcs, as in ")(", that touch or cross in the middle."""
    arcs = []
    sweep, width, over = sampler.trait(0.8, 2.1), sampler.trait(0.8, 1.3), sampler.trait(-0.02, 0.13)
    for side in (-1, 1):
        reach = sweep * sampler.trait(0.85, 1.15)
        angle = np.linspace(-reach, reach, POINTS) + sampler.trait(-0.2, 0.2)
        away = width * (1 - np.cos(angle)) / max(1 - math.cos(reach), 0.4)
        arcs.append(np.stack([side * (away - over), np.sin(angle) / math.sin(min(reach, math.pi / 2))], axis=1))
    return _order(arcs, sampler)


def _retraced_cross(sampler: Sampler) -> list[Stroke]:
    """Arms drawn several times over, in one stroke or in several."""
    strokes = []
    a, b, c, d = _ends(sampler, 0.12)
    for start, end in ((a, b), (c, d)):
        times = sampler.count(1, 3) if strokes else sampler.count(2, 3)
        lines, at, to = [], start, end
        for _ in range(times):
            lines.append(
                _arm(at + sampler.rng.standard_normal(2) * 0.06, to + sampler.rng.standard_normal(2) * 0.06, sampler)
            )
            at, to = to, at
        strokes += [np.concatenate(lines)] if sampler.happens(0.6) else lines
    return strokes


def _ticked(sampler: Sampler) -> list[Stroke]:
    """Arms with serifs, ticks or hooks where the pen landed or left."""
    strokes = []
    for stroke in sampler.pick((_straight, _curved, _uneven, _uneven))(sampler):
        if sampler.happens(0.8):
            way = stroke[-1] - stroke[0]
            angle = sampler.pick((-1, 1)) * sampler.trait(1.2, 2.7)
            turned = np.array(
                [
                    way[0] * math.cos(angle) - way[1] * math.sin(angle),
                    way[0] * math.sin(angle) + way[1] * math.cos(angle),
                ]
            )
            tick = stroke[-1] + turned * sampler.trait(0.05, 0.22)
            stroke = np.concatenate([stroke, np.linspace(stroke[-1], tick, 10)[1:]])
        strokes.append(stroke)
    return strokes


def _order(strokes: list[Stroke], sampler: Sampler) -> list[Stroke]:
    """Either arm first, each drawn from either end."""
    strokes = [stroke[:: sampler.pick((-1, 1))] for stroke in strokes]
    return strokes[:: sampler.pick((-1, 1))]


def _turned(stroke: Stroke, sampler: Sampler) -> Stroke:
    """The stroke mirrored, or with x and y swapped, so that its open side is left, right, above or below."""
    stroke = stroke * np.array([sampler.pick((-1, 1)), sampler.pick((-1, 1))])
    return stroke[:, ::-1] if sampler.happens(0.35) else stroke


HANDS: dict[str, tuple[float, Hand]] = {
    "straight": (27, _straight),
    "curved": (12, _curved),
    "uneven": (16, _uneven),
    "joined": (10, _joined),
    "cursive": (8, _cursive),
    "back-to-back": (9, _back_to_back),
    "retraced": (9, _retraced_cross),
    "ticked": (12, _ticked),
}
