"""A tiny training in float16 from `ox train` to answers: the layers compute in float16, the answers stay float32."""

from __future__ import annotations

import csv
import json

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from ox_classifier import runs
from ox_classifier.cli import app
from ox_classifier.data import images
from ox_classifier.networks import saved
from ox_classifier.pixels import INK_CROPPED, PixelRule
from tests.conftest import calibrated, draw_folder

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a finished run, trained with --mixed-precision."""
    place = tmp_path_factory.mktemp("mixed")
    draw_folder(place / "marks", {"train": 8, "val": 4})
    before = keras.config.dtype_policy()
    command = "train --data marks --image-size 32 --epochs 2 --batch-size 8 --mixed-precision --name half"
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(place)
            result = CliRunner().invoke(app, command.split(), catch_exceptions=False)
    finally:
        keras.config.set_dtype_policy(before)  # it is global: the tests after this one compute in float32
    assert result.exit_code == 0, result.output
    return place / "runs" / "half"


def test_the_run_says_its_precision(run, tiny_run):
    assert json.loads((run / "run.json").read_text())["precision"] == "mixed_float16"
    assert json.loads((tiny_run.path / "run.json").read_text())["precision"] == "float32"


def test_layers_compute_in_float16_and_keep_float32_weights(run):
    model = saved.load(run / "model.keras")
    convolution = model.get_layer("conv1")
    assert convolution.compute_dtype == "float16"
    assert {str(weight.dtype) for weight in model.weights} == {"float32"}


def test_answers_are_float32_and_the_same_from_keras_and_onnx(run):
    model = saved.load(run / "model.keras")
    assert model.output.dtype == "float32"
    paths = sorted((run.parent.parent / "marks" / "val").rglob("*.png"))
    result = CliRunner().invoke(app, ["predict", *map(str, paths), "--run", str(run), "--csv"], catch_exceptions=False)
    rows = list(csv.DictReader(result.stdout.splitlines()))
    pixels = np.stack([images.read(path, PixelRule(32, 32, "rgb", INK_CROPPED)) for path in paths])
    assert model.predict_on_batch(images.as_float(pixels)).dtype == np.float32
    second = calibrated(runs.find(run), model, images.as_float(pixels))
    answers = np.array([[float(row["o"]), float(row["x"])] for row in rows])
    np.testing.assert_allclose(answers[:, 1], second, atol=1e-2)  # float16 has three digits
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=2e-6)


def test_every_epoch_has_finite_metrics(run):
    with (run / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    assert all(np.isfinite(float(row[name])) for row in rows for name in ("loss", "val_loss", "val_accuracy"))
