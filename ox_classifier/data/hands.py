"""A hand draws a mark: which way of drawing it, how squeezed, tilted and unsteady. Knows neither pen nor paper."""

from __future__ import annotations

import math

import numpy as np

from ox_classifier.data import crosses, rings
from ox_classifier.data.chance import Chance
from ox_classifier.data.strokes import Stroke, by_mouse, fit, shake

HANDS = {"o": rings.HANDS, "x": crosses.HANDS}
DENSE = ("joined", "cursive", "back-to-back", "spiral")  # lines run so close that a broad pen would fill the mark


def draw(label: str, chance: Chance) -> tuple[list[Stroke], float]:
    """Draw one mark the way some hand would; the strokes fill a box centred on 0 whose longer half-side is 1.

    Returns the strokes and the narrowest breadth of the mark's body, so that the pen can stay thinner than the hole.
    """
    ways = HANDS[label]
    hand = chance.pick({name: weight for name, (weight, _) in ways.items()})
    strokes = ways[hand][1](chance)
    squeezed = chance.happens(0.45) and hand != "uneven"  # which chooses its own angle
    aspect = math.exp(chance.trait(-0.9, 0.6) if squeezed else chance.trait(-0.2, 0.2))
    tilt = math.radians(_tilt(chance, hand))
    tremor = chance.trait(0.0, 0.012) if chance.happens(0.6) else chance.trait(0.01, 0.05)
    squeeze = np.array([aspect, 1.0]) / max(aspect, 1.0)
    turn = np.array([[math.cos(tilt), math.sin(tilt)], [-math.sin(tilt), math.cos(tilt)]])
    strokes = [shake(stroke * squeeze, tremor, chance) @ turn for stroke in strokes]
    if chance.happens(0.2):
        strokes = [by_mouse(stroke, chance) for stroke in strokes]
    chance.note(hand=hand, aspect=aspect, tilt=math.degrees(tilt), tremor=tremor)
    return fit(strokes), (1.3 if hand in DENSE else 2.0) * float(squeeze.min())


def _tilt(chance: Chance, hand: str) -> float:
    """Degrees: most hands slant a little, some turn the paper, up to where an X is nearly a plus."""
    if chance.happens(0.55):
        return chance.trait(-14, 14)
    return chance.trait(-42, 42) if hand not in ("cursive", "back-to-back", "uneven") else chance.trait(-22, 22)
