"""`ox predict` over a hand-made network whose answers can be worked out: the mean of the red channel."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ox_classifier.classifier import Classifier
from ox_classifier.cli import app
from tests import hand_made


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run whose network answers with the mean red as the probability of "x"."""
    monkeypatch.chdir(tmp_path)
    return hand_made.run()


def red(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 20), (value, 0, 0)).save(path)
    return path


def ox(*words):
    return CliRunner().invoke(app, ["predict", *map(str, words)])


def test_axis_of_the_hand_made_network(run):
    answers = Classifier(run).probabilities(np.full((2, 8, 8, 3), [51, 9, 200], np.uint8))
    np.testing.assert_allclose(answers, [[0.8, 0.2]] * 2, atol=1e-6)


def test_csv_has_a_column_a_class_full_paths_and_natural_order(run, tmp_path):
    for number, value in ((1, 255), (10, 51), (2, 102)):
        red(tmp_path / "in" / "deep" / f"{number}.png", value)
    result = ox("in", "--csv")
    assert result.exit_code == 0
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["path"] for row in rows] == ["in/deep/1.png", "in/deep/2.png", "in/deep/10.png"]
    assert [row["predicted"] for row in rows] == ["x", "o", "o"]
    assert [float(row["x"]) for row in rows] == pytest.approx([1.0, 0.4, 0.2], abs=1e-6)
    assert all(float(row["o"]) + float(row["x"]) == pytest.approx(1) for row in rows)


def test_json_lines(run, tmp_path):
    red(tmp_path / "ㅇ.png", 255)
    (line,) = ox("ㅇ.png", "--json").stdout.splitlines()
    assert json.loads(line) == {"path": "ㅇ.png", "predicted": "x", "probabilities": {"o": 0.0, "x": 1.0}}


def test_an_unreadable_file_is_a_row_and_exit_code_1_at_the_end(run, tmp_path):
    red(tmp_path / "in" / "b.png", 255)
    (tmp_path / "in" / "a.png").write_bytes(b"")
    red(tmp_path / "in" / "c.png", 0)
    result = ox("in", "--csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [(row["path"], row["predicted"]) for row in rows] == [("in/a.png", ""), ("in/b.png", "x"), ("in/c.png", "o")]
    assert "empty" in rows[0]["error"]
    assert result.exit_code == 1
    assert "1 of 3 files could not be read" in result.stderr
    lines = [json.loads(line) for line in ox("in", "--json").stdout.splitlines()]
    assert "empty" in lines[0]["error"] and "probabilities" not in lines[0]
    assert "(the file is empty (0 bytes))" in ox("in").stdout


def test_more_than_a_batch_keeps_its_order_and_its_neighbours_errors_apart(run, tmp_path):
    values = np.random.default_rng(0).integers(0, 256, 100)
    for number, value in enumerate(values):
        red(tmp_path / "in" / f"{number}.png", int(value))
    (tmp_path / "in" / "31.png").write_bytes(b"no")
    (tmp_path / "in" / "64.png").write_bytes(b"no")
    rows = list(csv.DictReader(io.StringIO(ox("in", "--csv").stdout)))
    assert [row["path"] for row in rows] == [f"in/{n}.png" for n in range(100)]
    for number, row in enumerate(rows):
        if number in (31, 64):
            assert row["x"] == ""
        else:
            assert float(row["x"]) == pytest.approx(values[number] / 255, abs=1e-5)


def test_files_folders_and_globs_mix_without_repeats(run, tmp_path):
    for name in ("a/1.png", "a/2.png", "b/1.jpg"):
        red(tmp_path / name, 255)
    result = ox("b/1.jpg", "a/*.png", "a", "--csv")
    assert [row["path"] for row in csv.DictReader(io.StringIO(result.stdout))] == ["b/1.jpg", "a/1.png", "a/2.png"]


def test_a_file_whose_name_looks_like_a_glob(run, tmp_path):
    red(tmp_path / "a[1].png", 255)
    assert ox("a[1].png").exit_code == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nowhere"], "is no file, no folder and no pattern"),
        (["*.bmp"], "no pattern that matches any"),
        (["empty"], "no images found in empty"),
        (["runs", "--csv", "--json"], "choose one"),
        (["a.png", "--run", "nope"], "no run 'nope'"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(run, tmp_path, words, sentence):
    (tmp_path / "empty").mkdir()
    red(tmp_path / "a.png", 1)
    result = ox(*words)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""


def test_a_damaged_or_missing_network_is_a_sentence(run, tmp_path):
    red(tmp_path / "a.png", 1)
    run.onnx_file.write_bytes(b"junk")
    result = ox("a.png")
    assert result.exit_code == 2 and "can't be loaded" in result.stderr
    run.onnx_file.unlink()
    assert "has no model.onnx" in ox("a.png", "--run", run.name).stderr


def test_prediction_loads_no_tensorflow(run, tmp_path):
    red(tmp_path / "a.png", 255)
    code = (
        "import sys\nfrom ox_classifier.cli import app\n"
        "try:\n    app(['predict', 'a.png', '--csv'])\nexcept SystemExit as end:\n    code = end.code\n"
        "print(sorted({'tensorflow', 'keras', 'matplotlib', 'sklearn'} & set(sys.modules)), code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["path,predicted,o,x,error", "a.png,x,0.000000,1.000000,", "[] 0"]


def test_a_reader_that_goes_away_is_no_error(run, tmp_path):
    for number in range(600):  # more than Python and the pipe hold back
        red(tmp_path / "in" / f"{number}.png", 255)
    command = f"{sys.executable} -m ox_classifier predict in --csv | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout == "path,predicted,o,x,error\n"
    assert done.stderr == ""
