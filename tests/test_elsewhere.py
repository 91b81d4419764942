"""`ox report --data`: a run judged on labelled images that it was not trained with, in a report of its own."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image
from sklearn import metrics as sk
from typer.testing import CliRunner

from ox_classifier.cli import app
from ox_classifier.data import folders, image_dataset
from tests import hand_made

HISTORY = hand_made.HISTORY + "1,0.7,0.5,0.6,0.5,0.001,1.5\n"


def ox(*words):
    return CliRunner().invoke(app, ["report", *map(str, words)])


def scans(root, *names):
    """Images whose red is bright in files named `x...`: what the run by hand answers with x."""
    for number, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        red = 220 if name.rpartition("/")[2].startswith("x") else 30
        Image.new("RGB", (8, 8), (red, len(name), number)).save(root / name)
    return root


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run trained on the flat folder `marks`, four images a class: two to train, one for val, one for test."""
    monkeypatch.chdir(tmp_path)
    marks = scans(tmp_path / "marks", *(f"{label}/{label}{n}.png" for label in "ox" for n in range(4)))
    listing = folders.find(marks)
    splits = dict(zip("0123", ("train", "train", "val", "test"), strict=True))
    made = hand_made.run()
    rows = [(listing.name(i.path), i.label, splits[i.path.stem[1]]) for i in listing.images]
    rows.sort(key=lambda row: ("train", "val", "test").index(row[2]))
    made.write_table("split.csv", ("path", "label", "split"), rows)
    found = [image_dataset.LabelledImage(str(marks / path), label, split) for path, label, split in rows]
    dataset = image_dataset.load(listing, found, hand_made.RULE)
    made.update(data={"root": str(marks), "fingerprint": dataset.fingerprint()}, best_epoch=1, results={})
    (made.path / "history.csv").write_text(HISTORY)
    monkeypatch.setattr(Figure, "savefig", lambda self, path, **_: Path(path).write_bytes(b"drawn, not rendered"))
    return made


def told(run, folder):
    return json.loads((run.path / folder / "metrics.json").read_text(encoding="utf-8"))


def test_a_folder_has_a_report_of_its_own(run, tmp_path):
    assert ox("lenet-1").exit_code == 0
    own = {path.name: path.read_bytes() for path in (run.path / "report").iterdir()}
    data = scans(tmp_path / "next month", "o/o1.png", "o/x2.png", "x/x3.png", "x/x4.png", "x/o5.png")
    result = ox("lenet-1", "--data", data)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[0].startswith("test: accuracy 0.6000 (3 of 5 right")
    folder = run.path / "report-next-month"
    assert result.stdout.splitlines()[-1].endswith("report-next-month")
    assert {path.name: path.read_bytes() for path in (run.path / "report").iterdir()} == own

    rows = list(csv.DictReader(io.StringIO((folder / "predictions.csv").read_text(encoding="utf-8"))))
    truth, predicted = [row["label"] for row in rows], [row["predicted"] for row in rows]
    found = told(run, folder.name)
    assert found["test"]["accuracy"] == sk.accuracy_score(truth, predicted) and found["data"] == str(data)
    assert found["test"]["confusion_matrix"] == sk.confusion_matrix(truth, predicted, labels=["o", "x"]).tolist()
    assert {"confusion_matrix_test.png", "mistakes_test.png"} <= {path.name for path in folder.iterdir()}
    assert ox("lenet-1", "--data", data).exit_code == 0  # again, into the same folder
    other = scans(tmp_path / "elsewhere" / "next month", "o/o1.png")
    assert ox("lenet-1", "--data", other).stdout.splitlines()[-1].endswith("report-next-month-2")


def test_a_missing_class_is_fine_and_a_further_one_is_named(run, tmp_path):
    data = scans(tmp_path / "only-x", "x/x1.png", "x/o2.png")
    result = ox("lenet-1", "--data", data)
    assert result.exit_code == 0 and "1 of 2 right" in result.stdout
    assert told(run, "report-only-x")["test"]["roc_auc"] is None
    scans(data, "triangle/x9.png")
    result = ox("lenet-1", "--data", data)
    assert result.exit_code == 2 and "class 'triangle', which run lenet-1 does not know" in result.stderr


def test_classes_are_told_by_name_not_by_order(run, tmp_path):
    run.update(classes=["x", "o"])  # bright red is the second class now: o
    (tmp_path / "list.csv").write_text("path,label\nmarks/x/x0.png,o\nmarks/o/o0.png,x\nmarks/o/o1.png,o\n")
    result = ox("lenet-1", "--data", tmp_path / "list.csv")
    assert "2 of 3 right" in result.stdout
    assert result.stdout.splitlines()[-1].endswith("report-list")


def test_splits_of_a_folder_are_chosen_by_name(run, tmp_path):
    data = scans(tmp_path / "parts", "test/o/o1.png", "valid/x/x1.png", "train/o/o3.png")
    result = ox("lenet-1", "--data", data)
    assert [line.split(":")[0] for line in result.stdout.splitlines() if "accuracy" in line] == ["val", "test"]
    assert ox("lenet-1", "--data", data, "--split", "train").exit_code == 0
    assert set(told(run, "report-parts")) == {"run", "fingerprint", "data", "trained_on", "train"}
    shutil.rmtree(data / "test")
    result = ox("lenet-1", "--data", data, "--split", "test")
    assert result.exit_code == 2 and "no images in test (it has train, val)" in result.stderr


def test_the_runs_own_images_moved_keep_their_splits(run, tmp_path):
    """Without a split folder only their bytes tell; one byte more, and they are others, which were trained on."""
    (tmp_path / "marks").rename(tmp_path / "moved")
    result = ox("lenet-1", "--data", "moved")
    assert "the run's own images" in result.stderr and "warning" not in result.stderr
    assert {split: told(run, "report-moved")[split]["images"] for split in ("val", "test")} == {"val": 2, "test": 2}
    shutil.copytree(tmp_path / "moved", tmp_path / "marks")
    with (tmp_path / "moved" / "o" / "o0.png").open("ab") as file:
        file.write(b"\0")
    result = ox("lenet-1", "--data", "moved")
    assert "the run was trained on 3 of these 8 images" in result.stderr
    assert told(run, "report-moved")["trained_on"] == 3 and told(run, "report-moved")["test"]["images"] == 8


def test_unreadable_files_are_left_out_and_said(run, tmp_path):
    data = scans(tmp_path / "some", "o/o1.png", "x/x1.png")
    (data / "o" / "broken.png").write_bytes(b"no image")
    result = ox("lenet-1", "--data", data)
    assert result.exit_code == 0 and "2 of 2 right" in result.stdout and "broken.png" in result.stderr
    (data / "o" / "o1.png").unlink()
    shutil.rmtree(data / "x")
    assert ox("lenet-1", "--data", data).exit_code == 2


def test_what_is_set_aside_is_not_judged(run, tmp_path):
    data = scans(tmp_path / "some", "o/o1.png", "x/x1.png", "set-aside/o/x2.png")
    result = ox("lenet-1", "--data", data)
    assert "2 of 2 right" in result.stdout and "passed over 1 image set aside" in result.stderr
