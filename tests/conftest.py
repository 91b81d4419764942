"""Small drawn images, and one tiny training that every test of a finished run shares."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from PIL import Image, ImageDraw

# a busy machine draws examples slowly, which says nothing about the code
hypothesis.settings.register_profile("ox", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("ox")

REPOSITORY = Path(__file__).resolve().parent.parent
REAL = REPOSITORY.parent / "shared" / "real"


def draw_mark(label: str, rng: np.random.Generator, size: int = 48) -> Image.Image:
    """A plain circle or cross, dark on light, somewhere near the middle."""
    image = Image.new("RGB", (size, size), tuple(int(v) for v in rng.integers(215, 256, 3)))
    pen = ImageDraw.Draw(image)
    ink, width = tuple(int(v) for v in rng.integers(0, 90, 3)), int(rng.integers(2, 5))
    x, y = rng.uniform(0.42, 0.58, 2) * size
    rx, ry = rng.uniform(0.22, 0.36, 2) * size
    if label == "o":
        pen.ellipse((x - rx, y - ry, x + rx, y + ry), outline=ink, width=width)
    else:
        pen.line((x - rx, y - ry, x + rx, y + ry), fill=ink, width=width)
        pen.line((x - rx, y + ry, x + rx, y - ry), fill=ink, width=width)
    return image


def draw_folder(root: Path, counts: dict[str, int], seed: int = 0) -> Path:
    """Fill root/<split>/{o,x}/ (root/{o,x}/ for the split "") with drawn marks."""
    rng = np.random.default_rng(seed)
    for split, count in counts.items():
        for label in "ox":
            folder = root / split / label
            folder.mkdir(parents=True, exist_ok=True)
            for number in range(count):
                draw_mark(label, rng).save(folder / f"{number:03}.png")
    return root


def draw_noise(folder: Path, count: int, seed: int = 0, size: int = 48) -> Path:
    """Fill a folder with images of no class: coarse random grey."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        grey = Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8)).resize((size, size), Image.Resampling.NEAREST)
        grey.save(folder / f"{number:03}.png")
    return folder


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory):
    """Tests leave the user's caches alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OX_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    """A fresh folder with a few marks in train, val and test."""
    return draw_folder(tmp_path / "marks", {"train": 6, "val": 3, "test": 3})


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory):
    """A LeNet trained for a few epochs on 32-pixel images by `ox train`; gives the finished Run."""
    from typer.testing import CliRunner

    from ox_classifier import runs
    from ox_classifier.cli import app

    place = tmp_path_factory.mktemp("work")
    draw_folder(place / "marks", {"train": 24, "val": 12, "test": 12})
    before = Path.cwd()
    os.chdir(place)
    try:
        command = "train --arch lenet --data marks --image-size 32 --epochs 3 --batch-size 8 --name tiny"
        result = CliRunner().invoke(app, command.split(), catch_exceptions=False)
    finally:
        os.chdir(before)
    if result.exit_code:
        pytest.fail(f"ox {command} ended with {result.exit_code}:\n{result.output}")
    run = runs.find(place / "runs" / "tiny")
    run.log = result.stderr
    return run


def logits_of_looks(model, batch):
    """What Keras' network makes of pictures and their mirror images, on the average, before its Sigmoid."""
    looks = (batch, batch[:, ::-1], batch[:, :, ::-1], batch[:, ::-1, ::-1])
    answers = [np.float64(model.predict(look, verbose=0)[:, 0]) for look in looks]
    return np.mean([np.log(p / (1 - p)) for p in answers], axis=0)


def calibrated(run, model, batch):
    """What a run answers, from Keras' network alone."""
    return 1 / (1 + np.exp(-logits_of_looks(model, batch) / run.assurance.temperature))
