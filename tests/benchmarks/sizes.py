"""What VGG16's features of one view cost by the size of the picture: python -m tests.benchmarks.sizes

Prints, for each number of pixels a side, the median time of a view and its share of that at 224 pixels. The engine is
that of training; the sizes take turns, so that a machine that slows down slows all of them.
"""

from __future__ import annotations

import time

import numpy as np

from ox_classifier.networks import bases, engine, transfer
from tests.benchmarks.transfer import SIDE

SIZES = (64, 96, 112, 128, 160, 192, SIDE)
ROUNDS, VIEWS = 5, 6


def seconds_a_view(sizes: tuple[int, ...] = SIZES) -> dict[int, float]:
    """Median seconds of a view of each size; weights are random, which takes as long."""
    rng = np.random.default_rng(0)
    views = {size: rng.random((VIEWS, size, size, 3), np.float32) for size in sizes}
    extract = {}
    for size in sizes:
        model, _ = bases.build("vgg16", (size, size, 3), 2, weights="none", outliers=True)
        extract[size] = engine.fastest(transfer.split(model)[0], views[size][:1]).extract
    times: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(ROUNDS):
        for size in sizes:
            start = time.perf_counter()
            extract[size](views[size])
            times[size].append((time.perf_counter() - start) / VIEWS)
    return {size: float(np.median(found)) for size, found in times.items()}


def main() -> None:
    """Print a line for each size."""
    found = seconds_a_view()
    for size, seconds in found.items():
        print(f"{size:3} pixels  {1000 * seconds:4.0f} ms a view  {seconds / found[SIDE]:.2f} of {SIDE}'s")


if __name__ == "__main__":
    main()
