"""`ox dataset check` of 20,000 images, seen for the first and for the second time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tests.conftest import draw_mark

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
    environment = os.environ | {"OX_CACHE": str(place / "cache")}
    command = [sys.executable, "-m", "ox_classifier", "dataset", "check", str(data), "--out", str(place / "check")]
    start = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


if __name__ == "__main__":
    for row in figures():
        print(row)
