"""The run folder: made once, found again, never overwritten."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ox_classifier import runs
from ox_classifier.errors import UsageError
from ox_classifier.pixels import PixelRule


@pytest.fixture(autouse=True)
def in_a_fresh_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def finished(run: runs.Run, when: int) -> runs.Run:
    run.update(classes=["o", "x"], state="finished")
    run.onnx_file.write_bytes(b"")
    os.utime(run.onnx_file, (when, when))
    return run


def test_names_count_up_by_architecture():
    names = [runs.create(arch).name for arch in ("lenet", "lenet", "mlp")]
    assert names == ["lenet-1", "lenet-2", "mlp-1"]
    (runs.ROOT / "lenet-7").mkdir()
    (runs.ROOT / "lenet-old").mkdir()
    assert runs.create("lenet").name == "lenet-8"


def test_a_name_is_never_taken_twice():
    runs.create("lenet", "mine")
    with pytest.raises(UsageError, match="exists and is not overwritten"):
        runs.create("lenet", "mine")


@pytest.mark.parametrize("name", ["a/b", "..", ".hidden", "", "/tmp/x"])
def test_a_name_is_a_plain_folder_name(name):
    with pytest.raises(UsageError, match="--name"):
        runs.create("lenet", name)


def test_find_takes_name_path_or_the_latest(tmp_path):
    new, old = finished(runs.create("lenet"), 2000), finished(runs.create("lenet"), 1000)
    unfinished = runs.create("lenet")
    unfinished.update(classes=["o", "x"], state="training")
    assert runs.find().name == new.name
    assert runs.find(old.name).path == old.path
    assert runs.find(tmp_path / "runs" / "lenet-2").classes == ("o", "x")
    assert runs.find("lenet-3").name == "lenet-3"


def test_a_run_that_is_not_there_lists_those_that_are():
    finished(runs.create("lenet"), 1)
    with pytest.raises(UsageError, match=r"no run 'nope'.*there: lenet-1"):
        runs.find("nope")


def test_no_run_at_all_says_how_to_make_one():
    with pytest.raises(UsageError, match="ox train"):
        runs.find()


def test_a_place_that_cannot_be_written_is_a_sentence():
    runs.ROOT.write_text("a file in the way")
    with pytest.raises(UsageError, match="can't make a run"):
        runs.create("lenet")


def test_damaged_and_foreign_run_json_are_refused():
    run = finished(runs.create("lenet"), 1)
    (run.path / "run.json").write_text("{")
    with pytest.raises(UsageError, match="damaged"):
        runs.find(run.name)
    (run.path / "run.json").write_text('{"schema": 99}')
    with pytest.raises(UsageError, match="schema 99"):
        runs.find(run.name)


def test_tables_come_back_as_written():
    run = runs.create("lenet")
    run.update(classes=["o", "ㅇ"])
    run.write_table("split.csv", ("path", "label", "split"), [("a,b.png", "o", "val"), ('c"d.png', "ㅇ", "train")])
    assert run.read_table("split.csv") == [
        {"path": "a,b.png", "label": "o", "split": "val"},
        {"path": 'c"d.png', "label": "ㅇ", "split": "train"},
    ]
    assert run.splits() == {"a,b.png": "val", 'c"d.png': "train"}
    with pytest.raises(UsageError, match=r"has no history\.csv"):
        run.history()


def test_properties_say_what_run_json_says():
    run = runs.create("lenet")
    run.update(
        classes=["o", "x"],
        pixels={"height": 8, "width": 9, "color": "grayscale", "resize": "stretch-bilinear-antialiased"},
        data={"root": "/somewhere", "counts": {"train": {"o": 2, "x": 3}}, "fingerprint": "abc"},
        results={"val": {"correct": 3, "images": 4}},
        best_epoch=2,
        seed=7,
        device={"kind": "cpu"},
        cross_validation=[["lenet-1-fold1", 3, 4]],
        state="finished",
    )
    again = runs.find("lenet-1")
    assert again.rule == PixelRule(8, 9, "grayscale") and again.classes == ("o", "x") and again.arch == "lenet"
    assert again.data_root == again.data_source == Path("/somewhere") and again.fingerprint == "abc"
    assert again.source("val/o/1.png") == Path("/somewhere/val/o/1.png") and again.counts["train"]["x"] == 3
    assert again.results["val"] == {"correct": 3, "images": 4} and again.best_epoch == 2 and again.seed == 7
    assert again.folds == [("lenet-1-fold1", 3, 4)] and again.fold_of is None and again.device_kind == "cpu"
    assert (again.dropout, again.weights, again.fine_tune, again.interrupted) == (None, None, 0, False)


def test_what_training_did_not_record_is_a_sentence():
    run = runs.create("lenet")
    for name in ("classes", "rule", "data_root", "best_epoch", "seed"):
        with pytest.raises(UsageError, match="did not get that far"):
            getattr(run, name)
    assert run.results == {}


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({}, "preparing"),
        ({"classes": ["o", "x"]}, "training"),
        ({"classes": ["o", "x"], "results": {}, "interrupted": True}, "interrupted"),
        ({"classes": ["o", "x"], "results": {}, "interrupted": False}, "finished"),
        ({"classes": ["o", "x"], "results": {}, "state": "training"}, "training"),
    ],
)
def test_the_state_is_read_or_for_earlier_versions_derived(tmp_path, values, state):
    (tmp_path / "run.json").write_text(json.dumps({"schema": 1, "arch": "lenet"} | values))
    assert runs.find(tmp_path).state == state


def test_the_latest_run_is_one_that_was_measured(capsys):
    old, half, broken = (finished(runs.create("lenet"), when) for when in (1000, 2000, 3000))
    half.update(state="training", data={"root": "marks"})
    (broken.path / "run.json").write_text("[]")
    assert runs.find().name == old.name
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and told.startswith("passed over: runs/lenet-3/run.json is a list")
    old.update(state="interrupted", data={"root": "marks"})
    assert runs.find().name == old.name
    assert runs.unfinished().name in (old.name, half.name)


def test_a_killed_preparation_does_not_keep_its_name(tmp_path):
    code = "from ox_classifier import runs; run = runs.create('lenet', 'mine'); run.update(classes=['o', 'x'])"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert runs.find("mine").abandoned
    runs.refuse_name("mine")
    assert runs.create("cnn", "mine").arch == "cnn"
    (runs.ROOT / "empty").mkdir()
    runs.create("cnn", "empty")
    for name in ("mine", "empty"):  # this process lives
        with pytest.raises(UsageError, match="exists and is not overwritten"):
            runs.refuse_name(name)
        with pytest.raises(UsageError, match="exists and is not overwritten"):
            runs.create("cnn", name)
    assert sorted(path.name for path in runs.ROOT.iterdir()) == ["empty", "mine"]


def test_a_folder_that_is_no_run_of_ours_keeps_its_name():
    (runs.ROOT / "mine").mkdir(parents=True)
    (runs.ROOT / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(UsageError, match="exists"):
        runs.create("lenet", "mine")
    assert (runs.ROOT / "mine" / "thesis.txt").read_text() == "precious"


def test_no_other_module_reads_run_json_by_key():
    package = Path(runs.__file__).parent
    own = {"assurance.py", "folder.py", "files.py", "schema.py", "recipe.py"}  # recipe: its own part, from Run.settings
    reading = re.compile(r"\bconfig\[|\bconfig\.get\(|\b(run|done|fold|last)\.config\b")
    texts = {path: path.read_text() for path in package.rglob("*.py") if path.name not in own}
    assert [path.name for path in texts if reading.search(texts[path])] == []
