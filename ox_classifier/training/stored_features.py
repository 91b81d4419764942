"""The features that a run's training left in the cache, one view of each image: for its report. Knows no Keras."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ox_classifier.augmentation.augmenter import Augmenter
from ox_classifier.console import say
from ox_classifier.data.contents import Contents
from ox_classifier.data.images import ImageError
from ox_classifier.data.on_demand import OnDemand
from ox_classifier.errors import OxError, UsageError
from ox_classifier.networks import features
from ox_classifier.networks.feature_store import FeatureStore
from ox_classifier.networks.features import Views
from ox_classifier.runs import Run
from ox_classifier.training.recipe import Recipe


class StoredFeatures:
    """What is there: `paths` as in split.csv, and their features by `rows`.

    Of a training image it is the first view it was learned from, of every other one the plain view; `plain` are the
    paths whose view is the picture as it is. The store is only read, so that an entry that was evicted or damaged, or
    an image that has changed since, is just not there.
    """

    def __init__(self, run: Run, width: int):
        recipe = Recipe.from_config(run.settings)
        size = run.rule.height, run.rule.width
        precision = "mixed_float16" if recipe.mixed_precision else "float32"
        self._store = FeatureStore(features.store_kind(recipe.arch, size, precision, _digest_of_base(run)), (width,))
        self._keys: dict[str, bytes] = {}
        self._views: dict[str, tuple[Views, int]] = {}
        self.plain: set[str] = set()
        rows = run.read_table("split.csv")
        for training in (True, False):
            paths = [row["path"] for row in rows if (row["split"] == "train") is training]
            if paths:
                self._add(run, recipe, paths, augmented=training and bool(recipe.augmentation))
        damaged = self._store.forget_damaged([key for key in self._keys.values() if key in self._store])
        if damaged:
            say(f"features: {damaged} damaged entries in {self._store.folder} are not used")
        self._keys = {path: key for path, key in self._keys.items() if key in self._store}
        self.plain &= self._keys.keys()

    @property
    def paths(self) -> Sequence[str]:
        return tuple(self._keys)

    def rows(self, paths: Sequence[str]) -> np.ndarray:
        """The features of these images, float32 of shape (n, width)."""
        return self._store.rows([self._keys[path] for path in paths])

    def pixels(self, path: str) -> np.ndarray:
        """The view whose features these are, float32 in [0, 1] of shape (height, width, channels).

        Raises:
            ImageError: If the file can't be read, or has changed since its features were looked up.
        """
        views, index = self._views[path]
        return views.pixels([index])[0]

    def samples(self, count: int) -> list[str]:
        """At least `count` of the images where there are as many, spread evenly, and one of each file of the store."""
        spread = self.paths[:: max(1, len(self._keys) // count)]
        path_of = {key: path for path, key in reversed(self._keys.items())}
        first = (path_of[key] for key in self._store.one_of_each_file(tuple(self._keys.values())))
        return list(dict.fromkeys((*spread, *first)))

    def _add(self, run: Run, recipe: Recipe, paths: Sequence[str], *, augmented: bool) -> None:
        """The views by path, of the files that can be read."""
        contents, there, files = Contents(), [], []
        for path in paths:
            file: Path = run.source(path)
            try:
                contents.digest(file)
            except ImageError:
                continue
            there.append(path)
            files.append(file)
        if not there:
            return
        pictures = OnDemand(tuple(files), run.rule, contents)
        if augmented:
            augmenter = Augmenter(rescale=1 / 255, **recipe.augmentation)
            views = features.augmented(pictures, augmenter, view=0, seed=recipe.seed)
        else:
            views = features.plain(pictures)
            self.plain |= set(there)
        self._keys |= zip(there, views.keys, strict=True)
        self._views |= {path: (views, index) for index, path in enumerate(there)}


def stored_features(run: Run, width: int) -> StoredFeatures | None:
    """Those of a run on a frozen base; None for other runs, for a fine-tuned base, and where none is left.

    `width` is how many features an image has.
    """
    if not run.weights or run.fine_tuned_from is not None:
        return None
    try:
        found = StoredFeatures(run, width)
    except (OxError, TypeError, ValueError):  # the cache can't be opened, or the recipe is of another version
        return None
    return found if found.paths else None


def _digest_of_base(run: Run) -> str:
    origin = run.settings.get("weights_origin")
    digest = origin.get("digest") if isinstance(origin, dict) else None
    if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{16,}", digest):
        raise UsageError(f"run {run.path} does not say which weights its base has")
    return digest
