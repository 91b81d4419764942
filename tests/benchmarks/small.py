"""Cold start of the small install, one answer of a loaded Classifier, vgg16 over many files: each against its floor."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ox_classifier import Classifier
from ox_classifier.data import images
from tests.benchmarks.start import KERAS, seconds
from tests.conftest import REPOSITORY, draw_folder
from tests.processes import cost

SINGLE = 400  # answers
COUNT, PART = 200, 40  # images for vgg16, and how many at a time
BATCHES = (1, 2, 4, 8)
MOST_MEGABYTES = 500


def figures() -> list[tuple[str, str, str, float, str]]:
    """(figure, measured, reference, ratio, limit) for prediction in services."""
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        data = draw_folder(place / "marks", {"": 20})
        train = [sys.executable, "-m", "ox_classifier", "train", "--data", "marks", "--epochs", "1"]
        for options in (["--no-augment", "--name", "lenet"], ["--arch", "vgg16", "--weights", "none", "--views", "1"]):
            subprocess.run([*train, *options, "--crop", "none"], cwd=place, check=True, capture_output=True)
        runs = place / "runs"
        return [*_cold(place, runs / "lenet", data / "o" / "000.png"), _single(runs / "lenet"), *_vgg16(place, runs)]


def _cold(place: Path, run: Path, image: Path) -> list[tuple[str, str, str, float, str]]:
    """One image by a command of an environment that holds ox-predict and nothing else."""
    small = place / "small"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", small], check=True)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", small / "bin" / "python"]
    install = [*pip, "install", "--constraint", REPOSITORY / "requirements.lock", REPOSITORY / "packaging/ox-predict"]
    subprocess.run(list(map(str, install)), check=True, capture_output=True)
    ours = seconds([str(small / "bin" / "ox"), "predict", str(image), "--run", str(run)], str(place))
    start = seconds([str(small / "bin" / "python"), "-c", "0"], str(place))
    keras = seconds([sys.executable, "-c", KERAS, str(run / "model.keras"), str(image)], str(place))
    return [
        (f"small install, one image, cold (Python: {start:.3f} s)", f"{ours:.2f} s", "1 s", ours, "<=1"),
        ("small install, one image, cold / Keras script", f"{ours:.2f} s", f"{keras:.2f} s", ours / keras, "<=0.167"),
    ]


def _single(run: Path) -> tuple[str, str, str, float, str]:
    """One image in memory after the other, on one core, so that no thread waits for another program's turn."""
    classifier = Classifier.load(run, threads=1)
    pixels = np.random.default_rng(0).integers(0, 256, classifier.rule.shape, dtype=np.uint8)
    ready = images.as_float(pixels[None])
    ours, floor = [], []
    for _ in range(SINGLE):  # in turn, so that both meet the same load
        floor.append(_timed(lambda: _alone(classifier, ready)))
        ours.append(_timed(lambda: classifier.predict(pixels)))
    measured, reference = float(np.median(ours)), float(np.median(floor))
    figure = "lenet, one answer of a Classifier / ONNX Runtime alone"
    return figure, f"{measured * 1e3:.2f} ms", f"{reference * 1e3:.2f} ms", measured / reference, "<=1.3"


def _vgg16(place: Path, runs: Path) -> list[tuple[str, str, str, float, str]]:
    (run,) = runs.glob("vgg16*")
    paths = sorted(draw_folder(place / "many", {"": COUNT // 2}, seed=1).rglob("*.png"))
    command = [sys.executable, "-m", "ox_classifier", "predict", "many", "--csv", "--run", str(run)]
    memory = cost(command, cwd=place)[1]
    classifier = Classifier.load(run)
    ready = np.random.default_rng(0).random((max(BATCHES), *classifier.rule.shape), dtype=np.float32)
    probes = {batch: [] for batch in BATCHES}
    for batch in (*BATCHES, *BATCHES):
        probes[batch].append(_timed(lambda: [_alone(classifier, ready[:batch]) for _ in range(0, 16, batch)]))  # noqa: B023
    best = min(probes, key=lambda batch: min(probes[batch]))
    ours = floor = 0.0
    for start in range(0, COUNT, PART):  # in turn, so that both meet the same load
        ours += _timed(lambda: list(classifier.predict(paths[start : start + PART])))  # noqa: B023
        floor += _timed(lambda: [_alone(classifier, ready[:best]) for _ in range(0, PART, best)])
    figure = f"vgg16, {COUNT} images by a Classifier / ONNX Runtime, batches of {best}"
    return [
        (figure, f"{ours:.1f} s", f"{floor:.1f} s", ours / floor, "<=1.05"),
        ("ox predict, vgg16, peak memory", f"{memory:.0f} MB", f"{MOST_MEGABYTES} MB", memory / MOST_MEGABYTES, "<=1"),
    ]


def _alone(classifier: Classifier, pixels: np.ndarray) -> None:
    """ONNX Runtime on pixels that are ready."""
    classifier.session.session.run(None, {classifier.session.input: pixels})


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
