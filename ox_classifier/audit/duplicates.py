"""Which images are the same, or the same after re-encoding, resizing or mirroring; compares table, never labels.

A picture's fingerprint is the low end of its cosine transform. Mirroring only changes signs in it, so four comparisons
cost little more than one; and the magnitudes, which no mirroring changes, sift the pairs worth comparing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ox_classifier.audit.families import Families
from ox_classifier.audit.fingerprint_table import FingerprintTable, energy
from ox_classifier.audit.fingerprints import SIDE

LOW = 12  # frequencies each way for a first look at each candidate
FLIPS = ("", "flipped left to right", "flipped top to bottom", "turned by half")

# Measured on 770 real marks, MNIST and Fashion-MNIST (tests/test_copies.py holds the rates):
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
BLOCK = 2048  # images whose lowest frequencies are in memory, twice, in 2 MB
STRIP = 256  # of these sifted together against a block, in 2 MB
PAIRS = 2048  # candidates compared together, in 2 MB
FLAT = 1.0  # grey levels of contrast under which a picture has nothing to compare


@dataclass(frozen=True)
class DuplicatePair:
    """Two images that are copies: `a` < `b` are indices; `exact` for equal pixels, `flip` one of FLIPS."""

    a: int
    b: int
    exact: bool
    flip: str = ""


def duplicate_pairs(table: FingerprintTable) -> list[DuplicatePair]:
    """Pairs of copies: equal pixels, or one re-encoded (JPEG 50 and up), resized (half to double) or mirrored.

    Of a set of equal files each is paired with the set's first only, and only that one with near copies. Of more than
    LARGE near copies of one picture each is paired with some of the others. So comparisons grow with the number of
    images; sifting, which takes some 3 s for 20,000 images, with its square, and memory doesn't grow.
    """
    if not len(table):
        return []
    firsts, pairs = _equal(table)
    rows = firsts[table.energy[firsts] > FLAT**2]
    rows = rows[np.argsort(table.means[rows], kind="stable")]
    known = Families(len(rows))
    for a, b in _candidates(table, rows, known):
        for place, other, pair in _compare(table, rows, a, b):
            known.join(place, other)
            pairs.append(pair)
    return sorted(pairs, key=lambda pair: (pair.a, pair.b))


def _equal(table: FingerprintTable) -> tuple[np.ndarray, list[DuplicatePair]]:
    """The first image of each set of equal ones, and each other one of the set paired with it."""
    keys = table.digests
    order = np.lexsort(keys.T)  # stable, so the first of a set stays its first
    new = np.append(True, (keys[order[1:]] != keys[order[:-1]]).any(axis=1))
    firsts = order[new]
    heads = firsts[np.cumsum(new) - 1]
    pairs = [DuplicatePair(int(head), int(row), exact=True) for head, row in zip(heads[~new], order[~new], strict=True)]
    return np.sort(firsts), pairs


class _Block:
    """What decides whether pairs of some images are worth comparing; `places` are their places in `rows`."""

    def __init__(self, table: FingerprintTable, rows: np.ndarray, places: np.ndarray):
        rows = rows[places]
        self.places, self.low = places, table.waves(rows, LOW)
        self.means, self.colors, self.sizes = table.means[rows], table.colors[rows], table.sizes[rows]
        self.energy, self.side = energy(self.low), self.sizes.min(axis=1)
        self.sieve = np.abs(self.low[:, :SIFT, :SIFT]).reshape(len(rows), SIFT * SIFT)[:, 1:]
        self.norms = np.maximum(np.linalg.norm(self.sieve, axis=1), 1e-6)


def _candidates(table: FingerprintTable, rows: np.ndarray, known: Families) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs alike in mean, colour and low frequencies, PAIRS at a time, as places in `rows`, which come by mean."""
    means, sizes = table.means[rows], table.sizes[rows]
    one_size = len(sizes) and (sizes == sizes[0]).all()
    step = MEAN_STEP_LARGE if one_size and sizes[0].min() >= 40 else MEAN_STEP
    for start in range(0, len(rows), BLOCK):
        end = int(np.searchsorted(means, means[min(start + BLOCK, len(rows)) - 1] + step, side="right"))
        left = _Block(table, rows, _active(known, start, start + BLOCK))
        for other in range(start, end, BLOCK):
            right = left if other == start else _Block(table, rows, _active(known, other, min(other + BLOCK, end)))
            for strip in range(0, len(left.places), STRIP):
                i, j = _sifted(left, right, slice(strip, strip + STRIP), step, known, one_size=one_size)
                for part in range(0, len(i), PAIRS):
                    x, y = i[part : part + PAIRS], j[part : part + PAIRS]
                    new = known.worth_comparing(left.places[x], right.places[y])
                    x, y = x[new], y[new]
                    kept = ~_unlike(left, right, x, y)
                    yield left.places[x[kept]], right.places[y[kept]]


def _active(known: Families, start: int, stop: int) -> np.ndarray:
    return start + np.flatnonzero(known.active[start:stop])


def _sifted(
    left: _Block, right: _Block, strip: slice, step: float, known: Families, *, one_size: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Indices of pairs alike in mean, colour and the magnitudes of the lowest frequencies."""
    standing = strip.start + np.flatnonzero(known.active[left.places[strip]])
    others = np.flatnonzero(known.active[right.places])
    products = left.sieve[standing] @ right.sieve[others].T
    norms_i, norms_j = left.norms[standing], right.norms[others]
    if one_size and len(standing):  # then what may lie between copies is a distance, which few pairs keep to
        least = (norms_i[:, None] ** 2 + norms_j**2 - (_noise(left.side[:1]) + 0.01) ** 2) / 2
    else:
        least = SIFT_LIKENESS * norms_i[:, None] * norms_j
    i, j = np.nonzero(products >= least)
    dots = products[i, j]
    norms_i, norms_j = norms_i[i], norms_j[j]
    i, j = standing[i], others[j]
    residual = norms_i**2 + norms_j**2 - 2 * dots
    other_size = (left.sizes[i] != right.sizes[j]).any(axis=1)
    kept = (right.means[j] - left.means[i] <= step) & ((residual <= _noise(left.side[i]) ** 2) | other_size)
    kept &= dots >= SIFT_LIKENESS * norms_i * norms_j
    if left is right:
        kept &= i < j
    i, j = i[kept], j[kept]
    color_step = np.where(np.minimum(left.side[i], right.side[j]) < 40, COLOR_STEP_SMALL, COLOR_STEP)
    same_color = (np.abs(left.colors[i] - right.colors[j]) <= color_step[:, None]).all(axis=1)
    return i[same_color], j[same_color]


def _unlike(left: _Block, right: _Block, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Pairs of one size that differ too much in a quarter of the frequencies already; shape (pairs,)."""
    residual = left.energy[i] + right.energy[j] - 2 * _dots(left.low[i], right.low[j]).max(axis=0)
    return (left.sizes[i] == right.sizes[j]).all(axis=1) & (residual > _noise(left.side[i]) ** 2 + 0.01)


def _compare(
    table: FingerprintTable, rows: np.ndarray, x: np.ndarray, y: np.ndarray
) -> list[tuple[int, int, DuplicatePair]]:
    """The candidates that hold against every frequency their smaller picture can show, each with its two places."""
    a, b = np.minimum(rows[x], rows[y]), np.maximum(rows[x], rows[y])
    same_size = (table.sizes[a] == table.sizes[b]).all(axis=1)
    smaller = np.minimum(table.sizes[a].min(axis=1), table.sizes[b].min(axis=1))
    # of n pixels a resize leaves some n / 2.5 frequencies as they were; tiny pictures need all they have, n / 2
    shown = np.minimum(smaller // 2, np.maximum(8, smaller / 2.5).astype(int))
    reach = np.where(same_size, SIDE, np.clip(shown, 5, 20))
    found = []
    for k in np.unique(reach):
        (chosen,) = np.nonzero(reach == k)
        waves_a, waves_b = (table.waves(which[chosen], k) for which in (a, b))
        flips = _agree(waves_a, waves_b, same_size[chosen], smaller[chosen])
        found += [
            (int(x[p]), int(y[p]), DuplicatePair(int(a[p]), int(b[p]), exact=False, flip=FLIPS[flip]))
            for p, flip in zip(chosen, flips, strict=True)
            if flip >= 0
        ]
    return found


def _agree(x: np.ndarray, y: np.ndarray, same_size: np.ndarray, smaller: np.ndarray) -> np.ndarray:
    """The index of the flip under which each pair agrees best, -1 where none does well enough; shape (pairs,)."""
    dots = _dots(x, y)
    best, dot = dots.argmax(axis=0), dots.max(axis=0)
    ex, ey = energy(x), energy(y)
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
