"""How much memory a training needs, told before it is taken: TensorFlow ends the process when there is none left."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ox_classifier.errors import UsageError
from ox_classifier.training.exposure import SHARE
from ox_classifier.training.recipe import Recipe

BYTES = 4  # float32
LIBRARIES = 600e6  # TensorFlow alone
# Measured with lenet, cnn, cnn-dropout and mlp at 150 to 400 pixels a side (peak of `ox train`, two cores):
COPIES = 8  # of every parameter: weights, gradients, Adam's two, their average, and what is written at an epoch's end
PASSES = 2.5  # of every value between two layers: forward, backward, and room to work in
LARGEST_MAPS = 128  # of a frozen base at full size: two layers of VGG16's 64
IMAGES_AT_ONCE = 4  # that go through a frozen base
FINE_TUNED_MAPS = 280  # values a pixel in all layers of VGG16
FINE_TUNE_BATCH = 32

Size = tuple[float, float]  # values between the layers for one image, and parameters


def refuse_too_large(recipe: Recipe, *, outliers: bool = False, available: float | None = None) -> None:
    """Refuse a recipe that the free memory of this machine can't hold; `available` in bytes, by default what is free.

    Raises:
        UsageError: If it needs more; the sentence says how much, and what to make smaller.
    """
    free = free_bytes() if available is None else available
    needed = needed_bytes(recipe, outliers=outliers)
    if free is not None and needed > free:
        raise UsageError(
            f"--image-size {recipe.image_size} with --batch-size {recipe.batch_size} needs some {needed / 1e9:.0f} GB "
            f"of memory for {recipe.arch}, and {free / 1e9:.1f} GB are free: give a smaller one of the two"
        )


def needed_bytes(recipe: Recipe, *, outliers: bool = False) -> float:
    """What a training takes at its peak, about; pixels of the dataset not counted, as they go to disk when many.

    With `outliers` every batch has some beside its images.
    """
    side, channels = recipe.image_size, recipe.rule.shape[2]
    more = 1 + SHARE * outliers
    if recipe.frozen:
        values = IMAGES_AT_ONCE * LARGEST_MAPS * side**2
        if recipe.fine_tune:
            values = max(values, PASSES * more * min(recipe.batch_size, FINE_TUNE_BATCH) * FINE_TUNED_MAPS * side**2)
        return LIBRARIES + BYTES * (values + 15e6)
    values, parameters = SIZES[recipe.arch](side, channels)
    return LIBRARIES + BYTES * (PASSES * more * recipe.batch_size * values + COPIES * parameters)


def free_bytes() -> float | None:
    """Memory that programs can still have, None where no one says."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(float(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        pass
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):
        return None


def _lenet(side: int, channels: int) -> Size:
    values, place = float(side**2 * channels), side
    for filters in (32, 32, 64):
        values += filters * (place - 2) ** 2
        place = (place - 2) // 2
        values += filters * place**2
    return values, place**2 * 64 * 64


def _mlp(side: int, channels: int) -> Size:
    return side**2 * channels + 1024, side**2 * channels * 512 + 512**2


def _cnn(side: int, channels: int, *, hidden: int = 10) -> Size:
    values = side**2 * (channels + 32 + 8 + 16 + 4)
    return values, (side // 4) ** 2 * 64 * hidden


def _cnn_dropout(side: int, channels: int) -> Size:
    last = (side - 4) // 2
    return side**2 * (channels + 32 + 64) + 64 * last**2, last**2 * 64 * 128


SIZES: dict[str, Callable[[int, int], Size]] = {
    "lenet": _lenet,
    "mlp1": _mlp,
    "mlp": _mlp,
    "cnn": _cnn,
    "cnn-dense": lambda side, channels: _cnn(side, channels, hidden=100),
    "cnn-dropout": _cnn_dropout,
}
