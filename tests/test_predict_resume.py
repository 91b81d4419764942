"""`ox predict --out FILE --resume`: only what is missing is added, and only to the answers of the same run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper
from PIL import Image

from ox_classifier import runs
from ox_classifier.cli import predict_out
from tests import hand_made
from tests.test_predict import red
from tests.test_predict_service import draw_photos, ox, read


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Six images, in a folder with one run."""
    monkeypatch.chdir(tmp_path)
    hand_made.run()
    return draw_photos(tmp_path)


@pytest.fixture
def run(photos):
    return runs.find()


@contextmanager
def stopped_after(rows: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ctrl-C after so many rows."""
    write, written = predict_out.Table.write, []

    def stopped(table, line, path, failed):
        if len(written) == rows:
            raise KeyboardInterrupt
        written.append(path)
        write(table, line, path, failed)

    with monkeypatch.context() as stopping:
        stopping.setattr(predict_out.Table, "write", stopped)
        yield


def opposite():
    """A network that answers with what is not red."""
    red_, whole = hand_made.RED, helper.make_tensor("whole", TensorProto.FLOAT, [1], [1.0])
    nodes = [
        red_[0],
        helper.make_node("Slice", list(red_[1].input), ["r"]),
        helper.make_node("Sub", ["whole", "r"], ["red"]),
    ]
    return hand_made.network(nodes, constants=[whole])


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("name", ["answers.csv", "answers.jsonl"])
def test_resume_refuses_a_table_of_another_run_and_leaves_it(photos, run, tmp_path, name, bare):
    words = ["--out", name, *(["--probabilities-only"] if bare else [])]
    ox(*photos[:4], *words)
    before = Path(name).read_bytes()
    other = hand_made.run(model=opposite())
    result = ox("in", *words, "--run", other.name, "--resume")
    sentence = (
        "whose rows are not the answers of this run, such as o 1.000, x 0.000 for in/0.png, where this run answers"
    )
    assert result.exit_code == 2 and sentence in result.stderr and "kept for" not in result.stderr
    assert Path(name).read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "in", "runs"])
    done = ox("in", *words, "--run", run.name, "--resume")
    assert done.exit_code == 0 and "4 of 6 images have a row, 2 to do" in done.stderr


def test_resume_asks_rows_of_other_images_where_it_has_none_of_its_own(photos, run):
    ox(*photos[:2], "--out", "a.csv")
    result = ox(*photos[2:], "--run", hand_made.run(model=opposite()).name, "--out", "a.csv", "--resume")
    assert result.exit_code == 2 and "whose rows are not the answers of this run" in result.stderr
    assert ox(*photos[2:], "--run", run.name, "--out", "a.csv", "--resume").exit_code == 0
    assert [row["path"] for row in read("a.csv")] == photos


def test_a_resume_that_is_stopped_before_rows_are_checked_keeps_none_of_them(photos, monkeypatch):
    ox(*photos[:4], "--out", "a.csv")
    before, other = Path("a.csv").read_bytes(), hand_made.run(model=opposite())
    command = ["in", "--run", other.name, "--out", "a.csv", "--resume"]
    with monkeypatch.context() as stopping:
        stopping.setattr(predict_out.Table, "_probabilities", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert ox(*command).exit_code == 130
    result = ox(*command)
    assert result.exit_code == 2 and "whose rows are not the answers of this run" in result.stderr
    assert Path("a.csv").read_bytes() == before


def test_a_stopped_command_that_was_to_replace_the_table_of_another_run_goes_on(photos, run, monkeypatch):
    ox("in", "--out", "a.csv")
    before, other = Path("a.csv").read_bytes(), hand_made.run(model=opposite())
    command = ["in", "--run", other.name, "--out", "a.csv"]
    with stopped_after(2, monkeypatch):
        assert "2 rows kept for the same command with --resume" in ox(*command).stderr
    assert Path("a.csv").read_bytes() == before
    result = ox(*command, "--resume")
    assert result.exit_code == 0 and "a.csv was made otherwise: its rows are made anew" in result.stderr
    assert "2 of 6 images have a row, 4 to do" in result.stderr
    assert [row["predicted"] for row in read("a.csv")] == ["x", "o"] * 3


def test_a_row_that_says_why_there_is_no_answer_is_not_held_against_one(photos, tmp_path):
    (tmp_path / "in" / "0.png").write_bytes(b"no image")
    ox("in/0.png", "in/1.png", "--out", "a.csv")
    red(tmp_path / "in" / "0.png", 0)
    result = ox("in", "--out", "a.csv", "--resume")
    assert result.exit_code == 1 and "2 of 6 images have a row, 4 to do" in result.stderr
    assert [bool(row["error"]) for row in read("a.csv")] == [True] + [False] * 5


def test_names_of_rows_that_are_asked_again_are_not_told_of(photos, tmp_path):
    red(tmp_path / "=1.png", 0)
    assert "1 rows have a name" in ox("=1.png", "--out", "a.csv").stderr
    assert "have a name" not in ox("=1.png", "in/0.png", "--out", "a.csv", "--resume").stderr


@pytest.mark.parametrize("cell", ["", "much", "nan"])
def test_resume_refuses_rows_without_numbers(photos, cell):
    ox(*photos[:1], "--out", "a.csv")
    header, row = Path("a.csv").read_text().splitlines()
    Path("a.csv").write_text(f"{header}\n{row.replace('1.000000', cell, 1)}\n")
    for _ in range(2):
        result = ox("in", "--out", "a.csv", "--resume")
        assert result.exit_code == 2 and "--resume can't add to a.csv" in result.stderr
        assert "kept for" not in result.stderr


def test_resume_refuses_numbers_past_all_limits(photos):
    Path("a.jsonl").write_text(
        '{"path": "in/0.png", "predicted": "o", "probabilities": {"o": 1%s, "x": 0}}\n' % ("0" * 400)
    )
    result = ox("in", "--out", "a.jsonl", "--resume")
    assert result.exit_code == 2 and "--resume can't add to a.jsonl" in result.stderr


@pytest.mark.parametrize("name", ["answers.csv", "answers.jsonl"])
def test_resume_adds_only_what_is_missing(photos, tmp_path, name, monkeypatch):
    ox("in/0.png", "in/1.png", "--out", name)
    red(tmp_path / "in" / "0.png", 255)  # another answer, were it asked again
    result = ox("in", "--out", name, "--resume")
    assert result.exit_code == 0 and "2 of 6 images have a row, 4 to do" in result.stderr
    text = Path(name).read_text()
    assert len(text.splitlines()) == 6 + name.endswith("csv")
    if name.endswith("csv"):
        assert [row["predicted"] for row in read(name)] == ["o", "x"] * 3
    else:
        assert [json.loads(line)["predicted"] for line in text.splitlines()] == ["o", "x"] * 3
    assert ox("in", "--out", name, "--resume").exit_code == 0 and Path(name).read_text() == text
    ox("in", "--out", name)  # without it all is made anew
    assert "x" in Path(name).read_text().splitlines()[0 + name.endswith("csv")].split(",")[1]


def test_resume_refuses_a_table_of_other_columns_and_leaves_it(photos, run):
    ox("in", "--out", "a.csv")
    before = Path("a.csv").read_bytes()
    run.update(classes=["ring", "cross"])
    for words in (["--out", "a.csv"], ["--out", "a.csv", "--probabilities-only"]):
        result = ox("in", *words, "--resume")
        assert result.exit_code == 2 and "--resume can't add to a.csv, whose first line is" in result.stderr
    assert Path("a.csv").read_bytes() == before
    Path("a.jsonl").write_text('{"path": "in/0.png", "probabilities": {"o": 1, "x": 0}}\n')
    result = ox("in", "--out", "a.jsonl", "--resume")
    assert result.exit_code == 2 and "line 1 is no answer of this run" in result.stderr


@pytest.mark.parametrize("name", ["answers.csv", "answers.jsonl"])
def test_a_kill_at_any_moment_leaves_the_old_table_whole_and_loses_no_row(photos, tmp_path, monkeypatch, name):
    Path(name).write_text("the old table")
    with stopped_after(3, monkeypatch):
        result = ox("in", "--out", name)
    assert result.exit_code == 130 and "3 rows kept for the same command with --resume" in result.stderr
    assert Path(name).read_text() == "the old table"
    (part,) = (path for path in tmp_path.iterdir() if ".part" in path.name)
    whole = part.read_text()
    Path(name).unlink()
    answers = ox("in", "--csv" if name.endswith("csv") else "--json").stdout
    ends = [place for place, letter in enumerate(whole) if letter == "\n"]
    for cut in range(0, len(whole), 23):  # as a kill -9 in the middle of a line leaves it
        part.write_text(whole[:cut])
        result = ox("in", "--out", name, "--resume")
        assert result.exit_code == 0 and f"{sum(end <= cut for end in ends)} of 6 images" in result.stderr
        assert Path(name).read_text() == answers
        assert not part.exists()
        Path(name).unlink()


def test_another_network_does_not_go_on_with_the_rows_of_one(photos, run, tmp_path, monkeypatch):
    monkeypatch.setattr(predict_out.Table, "finish", lambda table: (_ for _ in ()).throw(KeyboardInterrupt))
    assert ox("in", "--out", "a.csv").exit_code == 130
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    run.onnx_file.write_bytes(run.onnx_file.read_bytes() + b"\x10\x00")  # other bytes, such as another training's
    assert "0 of 6 images have a row" in ox("in", "--out", "a.csv", "--resume").stderr


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
@pytest.mark.parametrize("made", [[], ["--always-answer"]])
def test_a_table_keeps_to_answers_made_in_one_way(photos, run, name, made):
    """Of seven images one is unsure, and the three that are spread over the table are not."""
    stripes = np.kron(np.arange(8) % 2, np.ones(5))[None] * np.full((40, 1), 250)  # no picture is blank
    for number, value in enumerate([0, 140, 0, 255, 0, 255, 255]):
        pixels = np.stack([np.full((40, 40), value), stripes, stripes], axis=2).astype(np.uint8)
        Image.fromarray(pixels).save(Path("in") / f"{number}.png")
    promise = {"threshold": 0.9, "max_error": 0.01, "promise": 0.99, "confidence": 0.95, "images": 100, "coverage": 1.0}
    run.update(unsure=promise | {"accepted": 100, "wrong": 0, "images_needed": None})
    other = [] if made else ["--always-answer"]
    assert ox("in", "--out", name, *made).exit_code == 0
    before = Path(name).read_bytes()
    result = ox("in", "--out", name, "--resume", *other)
    assert result.exit_code == 2 and f"--resume can't add to {name}, where in/1.png is answered" in result.stderr
    assert result.stderr.rstrip().endswith("--always-answer as when it was made, or not at all, or another --out")
    assert ox("in", "--out", name, "--resume", *made).exit_code == 0 and Path(name).read_bytes() == before
    Path("in", "7.png").write_bytes(Path("in", "1.png").read_bytes())
    said = ox("in", "--out", name, "--resume", *made).stderr
    assert ("unsure of 1 of 1 file (" in said) == (not made)  # of what this command answered, not of the whole table
    assert ("unsure" in said) == (not made)
