"""What the network is to answer to each image, in the form that Keras' `class_mode` asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Targets:
    """Targets by row, in one of Keras' class modes: categorical, binary, sparse, input, raw, multi_output or None.

    `values` are class indices, shape (n,) (or, for categorical, a list of indices for each image that has several
    classes); for raw any array of n entries; for multi_output a list of such; for the others None.
    """

    mode: str | None
    values: np.ndarray | list | None = None
    num_classes: int = 0
    dtype: str = "float32"

    def take(self, rows: np.ndarray) -> Targets:
        """The targets of some rows."""
        if self.values is None:
            return self
        if self.mode == "multi_output":
            return replace(self, values=[part[rows] for part in self.values])
        chosen = self.values[rows] if isinstance(self.values, np.ndarray) else [self.values[row] for row in rows]
        return replace(self, values=chosen)

    def batch(self, rows: np.ndarray, x: np.ndarray) -> np.ndarray | list | None:
        """The targets of a batch whose images are `x`."""
        if self.mode == "input":
            return x.copy()
        chosen = self.take(rows).values
        if self.mode in ("binary", "sparse"):
            return np.asarray(chosen).astype(self.dtype)
        return self._hot(chosen) if self.mode == "categorical" else chosen

    def _hot(self, classes: Sequence) -> np.ndarray:
        """Rows of zeros with a one for each class of the image."""
        y = np.zeros((len(classes), self.num_classes), dtype=self.dtype)
        for row, own in zip(y, classes, strict=True):
            row[own] = 1
        return y
