"""The facts of many images side by side, some 40 bytes each, for judging them all at once."""

from __future__ import annotations

from array import array
from collections import Counter

import numpy as np

from ox_classifier.data.facts import Facts
from ox_classifier.data.prints import Prints


class Columns:
    """Facts added image by image; what the search for copies reads goes on to `prints`."""

    def __init__(self, prints: Prints):
        self._prints, self._words = prints, {}
        self._codes, self._whole, self._levels = array("H"), array("q"), array("f")

    def __len__(self) -> int:
        return len(self._whole) // 4

    def add(self, facts: Facts) -> None:
        """The next image."""
        words = (facts.format, facts.mode, facts.rotated, facts.transparent)
        self._codes.append(self._words.setdefault(words, len(self._words)))
        self._whole.extend((*facts.size, facts.frames, facts.bytes))
        self._levels.extend((facts.brightness, facts.mark))
        self._prints.add(facts.print, (facts.red, facts.green, facts.blue), facts.size, facts.digest)

    @property
    def format(self) -> np.ndarray:
        return self._word(0)

    @property
    def mode(self) -> np.ndarray:
        """As stored in the file: RGBA, P, CMYK, I;16 ..."""
        return self._word(1)

    @property
    def rotated(self) -> np.ndarray:
        return self._word(2).astype(bool)

    @property
    def transparent(self) -> np.ndarray:
        return self._word(3).astype(bool)

    @property
    def size(self) -> np.ndarray:
        """Width and height, shape (n, 2)."""
        return self._numbers[:, :2]

    @property
    def frames(self) -> np.ndarray:
        return self._numbers[:, 2]

    @property
    def bytes(self) -> np.ndarray:
        return self._numbers[:, 3]

    @property
    def brightness(self) -> np.ndarray:
        """Mean grey level, 0 to 255."""
        return np.frombuffer(self._levels, np.float32)[::2]

    @property
    def mark(self) -> np.ndarray:
        """See `Facts.mark`."""
        return np.frombuffer(self._levels, np.float32)[1::2]

    @property
    def _numbers(self) -> np.ndarray:
        return np.frombuffer(self._whole, np.int64).reshape(-1, 4)

    def _word(self, place: int) -> np.ndarray:
        return np.array([words[place] for words in self._words] or [""])[np.frombuffer(self._codes, np.uint16)]


def common(values: np.ndarray) -> dict:
    """How often each value occurs, the most frequent first; of equals, the one met first."""
    return dict(Counter(values.tolist()).most_common())
