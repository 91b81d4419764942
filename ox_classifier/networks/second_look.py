"""The same picture seen a second time, made small: what a frozen base makes of it joins what it makes of the whole."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import layers

from ox_classifier.networks.builders import ImageShape

SIDE = 96  # of the small picture, the shorter one if they differ
LEAST = 192  # of a picture that is seen twice: a smaller one is about as small as the second look
SAMPLES = 16  # at most, along each side, of which the mean is one pixel of the small picture

Step = Callable[[keras.KerasTensor], keras.KerasTensor]


def fits(image_shape: ImageShape) -> bool:
    """Whether images of a shape are large enough to be seen a second time."""
    return min(image_shape[:2]) >= LEAST


def joined(shown: keras.KerasTensor, steps: Sequence[Step], first: keras.KerasTensor) -> keras.KerasTensor:
    """The mean of `first`, what all `steps` make of `shown`, and of what they make of it made small; no parameters.

    The small picture's few places are laid over those of the whole, so that a head gets as many features as before.
    From afar a base sees the whole of a figure where from near it sees pieces of strokes: with both, a head tells more
    of what is no mark from marks.
    """
    again = _small(shown)
    for step in steps:
        again = step(again)
    for axis in (1, 2):
        places, there = first.shape[axis], again.shape[axis]
        again = keras.ops.take(again, (np.arange(places) * there // places).tolist(), axis=axis)
    return layers.Average(name="both_looks", dtype="float32")([first, again])


def _small(shown: keras.KerasTensor) -> keras.KerasTensor:
    """The picture with SIDE pixels on its shorter side, each the mean of what lies in its place.

    One axis after the other, whose pixels are first repeated so that a whole number of them makes one of the small
    picture: 224 pixels three times each, of which seven are one of 96. Where no small number of repeats does that, as
    many of the nearest pixels are taken. It is made of operations that every format and runtime has.
    """
    sides = shown.shape[1:3]
    for axis, side in zip((1, 2), sides, strict=True):
        wanted = round(SIDE * side / min(sides))
        samples = side // math.gcd(side, wanted)
        if samples > SAMPLES:
            samples = max(SAMPLES, -(-side // wanted))
        nearest = np.arange(wanted * samples) * side // (wanted * samples)
        shown = keras.ops.take(shown, nearest.tolist(), axis=axis)
        shown = layers.AveragePooling2D((samples, 1) if axis == 1 else (1, samples), name=f"smaller_{axis}")(shown)
    return shown
