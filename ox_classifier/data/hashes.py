"""Which images are the same, or the same after re-encoding, resizing or mirroring; looks at pixels, never at labels.

A picture's print is the low end of its cosine transform. Mirroring only changes signs in it, so four comparisons
cost little more than one; and the magnitudes, which no mirroring changes, sift the pairs worth comparing.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b, file_digest
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

SIDE = 24  # frequencies kept each way
LOW = 12  # of these kept in memory, for a first look at each candidate
THUMB = 64  # pixels each way that they are taken from
FLIPS = ("", "flipped left to right", "flipped top to bottom", "turned by half")

# Measured on 770 real marks, MNIST and Fashion-MNIST (tests/test_hashes.py holds the rates):
SIFT = 6  # frequencies each way that sift; copies agree to 0.968 or better in them
SIFT_LIKENESS = 0.955
MEAN_STEP = 4.0  # grey levels by which the mean of a copy may differ; JPEG at quality 50 reaches 3.4
MEAN_STEP_LARGE = 2.0  # where all are of one size from 40 pixels on; 1.5 measured
COLOR_STEP, COLOR_STEP_SMALL = 3.0, 6.0  # the same for red, green, blue; copies differ by 2, under 40 pixels by 6
JPEG_NOISE = 7.5  # residual in grey levels at quality 50, under 40 pixels; 7.4 measured, other marks begin at 7
JPEG_NOISE_LARGE = 4.5  # from 40 pixels on; 3.9 measured
JPEG_SHARE = 0.25  # and never more than this share of the picture's own contrast, which for pale marks is little
RESIZED_LIKENESS = 0.98  # correlation after resizing; copies 0.98 and more, different marks of one hand up to 0.955
TINY_LIKENESS = 0.99  # where the smaller one has under 12 pixels, in which most marks look alike
RESIZED_CONTRAST = 0.6  # how much of the contrast may go in a resize
BLOCK = 1 << 19  # pairs sifted together, in 2 MB
PAIRS = 2048  # candidates compared together, in 2 MB
FLAT = 1.0  # grey levels of contrast under which a picture has nothing to compare

_COSINES = np.cos(np.pi * (2 * np.arange(THUMB) + 1) * np.arange(SIDE)[:, None] / (2 * THUMB)) * np.sqrt(2 / THUMB)
_COSINES[0] /= np.sqrt(2)


@dataclass(frozen=True)
class Near:
    """Two images that are copies: `a` < `b` are indices; `exact` for equal pixels, `flip` one of FLIPS."""

    a: int
    b: int
    exact: bool
    flip: str = ""


class Prints:
    """What `near` compares, added image by image: memory holds some 400 bytes each, the full prints lie in `file`."""

    def __init__(self, file: BinaryIO):
        self.digests: list[bytes] = []
        self._low, self._sizes, self._numbers, self._file = bytearray(), array("i"), array("f"), file

    def __len__(self) -> int:
        return len(self.digests)

    def add(self, waves: np.ndarray, color: Sequence[float], size: tuple[int, int], digest: bytes) -> None:
        """The next image: its `waves` (kept as float16), mean red, green and blue, pixels and `digest`."""
        waves = np.asarray(waves, np.float16)
        self._file.write(waves.tobytes())  # always at its end: nothing is read before the last is added
        self._low += waves[:LOW, :LOW].tobytes()
        self._sizes.extend(size)
        self._numbers.extend((*color, _energy(waves[None])[0]))
        self.digests.append(digest)

    @property
    def low(self) -> np.ndarray:
        """A quarter of the frequencies of every image, float16 (n, LOW, LOW)."""
        return np.frombuffer(self._low, np.float16).reshape(-1, LOW, LOW)

    @property
    def colors(self) -> np.ndarray:
        return self._columns[:, :3]

    @property
    def sizes(self) -> np.ndarray:
        return np.frombuffer(self._sizes, np.intc).reshape(-1, 2)

    @property
    def energy(self) -> np.ndarray:
        return self._columns[:, 3]

    def waves(self, rows: np.ndarray, side: int) -> np.ndarray:
        """The lowest `side` x `side` frequencies of some images, float32 (rows, side, side), read back."""
        parts, length = [], SIDE * SIDE * 2
        for row in rows.tolist():
            self._file.seek(row * length)
            parts.append(self._file.read(length))
        return np.frombuffer(b"".join(parts), np.float16).reshape(-1, SIDE, SIDE)[:, :side, :side].astype(np.float32)

    @property
    def _columns(self) -> np.ndarray:
        return np.frombuffer(self._numbers, np.float32).reshape(-1, 4)


def content(path: Path) -> bytes:
    """16 bytes that two files share when every byte of theirs is equal.

    Raises:
        OSError: If the file can't be read.
    """
    with path.open("rb") as file:
        return file_digest(file, lambda: blake2b(digest_size=16)).digest()


def digest(image: Image.Image) -> bytes:
    """16 bytes that two images share when their decoded size and RGB pixels are equal."""
    rgb = image if image.mode == "RGB" else image.convert("RGB")
    return blake2b(rgb.tobytes(), key=repr(rgb.size).encode(), digest_size=16).digest()


def thumbnail(image: Image.Image) -> np.ndarray:
    """Grey, THUMB x THUMB, stretched and antialiased; float32 in 0..255."""
    small = image.convert("L").resize((THUMB, THUMB), Image.Resampling.BILINEAR)
    return np.asarray(small, dtype=np.float32)


def waves(thumb: np.ndarray) -> np.ndarray:
    """The print of a thumbnail: its SIDE x SIDE lowest cosine frequencies in grey levels; [0, 0] is the mean."""
    return ((_COSINES @ thumb @ _COSINES.T) / THUMB).astype(np.float32)


def standing_out(image: Image.Image) -> float:
    """Levels by which the strongest spot differs from its smooth surroundings, in the colour where it does most."""
    thumb = np.asarray(image.resize((THUMB, THUMB), Image.Resampling.BILINEAR), dtype=np.float32)
    thumb = np.atleast_3d(thumb).transpose(2, 0, 1)
    slow = _COSINES[:3]
    smooth = slow.T @ (slow @ thumb @ slow.T) @ slow
    return float(np.abs(thumb - smooth).max())


def near(prints: Prints) -> list[Near]:
    """Every pair of copies: equal pixels, or one re-encoded (JPEG 50 and up), resized (half to double) or mirrored.

    Of a set of equal files each is paired with the set's first only, and only that one with near copies.
    Work grows with the square of the number of images: 20,000 take some 3 s on two cores.
    """
    first: dict[bytes, int] = {}
    pairs = [Near(first[key], i, exact=True) for i, key in enumerate(prints.digests) if first.setdefault(key, i) != i]
    energy, low_energy = prints.energy, _energy(prints.low)
    rows = np.array([i for i in first.values() if energy[i] > FLAT**2], dtype=np.intp)
    for a, b in _candidates(prints, rows):
        small = np.minimum(prints.sizes[a].min(axis=1), prints.sizes[b].min(axis=1)) < 40
        step = np.where(small, COLOR_STEP_SMALL, COLOR_STEP)
        same_color = (np.abs(prints.colors[a] - prints.colors[b]) <= step[:, None]).all(axis=1)
        a, b = a[same_color], b[same_color]
        for start in range(0, len(a), PAIRS):
            part_a, part_b = a[start : start + PAIRS], b[start : start + PAIRS]
            kept = ~_unlike(prints, low_energy, part_a, part_b)
            pairs += _compare(prints, part_a[kept], part_b[kept])
    return sorted(pairs, key=lambda pair: (pair.a, pair.b))


def _candidates(prints: Prints, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs alike in mean and in the magnitudes of the lowest frequencies, block by block."""
    rows = rows[np.argsort(prints.low[rows, 0, 0], kind="stable")]
    means = prints.low[rows, 0, 0].astype(np.float32)
    unit = np.abs(prints.low[rows, :SIFT, :SIFT], dtype=np.float32).reshape(len(rows), SIFT * SIFT)[:, 1:]
    norms = np.maximum(np.linalg.norm(unit, axis=1), 1e-6)
    unit /= norms[:, None]
    block = max(16, BLOCK // max(len(rows), 1))
    sizes = prints.sizes[rows]
    noise = _noise(sizes.min(axis=1)) ** 2
    alike = len(sizes) and (sizes == sizes[0]).all() and sizes[0].min() >= 40
    step = MEAN_STEP_LARGE if alike else MEAN_STEP
    for start in range(0, len(rows), block):
        stop = min(start + block, len(rows))
        end = int(np.searchsorted(means, means[stop - 1] + step, side="right"))
        likeness = unit[start:stop] @ unit[start:end].T
        i, j = np.divmod(np.flatnonzero(likeness >= SIFT_LIKENESS), end - start)
        i, j = i[i < j], j[i < j]
        cosine = likeness[i, j]
        i, j = i + start, j + start
        residual = norms[i] ** 2 + norms[j] ** 2 - 2 * cosine * norms[i] * norms[j]
        kept = (means[j] - means[i] <= step) & ((residual <= noise[i]) | (sizes[i] != sizes[j]).any(axis=1))
        yield rows[i[kept]], rows[j[kept]]


def _compare(prints: Prints, a: np.ndarray, b: np.ndarray) -> list[Near]:
    """The candidates that hold against every frequency their smaller picture can show."""
    a, b = np.minimum(a, b), np.maximum(a, b)
    same_size = (prints.sizes[a] == prints.sizes[b]).all(axis=1)
    smaller = np.minimum(prints.sizes[a].min(axis=1), prints.sizes[b].min(axis=1))
    # of n pixels a resize leaves some n / 2.5 frequencies as they were; tiny pictures need all they have, n / 2
    shown = np.minimum(smaller // 2, np.maximum(8, smaller / 2.5).astype(int))
    reach = np.where(same_size, SIDE, np.clip(shown, 5, 20))
    found = []
    for k in np.unique(reach):
        (chosen,) = np.nonzero(reach == k)
        waves_a, waves_b = (prints.waves(rows[chosen], k) for rows in (a, b))
        flips = _agree(waves_a, waves_b, same_size[chosen], smaller[chosen])
        found += [
            Near(int(a[p]), int(b[p]), exact=False, flip=FLIPS[flip])
            for p, flip in zip(chosen, flips, strict=True)
            if flip >= 0
        ]
    return found


def _unlike(prints: Prints, energy: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pairs of one size that differ too much in a quarter of the frequencies already; shape (pairs,)."""
    low_a, low_b = (prints.low[rows].astype(np.float32) for rows in (a, b))
    residual = energy[a] + energy[b] - 2 * _dots(low_a, low_b).max(axis=0)
    noise = _noise(prints.sizes[a].min(axis=1))
    return (prints.sizes[a] == prints.sizes[b]).all(axis=1) & (residual > noise**2 + 0.01)


def _agree(x: np.ndarray, y: np.ndarray, same_size: np.ndarray, smaller: np.ndarray) -> np.ndarray:
    """The index of the flip under which each pair agrees best, -1 where none does well enough; shape (pairs,)."""
    dots = _dots(x, y)
    best, dot = dots.argmax(axis=0), dots.max(axis=0)
    ex, ey = _energy(x), _energy(y)
    less, more = np.minimum(ex, ey), np.maximum(ex, ey)
    residual = np.maximum(ex + ey - 2 * dot, 0)
    recoded = (residual <= _noise(smaller) ** 2) & (residual <= JPEG_SHARE**2 * less)
    likeness = np.where(smaller < 12, TINY_LIKENESS, RESIZED_LIKENESS)
    resized = (dot >= likeness * np.sqrt(ex * ey)) & (less >= RESIZED_CONTRAST**2 * more)
    return np.where(np.where(same_size, recoded, resized), best, -1)


def _noise(side: np.ndarray) -> np.ndarray:
    return np.where(side < 40, JPEG_NOISE, JPEG_NOISE_LARGE)


def _dots(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Scalar products of pairs under each of FLIPS, the mean left out; shape (flip, pair)."""
    parts = [np.einsum("nij,nij->n", x[:, i::2, j::2], y[:, i::2, j::2]) for i in (0, 1) for j in (0, 1)]
    parts[0] = parts[0] - x[:, 0, 0] * y[:, 0, 0]
    signs = np.array([(1, 1, 1, 1), (1, -1, 1, -1), (1, 1, -1, -1), (1, -1, -1, 1)], dtype=np.float32)
    return signs @ np.stack(parts)  # the parts are by parity of row and column, which a flip turns negative


def _energy(waves: np.ndarray) -> np.ndarray:
    """Square of the contrast in grey levels, the mean left out; shape (n,)."""
    return np.einsum("nij,nij->n", waves, waves, dtype=np.float32) - waves[:, 0, 0].astype(np.float32) ** 2
