"""Which pairs of images are worth comparing in full: alike in mean, colour and the magnitudes of low frequencies.

What sifts are magnitudes, which no mirroring changes. Those of copies of one size lie close together, which few other
pairs do; those of copies of two sizes need only point in one direction. All pairs that are alike in mean and along one
axis are asked, in products of matrices, so this grows with the square of the number of images, if slowly.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ox_classifier.audit.families import Families
from ox_classifier.audit.fingerprint_table import FingerprintTable, energy

LOW = 12  # frequencies each way for a first look at each candidate
# Measured on 770 real marks, MNIST and Fashion-MNIST (tests/test_duplicates.py holds the rates):
SIFT_LIKENESS = 0.955  # of the magnitudes; copies agree to 0.968 or better in them
MEAN_STEP = 4.0  # grey levels by which the mean of a copy may differ; JPEG at quality 50 reaches 3.4
MEAN_STEP_LARGE = 2.0  # where all are of one size from 40 pixels on; 1.5 measured
COLOR_STEP, COLOR_STEP_SMALL = 3.0, 6.0  # the same for red, green, blue; copies differ by 2, under 40 pixels by 6
JPEG_NOISE = 7.5  # residual in grey levels at quality 50, under 40 pixels; 7.4 measured, other marks begin at 7
JPEG_NOISE_LARGE = 4.5  # from 40 pixels on; 3.9 measured
BLOCK = 2048  # images whose lowest frequencies are in memory, twice, in 2 MB
STRIP = 256  # of these sifted together against a block, in 2 MB
PAIRS = 2048  # candidates compared together, in 2 MB

Pairs = Iterator[tuple[np.ndarray, np.ndarray]]


def candidates(table: FingerprintTable, rows: np.ndarray, known: Families) -> Pairs:
    """Pairs to compare, PAIRS at a time, as places in `rows`, which come by mean grey level.

    Between two calls the caller joins what are copies in `known`: members of a large family that others stand for are
    not compared again.
    """
    if not len(rows):
        return
    sizes, of = np.unique(table.sizes[rows], axis=0, return_inverse=True)
    counts = np.bincount(of.ravel())
    usual = of.ravel() == counts.argmax()  # of the most usual size
    step = MEAN_STEP_LARGE if len(sizes) == 1 and sizes[0].min() >= 40 else MEAN_STEP
    yield from _pairs(table, rows, usual, np.zeros(len(rows), bool), step, known)
    yield from _pairs(table, rows, ~usual, usual, step, known)


def noise(side: np.ndarray) -> np.ndarray:
    """The residual in grey levels that re-encoding leaves, by the shorter side in pixels."""
    return np.where(side < 40, JPEG_NOISE, JPEG_NOISE_LARGE)


def dots_of_flips(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Scalar products of pairs of waves under each of `duplicates.FLIPS`, the mean left out; shape (flip, pair)."""
    parts = [np.einsum("nij,nij->n", x[:, i::2, j::2], y[:, i::2, j::2]) for i in (0, 1) for j in (0, 1)]
    parts[0] = parts[0] - x[:, 0, 0] * y[:, 0, 0]
    signs = np.array([(1, 1, 1, 1), (1, -1, 1, -1), (1, 1, -1, -1), (1, -1, -1, 1)], dtype=np.float32)
    return signs @ np.stack(parts)  # the parts are by parity of row and column, which a flip turns negative


class _Block:
    """What decides whether pairs of some images are worth comparing; `places` are their places in `rows`.

    They come in the order of `along`, where each lies along `axis`.
    """

    def __init__(self, table: FingerprintTable, rows: np.ndarray, places: np.ndarray, axis: np.ndarray):
        along = table.sieve[rows[places]].astype(np.float32) @ axis
        order = np.argsort(along, kind="stable")
        self.along = along[order]
        self.places, self.rows = places[order], rows[places[order]]
        self.means, self.colors, self.sizes = (of[self.rows] for of in (table.means, table.colors, table.sizes))
        self.side = self.sizes.min(axis=1)
        self.sieve = table.sieve[self.rows].astype(np.float32)
        self.norms = np.maximum(np.linalg.norm(self.sieve, axis=1), 1e-6)


def _pairs(
    table: FingerprintTable, rows: np.ndarray, among: np.ndarray, others: np.ndarray, step: float, known: Families
) -> Pairs:
    """Pairs of each image `among` (bool, as long as `rows`) with those after it, and with all `others`."""
    places, means = np.flatnonzero(among), table.means[rows]
    one_size, axis = not others.any(), _axis(table, rows)
    for start in range(0, len(places), BLOCK):
        first, last = places[start], places[min(start + BLOCK, len(places)) - 1]
        left = _Block(table, rows, _active(known, places[start : start + BLOCK]), axis)
        begin, end = np.searchsorted(means, means[first] - step), np.searchsorted(means, means[last] + step, "right")
        partners = np.arange(begin, end)
        partners = partners[others[begin:end] | (among[begin:end] & (partners >= first))]
        for other in range(0, len(partners), BLOCK):
            right = _Block(table, rows, _active(known, partners[other : other + BLOCK]), axis)
            for strip in range(0, len(left.places), STRIP):
                standing = strip + np.flatnonzero(known.active[left.places[strip : strip + STRIP]])
                i, j = (_close if one_size else _in_one_direction)(left, right, standing)
                new = others[right.places[j]] | (left.places[i] < right.places[j])
                yield from _worth_comparing(table, left, right, i[new], j[new], step, known)


def _axis(table: FingerprintTable, rows: np.ndarray) -> np.ndarray:
    """The direction in which the magnitudes of some of the images vary most."""
    sieve = table.sieve[rows[:: max(1, len(rows) // 2000)]].astype(np.float32)
    return np.linalg.svd(sieve - sieve.mean(axis=0), full_matrices=False)[2][0]


def _close(left: _Block, right: _Block, standing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of pairs of one size whose magnitudes are no further apart than re-encoding leaves them.

    For rows x, y and the squares X, Y of their lengths, |x - y| <= r is x y - X / 2 - Y / 2 + r r / 2 >= 0, which is
    one product of rows that are two columns longer.
    """
    if not len(standing) or not len(right.places):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    reach = float(noise(left.side[:1])[0])
    within = left.along[standing[0]] - reach - 0.01, left.along[standing[-1]] + reach + 0.01
    first, last = np.searchsorted(right.along, within)
    x, y, norms = left.sieve[standing], right.sieve[first:last], right.norms[first:last, None]
    ones = np.ones((max(len(x), len(y)), 1), np.float32)
    x = np.hstack([x, reach**2 / 2 + 0.05 - left.norms[standing, None] ** 2 / 2, ones[: len(x)]])  # float32 rounds
    i, j = np.nonzero(x @ np.hstack([y, ones[: len(y)], -(norms**2) / 2]).T >= 0)
    return standing[i], first + j


def _in_one_direction(left: _Block, right: _Block, standing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of pairs whose magnitudes differ in little but their length."""
    x = left.sieve[standing] / left.norms[standing, None]
    i, j = np.nonzero(x @ (right.sieve / right.norms[:, None]).T >= np.float32(SIFT_LIKENESS))
    return standing[i], j


def _worth_comparing(
    table: FingerprintTable, left: _Block, right: _Block, i: np.ndarray, j: np.ndarray, step: float, known: Families
) -> Pairs:
    """Those of the pairs that are alike in mean, colour and low frequencies, PAIRS at a time."""
    for at in range(0, len(i), PAIRS):
        x, y = i[at : at + PAIRS], j[at : at + PAIRS]
        alike = known.worth_comparing(left.places[x], right.places[y])
        alike &= np.abs(right.means[y] - left.means[x]) <= step
        x, y = x[alike], y[alike]
        color_step = np.where(np.minimum(left.side[x], right.side[y]) < 40, COLOR_STEP_SMALL, COLOR_STEP)
        alike = (np.abs(left.colors[x] - right.colors[y]) <= color_step[:, None]).all(axis=1)
        x, y = x[alike], y[alike]
        alike = _magnitudes_alike(left, right, x, y)
        x, y = x[alike], y[alike]
        alike = _low_alike(table, left, right, x, y)
        yield left.places[x[alike]], right.places[y[alike]]


def _magnitudes_alike(left: _Block, right: _Block, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    dots = np.einsum("nk,nk->n", left.sieve[i], right.sieve[j])
    norms_i, norms_j = left.norms[i], right.norms[j]
    residual = norms_i**2 + norms_j**2 - 2 * dots
    other_size = (left.sizes[i] != right.sizes[j]).any(axis=1)
    return (dots >= SIFT_LIKENESS * norms_i * norms_j) & ((residual <= noise(left.side[i]) ** 2) | other_size)


def _low_alike(table: FingerprintTable, left: _Block, right: _Block, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Whether pairs differ little in a quarter of the frequencies; those of two sizes may."""
    x, y = left.rows[i], right.rows[j]
    both = np.unique(np.concatenate([x, y]))
    low = table.waves(both, LOW)
    x, y = low[np.searchsorted(both, x)], low[np.searchsorted(both, y)]
    residual = energy(x) + energy(y) - 2 * dots_of_flips(x, y).max(axis=0)
    other_size = (left.sizes[i] != right.sizes[j]).any(axis=1)
    return other_size | (residual <= noise(left.side[i]) ** 2 + 0.01)


def _active(known: Families, places: np.ndarray) -> np.ndarray:
    return places[known.active[places]]
