"""The run folder: made once, found again, never overwritten."""

from __future__ import annotations

import os

import pytest

from ox_classifier import runs
from ox_classifier.errors import UsageError


@pytest.fixture(autouse=True)
def in_a_fresh_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def finished(run: runs.Run, when: int) -> runs.Run:
    run.update(classes=["o", "x"])
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
    unfinished.update(classes=[])
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
    run.write_table("split.csv", ("path", "label"), [("a,b.png", "o"), ('c"d.png', "ㅇ")])
    assert run.read_table("split.csv") == [{"path": "a,b.png", "label": "o"}, {"path": 'c"d.png', "label": "ㅇ"}]
    with pytest.raises(UsageError, match=r"has no history\.csv"):
        run.read_table("history.csv")
