"""Training with outliers: batches of class images with images of no class beside them. Knows no folder and no Keras."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ox_classifier.augmentation import sampling
from ox_classifier.training.streaming import EpochBatches

WEIGHT = 0.75  # of an outlier in the loss; a class image weighs 1 on average
SHARE = 0.35  # outliers an epoch, as a share of the training images, at most
FROZEN_WEIGHT, FROZEN_SHARE = 1.5, 1.0  # of a head on a frozen base, to which an outlier more costs next to nothing
LEAST_PLACES = 3  # a side of a feature map: of fewer, a patchwork may look like a class
FROZEN, MOST_FROZEN = 600, 2000  # outliers for a network on a frozen base, whose features take long: see `frozen_most`
MOST_FROZEN_HELD_OUT = 200
ORDERS = 2**32  # past every seed that can be given, so that an outlier is never varied as the image of its number

Look = Callable[[int, np.ndarray], np.ndarray]  # (epoch, which outliers) → what the network sees of them


@dataclass(frozen=True)
class SoftTargets:
    """What the network is to answer, as probabilities: float32 of shape (n,) for one sigmoid, (n, classes) for softmax.

    `classes` is the number of classes, `single` whether one sigmoid answers for the two.
    """

    classes: int
    single: bool

    def of(self, labels: np.ndarray) -> np.ndarray:
        """Certainty of the class of each label."""
        return labels.astype(np.float32) if self.single else np.eye(self.classes, dtype=np.float32)[labels]

    def undecided(self, count: int) -> np.ndarray:
        """The same probability for every class."""
        return np.full(count if self.single else (count, self.classes), 1 / self.classes, np.float32)


def outliers_an_epoch(outliers: int, images: int, *, frozen: bool = False) -> int:
    """How many of the outliers join an epoch of so many training images; `frozen` as for `ExposedBatches`."""
    return min(outliers, int((FROZEN_SHARE if frozen else SHARE) * images))


def frozen_most(images: int) -> int:
    """How many outliers a network on a frozen base learns from at most: half of the images, but 600 to 2,000."""
    return min(max(FROZEN, images // 2), MOST_FROZEN)


class ExposedBatches:
    """Batches (x, targets, weights): those of `marks`, each with its share of the epoch's outliers after it.

    `marks` are batches (x, class index) of `images` in all, `batch_size` each but the last. Each epoch takes
    `outliers_an_epoch` of the `outliers`, none twice, chosen by seed and epoch; `look` gives what is seen of them.
    A `frozen` base's head gets more of them, which weigh more, and as many patchworks of the batch's feature maps.

    Source: Hendrycks, Mazeika, Dietterich, "Deep anomaly detection with outlier exposure", arXiv 1812.04606.
    """

    def __init__(
        self,
        marks: EpochBatches,
        look: Look,
        targets: SoftTargets,
        *,
        images: int,
        outliers: int,
        batch_size: int,
        class_weight: Mapping[int, float] | None = None,
        seed: int = 0,
        frozen: bool = False,
    ):
        self.frozen, self.weight = frozen, FROZEN_WEIGHT if frozen else WEIGHT
        self.marks, self.look, self.targets = marks, look, targets
        self.images, self.outliers, self.batch_size, self.seed = images, outliers, batch_size, seed
        self.weights = np.array([(class_weight or {}).get(i, 1) for i in range(targets.classes)], np.float32)
        self._last = (-1, np.arange(0))  # the outliers of the epoch asked for last

    def __len__(self) -> int:
        return len(self.marks)

    def batch(self, index: int, epoch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Batch `index` of any epoch."""
        x, labels = self.marks.batch(index, epoch)
        targets, weights = self.targets.of(labels), self.weights[labels]
        rows = self.rows(index, epoch)
        if not len(rows):
            return x, targets, weights
        x = np.concatenate([x, self.look(epoch, rows)])
        if self.frozen and x.ndim == 4 and min(x.shape[1:3]) >= LEAST_PLACES:
            rng = np.random.default_rng((self.seed, epoch, index))
            x = np.concatenate([x, patchworks(x, len(rows), rng)])
        count = len(x) - len(labels)
        return (
            x,
            np.concatenate([targets, self.targets.undecided(count)]),
            np.concatenate([weights, np.full(count, self.weight, np.float32)]),
        )

    def rows(self, index: int, epoch: int) -> np.ndarray:
        """Which outliers go with a batch: as many as its share of the class images."""
        if self._last[0] != epoch:
            order = sampling.permutation(self.seed + ORDERS, epoch, self.outliers)
            self._last = (epoch, order[: outliers_an_epoch(self.outliers, self.images, frozen=self.frozen)])
        epochs_own = self._last[1]
        start, stop = (min(place * self.batch_size, self.images) for place in (index, index + 1))
        return epochs_own[start * len(epochs_own) // self.images : stop * len(epochs_own) // self.images]


def patchworks(maps: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` feature maps of nothing, pieced together from places of `maps`, shape (n, height, width, channels).

    Each is made of a few places of any of the maps or of many, laid anywhere: one place all over is a texture, many are
    a picture without an order. A class is an order of its places, so none of these is one; and they are as varied as
    no drawn outliers are.
    """
    _, height, width, channels = maps.shape
    places = maps.reshape(-1, channels)
    found = np.empty((count, height * width, channels), maps.dtype)
    for one in found:
        pieces = int(np.exp(rng.uniform(0, np.log(len(one) + 1))))
        one[:] = places[rng.integers(0, len(places), pieces)[rng.integers(0, pieces, len(one))]]
    return found.reshape(count, height, width, channels)


class SoftBatches:
    """Batches (x, class index) as (x, targets): for validation, which has no outliers."""

    def __init__(self, marks: EpochBatches, targets: SoftTargets):
        self.marks, self.targets = marks, targets

    def __len__(self) -> int:
        return len(self.marks)

    def batch(self, index: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Batch `index` of any epoch."""
        x, labels = self.marks.batch(index, epoch)
        return x, self.targets.of(labels)
