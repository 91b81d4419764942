"""How often the exercise's own VGG16 is right on the bundled test images: python -m tests.benchmarks exercise

Its way is kept: pixels in [0, 1] straight into the frozen base, flips and shifts, Dropout, Adam, callbacks on
val_accuracy. Only its hours are not: instead of a fresh view in every epoch, VIEWS of each image take turns.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from unittest import mock

import keras
import numpy as np

from ox_classifier.augmentation.generator import ImageDataGenerator
from ox_classifier.networks import bases, features, transfer
from ox_classifier.networks.features import FeatureBatches
from ox_classifier.pixels import PixelRule
from ox_classifier.training import preparation
from tests.benchmarks.transfer import BATCH, SIDE
from tests.conftest import REPOSITORY

VIEWS, EPOCHS = 2, 50


def figures() -> list[tuple[str, str, str, float, str]]:
    """(figure, measured, reference, ratio, limit): it is there to be compared with, so no limit of its own."""
    data = preparation.prepare(REPOSITORY / "dataset", val_fraction=0.2, test_fraction=0.0, seed=0)
    material = data.dataset(PixelRule(SIDE, SIDE), on_demand=True)
    with tempfile.TemporaryDirectory() as cache, mock.patch.dict(os.environ, OX_CACHE=cache):
        right, epochs = _right(material, Path(cache))
    total = len(material.labels("test"))
    name = f"the exercise's way, {VIEWS} views in turn, {epochs} epochs: test accuracy"
    return [(name, f"{right}/{total}", f"{total}/{total}", right / total, ">=0")]


def _right(material, cache: Path) -> tuple[int, int]:
    keras.utils.set_random_seed(0)
    as_is = replace(bases.BASES["vgg16"], convention=lambda pixels: pixels, root=False)
    with mock.patch.dict(bases.BASES, vgg16=as_is):
        base = transfer.split(bases.vgg16((SIDE, SIDE, 3), 2))[0]
    generator = ImageDataGenerator(rescale=1 / 255, horizontal_flip=True, width_shift_range=0.1, height_shift_range=0.1)
    store = features.open_store(base, "exercise", "0")
    turns = [features.augmented(material.images("train"), generator, view=view, seed=0) for view in range(VIEWS)]
    still = {split: features.plain(material.images(split)) for split in ("val", "test")}
    features.compute(base, store, [*turns, *still.values()])

    def extract(views):
        return lambda epoch, places: store.rows([views[epoch % len(views)].keys[place] for place in places])

    head = keras.Sequential(
        [
            keras.Input(base.output_shape[1:]),
            keras.layers.Dropout(0.5),
            keras.layers.Flatten(),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    head.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    best = cache / "best.keras"
    history = head.fit(
        FeatureBatches(extract(turns), material.labels("train"), batch_size=BATCH, shuffle=True),
        validation_data=FeatureBatches(extract([still["val"]]), material.labels("val"), batch_size=BATCH),
        epochs=EPOCHS,
        callbacks=[
            keras.callbacks.ReduceLROnPlateau(monitor="val_accuracy", patience=2, factor=0.5, min_lr=1e-6),
            keras.callbacks.EarlyStopping(monitor="val_accuracy", patience=10, restore_best_weights=True),
            keras.callbacks.ModelCheckpoint(best, monitor="val_accuracy", save_best_only=True),
        ],
        shuffle=False,
        verbose=0,
    )
    head.load_weights(best)
    answers = head.predict(store.rows(still["test"].keys), verbose=0).argmax(axis=1)
    return int(np.sum(answers == material.labels("test"))), len(history.history["loss"])
