"""`ox train --arch vgg16` on the bundled images against the exercise's way, which sees every image in every epoch.

The exercise's hours are not spent: some of its steps are timed and multiplied by the fewest epochs that its
callbacks allow, which is kind to it.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tests.benchmarks.check import draw
from tests.conftest import REPOSITORY
from tests.processes import cost

SIDE, BATCH = 224, 32
EPOCHS = 11  # early stopping waits for 10 without improvement
STEPS = 6  # of the exercise, timed after a first one
IMAGES = 50  # for the time of ONNX Runtime alone
SECOND_RUN_SECONDS = 30
MEMORY_IMAGES, MEMORY_SIDE = 5_000, 128


def figures() -> list[tuple[str, str, str, float, str]]:
    """(figure, measured, reference, ratio, limit) for time, accuracy and memory."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        before = engine_seconds()
        first, _ = train(place, "--arch", "vgg16", "--data", REPOSITORY / "dataset", "--name", "first")
        one_look = (before + engine_seconds()) / 2  # before and after, as machines change their pace
        second, _ = train(
            place, "--arch", "vgg16", "--data", REPOSITORY / "dataset", "--dropout", "0.3", "--name", "second"
        )
        config = json.loads((place / "runs" / "first" / "run.json").read_text())
        memory = memory_of_many_images(place)
    counts = {split: sum(classes.values()) for split, classes in config["data"]["counts"].items()}
    step = exercise_seconds()
    looks = one_look * config["views_computed"]
    exercise = step * (EPOCHS * (counts["train"] + counts["val"]) + counts["test"])
    test = config["results"]["test"]
    name = "ox train --arch vgg16"
    return [
        (
            f"the exercise, {EPOCHS} epochs (from {STEPS} steps) / {name}",
            _s(first),
            _s(exercise),
            exercise / first,
            ">=6",
        ),
        (f"{name} / ONNX Runtime alone on its views", _s(first), _s(looks), first / looks, "<=1.2"),
        (f"{name} again, another dropout", _s(second), _s(SECOND_RUN_SECONDS), second / SECOND_RUN_SECONDS, "<=1"),
        (
            f"{name}, test accuracy",
            f"{test['correct']}/{test['images']}",
            "149/150",
            test["correct"] / test["images"] / (149 / 150),
            ">=1",
        ),
        memory,
    ]


def train(place: Path, *options: object) -> tuple[float, float]:
    """Seconds and peak MB of one `ox train` in a folder of its own, features cached below it."""
    command = [sys.executable, "-m", "ox_classifier", "train", *options]
    return cost(command, cwd=place, OX_CACHE=place / "cache", PYTHONPATH=REPOSITORY)


def memory_of_many_images(place: Path) -> tuple[str, str, str, float, str]:
    """Peak memory with ten times the images; a small base with random weights, as only the way of the data counts."""
    peaks = []
    for count in (MEMORY_IMAGES // 10, MEMORY_IMAGES):
        draw(place / f"marks{count}", count, seed=count)
        options = ("--arch", "mobilenetv2", "--weights", "none", "--image-size", MEMORY_SIDE, "--epochs", 1)
        peaks.append(train(place, *options, "--data", place / f"marks{count}")[1])
    name = f"peak memory with {MEMORY_IMAGES:,} images / {MEMORY_IMAGES // 10:,}"
    return name, f"{peaks[1]:.0f} MB", f"{peaks[0]:.0f} MB", peaks[1] / peaks[0], "<=1.1"


def engine_seconds() -> float:
    """ONNX Runtime's time for one image through the base."""
    from ox_classifier.networks import engine, transfer
    from ox_classifier.networks.bases import vgg16

    extract = engine.onnx_runtime(transfer.split(vgg16((SIDE, SIDE, 3), 2))[0]).extract
    pixels = np.random.default_rng(0).random((IMAGES, SIDE, SIDE, 3), np.float32)
    extract(pixels[:BATCH])
    start = time.perf_counter()
    extract(pixels)
    return (time.perf_counter() - start) / IMAGES


def exercise_seconds() -> float:
    """The exercise's time for one image: stock generator, the frozen base in the graph, a training step."""
    import keras
    from tensorflow.keras.preprocessing.image import ImageDataGenerator

    base = keras.applications.VGG16(include_top=False, weights=None, input_shape=(SIDE, SIDE, 3))
    base.trainable = False
    head = [keras.layers.Dropout(0.5), keras.layers.Flatten(), keras.layers.Dense(2, activation="softmax")]
    model = keras.Sequential([keras.Input((SIDE, SIDE, 3)), base, *head])
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    batches = ImageDataGenerator(
        rescale=1 / 255, horizontal_flip=True, width_shift_range=0.1, height_shift_range=0.1
    ).flow_from_directory(REPOSITORY / "dataset" / "train", target_size=(SIDE, SIDE), batch_size=BATCH, seed=0)
    model.fit(batches, steps_per_epoch=1, verbose=0)
    start = time.perf_counter()
    model.fit(batches, steps_per_epoch=STEPS, verbose=0)
    return (time.perf_counter() - start) / (STEPS * BATCH)


def _s(seconds: float) -> str:
    return f"{seconds:.0f} s"


if __name__ == "__main__":
    for row in figures():
        print(row)
