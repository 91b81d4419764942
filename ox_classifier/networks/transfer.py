"""Transfer learning: a head learns from the features of a frozen base; the whole is pixels in, probabilities out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from ox_classifier.console import say
from ox_classifier.errors import UsageError
from ox_classifier.networks import bases, features
from ox_classifier.networks import engine as engines
from ox_classifier.networks.feature_store import FeatureStore
from ox_classifier.networks.features import Augmenter, FeatureBatches, Images, Views
from ox_classifier.networks.weights import Origin

READ_BATCH = 64


@dataclass(frozen=True)
class Transfer:
    """A head ready to train, over a base whose features are computed.

    `head` and `model` share their layers: what the head learns, the whole network knows. `train` and `val` are
    batches of features for `training.fit(head, ...)`.
    """

    model: keras.Model
    head: keras.Model
    train: FeatureBatches
    val: FeatureBatches
    origin: Origin
    computed: int  # views that were not in the cache
    _store: FeatureStore
    _plain: Mapping[str, Views]

    def probabilities(self, split: str) -> np.ndarray:
        """What the network answers to each image of "val" or "test", shape (n, classes), from its features."""
        keys = self._plain[split].keys
        parts = [
            self.head.predict_on_batch(self._store.rows(keys[i : i + READ_BATCH]))
            for i in range(0, len(keys), READ_BATCH)
        ]
        return np.concatenate(parts) if parts else np.empty((0, self.model.output_shape[-1]), np.float32)


def prepare(
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
    fine_tune: int = 0,
) -> Transfer:
    """Build a network on a frozen base and compute, or find in the cache, what the base sees of every image.

    `images` maps "train", "val" and maybe "test" to pictures of shape (n, height, width, 3), `labels` to class indices.
    The base sees `views` seeded augmented views of each training image, one an epoch in turn, and every other
    image once; `views=0` draws a fresh view each epoch and keeps none; without `augmenter` images stay as they are.
    `fine_tune` is the number of convolutions to be trained afterwards.

    Raises:
        UsageError: If the images, the weights file, the number of views or of convolutions don't suit the base.
        OxError: If no weights can be had or the features can't be kept.
    """
    if views < 0:
        raise UsageError(f"--views {views}: give 0 (a fresh view every epoch) or the number of views of each image")
    model, origin = bases.build(arch, images["train"].shape[1:], num_classes, dropout=dropout, weights=weights)
    last_convolutions(model, fine_tune)
    base, head = split(model)
    store = features.open_store(base, arch, origin.digest)
    plain_views = {name: features.plain(pictures) for name, pictures in images.items() if name != "train"}
    source = images["train"]
    if augmenter is None:
        training_views = [features.plain(source)]
    else:
        training_views = [features.augmented(source, augmenter, view=view, seed=seed) for view in range(views)]
    computed = features.compute(base, store, [*training_views, *plain_views.values()])
    if training_views:
        extract = _kept(store, training_views)
    else:
        engine = engines.fastest(base, plain_views["val"].pixels([0]))

        def extract(epoch: int, indices: np.ndarray) -> np.ndarray:
            return engine.extract(features.fresh(source, augmenter, view=epoch, seed=seed, indices=indices))

    return Transfer(
        model,
        head,
        FeatureBatches(extract, labels["train"], batch_size=batch_size, shuffle=True, seed=seed),
        FeatureBatches(_kept(store, [plain_views["val"]]), labels["val"], batch_size=READ_BATCH),
        origin,
        computed,
        store,
        plain_views,
    )


def split(model: keras.Model) -> tuple[keras.Model, keras.Model]:
    """The frozen base (pixels → features) and the head (features → probabilities) of a network of `bases`.

    The layers are the network's own, so training the head trains the network.
    """
    seen = model.get_layer("dropout").input
    base = keras.Model(model.input, seen, name=f"{model.name}_base")
    entry = keras.Input(seen.shape[1:], name="features")
    answer = entry
    for name in ("dropout", "flatten", "probabilities"):
        answer = model.get_layer(name)(answer)
    return base, keras.Model(entry, answer, name=f"{model.name}_head")


def fine_tune(model: keras.Model, count: int, *, fit: Callable[[keras.Model], float], before: float) -> bool:
    """Train the last `count` convolution layers, too, and keep the result only if it beats `before`.

    `fit` trains the network on pixels, at a tenth of the head's learning rate, and returns the best score it
    reached (more is better). Otherwise the network is left as it was, frozen. Returns whether it was kept.

    Raises:
        UsageError: If the base has fewer convolution layers.
    """
    chosen = last_convolutions(model, count)
    for layer in chosen:
        layer.trainable = True
    old = model.get_weights()
    after = fit(model)
    kept = after > before
    if not kept:
        model.set_weights(old)
        for layer in chosen:
            layer.trainable = False
    say(f"fine-tuning the last {count} convolutions {'improved the network' if kept else 'did not help: undone'}")
    return kept


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


def _kept(store: FeatureStore, training_views: list[Views]) -> Callable[[int, np.ndarray], np.ndarray]:
    def extract(epoch: int, indices: np.ndarray) -> np.ndarray:
        keys = training_views[epoch % len(training_views)].keys
        return store.rows([keys[i] for i in indices])

    return extract
