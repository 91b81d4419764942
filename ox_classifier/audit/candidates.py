"""Which pairs of images are worth comparing in full: alike in mean, colour and the magnitudes of low frequencies.

What sifts are magnitudes, which no mirroring changes. Those of copies of one size lie close together, which few other
pairs do; those of copies of two sizes point in one direction. Images become points in few dimensions, of which those
that lie close are found in small products of matrices, among images that are alike in mean and along one axis.
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
AXES = 9  # dimensions of the points; more hardly sift better
SAMPLE = 2000  # images from which the axes are found
REACH_OF_DIRECTIONS = (2 - 2 * SIFT_LIKENESS) ** 0.5  # between the ends of vectors of length 1
ROUNDING = 1e-3  # by which float32 may get distances wrong
# products so small that BLAS keeps to one thread: on a busy machine its threads wait for each other, which took forty
# times as long
TOGETHER, TOGETHER_WITH = 16, 1024

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


class _Points:
    """Where each of `rows` lies in the space of the magnitudes, in units of how far copies may lie apart.

    Copies of one size agree in the magnitudes up to the noise of re-encoding, others in their direction. Only the
    AXES along which the magnitudes vary most are kept: in fewer dimensions no two images lie further apart, so no
    copy is lost.
    """

    def __init__(self, table: FingerprintTable, rows: np.ndarray, *, one_size: bool):
        self.table, self.rows, self.one_size = table, rows, one_size
        sample = self._scaled(rows[:: max(1, len(rows) // SAMPLE)])
        self.middle = sample.mean(axis=0)
        spread = sample - self.middle
        _, axes = np.linalg.eigh(np.einsum("ni,nj->ij", spread, spread))  # by rising variance
        self.axes = axes[:, : -AXES - 1 : -1]
        parts = (self._scaled(rows[at : at + BLOCK]) for at in range(0, len(rows), BLOCK))
        self.at = np.concatenate([np.einsum("nf,fa->na", part - self.middle, self.axes) for part in parts])

    def _scaled(self, rows: np.ndarray) -> np.ndarray:
        sieve = self.table.sieve[rows].astype(np.float32)
        if self.one_size:
            return sieve / np.float32(noise(self.table.sizes[rows[:1]].min(axis=1)))
        norms = np.linalg.norm(sieve, axis=1, keepdims=True)
        return sieve / np.maximum(norms, 1e-6) / np.float32(REACH_OF_DIRECTIONS)


class _Block:
    """What decides whether pairs of some images are worth comparing; `places` are their places in `rows`.

    They come in the order of the first coordinate of their points.
    """

    def __init__(self, points: _Points, places: np.ndarray):
        self.places = places[np.argsort(points.at[places, 0], kind="stable")]
        self.at, self.rows = points.at[self.places], points.rows[self.places]
        self.half = (self.at**2).sum(axis=1, keepdims=True) / 2
        table = points.table
        self.means, self.colors, self.sizes = (of[self.rows] for of in (table.means, table.colors, table.sizes))
        self.side = self.sizes.min(axis=1)


def _pairs(
    table: FingerprintTable, rows: np.ndarray, among: np.ndarray, others: np.ndarray, step: float, known: Families
) -> Pairs:
    """Pairs of each image `among` (bool, as long as `rows`) with those after it, and with all `others`."""
    places, means = np.flatnonzero(among), table.means[rows]
    if not len(places):
        return
    points = _Points(table, rows, one_size=not others.any())
    for start in range(0, len(places), BLOCK):
        first, last = places[start], places[min(start + BLOCK, len(places)) - 1]
        left = _Block(points, _active(known, places[start : start + BLOCK]))
        begin, end = np.searchsorted(means, means[first] - step), np.searchsorted(means, means[last] + step, "right")
        partners = np.arange(begin, end)
        partners = partners[others[begin:end] | (among[begin:end] & (partners >= first))]
        for other in range(0, len(partners), BLOCK):
            right = _Block(points, _active(known, partners[other : other + BLOCK]))
            for strip in range(0, len(left.places), STRIP):
                standing = strip + np.flatnonzero(known.active[left.places[strip : strip + STRIP]])
                i, j = _close(left, right, standing)
                new = others[right.places[j]] | (left.places[i] < right.places[j])
                yield from _worth_comparing(table, left, right, i[new], j[new], step, known)


def _close(left: _Block, right: _Block, standing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of pairs whose points are no further apart than 1.

    For points x, y and the squares X, Y of their lengths, |x - y| <= 1 is x y - X / 2 - Y / 2 + 1 / 2 >= 0, which is
    one product of points that have two coordinates more.
    """
    if not len(standing) or not len(right.places):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    reach = 1 + ROUNDING
    along, within = right.at[:, 0], left.at[standing[[0, -1]], 0] + (-reach, reach)
    first, last = np.searchsorted(along, within)
    y = right.at[first:last]
    y = np.hstack([y, np.ones((len(y), 1), np.float32), -right.half[first:last]]).T
    x = np.zeros((-(-len(standing) // TOGETHER), TOGETHER, len(y)), np.float32)
    x[:, :, -2] = -1  # what fills the last part up is close to nothing
    flat = x.reshape(-1, len(y))[: len(standing)]
    flat[:, :-2], flat[:, -1] = left.at[standing], 1
    flat[:, -2:-1] = reach**2 / 2 - left.half[standing]
    found = []
    for at in range(0, y.shape[1], TOGETHER_WITH):
        part = y[:, at : at + TOGETHER_WITH]
        (hits,) = _few_true((x @ part >= 0).ravel())
        i, j = np.divmod(hits, part.shape[1])
        found.append((standing[i], first + at + j))
    return tuple(map(np.concatenate, zip(*found, strict=True))) if found else (standing[:0], standing[:0])


def _few_true(mask: np.ndarray) -> tuple[np.ndarray]:
    """np.nonzero of a mask that is a multiple of 8 long, five times as fast where little of it is true."""
    eights = np.flatnonzero(mask.view(np.uint64))
    which, place = np.nonzero(mask.reshape(-1, 8)[eights])
    return (eights[which] * 8 + place,)


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
        alike = _magnitudes_alike(table, left, right, x, y)
        x, y = x[alike], y[alike]
        alike = _low_alike(table, left, right, x, y)
        yield left.places[x[alike]], right.places[y[alike]]


def _magnitudes_alike(table: FingerprintTable, left: _Block, right: _Block, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Whether pairs have magnitudes of one direction and, of one size, of one length."""
    x, y = (table.sieve[rows].astype(np.float32) for rows in (left.rows[i], right.rows[j]))
    dots = np.einsum("nk,nk->n", x, y)
    norms_i, norms_j = (np.maximum(np.linalg.norm(of, axis=1), 1e-6) for of in (x, y))
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
