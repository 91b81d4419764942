"""`ox report` on the shared tiny run: one table is the source of every picture and metric, whatever came before."""

from __future__ import annotations

import csv
import json
import os
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from typer.testing import CliRunner

from ox_classifier import runs
from ox_classifier.cli import app
from ox_classifier.report import metrics
from ox_classifier.report.predictions import Predictions
from tests import hand_made
from tests.conftest import draw_folder

tensorflow = pytest.mark.tensorflow  # for the shared run's training


def report(run, *words):
    return CliRunner().invoke(app, ["report", str(run.path), *words])


@pytest.fixture
def run(tiny_run, tmp_path):
    """A copy of the shared run without a report."""
    shutil.copytree(tiny_run.path, tmp_path / "tiny", ignore=shutil.ignore_patterns("report"))
    return runs.find(tmp_path / "tiny")


def views(run):
    """What each file of the report is about: the splits of the table, of the metrics and of each kind of picture."""
    folder = run.path / "report"
    with (folder / "predictions.csv").open(newline="") as file:
        table = {row["split"] for row in csv.DictReader(file)}
    told = json.loads((folder / "metrics.json").read_text()).keys() - {"run", "fingerprint"}
    pictures = [
        {path.stem.removeprefix(kind) for path in folder.glob(f"{kind}*.png")}
        for kind in ("confusion_matrix_", "mistakes_")
    ]
    return [table, told, *pictures]


@tensorflow
def test_a_split_is_added_and_the_others_stay_as_they_are(run):
    assert report(run, "--split", "test").exit_code == 0
    alone = json.loads((run.path / "report" / "metrics.json").read_text())["test"]
    result = report(run, "--split", "train", "--split", "train")
    assert result.exit_code == 0
    assert views(run) == [{"train", "test"}] * 4
    assert "kept from the last report, which was of the same model: test" in result.stderr
    told = json.loads((run.path / "report" / "metrics.json").read_text())
    assert told["test"] == alone  # read back from the table, to the last bit
    assert [line for line in result.stdout.splitlines() if "accuracy" in line] == [
        f"{split}: accuracy {metrics.accuracy_text(told[split]['correct'], told[split]['images'])}"
        for split in ("train", "test")
    ]
    both = (run.path / "report" / "predictions.csv").read_bytes()
    assert report(run, "--split", "train", "--split", "test").exit_code == 0
    assert (run.path / "report" / "predictions.csv").read_bytes() == both


@tensorflow
def test_what_another_model_predicted_goes_with_its_pictures(run):
    assert report(run, "--split", "train", "--split", "val").exit_code == 0
    os.truncate(run.path / "report" / "curves.png", 0)
    model = run.onnx_file.read_bytes()
    run.onnx_file.write_bytes(model + b"\x1a\x00")  # an empty import: another file, the same network
    result = report(run, "--split", "val")
    assert result.exit_code == 0, result.stderr
    assert "no longer in the report, as another model or ox predicted it: train" in result.stderr
    assert views(run) == [{"val"}] * 4
    assert (run.path / "report" / "curves.png").stat().st_size


@tensorflow
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("predictions.csv", "path,split\nx,train\n"),
        ("predictions.csv", None),
        ("metrics.json", "[]"),
        ("metrics.json", ""),
    ],
)
def test_a_damaged_report_is_made_anew(run, name, content):
    assert report(run, "--split", "train").exit_code == 0
    file = run.path / "report" / name
    file.unlink()
    if content is not None:
        file.write_text(content)
    assert report(run, "--split", "test").exit_code == 0
    assert views(run) == [{"test"}] * 4


@tensorflow
def test_nothing_is_written_through_a_link(run, tmp_path):
    (tmp_path / "mine").write_text("precious")
    (run.path / "report").mkdir()
    for name in ("predictions.csv", "metrics.json", "curves.png", "mistakes_test.png", "mistakes_train.png"):
        (run.path / "report" / name).symlink_to(tmp_path / "mine")
    assert report(run, "--split", "test").exit_code == 0
    assert (tmp_path / "mine").read_text() == "precious"
    assert not any(path.is_symlink() for path in (run.path / "report").iterdir())
    shutil.rmtree(run.path / "report")
    (tmp_path / "other").mkdir()
    (run.path / "report").symlink_to(tmp_path / "other")
    result = report(run)
    assert result.exit_code == 2 and "is a link" in result.stderr
    assert not list((tmp_path / "other").iterdir())


@tensorflow
def test_an_image_gone_since_it_was_predicted_leaves_an_empty_frame(run, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(run.config["data"]["root"], data)
    run.update(data=run.config["data"] | {"root": str(data)}, classes=["x", "o"])  # exchanged, so that many are wrong
    assert report(run, "--split", "train").exit_code == 0
    shutil.rmtree(data / "train")
    assert report(run, "--split", "test").exit_code == 0
    assert views(run) == [{"train", "test"}] * 4


def test_a_cross_validation_without_its_last_network_says_how_to_go_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stopped = hand_made.judged_run(draw_folder(tmp_path / "marks", {"train": 4, "val": 2}))
    stopped.onnx_file.unlink()
    stopped.update(state="interrupted", cross_validation=[["lenet-fold1", 2, 2], ["lenet-fold2", 1, 2]], results={})
    stopped.write_table("held_out.csv", ("path", "label", "fold", "o", "x"), [("val/o/000.png", "o", 1, "0.9", "0.1")])
    result = report(stopped)
    assert result.exit_code == 2 and result.stderr.endswith("isn't finished; go on with ox train --resume lenet-1\n")
    assert not (stopped.path / "report").exists()


@given(arrays.arrays(np.float32, (5, 3), elements=st.floats(0, 1, width=32)))
def test_probabilities_are_read_back_to_the_last_bit(probabilities):
    classes = ("loss", "p_loss", "관")
    given = Predictions(classes, tuple("abcde"), ("val",) * 5, np.array([0, 1, 2, 1, 0]), probabilities)
    rows = [dict(zip(given.header(), row, strict=True)) for row in given.rows()]
    found = Predictions.from_rows(classes, rows)
    np.testing.assert_array_equal(found.probabilities, probabilities)
    np.testing.assert_array_equal(found.truth, given.truth)
    assert (found.paths, found.splits, found.classes) == (given.paths, given.splits, given.classes)
    assert found.rows() == given.rows()
    assert not any(cell.startswith(("-", "=", "+")) for row in given.rows() for cell in row[4:])


@pytest.mark.parametrize(
    "change", [{"o": "1.5"}, {"o": "nan"}, {"o": "-0.1"}, {"o": "?"}, {"label": "z"}, {"o": None}, {"path": ...}]
)
def test_rows_that_are_no_predictions_are_refused(change):
    row = {"path": "a", "split": "val", "label": "o", "o": "0.5", "x": "0.5"} | change
    row = {name: value for name, value in row.items() if value is not ...}
    with pytest.raises((ValueError, KeyError, TypeError)):
        Predictions.from_rows(("o", "x"), [row])
