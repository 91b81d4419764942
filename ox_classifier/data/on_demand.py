"""Images that are looked up when they are asked for: decoded then, or chosen then from pixels that are there."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

import numpy as np

from ox_classifier.data import images
from ox_classifier.data.contents import Contents
from ox_classifier.data.decoding import decode
from ox_classifier.pixels import PixelRule


@dataclass(frozen=True)
class OnDemand:
    """Images that are decoded each time they are asked for, and not kept: for networks that take far longer to look.

    `images[indices]` and `images[start:stop]` are uint8 of shape (n, height, width, channels), `np.asarray(images)`
    is all of them, kept as `decode` keeps them. All raise `ImageError` where a file can't be read, or is no longer
    the one that `contents` knows.
    """

    paths: tuple[Path, ...]
    rule: PixelRule
    contents: Contents = field(default_factory=Contents)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return len(self.paths), *self.rule.shape

    @cached_property
    def digests(self) -> list[bytes]:
        """16 bytes each that images share when file and rule are equal, and so every pixel; decodes nothing."""
        rule = repr(self.rule).encode()
        return [blake2b(self.contents.digest(path) + rule, digest_size=16).digest() for path in self.paths]

    def part(self, indices: slice | Sequence[int]) -> OnDemand:
        """Some of the images, as undecoded as before."""
        return OnDemand(tuple(_chosen(self.paths, indices)), self.rule, self.contents)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, indices: slice | Sequence[int]) -> np.ndarray:
        chosen = _chosen(self.paths, indices)
        pixels = np.empty((len(chosen), *self.rule.shape), np.uint8)
        for row, path in zip(pixels, chosen, strict=True):
            row[:] = images.read(path, self.rule)
            self.contents.verify(path)
        return pixels

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        decoded = decode(self.paths, self.rule, contents=self.contents, label="reading images")
        if decoded.bad:
            raise decoded.bad[0]
        return decoded.images


@dataclass(frozen=True)
class Chosen:
    """Some images of an array in an order of their own: nothing is copied but what is asked for.

    `images[indices]`, `images[start:stop]` and `images[i]` are as of an array; `np.asarray(images)` copies them all.
    """

    pixels: np.ndarray  # uint8, (n, height, width, channels)
    rows: np.ndarray  # whole numbers, (m,)

    dtype = np.dtype(np.uint8)
    ndim = 4

    @property
    def shape(self) -> tuple[int, ...]:
        return len(self.rows), *self.pixels.shape[1:]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, indices: int | slice | Sequence[int]) -> np.ndarray:
        return self.pixels[self.rows[indices]]

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return self.pixels[self.rows]


def in_memory(images: np.ndarray | Chosen | OnDemand) -> np.ndarray | Chosen:
    """The images, decoded and kept if they are not yet."""
    return np.asarray(images) if isinstance(images, OnDemand) else images


def _chosen(paths: Sequence[Path], indices: slice | Sequence[int]) -> Sequence[Path]:
    return paths[indices] if isinstance(indices, slice) else [paths[operator.index(place)] for place in indices]
