"""Where in a picture a mark stands: a small network's answer, computed by NumPy alone.

It was trained on drawn pictures (`python -m tests.train_locator` does it again): marks, letters, figures and
scribbles, on any ground, with and without frames, boards and lines about them, and pictures without any.
"""

from __future__ import annotations

import io
from functools import cache
from typing import NamedTuple

import numpy as np

from ox_classifier.data import locator_file

VIEW = 64  # cells a side of the picture that the network is shown
SPOTS = 16  # places a side among which it finds the mark's middle
CONTRAST = 4.0  # grey levels: a standard deviation below is not made larger than this
DIGITS = 3  # processors differ in the seventh: rounded, all of them cut a picture alike
AT_ONCE = 1 << 18  # products of a matrix product: NumPy's library would share a larger one out among threads

Layer = tuple[np.ndarray, np.ndarray]  # kernels (3, 3, in, out) or (in, out), and biases


class Found(NamedTuple):
    """A mark: how sure it is that there is one (0 to 1), its middle and half its side, as shares of the view's side."""

    score: float
    x: float
    y: float
    half: float


def find(view: np.ndarray) -> Found:
    """The mark of a grey picture of shape (VIEW, VIEW), the likeliest where there are several."""
    grey = view.astype(np.float32)
    grey -= grey.mean()
    grey /= max(float(grey.std()), CONTRAST)
    answers = _answers(grey[:, :, None])
    row, column = divmod(int(answers[:, :, 0].argmax()), SPOTS)
    score, right, down, size = answers[row, column].astype(np.float64).tolist()
    x, y = (column + 0.5 + right) / SPOTS, (row + 0.5 + down) / SPOTS
    found = 1 / (1 + np.exp(-score)), x, y, np.exp(np.clip(size, -5, 3)) / 4
    return Found(*(round(float(value), DIGITS) for value in found))


def _answers(grey: np.ndarray) -> np.ndarray:
    """Of each place, how likely the mark's middle is there, where exactly, and the mark's size; (SPOTS, SPOTS, 4)."""
    *layers, last = _layers()
    fine, coarse, joined = layers[:4], layers[4:-2], layers[-2:]
    found = grey
    for number, layer in enumerate(fine):
        found = _convolved(found, layer)
        if number < 2:
            found = _halved(found)
    near, found = found, _halved(found)
    for layer in coarse:
        found = _convolved(found, layer)
    found = np.concatenate([found.repeat(2, axis=0).repeat(2, axis=1), near], axis=2)
    for layer in joined:
        found = _convolved(found, layer)
    return found @ last[0] + last[1]


def _convolved(values: np.ndarray, layer: Layer) -> np.ndarray:
    """A convolution of 3 x 3 with the edge filled with zeros, and what is below zero cut off."""
    kernels, biases = layer
    height, width, channels = values.shape
    padded = np.zeros((height + 2, width + 2, channels), np.float32)
    padded[1:-1, 1:-1] = values
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1)).transpose(0, 1, 3, 4, 2)
    rows, matrix = windows.reshape(height * width, -1), kernels.reshape(-1, kernels.shape[3])
    found = np.empty((height * width, matrix.shape[1]), np.float32)
    step = max(1, AT_ONCE // matrix.size)
    for first in range(0, len(rows), step):
        np.matmul(rows[first : first + step], matrix, out=found[first : first + step])
    return np.maximum(found + biases, 0).reshape(height, width, -1)


def _halved(values: np.ndarray) -> np.ndarray:
    """The largest of each 2 x 2."""
    height, width, channels = values.shape
    return values.reshape(height // 2, 2, width // 2, 2, channels).max(axis=(1, 3))


@cache
def _layers() -> list[Layer]:
    """The network's layers, in their order; the file holds kernels in 8 bits and a scale for each channel."""
    with np.load(io.BytesIO(locator_file.content())) as stored:
        return [
            (stored[f"kernels{i}"].astype(np.float32) * stored[f"scales{i}"], stored[f"biases{i}"])
            for i in range(len(stored.files) // 3)
        ]
