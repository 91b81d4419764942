"""Which images are the same, or the same after re-encoding, resizing or mirroring; compares table, never labels.

A picture's fingerprint is the low end of its cosine transform. Mirroring only changes signs in it, so four comparisons
cost little more than one; and the magnitudes, which no mirroring changes, sift the pairs worth comparing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ox_classifier.audit.candidates import candidates, dots_of_flips, noise
from ox_classifier.audit.families import Families
from ox_classifier.audit.fingerprint_table import FingerprintTable, energy
from ox_classifier.audit.fingerprints import SIDE

FLIPS = ("", "flipped left to right", "flipped top to bottom", "turned by half")

# Measured on 770 real marks, MNIST and Fashion-MNIST (tests/test_duplicates.py holds the rates):
JPEG_SHARE = 0.25  # of the picture's own contrast, which for pale marks is little, may be noise
RESIZED_LIKENESS = 0.98  # correlation after resizing; copies 0.98 and more, different marks of one hand up to 0.955
RESIZED_DETAIL = 0.955  # the same, each frequency weighed by its size: a grey square on white is no likeness yet
FINE = 24  # pixels that the smaller one must have for its details to be compared
TINY_LIKENESS = 0.99  # where the smaller one has under 12 pixels, in which most marks look alike
RESIZED_CONTRAST = 0.6  # how much of the contrast may go in a resize
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
    `families.LARGE` near copies of one picture each is paired with some of the others.
    """
    if not len(table):
        return []
    firsts, pairs = _equal(table)
    rows = firsts[table.energy[firsts] > FLAT**2]
    rows = rows[np.argsort(table.means[rows], kind="stable")]
    known = Families(len(rows))
    for a, b in candidates(table, rows, known):
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
    dots = dots_of_flips(x, y)
    best, dot = dots.argmax(axis=0), dots.max(axis=0)
    ex, ey = energy(x), energy(y)
    less, more = np.minimum(ex, ey), np.maximum(ex, ey)
    residual = np.maximum(ex + ey - 2 * dot, 0)
    recoded = (residual <= noise(smaller) ** 2) & (residual <= JPEG_SHARE**2 * less)
    likeness = np.where(smaller < 12, TINY_LIKENESS, RESIZED_LIKENESS)
    resized = (dot >= likeness * np.sqrt(ex * ey)) & (less >= RESIZED_CONTRAST**2 * more)
    resized &= (smaller < FINE) | (_detail(x, y, best) >= RESIZED_DETAIL)
    return np.where(np.where(same_size, recoded, resized), best, -1)


def _detail(x: np.ndarray, y: np.ndarray, flip: np.ndarray) -> np.ndarray:
    """The likeness of the details of each pair under a flip, in which slow changes count for little; shape (pairs,)."""
    frequency = np.hypot(*np.indices(x.shape[1:])).astype(np.float32)
    x, y = x * frequency, y * frequency
    dots = np.take_along_axis(dots_of_flips(x, y), flip[None], axis=0)[0]
    return dots / np.sqrt(np.maximum(energy(x) * energy(y), np.finfo(np.float32).tiny))
