"""Whether time and memory grow no faster than the number of images: 2,000, 20,000 and 200,000 of 28x28.

The images are drawn once and kept in $OX_LARGE, or in the folder for temporary files.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.conftest import draw_mark
from tests.processes import usage

COUNTS = (2_000, 20_000, 200_000)
SIDE = 28
GROWTH = 1.15  # times what ten times the images should take
MEGABYTES = 1_600  # of the largest process at 200,000 images, of which TensorFlow takes 600 before it sees one


def figures() -> list[tuple[str, str, str, float, str]]:
    """(figure, measured, reference, ratio, limit): seconds of each count, growth between the larger two, memory."""
    kept = Path(os.environ.get("OX_LARGE") or Path(tempfile.gettempdir()) / "ox-large")
    folders = [draw(kept / str(count), count) for count in COUNTS]
    ox = [sys.executable, "-m", "ox_classifier"]
    epoch = ["--arch", "cnn", "--epochs", "1"]
    commands = {
        "ox dataset check, first time": lambda data: [*ox, "dataset", "check", data, "--out", "check"],
        "ox dataset check, second time": lambda data: [*ox, "dataset", "check", data, "--out", "check"],
        "ox train, one epoch": lambda data: [*ox, "train", *epoch, "--data", data, "--name", f"run{data.name}"],
        "ox report": lambda data: [*ox, "report", f"run{data.name}"],
        "ox predict --csv": lambda data: [*ox, "predict", data, "--run", f"run{data.name}", "--csv"],
    }
    found = []
    with tempfile.TemporaryDirectory() as place:
        cache = Path(place, "cache")
        cache.mkdir()
        for name, command in commands.items():
            costs = [usage(command(data), cwd=Path(place), OX_CACHE=cache) for data in folders]
            found += _rows(name, costs)
            print(*found[-2:], sep="\n", file=sys.stderr, flush=True)  # it takes long: each as soon as it is known
    return found


def draw(root: Path, count: int) -> Path:
    """Small marks of two classes, no two alike; those of an earlier time are used again."""
    if root.is_dir():
        return root
    part = root.with_name(f"{root.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    rng = np.random.default_rng(count)
    for number in range(count):
        path = part / "ox"[number % 2] / f"{number % 1000:03}" / f"{number:06}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw_mark("ox"[number % 2], rng, SIDE).save(path, compress_level=1)
    part.rename(root)
    return root


def _rows(name: str, costs: list[tuple[float, float, float]]) -> list[tuple[str, str, str, float, str]]:
    """Growth is that of processor seconds: wall seconds also hold what else the machine does."""
    seconds, megabytes, processor = zip(*costs, strict=True)
    told = " / ".join(f"{value:.1f}" for value in seconds)
    expected = processor[-2] * COUNTS[-1] / COUNTS[-2]
    return [
        (
            f"{name}: {told} s for {' / '.join(f'{count:,}' for count in COUNTS)}; processor",
            f"{processor[-1]:.1f} s",
            f"{expected:.1f} s",
            processor[-1] / expected,
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
