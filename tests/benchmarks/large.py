"""Whether time and memory grow no faster than the number of images: 2,000, 20,000 and 200,000 of 28x28."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.conftest import draw_mark
from tests.processes import cost

COUNTS = (2_000, 20_000, 200_000)
SIDE = 28
GROWTH = 1.15  # times what ten times the images should take
MEGABYTES = 800  # for 200,000 images, whatever is done with them


def figures() -> list[tuple[str, str, str, float, str]]:
    """(figure, measured, reference, ratio, limit): seconds of each count, growth between the larger two, memory."""
    found = []
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        folders = [draw(place / str(count), count) for count in COUNTS]
        ox = [sys.executable, "-m", "ox_classifier"]
        train = [*ox, "train", "--arch", "cnn", "--data", folders[0], "--epochs", "1", "--name", "bench"]
        subprocess.run(train, cwd=place, check=True, capture_output=True)
        (place / "cache").mkdir()
        commands = {
            "ox dataset check, first time": lambda data: [*ox, "dataset", "check", data, "--out", place / "check"],
            "ox dataset check, second time": lambda data: [*ox, "dataset", "check", data, "--out", place / "check"],
            "ox predict --csv": lambda data: [*ox, "predict", data, "--run", "bench", "--csv"],
        }
        for name, command in commands.items():
            costs = [cost(command(data), cwd=place, OX_CACHE=place / "cache") for data in folders]
            found += _rows(name, costs)
    return found


def draw(root: Path, count: int) -> Path:
    """Small marks of two classes, no two alike."""
    rng = np.random.default_rng(count)
    for number in range(count):
        path = root / "ox"[number % 2] / f"{number % 1000:03}" / f"{number:06}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw_mark("ox"[number % 2], rng, SIDE).save(path, compress_level=1)
    return root


def _rows(name: str, costs: list[tuple[float, float]]) -> list[tuple[str, str, str, float, str]]:
    seconds, megabytes = zip(*costs, strict=True)
    told = " / ".join(f"{value:.1f}" for value in seconds)
    expected = seconds[-2] * COUNTS[-1] / COUNTS[-2]
    return [
        (
            f"{name}: {told} s for {' / '.join(f'{count:,}' for count in COUNTS)}",
            f"{seconds[-1]:.1f} s",
            f"{expected:.1f} s",
            seconds[-1] / expected,
            f"<={GROWTH}",
        ),
        (
            f"{name}: peak memory, {COUNTS[-1]:,} images",
            f"{megabytes[-1]:.0f} MB",
            f"{MEGABYTES} MB",
            megabytes[-1] / MEGABYTES,
            "<=1",
        ),
    ]
