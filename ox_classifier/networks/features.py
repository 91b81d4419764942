"""The features that a frozen base extracts from every view of every image, computed once and kept.

Which views there are, and where their features are kept, is known without Keras: who only reads them starts at once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ox_classifier.console import say, track
from ox_classifier.networks.feature_store import KEY_BYTES, FeatureStore
from ox_classifier.pixels import DECODING

if TYPE_CHECKING:
    import keras

    from ox_classifier.networks.engine import Engine

# the augmenter's settings that decide a view's pixels, beside the transform drawn for it
SETTINGS = ("rescale", "fill_mode", "cval", "interpolation_order", "samplewise_center", "samplewise_std_normalization")
FORMAT = 5  # raise it when the same key would mean another view


class Images(Protocol):
    """Images with a digest each, so that they are told apart without decoding: `data.decoding.OnDemand`, not imported.

    `images[indices]` is uint8 of shape (len(indices), *shape[1:]). `digests` holds KEY_BYTES bytes for each image,
    different ones for different pixels.
    """

    shape: tuple[int, ...]  # (n, height, width, channels)
    digests: Sequence[bytes]

    def __getitem__(self, indices: Sequence[int]) -> np.ndarray: ...


class Augmenter(Protocol):
    """Makes augmented views: `augmentation.augmenter.Augmenter`, which this room doesn't import."""

    def draws(self, shape: tuple[int, ...], seed: int, epoch: int, indices: Sequence[int]) -> list[dict]:
        """A seeded transform for each index."""

    def apply(self, images: np.ndarray, transforms: Sequence[dict]) -> np.ndarray:
        """uint8 images → float32 pixels in [0, 1], each by its own transform."""


@dataclass(frozen=True)
class Views:
    """What features are extracted from: a key for each view, and the pixels by index, float32 in [0, 1]."""

    keys: Sequence[bytes]
    pixels: Callable[[Sequence[int]], np.ndarray]


def plain(images: Images) -> Views:
    """The plain view of each image: not augmented."""
    keys = [_key(digest) for digest in images.digests]
    return Views(keys, lambda indices: images[indices].astype(np.float32) * np.float32(1 / 255))


def augmented(images: Images, augmenter: Augmenter, *, view: int, seed: int) -> Views:
    """One seeded augmented view of each image.

    The transform depends on the image, the view and the seed, not on the image's position in the list, so the views
    of the other images stay the same when an image is added.
    """
    drawn = augmenter.draws(images.shape[1:], seed, view, [_index(digest) for digest in images.digests])
    settings = {name: repr(getattr(augmenter, name, None)) for name in SETTINGS}
    keys = [_key(digest, settings, transform) for digest, transform in zip(images.digests, drawn, strict=True)]
    return Views(keys, lambda indices: augmenter.apply(images[indices], [drawn[i] for i in indices]))


def fresh(images: Images, augmenter: Augmenter, *, view: int, seed: int, indices: Sequence[int]) -> np.ndarray:
    """The pixels of the augmented views of some images only, float32 in [0, 1]."""
    drawn = augmenter.draws(images.shape[1:], seed, view, [_index(images.digests[i]) for i in indices])
    return augmenter.apply(images[indices], drawn)


def open_store(base: keras.Model, arch: str, weights_digest: str) -> FeatureStore:
    """The store of the features that this base, with these weights, extracts at this image size."""
    import keras

    kind = store_kind(arch, base.input_shape[1:3], keras.config.dtype_policy().name, weights_digest)
    return FeatureStore(kind, base.output_shape[1:])


def store_kind(arch: str, size: Sequence[int], precision: str, weights_digest: str) -> str:
    """The name of that store; `size` is (height, width)."""
    height, width = size
    decoder = version("pillow")  # another one may turn the same file into other pixels
    return f"{arch}-{width}x{height}-{precision}-{weights_digest[:16]}-pillow{decoder}-{FORMAT}.{DECODING}"


def compute(base: keras.Model, store: FeatureStore, parts: Sequence[Views]) -> int:
    """Extract the features of every view that the store doesn't have yet; return how many these were.

    Each batch is on disk before the next one is begun, so a killed process loses at most one batch.

    Raises:
        UsageError: If the cache may not grow that large.
        OxError: If the disk is full.
    """
    from ox_classifier.networks import engine as engines  # brings Keras

    wanted = [key for views in parts for key in views.keys]
    damaged = store.forget_damaged(wanted)
    if damaged:
        say(f"features: {damaged} damaged entries in {store.folder} are computed again")
    store.make_room(wanted)
    missing, listed = [], set()
    for views in parts:
        indices = [i for i, key in enumerate(views.keys) if key not in store and not (key in listed or listed.add(key))]
        if indices:
            missing.append((views, indices))
    total = sum(len(indices) for _, indices in missing)
    if not total:
        say(f"features: all {len(set(wanted)):,} views are in the cache")
        return 0
    views, indices = missing[0]
    engine = engines.fastest(base, views.pixels(indices[:1]))
    if total < len(set(wanted)):
        say(f"features: {len(set(wanted)) - total:,} views are in the cache, {total:,} to compute")
    label = f"features by {engine.name}"
    for key, row in track(_extract(engine, missing), label=label, total=total):
        store.add(key, row)
    return total


def _extract(engine: Engine, missing: list[tuple[Views, list[int]]]):
    for views, indices in missing:
        for start in range(0, len(indices), engine.batch):
            batch = indices[start : start + engine.batch]
            rows = engine.extract(views.pixels(batch))
            yield from zip((views.keys[i] for i in batch), rows, strict=True)


class FeatureBatches:
    """Batches (features, class index) for a head to learn from; with `shuffle`, in an order given by seed and epoch.

    `extract(epoch, indices)` gives the features of the images at `indices`.
    """

    def __init__(
        self,
        extract: Callable[[int, np.ndarray], np.ndarray],
        labels: np.ndarray,
        *,
        batch_size: int = 32,
        shuffle: bool = False,
        seed: int = 0,
    ):
        self.extract, self.labels, self.batch_size, self.shuffle, self.seed = extract, labels, batch_size, shuffle, seed
        self._last = (-1, np.arange(0))  # the order of the epoch asked for last

    def __len__(self) -> int:
        return -(-len(self.labels) // self.batch_size)

    def batch(self, index: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Batch `index` of any epoch."""
        indices = self.order(epoch)[index * self.batch_size : (index + 1) * self.batch_size]
        return self.extract(epoch, indices), self.labels[indices]

    def order(self, epoch: int) -> np.ndarray:
        """Positions of the images in the order an epoch takes them."""
        if self._last[0] != epoch:
            count = len(self.labels)
            drawn = np.random.default_rng((self.seed, epoch)).permutation(count) if self.shuffle else np.arange(count)
            self._last = (epoch, drawn)
        return self._last[1]


def _index(digest: bytes) -> int:
    return int.from_bytes(digest[:4], "big")


def _key(digest: bytes, *parameters: dict) -> bytes:
    text = json.dumps(parameters, sort_keys=True, default=str).encode()
    return hashlib.blake2b(digest + text, digest_size=KEY_BYTES).digest()
