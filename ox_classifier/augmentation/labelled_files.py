"""Files and what is known of each: the common form of a folder of class folders and of a dataframe."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ox_classifier.augmentation.targets import Targets
from ox_classifier.data.images import ImageError


@dataclass(frozen=True)
class Files:
    """Labelled files, in the order of their images; `bad` has an error for each one that could not be read."""

    directory: str
    paths: tuple[Path, ...]
    names: tuple[str, ...]  # as `filenames` gives them
    targets: Targets
    class_names: tuple[str, ...] = ()
    classes: np.ndarray | list | None = None  # indices into class_names, where there are classes
    sample_weight: np.ndarray | None = None
    bad: tuple[ImageError, ...] = ()

    @property
    def labels(self) -> np.ndarray | list | None:
        """What Keras calls labels: class indices, or the values of raw and multi_output."""
        return self.targets.values if self.targets.mode in ("raw", "multi_output") else self.classes

    @property
    def strata(self) -> np.ndarray | None:
        """What a split keeps the shares of: classes or raw values; None where an image may have several."""
        one_each = isinstance(self.labels, np.ndarray) and self.targets.mode != "multi_output"
        return self.labels if one_each else None

    def take(self, rows: np.ndarray) -> Files:
        """The files at `rows` only."""
        classes = self.classes
        if classes is not None:
            classes = classes[rows] if isinstance(classes, np.ndarray) else [classes[row] for row in rows]
        return replace(
            self,
            paths=tuple(self.paths[row] for row in rows),
            names=tuple(self.names[row] for row in rows),
            targets=self.targets.take(rows),
            classes=classes,
            sample_weight=None if self.sample_weight is None else self.sample_weight[rows],
        )
