"""What a frozen base sees of every view of every image, computed once and kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Protocol

import keras
import numpy as np

from ox_classifier.networks import engine as engines
from ox_classifier.networks.engine import Engine
from ox_classifier.networks.feature_store import KEY_BYTES, FeatureStore
from ox_classifier.progress import say, track

# what, beside the drawn numbers, decides the pixels of a view
SETTINGS = ("rescale", "fill_mode", "cval", "interpolation_order", "samplewise_center", "samplewise_std_normalization")
FORMAT = 3  # raise it when the same key would mean other pixels


class Images(Protocol):
    """Pictures that can be told apart without being looked at: `data.store.OnDemand`, which this floor doesn't import.

    `images[places]` is uint8 of shape (len(places), *shape[1:]), `digests` gives each KEY_BYTES bytes, others for
    other pixels.
    """

    shape: tuple[int, ...]  # (n, height, width, channels)
    digests: Sequence[bytes]

    def __getitem__(self, places: Sequence[int]) -> np.ndarray: ...


class Augmenter(Protocol):
    """What makes views: `data.augment.ImageDataGenerator`, which this floor doesn't import."""

    def draws(self, shape: tuple[int, ...], seed: int, epoch: int, indices: Sequence[int]) -> list[dict]:
        """A seeded transform for each index."""

    def apply(self, images: np.ndarray, transforms: Sequence[dict]) -> np.ndarray:
        """uint8 images → float32 pixels in [0, 1], each by its own transform."""


@dataclass(frozen=True)
class Views:
    """Pictures for a base to see: a key each, and their pixels, float32 in [0, 1], by position."""

    keys: Sequence[bytes]
    pixels: Callable[[Sequence[int]], np.ndarray]


def plain(images: Images) -> Views:
    """Each image as it is."""
    keys = [_key(digest) for digest in images.digests]
    return Views(keys, lambda places: images[places].astype(np.float32) * np.float32(1 / 255))


def augmented(images: Images, augmenter: Augmenter, *, view: int, seed: int) -> Views:
    """One seeded augmented view of each image.

    What is drawn depends on an image itself, the view and the seed, not on its place in the list,
    so an added image leaves the views of the others as they were.
    """
    drawn = augmenter.draws(images.shape[1:], seed, view, [_index(digest) for digest in images.digests])
    settings = {name: repr(getattr(augmenter, name, None)) for name in SETTINGS}
    keys = [_key(digest, settings, transform) for digest, transform in zip(images.digests, drawn, strict=True)]
    return Views(keys, lambda places: augmenter.apply(images[places], [drawn[i] for i in places]))


def fresh(images: Images, augmenter: Augmenter, *, view: int, seed: int, places: Sequence[int]) -> np.ndarray:
    """The pixels of `augmented` for some images alone, float32 in [0, 1]."""
    indices = [_index(images.digests[place]) for place in places]
    return augmenter.apply(images[places], augmenter.draws(images.shape[1:], seed, view, indices))


def open_store(base: keras.Model, arch: str, weights_digest: str) -> FeatureStore:
    """The store of what this base, with these weights, sees at this image size."""
    height, width = base.input_shape[1:3]
    precision = keras.config.dtype_policy().name
    decoder = version("pillow")  # another one may turn the same file into other pixels
    kind = f"{arch}-{width}x{height}-{precision}-{weights_digest[:16]}-pillow{decoder}-{FORMAT}"
    return FeatureStore(kind, base.output_shape[1:])


def compute(base: keras.Model, store: FeatureStore, parts: Sequence[Views]) -> int:
    """Make sure that the store has what `base` sees of every view; return how many had to be computed.

    Each batch is on disk before the next is begun, so a kill loses no more than the one in hand.

    Raises:
        UsageError: If the cache may not grow that large.
        OxError: If the disk is full.
    """
    wanted = [key for views in parts for key in views.keys]
    store.forget_damaged(wanted)
    store.make_room(wanted)
    missing, seen = [], set()
    for views in parts:
        places = [i for i, key in enumerate(views.keys) if key not in store and not (key in seen or seen.add(key))]
        if places:
            missing.append((views, places))
    total = sum(len(places) for _, places in missing)
    if not total:
        say(f"features: all {len(set(wanted)):,} views are in the cache")
        return 0
    views, places = missing[0]
    engine = engines.fastest(base, views.pixels(places[:1]))
    if total < len(set(wanted)):
        say(f"features: {len(set(wanted)) - total:,} views are in the cache, {total:,} to compute")
    label = f"features by {engine.name}"
    for key, row in track(_see(engine, missing), label=label, total=total):
        store.add(key, row)
    return total


def _see(engine: Engine, missing: list[tuple[Views, list[int]]]):
    for views, places in missing:
        for start in range(0, len(places), engine.batch):
            batch = places[start : start + engine.batch]
            rows = engine.see(views.pixels(batch))
            yield from zip((views.keys[i] for i in batch), rows, strict=True)


class FeatureBatches(keras.utils.PyDataset):
    """Batches (features, class index) for a head to learn from; in an order shuffled by seed and epoch, if told so.

    `see(epoch, places)` gives the features of the images at `places`. `epoch` counts up by itself.
    """

    def __init__(
        self,
        see: Callable[[int, np.ndarray], np.ndarray],
        labels: np.ndarray,
        *,
        batch_size: int = 32,
        shuffle: bool = False,
        seed: int = 0,
    ):
        super().__init__()
        self.see, self.labels, self.batch_size, self.shuffle, self.seed = see, labels, batch_size, shuffle, seed
        self.epoch = 0

    def __len__(self) -> int:
        return -(-len(self.labels) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        if index == 0 or not hasattr(self, "_order"):
            self._order = self._ordered()
        places = self._order[index * self.batch_size : (index + 1) * self.batch_size]
        return self.see(self.epoch, places), self.labels[places]

    def on_epoch_end(self) -> None:
        self.epoch += 1
        self._order = self._ordered()

    def _ordered(self) -> np.ndarray:
        count = len(self.labels)
        return np.random.default_rng((self.seed, self.epoch)).permutation(count) if self.shuffle else np.arange(count)


def _index(digest: bytes) -> int:
    return int.from_bytes(digest[:4], "big")


def _key(digest: bytes, *parameters: dict) -> bytes:
    text = json.dumps(parameters, sort_keys=True, default=str).encode()
    return hashlib.blake2b(digest + text, digest_size=KEY_BYTES).digest()
