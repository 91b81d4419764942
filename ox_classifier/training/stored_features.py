"""The features that a run's training left in the cache, one view of each image: for its report."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ox_classifier.data.contents import Contents
from ox_classifier.data.images import ImageError
from ox_classifier.data.on_demand import OnDemand
from ox_classifier.errors import OxError, UsageError
from ox_classifier.networks import features
from ox_classifier.networks.feature_store import FeatureStore
from ox_classifier.runs import Run
from ox_classifier.training.recipe import Recipe
from ox_classifier.training.tasks import augmenter


class StoredFeatures:
    """What is there: `paths` as in split.csv, and their features by `rows`.

    Of a training image it is the first view it was learned from, of every other one the plain view. The store is only
    read, so that an entry that was evicted or an image that has changed is just not there.
    """

    def __init__(self, run: Run, width: int):
        recipe = Recipe.from_config(run.settings)
        size = run.rule.height, run.rule.width
        precision = "mixed_float16" if recipe.mixed_precision else "float32"
        self._store = FeatureStore(features.store_kind(recipe.arch, size, precision, _digest_of_base(run)), (width,))
        self._keys: dict[str, bytes] = {}
        rows = run.read_table("split.csv")
        for training in (True, False):
            paths = [row["path"] for row in rows if (row["split"] == "train") is training]
            if paths:
                self._keys |= _keys(run, recipe, paths, augmented=training and bool(recipe.augmentation))
        self._store.forget_damaged([key for key in self._keys.values() if key in self._store])
        self._keys = {path: key for path, key in self._keys.items() if key in self._store}

    @property
    def paths(self) -> Sequence[str]:
        return tuple(self._keys)

    def rows(self, paths: Sequence[str]) -> np.ndarray:
        """The features of these images, float32 of shape (n, width)."""
        return self._store.rows([self._keys[path] for path in paths])


def stored_features(run: Run, width: int) -> StoredFeatures | None:
    """Those of a run on a frozen base; None for other runs, for a fine-tuned base, and where none is left.

    `width` is how many features an image has.
    """
    if not run.weights or run.fine_tuned_from is not None:
        return None
    try:
        found = StoredFeatures(run, width)
    except (UsageError, OxError):  # the cache can't be opened, or the recipe is of another version
        return None
    return found if found.paths else None


def _digest_of_base(run: Run) -> str:
    origin = run.settings.get("weights_origin")
    digest = origin.get("digest") if isinstance(origin, dict) else None
    if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{16,}", digest):
        raise UsageError(f"run {run.path} does not say which weights its base has")
    return digest


def _keys(run: Run, recipe: Recipe, paths: Sequence[str], *, augmented: bool) -> dict[str, bytes]:
    """The keys of the views by path, of the files that can be read."""
    contents, there, files = Contents(), [], []
    for path in paths:
        file: Path = run.source(path)
        try:
            contents.digest(file)
        except ImageError:
            continue
        there.append(path)
        files.append(file)
    pictures = OnDemand(tuple(files), run.rule, contents)
    if not there:
        return {}
    if augmented:
        views = features.augmented(pictures, augmenter(recipe), view=0, seed=recipe.seed)
    else:
        views = features.plain(pictures)
    return dict(zip(there, views.keys, strict=True))
