"""`ox runs`: every run is a row, whatever state it is in, and a broken one is a line on stderr."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from ox_classifier import runs
from ox_classifier.cli import app
from ox_classifier.intervals import wilson


@pytest.fixture(autouse=True)
def three(tmp_path, monkeypatch):
    """A finished run, a better one that is training, and one of folds; the last made is the first to be listed."""
    monkeypatch.chdir(tmp_path)
    data = {"root": str(tmp_path / "marks"), "counts": {"train": {"o": 900, "x": 1000}, "val": {"o": 50, "x": 50}}}
    made = [runs.create(arch) for arch in ("lenet", "vgg16", "cnn")]
    made[0].update(state="finished", data=data, seconds=405.2, results={"val": {"correct": 90, "images": 100}})
    made[1].update(state="interrupted", data=data, results={"val": {"correct": 95, "images": 100}})
    made[2].update(state="finished", cross_validation=[["a", 20, 30], ["b", 25, 30]], seconds=12)
    for number, run in enumerate(made):
        os.utime(run.path / "run.json", (1000 + number, 1000 + number))
    return made


def ox(*words):
    return CliRunner().invoke(app, ["runs", *words])


def names(result):
    return [line.split()[0] for line in result.stdout.splitlines()[1:]]


def test_the_table_has_a_line_a_run(three):
    result = ox()
    assert result.exit_code == 0 and names(result) == ["cnn-1", "vgg16-1", "lenet-1"]
    low, high = wilson(90, 100)
    cells = re.split(r"\s{2,}", result.stdout.splitlines()[-1])
    assert cells == ["lenet-1", "lenet", "marks", "2,000", f"0.9000 ({low:.3f} to {high:.3f})", "-", "405", "finished"]
    assert "0.7500" in result.stdout.splitlines()[1]  # 45 of 60 over both folds


@pytest.mark.parametrize(
    ("by", "first"),
    [("name", "cnn-1"), ("network", "cnn-1"), ("val", "vgg16-1"), ("seconds", "cnn-1"), ("state", "cnn-1")],
)
def test_sorting(by, first):
    assert names(ox("--sort", by))[0] == first
    assert len(names(ox("--sort", by))) == 3


def test_what_is_lacking_comes_last():
    assert names(ox("--sort", "seconds"))[-1] == "vgg16-1"
    assert names(ox("--sort", "images"))[-1] == "cnn-1"


def test_json_and_csv_say_the_same():
    rows = [json.loads(line) for line in ox("--json").stdout.splitlines()]
    table = list(csv.DictReader(io.StringIO(ox("--csv").stdout)))
    assert [{key: "" if value is None else str(value) for key, value in row.items()} for row in rows] == table
    lenet = rows[-1]
    assert (lenet["val_correct"], lenet["val_images"], lenet["val_accuracy"]) == (90, 100, 0.9)
    assert [lenet["val_low"], lenet["val_high"]] == list(wilson(90, 100)) and lenet["test_accuracy"] is None


@pytest.mark.parametrize("words", [("--csv", "--json"), ("--sort", "loss")])
def test_wrong_options_are_refused(words):
    result = ox(*words)
    assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1


def test_broken_runs_are_a_line_each_and_stop_nothing(three):
    for name, text in {"broken-1": "{", "broken-2": '{"schema": 99}', "broken-3": "[]"}.items():
        (runs.ROOT / name).mkdir()
        (runs.ROOT / name / "run.json").write_text(text)
    (runs.ROOT / "broken-4" / "run.json").mkdir(parents=True)
    (runs.ROOT / "not-a-run").mkdir()
    result = ox()
    assert result.exit_code == 0 and names(result) == ["cnn-1", "vgg16-1", "lenet-1"]
    assert len(result.stderr.splitlines()) == 4 and all(
        line.startswith("passed over: runs/broken-") for line in result.stderr.splitlines()
    )


def test_a_training_whose_process_is_gone_says_so():
    code = "from ox_classifier import runs; runs.create('mlp').update(classes=['o', 'x'], state='training')"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert ox().stdout.splitlines()[1].endswith("training, killed")
    runs.create("mlp").update(classes=["o", "x"], state="training")
    assert ox().stdout.splitlines()[1].endswith("training")


def test_no_run_at_all_says_how_to_make_one(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    result = ox()
    assert (result.exit_code, result.stdout) == (0, "") and "ox train" in result.stderr
    assert ox("--csv").stdout.startswith("name,network,data,images,val_correct")


def test_it_starts_without_anything_heavy(tmp_path):
    code = "import sys; from ox_classifier.cli import app\ntry: app(['runs'])\nexcept SystemExit: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "sklearn", "PIL", "tensorflow", "matplotlib"} & set(done.stdout.split())
