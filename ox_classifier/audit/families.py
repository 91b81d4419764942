"""Which images are copies of each other, directly or through others, found out pair by pair."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

LARGE = 32  # members; of a larger family only so many are compared with what comes later


class Families:
    """Images 0 to `count` - 1, each a family of its own until it is joined with another.

    A burst of one camera or a thousand copies of one picture would make comparisons grow with the square of their
    number. So in a family of over LARGE its last ones stand for all.
    """

    def __init__(self, count: int):
        self.active = np.ones(count, bool)  # whether an image still stands for its family
        self._of = np.arange(count)
        self._size = np.ones(count, np.int64)  # of the family that bears this number
        self._members: dict[int, list[int]] = {}
        self._standing: dict[int, list[int]] = {}

    def worth_comparing(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Of pairs, those of two families, or of one in which all are still compared."""
        return (self._of[a] != self._of[b]) | (self._size[self._of[a]] <= LARGE)

    def join(self, a: int, b: int) -> None:
        """Make one family of the two images' families."""
        large, small = int(self._of[a]), int(self._of[b])
        if large == small:
            return
        if self._size[large] < self._size[small]:
            large, small = small, large
        moved = self._members.pop(small, [small])
        self._of[moved] = large
        self._members.setdefault(large, [large]).extend(moved)
        self._size[large] += self._size[small]
        standing = sorted(self._standing.pop(small, [small]) + self._standing.get(large, [large]))
        self.active[standing[:-LARGE]] = False
        self._standing[large] = standing[-LARGE:]

    def all(self) -> list[list[int]]:
        """Every family of more than one, its members in order; families by their first."""
        return sorted(sorted(members) for members in self._members.values())


def families(count: int, pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """The families that these pairs make."""
    found = Families(count)
    for a, b in pairs:
        found.join(a, b)
    return found.all()
