"""Data + network → run."""

from __future__ import annotations

import platform
import time
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np

from ox_classifier import __version__, runs
from ox_classifier.augmentation.batches import Batches
from ox_classifier.augmentation.generator import ImageDataGenerator
from ox_classifier.classifier import Classifier
from ox_classifier.console import say
from ox_classifier.data import class_weights as balance
from ox_classifier.data.image_dataset import ImageDataset
from ox_classifier.data.images import as_float
from ox_classifier.devices import Device
from ox_classifier.errors import OxError
from ox_classifier.intervals import accuracy_text
from ox_classifier.networks import bases, builders, onnx_export, transfer
from ox_classifier.pixels import PixelRule
from ox_classifier.training import fit as fitting
from ox_classifier.training.fit import History

PARITY_LIMIT = 1e-4
FINE_TUNE_EPOCHS = 5
FINE_TUNE_BATCH = 32  # a whole base in training takes some 100 MB an image


@dataclass(frozen=True)
class Recipe:
    """How to train: every option of `ox train` with its value resolved, as run.json keeps it."""

    arch: str
    rule: PixelRule
    epochs: int
    batch_size: int = 32
    learning_rate: float = 1e-3
    dropout: float | None = None
    monitor: str = "val_accuracy"
    seed: int = 0
    augmentation: dict = field(default_factory=dict)  # settings of ImageDataGenerator; empty: none
    average: float = 0  # epochs that the moving average of the weights reaches over; 0: keep the last step's
    balance: bool = True  # weigh the classes where they differ by more than 1:1.5
    patience: int = 10  # epochs without improvement, after which training stops
    weights: str | None = None  # of a frozen base, as are the next two
    views: int | None = None
    fine_tune: int = 0
    splitting: dict = field(default_factory=dict)  # how what is held out was chosen: fractions, groups, folds ...

    def as_config(self) -> dict:
        """Plain values for run.json, the pixel rule under the key `pixels`."""
        config = asdict(self)
        return {"pixels": config.pop("rule")} | config

    def generator(self) -> ImageDataGenerator:
        """What turns training images into pixels in [0, 1], each time anew."""
        return ImageDataGenerator(rescale=1 / 255, **self.augmentation)


def train(recipe: Recipe, dataset: ImageDataset, device: Device, *, name: str | None = None) -> runs.Run:
    """Train a network on a dataset and leave everything in a new run folder.

    Raises:
        UsageError: If the network can't take images of this size, or the run can't be made.
        OxError: If the loss stops being a number, or the exported network answers otherwise than the trained one.
    """
    start = time.monotonic()
    fitting.check_monitor(recipe.monitor)
    run = runs.create(recipe.arch, name)
    try:
        keras.utils.set_random_seed(recipe.seed)
        task = Transfer(recipe, dataset) if recipe.arch in bases.BUILDERS else Scratch(recipe, dataset)
    except BaseException:
        run.path.rmdir()  # nothing is in it yet
        raise
    record(run, recipe, dataset, device, task)
    describe(recipe, dataset)
    history = task.fit(run)
    finish(run, task, dataset, history, seconds=time.monotonic() - start)
    return run


class Scratch:
    """A network whose weights all start at random."""

    parity_images = 64

    def __init__(self, recipe: Recipe, dataset: ImageDataset):
        settings = {} if recipe.dropout is None else {"dropout": recipe.dropout}
        self.recipe, self.dataset = recipe, dataset
        self.model = builders.BUILDERS[recipe.arch](recipe.rule.shape, len(dataset.classes), **settings)
        self.details = {}

    def fit(self, run: runs.Run) -> History:
        """Train on augmented pixels."""
        return _fit(self, self.model, run, *batches(self.recipe, self.dataset), checkpoint=run.keras_file)

    def probabilities(self, split: str, classifier: Classifier) -> np.ndarray:
        """What the exported network answers to a split's images, shape (n, classes)."""
        pixels = self.dataset.images(split)
        return np.concatenate([classifier.probabilities(pixels[i : i + 64]) for i in range(0, len(pixels), 64)])


class Transfer:
    """A head on a frozen base, whose features are computed once."""

    parity_images = 4  # the base itself was compared when its engine was chosen

    def __init__(self, recipe: Recipe, dataset: ImageDataset):
        splits = [split for split in ("train", "val", "test") if len(dataset.labels(split))]
        settings = {} if recipe.dropout is None else {"dropout": recipe.dropout}
        self.recipe, self.dataset = recipe, dataset
        self.ready = transfer.prepare(
            recipe.arch,
            {split: dataset.images(split) for split in splits},
            {split: dataset.labels(split) for split in splits},
            len(dataset.classes),
            augmenter=recipe.generator() if recipe.augmentation else None,
            views=recipe.views,
            weights=recipe.weights,
            batch_size=recipe.batch_size,
            seed=recipe.seed,
            fine_tune=recipe.fine_tune,
            **settings,
        )
        self.model = self.ready.model
        self.details = {"weights_origin": self.ready.origin.as_dict(), "views_computed": self.ready.computed}

    def fit(self, run: runs.Run) -> History:
        """Train the head on features, then, if asked, the last convolutions on pixels."""
        checkpoint = run.path / ".head.keras"
        history = _fit(self, self.ready.head, run, self.ready.train, self.ready.val, checkpoint=checkpoint)
        checkpoint.unlink(missing_ok=True)
        if self.recipe.fine_tune and not history.interrupted:
            self._fine_tune(run, history)
        return history

    def probabilities(self, split: str, classifier: Classifier) -> np.ndarray:
        """What the network answers to a split's images: from their features unless the base has changed since."""
        if self.recipe.fine_tune:
            return Scratch.probabilities(self, split, classifier)
        answer = self.ready.probabilities(split)
        return np.concatenate([1 - answer, answer], axis=1) if answer.shape[1] == 1 else answer

    def _fine_tune(self, run: runs.Run, history: History) -> None:
        checkpoint = run.path / ".fine.keras"
        pixels = batches(self.recipe, self.dataset)

        def fit(model: keras.Model) -> float:
            _fit(
                self,
                model,
                run,
                *pixels,
                checkpoint=checkpoint,
                epochs=FINE_TUNE_EPOCHS,
                learning_rate_factor=0.1,
                history=history,
            )
            return fitting.score(history.best_row, self.recipe.monitor)

        before = fitting.score(history.best_row, self.recipe.monitor)
        transfer.fine_tune(self.model, self.recipe.fine_tune, fit=fit, before=before)
        checkpoint.unlink(missing_ok=True)


def batches(recipe: Recipe, dataset: ImageDataset) -> tuple[Batches, Batches]:
    """Augmented training pixels and plain validation pixels."""
    size = min(recipe.batch_size, FINE_TUNE_BATCH) if recipe.fine_tune else recipe.batch_size
    pixels = {split: np.asarray(dataset.images(split)) for split in ("train", "val")}
    return (
        recipe.generator().flow(pixels["train"], dataset.labels("train"), batch_size=size, seed=recipe.seed),
        ImageDataGenerator(rescale=1 / 255).flow(pixels["val"], dataset.labels("val"), batch_size=size, shuffle=False),
    )


def _fit(
    task: Scratch | Transfer,
    model: keras.Model,
    run: runs.Run,
    train_batches: keras.utils.PyDataset,
    val_batches: keras.utils.PyDataset,
    *,
    checkpoint: Path,
    epochs: int | None = None,
    learning_rate_factor: float = 1.0,
    history: History | None = None,
) -> History:
    return fitting.fit(
        model,
        train_batches,
        val_batches,
        epochs=epochs or task.recipe.epochs,
        checkpoint=checkpoint,
        learning_rate=task.recipe.learning_rate * learning_rate_factor,
        monitor=task.recipe.monitor,
        class_weight=class_weights(task.recipe, task.dataset),
        average=min(task.recipe.average, 1) if history else task.recipe.average,  # few epochs, few to average over
        patience=task.recipe.patience,
        each_epoch=lambda rows: write_history(run, rows),
        history=history,
    )


def class_weights(recipe: Recipe, dataset: ImageDataset) -> dict[int, float] | None:
    """What each class index weighs in the loss; None: all the same."""
    return balance.class_weights(dataset.labels("train").tolist()) if recipe.balance else None


def describe(recipe: Recipe, dataset: ImageDataset) -> None:
    """Say what is about to be learned from."""
    for split, counts in dataset.counts().items():
        say(f"{split:5} {sum(counts.values()):,} images: " + ", ".join(f"{k} {v:,}" for k, v in counts.items()))
    weights = class_weights(recipe, dataset)
    if weights:
        each = ", ".join(f"{name} {weights[i]:.2f}" for i, name in enumerate(dataset.classes))
        say(f"class weights: {each} (--balance none trains without)")
    say(f"pixels: {recipe.rule}")


def record(run: runs.Run, recipe: Recipe, dataset: ImageDataset, device: Device, task: Scratch | Transfer) -> None:
    """Write run.json, split.csv and bad_files.csv before the first epoch."""
    run.update(
        classes=list(dataset.classes),
        **recipe.as_config(),
        **task.details,
        class_weights=class_weights(recipe, dataset),
        parameters=task.model.count_params(),
        data={
            "root": str(dataset.listing.root.absolute()),
            "counts": dataset.counts(),
            "fingerprint": dataset.fingerprint(),
        },
        device={"kind": device.kind, "reason": device.reason, "count": device.count},
        precision=keras.config.dtype_policy().name,
        versions={"ox": __version__, "python": platform.python_version()}
        | {name: version(name) for name in ("tensorflow", "keras", "numpy", "pillow", "onnxruntime")},
    )
    run.write_table("split.csv", ("path", "label", "split"), dataset.rows())
    bad = [(dataset.listing.name(error.path), error.reason) for error in dataset.bad]
    run.write_table("bad_files.csv", ("path", "reason"), bad)


def write_history(run: runs.Run, rows: list[dict]) -> None:
    """Bring history.csv up to date."""
    run.write_table("history.csv", fitting.COLUMNS, [[row[name] for name in fitting.COLUMNS] for row in rows])


def finish(run: runs.Run, task: Scratch | Transfer, dataset: ImageDataset, history: History, *, seconds: float) -> None:
    """Save the best epoch as model.keras and model.onnx, prove the two equal, and say how good they are."""
    task.model.save(run.keras_file)
    onnx_export.write(task.model, run.onnx_file)
    classifier = Classifier(run)
    probe = dataset.images("val")[: task.parity_images]
    results = {}
    for split in ("val", "test"):
        truth = dataset.labels(split)
        if len(truth):
            right = int((task.probabilities(split, classifier).argmax(axis=1) == truth).sum())
            results[split] = {"correct": right, "images": len(truth)}
    run.update(
        best_epoch=history.best_row["epoch"],
        epochs_trained=len(history.rows),
        interrupted=history.interrupted,
        results=results,
        onnx={"max_difference": parity(task.model, classifier, probe), "images": len(probe)},
        seconds=round(seconds, 1),
    )
    say(f"best epoch {history.best_row['epoch']} of {len(history.rows)}, {seconds:.0f} s")
    for split, result in results.items():
        say(f"{split} accuracy {accuracy_text(result['correct'], result['images'])}")


def parity(model: keras.Model, classifier: Classifier, pixels: np.ndarray) -> float:
    """The largest difference between Keras' probabilities and ONNX Runtime's on uint8 images.

    Raises:
        OxError: If it exceeds 1e-4.
    """
    answer = keras.ops.convert_to_numpy(model(as_float(pixels), training=False))
    expected = np.concatenate([1 - answer, answer], axis=1) if answer.shape[1] == 1 else answer
    difference = float(np.abs(expected - classifier.probabilities(pixels)).max())
    limit = PARITY_LIMIT if keras.config.dtype_policy().name == "float32" else 1e-2  # float16 has three digits
    if difference > limit:
        raise OxError(f"model.onnx differs from model.keras by {difference:.1e} (limit {limit:g}): use model.keras")
    return difference
