"""Transfer learning: a head learns from the features of a frozen base; the whole is pixels in, probabilities out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

import keras
import numpy as np

from ox_classifier.errors import UsageError
from ox_classifier.networks import bases, features
from ox_classifier.networks import engine as engines
from ox_classifier.networks.features import Augmenter, FeatureBatches, Images, Views

READ_BATCH = 64
Extract = Callable[[int, np.ndarray], np.ndarray]
OUTLIERS = "outliers"  # seen in training, of no class


class FrozenBase:
    """A new head over a frozen base, and the features that the base extracts from every image.

    `head` and `model` share their layers: what the head learns, the whole network knows. Nothing is computed before
    `compute()`; then `train` and `val` are batches of features for `training.fit.fit(head, ...)`, and `outliers` gives
    the features of some outliers, (epoch, indices) → rows.

    `images` maps "train", "val" and maybe "test" and "outliers" to pictures of shape (n, height, width, 3), `labels`
    the first three to class indices. Of each training image and outlier the base gets `views` seeded augmented views,
    one an epoch in turn, and of every other image the plain one; `views=0` draws a fresh view each epoch and keeps
    none; without `augmenter` images stay as they are.

    Raises:
        UsageError: If the images or the weights file don't suit the base.
        OxError: If no weights can be had.
    """

    def __init__(
        self,
        arch: str,
        images: Mapping[str, Images],
        labels: Mapping[str, np.ndarray],
        num_classes: int,
        *,
        augmenter: Augmenter | None,
        views: int = 1,
        dropout: float = 0.5,
        weights: str | Path = "imagenet",
        batch_size: int = 32,
        seed: int = 0,
    ):
        if views < 0:
            raise UsageError(f"--views {views}: give 0 (a fresh view every epoch) or the number of views of each image")
        shape = images["train"].shape[1:]
        self.model, self.origin = bases.build(
            arch, shape, num_classes, dropout=dropout, weights=weights, outliers=OUTLIERS in images
        )
        self.base, self.head = split(self.model)
        self.images, self.labels, self.augmenter = images, labels, augmenter
        self.arch, self.views, self.batch_size, self.seed = arch, views, batch_size, seed

    def compute(self) -> int:
        """Extract what the cache doesn't have yet; gives how many views that were.

        Raises:
            OxError: If the features can't be kept.
        """
        self._store = features.open_store(self.base, self.arch, self.origin.digest)
        self._plain_views = {
            name: features.plain(pictures) for name, pictures in self.images.items() if name not in ("train", OUTLIERS)
        }
        learned = [name for name in ("train", OUTLIERS) if name in self.images]
        views = {name: self._training_views(self.images[name]) for name in learned}
        wanted = [*chain.from_iterable(views.values()), *self._plain_views.values()]
        computed = features.compute(self.base, self._store, wanted)
        extract = {name: self._kept(views[name]) for name in learned} if views["train"] else self._fresh(learned)
        self.outliers = extract.get(OUTLIERS)
        self.train = FeatureBatches(
            extract["train"], self.labels["train"], batch_size=self.batch_size, shuffle=True, seed=self.seed
        )
        self.val = None
        if "val" in self._plain_views:
            self.val = FeatureBatches(self._kept([self._plain_views["val"]]), self.labels["val"], batch_size=READ_BATCH)
        return computed

    def probabilities(self, split: str) -> np.ndarray:
        """What the network answers to each image of "val" or "test", shape (n, classes), from its features."""
        keys = self._plain_views[split].keys
        parts = [
            self.head.predict_on_batch(self._store.rows(keys[i : i + READ_BATCH]))
            for i in range(0, len(keys), READ_BATCH)
        ]
        return np.concatenate(parts) if parts else np.empty((0, self.model.output_shape[-1]), np.float32)

    def _training_views(self, source: Images) -> list[Views]:
        if self.augmenter is None:
            return [features.plain(source)]
        return [features.augmented(source, self.augmenter, view=view, seed=self.seed) for view in range(self.views)]

    def _kept(self, views: list[Views]) -> Extract:
        def extract(epoch: int, indices: np.ndarray) -> np.ndarray:
            keys = views[epoch % len(views)].keys
            return self._store.rows([keys[i] for i in indices])

        return extract

    def _fresh(self, names: Sequence[str]) -> dict[str, Extract]:
        engine = engines.fastest(self.base, features.plain(self.images["train"]).pixels([0]))

        def extract(source: Images, epoch: int, indices: np.ndarray) -> np.ndarray:
            pixels = features.fresh(source, self.augmenter, view=epoch, seed=self.seed, indices=indices)
            return engine.extract(pixels)

        return {name: partial(extract, self.images[name]) for name in names}


def split(model: keras.Model) -> tuple[keras.Model, keras.Model]:
    """The frozen base (pixels → features) and the head (features → probabilities) of a network of `bases`.

    The layers are the network's own, so training the head trains the network.
    """
    extracted = model.get_layer("dropout").input
    base = keras.Model(model.input, extracted, name=f"{model.name}_base")
    entry = keras.Input(extracted.shape[1:], name="features")
    answer = entry
    for layer in model.layers[model.layers.index(model.get_layer("dropout")) :]:
        answer = layer(answer)
    return base, keras.Model(entry, answer, name=f"{model.name}_head")


def release(model: keras.Model, count: int) -> list[keras.Layer]:
    """Make the last `count` convolution layers trainable, for fine-tuning; gives these layers.

    Raises:
        UsageError: If the base has fewer convolution layers.
    """
    chosen = last_convolutions(model, count)
    for layer in chosen:
        layer.trainable = True
    return chosen


def last_convolutions(model: keras.Model, count: int) -> list[keras.Layer]:
    """The last `count` convolution layers of a network.

    Raises:
        UsageError: If there are fewer.
    """
    convolutions = [
        layer for layer in model.layers if isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D))
    ]
    most = len(convolutions)
    if not 0 <= count <= most:
        raise UsageError(f"--fine-tune {count}: {model.name} has {most} convolution layers; give 0 to {most}")
    return convolutions[most - count :]
