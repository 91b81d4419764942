"""How a hand draws a mark: in which way, how squeezed, tilted and unsteady. Knows neither pen nor paper."""

from __future__ import annotations

import math

import numpy as np

from ox_classifier.synthetic import crosses, other_strokes, rings
from ox_classifier.synthetic.sampler import Sampler
from ox_classifier.synthetic.strokes import Stroke, by_mouse, fit, shake

OTHER = "other"  # what is drawn where a mark was expected, and is none
NOTHING = "nothing"  # what stands around a mark, and no mark
HANDS = {"o": rings.HANDS, "x": crosses.HANDS, OTHER: other_strokes.HANDS}
# lines so close that a broad pen would fill the gaps
BREADTH = dict.fromkeys(("joined", "cursive", "back-to-back", "spiral"), 1.3) | other_strokes.BREADTH


def draw(label: str, sampler: Sampler) -> tuple[list[Stroke], float]:
    """Draw one mark as one hand would; the strokes fill a box centred on 0 whose longer half-side is 1.

    `OTHER` draws what is no mark, `NOTHING` no strokes. Returns the strokes and the narrowest breadth of the mark's
    body, so that a pen thinner than the hole of an O can be chosen.
    """
    if label == NOTHING:
        return [], 2.0
    ways = HANDS[label]
    hand = sampler.pick({name: weight for name, (weight, _) in ways.items()})
    strokes = ways[hand][1](sampler)
    squeezed = sampler.happens(0.45) and hand != "uneven"  # an uneven cross has chosen its own angles
    aspect = math.exp(sampler.trait(-0.9, 0.6) if squeezed else sampler.trait(-0.2, 0.2))
    tilt = math.radians(_tilt(sampler, hand))
    tremor = sampler.trait(0.0, 0.012) if sampler.happens(0.6) else sampler.trait(0.01, 0.05)
    squeeze = np.array([aspect, 1.0]) / max(aspect, 1.0)
    turn = np.array([[math.cos(tilt), math.sin(tilt)], [-math.sin(tilt), math.cos(tilt)]])
    strokes = [shake(stroke * squeeze, tremor, sampler) @ turn for stroke in strokes]
    if sampler.happens(0.2):
        strokes = [by_mouse(stroke, sampler) for stroke in strokes]
    sampler.note(hand=hand, aspect=aspect, tilt=math.degrees(tilt), tremor=tremor)
    return fit(strokes), BREADTH.get(hand, 2.0) * float(squeeze.min())


def _tilt(sampler: Sampler, hand: str) -> float:
    """The tilt in degrees: mostly small, sometimes so large that an X is nearly a plus; a T never becomes an X."""
    if sampler.happens(0.55) or hand in other_strokes.HANDS:
        return sampler.trait(-14, 14)
    return sampler.trait(-42, 42) if hand not in ("cursive", "back-to-back", "uneven") else sampler.trait(-22, 22)
