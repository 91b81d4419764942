"""The random numbers behind one drawn image, and which of them are kept for test images."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from zlib import crc32

import numpy as np

POOLS = ("all", "train", "test")
HELD_OUT = ((0.2, 0.3), (0.7, 0.8))  # the parts of every trait's range that are kept for the test pool


class Sampler:
    """Draws everything that varies about one image from one generator, so that its key alone decides its bytes.

    `key` is any tuple of non-negative integers. `pool` keeps train and test images apart: "test" takes its traits from
    the bands of `HELD_OUT` and its fonts and papers from those held out, "train" takes the others, "all" takes any.
    `drawn` collects what was drawn, for marks.csv. `shown` is how a camera shows it: the perspective, shape (3, 3),
    from shares of the sheet's side to shares of the picture's; None where there was no camera. `framed` says whether
    the mark stands in a frame, `joined` whether strokes lead to it as in joined writing; None leaves it to chance.
    With `letter` it is small, flattened and leaning, as a letter of joined writing, and such strokes are long.
    """

    def __init__(
        self,
        key: Sequence[int],
        pool: str = "all",
        *,
        framed: bool | None = None,
        joined: bool | None = None,
        letter: bool = False,
    ):
        self.key, self.pool, self.framed, self.joined, self.letter = tuple(key), pool, framed, joined, letter
        self.rng = np.random.default_rng(self.key)
        self.drawn: dict[str, object] = {}
        self.shown: np.ndarray | None = None

    def child(self, name: str) -> Sampler:
        """Random numbers of their own for one part of the image, whatever is drawn for the others."""
        key = (*self.key, crc32(name.encode()))
        return Sampler(key, self.pool, framed=self.framed, joined=self.joined, letter=self.letter)

    def note(self, **values: object) -> None:
        """Remember what was drawn; numbers are kept to three digits."""
        for name, value in values.items():
            self.drawn[name] = float(f"{value:.3g}") if isinstance(value, float) else value

    def happens(self, probability: float) -> bool:
        """True as often as `probability` says."""
        return bool(self.rng.random() < probability)

    def between(self, low: float, high: float) -> float:
        """A value between `low` and `high`, all equally likely."""
        return float(low + (high - low) * self.rng.random())

    def scale(self, low: float, high: float) -> float:
        """A value between `low` and `high`, each doubling equally likely."""
        return math.exp(self.between(math.log(low), math.log(high)))

    def trait(self, low: float, high: float) -> float:
        """A parameter of the writing hand: uniform, but train and test images take different parts of the range."""
        return low + (high - low) * _quantile(self.rng.random(), self.pool)

    def count(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return int(self.rng.integers(low, high + 1))

    def pick(self, choices: Sequence | dict):
        """One of a sequence, each equally likely, or one key of a dictionary of weights."""
        if isinstance(choices, dict):
            weights = np.cumsum([float(weight) for weight in choices.values()])
            return list(choices)[int(np.searchsorted(weights, self.rng.random() * weights[-1], side="right"))]
        return choices[int(self.rng.integers(len(choices)))]

    def share(self, names: Sequence[str], held: Container[str]) -> list[str]:
        """Those of `names` that images of this pool may use: the `held` ones are kept for test images."""
        if self.pool == "all":
            return list(names)
        return [name for name in names if (name in held) == (self.pool == "test")] or list(names)


def _quantile(u: float, pool: str) -> float:
    """Move `u`, uniform in [0, 1), into the parts of [0, 1) that the pool may use."""
    if pool == "all":
        return u
    held = sum(high - low for low, high in HELD_OUT)
    bands, edge = [], 0.0
    for low, high in HELD_OUT:
        bands.append((edge, low))
        edge = high
    bands.append((edge, 1.0))
    rest = u * (held if pool == "test" else 1 - held)
    for low, high in HELD_OUT if pool == "test" else bands:
        if rest <= high - low:
            return low + rest
        rest -= high - low
    return high
