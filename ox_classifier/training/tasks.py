"""The two ways to train: a network from scratch on pixels, or a new head on the features of a frozen base."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

import keras
import numpy as np

from ox_classifier.augmentation.generator import ImageDataGenerator
from ox_classifier.console import say
from ox_classifier.data import class_weights
from ox_classifier.data.image_dataset import ImageDataset
from ox_classifier.data.images import as_float
from ox_classifier.data.on_demand import in_memory
from ox_classifier.networks import bases, builders, transfer
from ox_classifier.session import Session
from ox_classifier.training import exposure, state
from ox_classifier.training.calibration import logits_of
from ox_classifier.training.fit import Schedule, fit
from ox_classifier.training.history import History, score
from ox_classifier.training.recipe import Recipe
from ox_classifier.training.streaming import EpochBatches

FINE_TUNE_EPOCHS = 5
FINE_TUNE_BATCH = 32  # a whole base in training takes some 100 MB an image
FINE_TUNE_RATE = 0.1  # of the head's learning rate
FIRST_HEAD_EPOCH = 1  # of the features' batches; earlier versions began there, and the order follows from it
ANSWER_BATCH = 64
READING = 8.0  # the temperature at which logits are read: at 1, a sigmoid in float32 tells none from 17 on apart

EachEpoch = Callable[[list[dict]], None]
TrainAndVal = tuple[EpochBatches, EpochBatches | None]


class Task(Protocol):
    """A network of a recipe and how it learns from a dataset. To construct one builds the network, nothing more."""

    model: keras.Model
    identity: str  # as `identity_of` has it
    details: dict  # what run.json says beside the recipe
    parity_images: int

    def prepare(self) -> None:
        """Whatever takes long before the first epoch."""

    def fit(self, folder: Path, each_epoch: EachEpoch) -> History:
        """Train, keeping the best network and the state in `folder`, and leave the best epoch in `model`."""

    def logits(self, split: str, network: Session) -> np.ndarray:
        """What the trained network makes of a split's images before its last Sigmoid or Softmax.

        Float64 of shape (n, classes), give or take a number for each image. `network` is its ONNX file, whose logits
        are averaged over mirror images, where the recipe has it so, and divided by `READING`.
        """


def task_of(recipe: Recipe, dataset: ImageDataset, rates: tuple[float, ...] = ()) -> Task:
    """The task of a recipe; `rates` as in `Schedule`."""
    schedule = Schedule(
        epochs=len(rates) or recipe.epochs,
        learning_rate=recipe.learning_rate,
        monitor=recipe.monitor.removeprefix("val_") if rates else recipe.monitor,
        ema_epochs=recipe.ema_epochs,
        patience=recipe.patience,
        # with outliers every row has a weight, its class' among them
        class_weight=None if dataset.outliers else weights_of_classes(recipe, dataset),
        rates=rates,
        soft=dataset.outliers is not None,
    )
    return (HeadOnFrozenBase if recipe.frozen else FromScratch)(recipe, dataset, schedule)


def identity_of(recipe: Recipe, dataset: ImageDataset) -> str:
    """What tells one training from another: every setting, every file with its label and split, and every outlier."""
    after = ("max_error", "average_flips")  # these matter once the network is trained
    settings = {name: value for name, value in recipe.as_config().items() if name not in after}
    about = [settings, dataset.fingerprint()]
    if dataset.outliers:
        about += [dataset.outliers.fingerprint, exposure.SHARE, exposure.WEIGHT]
        about += [bases.AGAINST, exposure.FROZEN_SHARE, exposure.FROZEN_WEIGHT] if recipe.frozen else []
    if recipe.frozen and bases.BASES[recipe.arch].evened:
        about.append(bases.LENGTH)
    text = json.dumps(about, sort_keys=True)
    return blake2b(text.encode(), digest_size=16).hexdigest()


def weights_of_classes(recipe: Recipe, dataset: ImageDataset) -> dict[int, float] | None:
    """What each class index weighs in the loss; None: all the same."""
    return class_weights.class_weights(dataset.labels("train").tolist()) if recipe.balance else None


class FromScratch:
    """A network whose weights all start at random."""

    parity_images = 64

    def __init__(self, recipe: Recipe, dataset: ImageDataset, schedule: Schedule):
        self.recipe, self.dataset, self.schedule = recipe, dataset, schedule
        self.identity = identity_of(recipe, dataset)
        build = builders.BUILDERS[recipe.arch]
        self.model = build(recipe.rule.shape, len(dataset.classes), dropout=recipe.dropout)
        self.details: dict = {}

    def prepare(self) -> None:
        pass

    def fit(self, folder: Path, each_epoch: EachEpoch) -> History:
        return fit(
            self.model,
            *pixel_batches(self.recipe, self.dataset, self.recipe.batch_size, self.model),
            self.schedule,
            checkpoint=folder / "model.keras",
            state_file=folder / f"training{state.SUFFIX}",
            identity=self.identity,
            each_epoch=each_epoch,
        )

    def logits(self, split: str, network: Session) -> np.ndarray:
        return logits_of(answers_of(network, self.dataset.images(split)), READING)


class HeadOnFrozenBase:
    """A head on a frozen base, whose features are computed once; then, if asked, the base's last convolutions."""

    parity_images = 4  # the base itself was compared when its engine was chosen

    def __init__(self, recipe: Recipe, dataset: ImageDataset, schedule: Schedule):
        self.recipe, self.dataset, self.schedule = recipe, dataset, schedule
        self.identity = identity_of(recipe, dataset)
        splits = [split for split in ("train", "val", "test") if len(dataset.labels(split))]
        outliers = {transfer.OUTLIERS: dataset.outliers.pixels} if dataset.outliers else {}
        self.features = transfer.FrozenBase(
            recipe.arch,
            {split: dataset.images(split) for split in splits} | outliers,
            {split: dataset.labels(split) for split in splits},
            len(dataset.classes),
            augmenter=augmenter(recipe) if recipe.augmentation else None,
            views=recipe.views,
            dropout=recipe.dropout,
            weights=recipe.weights,
            batch_size=recipe.batch_size,
            seed=recipe.seed,
        )
        self.model = self.features.model
        self.details = {"weights_origin": self.features.origin.as_dict()}

    def prepare(self) -> None:
        self.details["views_computed"] = self.features.compute()

    def fit(self, folder: Path, each_epoch: EachEpoch) -> History:
        batches = self.features.train, self.features.val
        if self.dataset.outliers:
            size = self.recipe.batch_size
            look = self.features.outliers
            batches = exposed(self.recipe, self.dataset, batches, look, size, self.model, frozen=True)
        history = fit(
            self.features.head,
            *batches,
            self.schedule,
            checkpoint=folder / ".head.keras",
            state_file=folder / f"head{state.SUFFIX}",
            identity=self.identity,
            each_epoch=each_epoch,
            first_epoch=FIRST_HEAD_EPOCH,
        )
        if self.recipe.fine_tune and not history.interrupted:
            history = self._fine_tune(folder, each_epoch, history)
        return history

    def logits(self, split: str, network: Session) -> np.ndarray:
        """From the features, unless the base has changed since they were computed, or sees mirror images, too."""
        if self.recipe.fine_tune or self.recipe.mirrored:
            return logits_of(answers_of(network, self.dataset.images(split)), READING)
        return logits_of(self.features.probabilities(split))

    def _fine_tune(self, folder: Path, each_epoch: EachEpoch, head: History) -> History:
        """Train the last convolutions, too, and keep the result only if it beats the head alone."""
        monitor, count = self.schedule.monitor, self.recipe.fine_tune
        before, first = score(head.best_row, monitor), len(head.rows) + 1
        released = transfer.release(self.model, count)
        old = self.model.get_weights()
        size = min(self.recipe.batch_size, FINE_TUNE_BATCH)
        history = fit(
            self.model,
            *pixel_batches(self.recipe, self.dataset, size, self.model),
            replace(
                self.schedule,
                epochs=FINE_TUNE_EPOCHS,
                learning_rate=self.schedule.learning_rate * FINE_TUNE_RATE,
                ema_epochs=min(self.schedule.ema_epochs, 1),  # few epochs, few to average over
                rates=tuple(rate * FINE_TUNE_RATE for rate in self.schedule.rates[-1:] * FINE_TUNE_EPOCHS),
            ),
            checkpoint=folder / ".fine-tuned.keras",
            state_file=folder / f"fine-tuning{state.SUFFIX}",
            identity=self.identity,
            each_epoch=each_epoch,
            history=head,
        )
        tuned = len(history.rows) >= first
        history.fine_tuned_from = first if tuned else None
        better = tuned and (bool(self.schedule.rates) or score(history.best_row, monitor) > before)
        if not better:
            self.model.set_weights(old)
            for layer in released:
                layer.trainable = False
        if tuned:  # else it was stopped in its first epoch, of which nothing counts
            told = "improved the network" if better else "did not help: undone"
            say(f"fine-tuning the last {count} convolutions {told}")
        return history


def augmenter(recipe: Recipe) -> ImageDataGenerator:
    """What turns training images into pixels in [0, 1], each time anew."""
    return ImageDataGenerator(rescale=1 / 255, **recipe.augmentation)


def pixel_batches(recipe: Recipe, dataset: ImageDataset, size: int, model: keras.Model) -> TrainAndVal:
    """Augmented training pixels, outliers among them, and plain validation pixels, if there are any."""
    varied, plain = augmenter(recipe), ImageDataGenerator(rescale=1 / 255)
    pixels = in_memory(dataset.images("train"))
    train = varied.flow(pixels, dataset.labels("train"), batch_size=size, seed=recipe.seed)
    val = None
    if len(dataset.labels("val")):
        pixels = in_memory(dataset.images("val"))
        val = plain.flow(pixels, dataset.labels("val"), batch_size=size, shuffle=False)
    if not dataset.outliers:
        return train, val
    others = in_memory(dataset.outliers.pixels)

    def look(epoch: int, rows: np.ndarray) -> np.ndarray:
        return varied.batch(others, rows, recipe.seed + exposure.ORDERS, epoch)

    return exposed(recipe, dataset, (train, val), look, size, model)


def exposed(
    recipe: Recipe,
    dataset: ImageDataset,
    batches: TrainAndVal,
    look: exposure.Look,
    size: int,
    model: keras.Model,
    *,
    frozen: bool = False,
) -> TrainAndVal:
    """The batches with outliers among those of training, and with the targets that these need."""
    train, val = batches
    targets = exposure.SoftTargets(len(dataset.classes), model.output_shape[-1] == 1)
    with_outliers = exposure.ExposedBatches(
        train,
        look,
        targets,
        images=len(dataset.labels("train")),
        outliers=len(dataset.outliers),
        batch_size=size,
        class_weight=weights_of_classes(recipe, dataset),
        seed=recipe.seed,
        frozen=frozen,
    )
    return with_outliers, None if val is None else exposure.SoftBatches(val, targets)


def answers_of(network: Session, pixels: np.ndarray) -> np.ndarray:
    """What the exported network answers to uint8 images, shape (n, classes)."""
    starts = range(0, len(pixels), ANSWER_BATCH)
    parts = [network.answer(as_float(pixels[i : i + ANSWER_BATCH])) for i in starts]
    return np.concatenate(parts)
