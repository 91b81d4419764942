"""The fingerprints of many images: some 120 bytes of each in memory, the rest in a file."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np

from ox_classifier.audit.fingerprints import SIDE

# frequencies in rings around [0, 0], so that for every k the lowest k x k of them come first
_RINGS = sorted(((i, j) for i in range(SIDE) for j in range(SIDE)), key=lambda place: (max(place), place))
_ROWS, _COLUMNS = np.array(_RINGS).T
SIEVE = 6  # frequencies each way whose magnitudes are kept in memory


class FingerprintTable:
    """What `duplicates.duplicate_pairs` compares, added image by image; the fingerprints themselves lie in `file`."""

    def __init__(self, file: BinaryIO):
        self._digests, self._sizes, self._numbers, self._file = bytearray(), array("i"), array("f"), file
        self._sieve = bytearray()

    def __len__(self) -> int:
        return len(self._sizes) // 2

    def add(self, waves: np.ndarray, color: Sequence[float], size: tuple[int, int], digest: bytes) -> None:
        """The next image: its `waves` (kept as float16), mean red, green and blue, pixels and 16-byte `digest`."""
        waves = np.asarray(waves, np.float16)
        rings = waves[_ROWS, _COLUMNS]
        self._file.write(rings.tobytes())  # always at its end: nothing is read before the last is added
        self._sieve += np.abs(rings[1 : SIEVE**2]).tobytes()
        self._digests += digest
        self._sizes.extend(size)
        self._numbers.extend((*color, energy(waves[None])[0], waves[0, 0]))

    @property
    def digests(self) -> np.ndarray:
        """Of each image, as two whole numbers; shape (n, 2)."""
        return np.frombuffer(self._digests, np.uint64).reshape(-1, 2)

    @property
    def sizes(self) -> np.ndarray:
        """Width and height of each image; shape (n, 2)."""
        return np.frombuffer(self._sizes, np.intc).reshape(-1, 2)

    @property
    def colors(self) -> np.ndarray:
        """Mean red, green and blue of each image; shape (n, 3)."""
        return self._columns[:, :3]

    @property
    def energy(self) -> np.ndarray:
        """See `energy`, of each image."""
        return self._columns[:, 3]

    @property
    def means(self) -> np.ndarray:
        """Mean grey level of each image."""
        return self._columns[:, 4]

    @property
    def sieve(self) -> np.ndarray:
        """Magnitudes of the lowest SIEVE x SIEVE frequencies but the mean, float16 (n, SIEVE * SIEVE - 1)."""
        return np.frombuffer(self._sieve, np.float16).reshape(-1, SIEVE**2 - 1)

    def waves(self, rows: np.ndarray, side: int) -> np.ndarray:
        """The lowest `side` x `side` frequencies of some images, float32 (rows, side, side), read back."""
        parts, count = [], side * side
        for row in rows.tolist():
            self._file.seek(row * SIDE * SIDE * 2)
            parts.append(self._file.read(count * 2))
        waves = np.empty((len(parts), side, side), np.float32)
        waves[:, _ROWS[:count], _COLUMNS[:count]] = np.frombuffer(b"".join(parts), np.float16).reshape(-1, count)
        return waves

    @property
    def _columns(self) -> np.ndarray:
        return np.frombuffer(self._numbers, np.float32).reshape(-1, 5)


def energy(waves: np.ndarray) -> np.ndarray:
    """Square of the contrast in grey levels, the mean left out; shape (n,)."""
    return np.einsum("nij,nij->n", waves, waves, dtype=np.float32) - waves[:, 0, 0].astype(np.float32) ** 2
