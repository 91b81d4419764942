"""`ox dataset check` of 20,000 images, seen for the first and for the second time."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.conftest import draw_mark
from tests.processes import cost

COUNT = 20_000
SIDE = 150
COLD_SECONDS, WARM_SECONDS = 60, 5


def figures() -> list[tuple[str, str, str, float, str]]:
    """(figure, measured, reference, ratio, limit) for time and memory."""
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        many, few = draw(place / "many", COUNT, seed=0), draw(place / "few", COUNT // 10, seed=1)
        cold, memory = check(many, place)
        warm, _ = check(many, place)
        _, memory_few = check(few, place)
    name = f"ox dataset check, {COUNT:,} images of {SIDE}x{SIDE}"
    return [
        (f"{name}, first time", f"{cold:.1f} s", f"{COLD_SECONDS} s", cold / COLD_SECONDS, "<=1"),
        (f"{name}, second time", f"{warm:.1f} s", f"{WARM_SECONDS} s", warm / WARM_SECONDS, "<=1"),
        (
            f"{name}, peak memory / a tenth of them",
            f"{memory:.0f} MB",
            f"{memory_few:.0f} MB",
            memory / memory_few,
            "<=1.15",
        ),
    ]


def draw(root: Path, count: int, seed: int) -> Path:
    """Marks of 150x150 in two classes, PNG and JPEG in turn."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        path = root / "ox"[number % 2] / f"{number:05}{('.png', '.jpg')[number // 2 % 2]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw_mark("ox"[number % 2], rng, SIDE).save(path)
    for path in sorted((root / "o").glob("*.png"))[:20]:  # something to find: a full sheet, whatever the number
        shutil.copy(path, path.with_stem(f"{path.stem}-copy"))
    return root


def check(data: Path, place: Path) -> tuple[float, float]:
    """Seconds and peak megabytes of one `ox dataset check`, start of Python and all."""
    command = [sys.executable, "-m", "ox_classifier", "dataset", "check", data, "--out", place / "check"]
    return cost(command, OX_CACHE=place / "cache")


if __name__ == "__main__":
    for row in figures():
        print(row)
