"""The measurements of many images as columns, some 40 bytes an image, so that all are judged at once."""

from __future__ import annotations

from array import array
from collections import Counter

import numpy as np

from ox_classifier.audit.fingerprint_table import FingerprintTable
from ox_classifier.audit.measurements import Measurements


class Columns:
    """Measurements added image by image; what the search for copies reads goes on to `fingerprints`."""

    def __init__(self, fingerprints: FingerprintTable):
        self._fingerprints, self._words = fingerprints, {}
        self._codes, self._whole, self._levels = array("H"), array("q"), array("f")

    def __len__(self) -> int:
        return len(self._whole) // 4

    def add(self, measured: Measurements) -> None:
        """The next image."""
        words = (measured.format, measured.mode, measured.rotated, measured.transparent)
        self._codes.append(self._words.setdefault(words, len(self._words)))
        self._whole.extend((*measured.size, measured.frames, measured.bytes))
        self._levels.extend((measured.brightness, measured.mark))
        self._fingerprints.add(
            measured.fingerprint, (measured.red, measured.green, measured.blue), measured.size, measured.digest
        )

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
        """See `Measurements.mark`."""
        return np.frombuffer(self._levels, np.float32)[1::2]

    @property
    def _numbers(self) -> np.ndarray:
        return np.frombuffer(self._whole, np.int64).reshape(-1, 4)

    def _word(self, place: int) -> np.ndarray:
        return np.array([words[place] for words in self._words] or [""])[np.frombuffer(self._codes, np.uint16)]


def common(values: np.ndarray) -> dict:
    """How often each value occurs, the most frequent first; of equals, the one met first."""
    return dict(Counter(values.tolist()).most_common())
