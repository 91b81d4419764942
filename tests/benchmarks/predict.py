"""`ox predict` over many files, against its floor: decoding plus ONNX Runtime on the decoded arrays."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from ox_classifier.classifier import BATCH
from ox_classifier.data import images
from ox_classifier.runs import Run
from ox_classifier.session import open_session
from tests.conftest import draw_folder
from tests.processes import cost

COUNT = 2000


def figures() -> list[tuple[str, str, str, float, str]]:
    """(figure, measured, reference, ratio, limit) for predictions in bulk."""
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        draw_folder(place / "few", {"": 20})
        folder = draw_folder(place / "many", {"": COUNT // 2}, seed=1)
        ox = [sys.executable, "-m", "ox_classifier"]
        train = [*ox, "train", "--data", "few", "--epochs", "1", "--no-augment", "--name", "bench"]
        subprocess.run(train, cwd=place, check=True, capture_output=True)
        paths = sorted(folder.rglob("*.png"))
        floor, ours = [], []
        for _ in range(3):
            floor.append(floor_seconds(paths, Run(place / "runs" / "bench")))
            ours.append(ox_predict(["many"], place)[0])
        memory = ox_predict(["many"], place)[1]
        tenfold = place / "tenfold"
        for copy in range(10):
            (tenfold / str(copy)).parent.mkdir(exist_ok=True)
            (tenfold / str(copy)).symlink_to(folder)
        # os.walk doesn't follow links below, so each link is given as a source of its own
        memory_tenfold = ox_predict([str(tenfold / str(copy)) for copy in range(10)], place)[1]
    measured, reference = float(np.median(ours)), float(np.median(floor))
    return [
        (
            f"ox predict, {COUNT:,} images / decoding + ONNX Runtime",
            f"{measured:.2f} s",
            f"{reference:.2f} s",
            measured / reference,
            "<=1.15",
        ),
        (
            "ox predict, peak memory of a process, 20,000 images / 2,000",
            f"{memory_tenfold:.0f} MB",
            f"{memory:.0f} MB",
            memory_tenfold / memory,
            "<=1.1",
        ),
    ]


def floor_seconds(paths: list[Path], run: Run) -> float:
    """Decode every file, then answer all of them, one after the other."""
    session = open_session(run.onnx_file)
    name = session.get_inputs()[0].name
    start = time.perf_counter()
    pixels = np.stack([images.read(path, run.rule) for path in paths])
    for first in range(0, len(pixels), BATCH):
        session.run(None, {name: images.as_float(pixels[first : first + BATCH])})
    return time.perf_counter() - start


def ox_predict(sources: list[str], place: Path) -> tuple[float, float]:
    """Wall seconds and peak megabytes of `ox predict`."""
    return cost([sys.executable, "-m", "ox_classifier", "predict", *sources, "--csv"], cwd=place)
