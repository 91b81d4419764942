"""What it costs to keep the state of a training at every epoch's end, beside the epoch itself."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import keras
import numpy as np

from ox_classifier.networks.builders import lenet
from ox_classifier.training import fit, state
from ox_classifier.training.history import COLUMNS, History

IMAGES = 4_400  # that the bundled dataset has to train on
FEATURES = 25_088  # of VGG16 at 224 pixels
LIMIT = 0.05  # of an epoch
TIMES = 15


def figures() -> list[tuple[str, str, str, float, str]]:
    """(figure, seconds of the state, seconds of the epoch, ratio, limit) of a LeNet, and of a head on features."""
    head = keras.Sequential([keras.Input((FEATURES,)), keras.layers.Dense(2, activation="softmax")])
    found = []
    for name, model, part in (("LeNet at 150 pixels", lenet((150, 150, 3), 2), 20), ("head on VGG16", head, 5)):
        epoch, kept = _epoch(model, IMAGES // part) * part, _state(model)
        figure = f"state of {name}, {IMAGES:,} images an epoch"
        found.append((figure, f"{kept * 1e3:.1f} ms", f"{epoch * 1e3:,.0f} ms", kept / epoch, f"<={LIMIT}"))
    return found


def _epoch(model: keras.Model, images: int) -> float:
    """Seconds of an epoch of so many images that are in memory already: real epochs take longer."""
    fit.compile_for_classes(model, 1e-3, average_over=100)
    rng = np.random.default_rng(0)
    pixels = rng.random((images, *model.input_shape[1:]), np.float32)
    truth = rng.integers(0, 2, images).astype(np.float32)
    model.fit(pixels[:64], truth[:64], batch_size=32, verbose=0)  # the first one traces
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        model.fit(pixels, truth, batch_size=32, verbose=0)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def _state(model: keras.Model) -> float:
    """Median seconds of writing the state to the disk of temporary files."""
    history, seconds = History(rows=[dict.fromkeys(COLUMNS, 1.0)] * 50), []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(TIMES):
            start = time.perf_counter()
            state.write(
                Path(folder, f"x{state.SUFFIX}"), model, history, {}, finished=False, checkpoint="", identity=""
            )
            seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)
