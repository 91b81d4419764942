"""How fast augmented batches are made, against Keras' generator, and what they add to the time of training."""

from __future__ import annotations

import os
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from tensorflow.keras.preprocessing.image import ImageDataGenerator as Stock

from ox_classifier.augmentation.generator import ImageDataGenerator
from ox_classifier.networks.builders import BUILDERS
from ox_classifier.training.fit import compile_for_classes
from ox_classifier.training.streaming import stream
from tests.conftest import draw_mark

SETTINGS = {
    "rescale": 1 / 255,
    "horizontal_flip": True,
    "vertical_flip": True,
    "width_shift_range": 0.1,
    "height_shift_range": 0.1,
}
SIDE, BATCH, ROUNDS = 150, 32, 5
FILES, MARKS, DIGITS = 320, 960, 6400


def figures() -> list[tuple[str, str, str, float, str]]:
    """(figure, measured, reference, ratio, limit) for augmentation and for what it costs in training."""
    return [generator(), lenet_epoch(), digits_epoch()]


def generator() -> tuple[str, str, str, float, str]:
    """Augmented batches a second from the same JPEG files, once everything was seen."""
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Keras calls scipy by an old name
        rng = np.random.default_rng(0)
        for number in range(FILES):
            path = Path(place) / "ox"[number % 2] / f"{number:03}.jpg"
            path.parent.mkdir(exist_ok=True)
            draw_mark(path.parent.name, rng, size=200).save(path, quality=90)
        arguments = {"target_size": (SIDE, SIDE), "batch_size": BATCH, "class_mode": "binary", "seed": 0}
        ours, stock = (make(**SETTINGS).flow_from_directory(place, **arguments) for make in (ImageDataGenerator, Stock))
        mine, theirs = interleaved(lambda: one_epoch(ours), lambda: one_epoch(stock))
    batches = FILES / BATCH
    name = f"augmented {SIDE}x{SIDE} batches a second / stock Keras"
    return name, f"{batches / mine:.1f}", f"{batches / theirs:.1f}", theirs / mine, ">=20"


def lenet_epoch() -> tuple[str, str, str, float, str]:
    """An epoch of LeNet on augmented batches against the same steps on tensors that are there already."""
    images, labels = examples(MARKS, (SIDE, SIDE, 3), 2)
    model = BUILDERS["lenet"]((SIDE, SIDE, 3), 2)
    compile_for_classes(model, 1e-3)
    batches = ImageDataGenerator(**SETTINGS).flow(images, labels, batch_size=BATCH, seed=0)
    steps = [tuple(map(tf.constant, batches[i])) for i in range(len(batches))]

    def floor() -> None:
        for x, y in steps:
            model.train_on_batch(x, y)

    data = stream(batches)
    mine, theirs = interleaved(lambda: model.fit(data, shuffle=False, verbose=0), floor)
    return per_image("LeNet epoch from batches / train_on_batch on tensors", mine, theirs, MARKS, "<=1.12")


def digits_epoch() -> tuple[str, str, str, float, str]:
    """An epoch of the Fashion-MNIST network on plain batches against `fit` on arrays."""
    images, labels = examples(DIGITS, (28, 28, 1), 10)
    pixels = images.astype(np.float32) / 255
    model = BUILDERS["cnn-dense"]((28, 28, 1), 10)
    compile_for_classes(model, 1e-3)
    batches = ImageDataGenerator(rescale=1 / 255).flow(images, labels, batch_size=BATCH, seed=0)
    data = stream(batches)
    mine, theirs = interleaved(
        lambda: model.fit(data, shuffle=False, verbose=0),
        lambda: model.fit(pixels, labels, batch_size=BATCH, verbose=0),
    )
    return per_image("cnn-dense epoch at 28x28 from batches / fit on arrays", mine, theirs, DIGITS, "<=1.15")


def examples(count: int, shape: tuple[int, int, int], classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise and labels: training takes as long on them as on pictures."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, *shape), dtype=np.uint8), rng.integers(0, classes, count)


def one_epoch(batches: keras.utils.PyDataset) -> None:
    """Every batch once, in this thread."""
    for i in range(len(batches)):
        batches[i]
    batches.on_epoch_end()


def interleaved(first: Callable[[], object], second: Callable[[], object]) -> tuple[float, float]:
    """Seconds of each: the medians of rounds taken in turn, after one of each that isn't counted."""
    found = []
    for _ in range(ROUNDS + 1):
        marks = [time.perf_counter()]
        for run in (first, second):
            run()
            marks.append(time.perf_counter())
        found.append(np.diff(marks))
    first_seconds, second_seconds = np.median(found[1:], axis=0)
    return float(first_seconds), float(second_seconds)


def per_image(name: str, mine: float, theirs: float, count: int, limit: str) -> tuple[str, str, str, float, str]:
    """Both times in milliseconds an image."""
    return name, f"{mine / count * 1e3:.2f} ms", f"{theirs / count * 1e3:.2f} ms", mine / theirs, limit


if __name__ == "__main__":
    for figure, measured, reference, ratio, limit in figures():
        print(f"{figure:<62} {measured:>12} {reference:>12} {ratio:8.3f} {limit:>8}")
