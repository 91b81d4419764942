"""`ox predict` over a hand-made network whose answers can be worked out: the mean of the red channel."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import pickle
import shutil
import subprocess
import sys
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from ox_classifier.classifier import Classifier
from ox_classifier.cli import app
from ox_classifier.names import quoted
from ox_classifier.tables import RESERVED, class_columns, csv_line
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
    assert json.loads(line) == {"path": "ㅇ.png", "predicted": "x", "probabilities": {"o": 0.0, "x": 1.0}} | {
        "answer": "x",
        "reason": None,
    }


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
    assert done.stdout.splitlines() == [
        "path,predicted,o,x,error,answer,reason",
        "a.png,x,0.000000,1.000000,,x,",
        "[] 0",
    ]


def test_a_reader_that_goes_away_is_no_error(run, tmp_path):
    for number in range(600):  # more than Python and the pipe hold back
        red(tmp_path / "in" / f"{number}.png", 255)
    command = f"{sys.executable} -m ox_classifier predict in --csv | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout == "path,predicted,o,x,error,answer,reason\n"
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith("run lenet-1")


def test_the_run_that_answers_is_named_with_its_date(run, tmp_path):
    red(tmp_path / "a.png", 255)
    os.utime(run.onnx_file, (1e9, 1e9))
    trained = datetime.fromtimestamp(1e9).strftime("%Y-%m-%d %H:%M")
    result = ox("a.png")
    assert result.stderr == f"run lenet-1 (lenet), network of {trained}\n"
    assert result.stdout == "x  1.0000  a.png\n"


def test_classes_named_like_our_columns_get_columns_of_their_own(run, tmp_path):
    red(tmp_path / "a.png", 51)
    run.update(classes=["error", "path"])
    rows = list(csv.DictReader(io.StringIO(ox("a.png", "--csv").stdout)))
    expected = {"path": "a.png", "predicted": "error", "p_error": "0.800000", "p_path": "0.200000", "error": ""}
    expected |= {"answer": "error", "reason": ""}
    assert rows == [expected]
    told = json.loads(ox("a.png", "--json").stdout)
    assert told["path"] == "a.png" and told["probabilities"] == {"error": 0.8, "path": 0.2}


NAMES = [
    b"new\nline.png",
    b"return\r.png",
    b"\xff\xfe.png",
    b"\x1b[31mred.png",
    b"\xc2\x9b31m.png",
    "관 ㅇ.png".encode(),
]
NAMES += [b'quote"comma,.png', b"\xe2\x80\xa8.png", b"=cmd().png"]


def predict_bytes(folder, *options, **environment):
    command = [sys.executable, "-m", "ox_classifier", "predict", "in", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, env=os.environ | environment)


@pytest.fixture
def odd_names(run, tmp_path):
    """A folder of images with names that break lines, terminals and encodings."""
    red(tmp_path / "in" / "plain.png", 255)
    for name in NAMES:
        shutil.copy(tmp_path / "in" / "plain.png", os.fsencode(tmp_path / "in") + b"/" + name)
    return {b"in/" + name for name in [b"plain.png", *NAMES]}


@pytest.mark.parametrize("encoding", ["utf-8", "ascii:strict", "cp1252:strict"])
def test_every_name_is_one_row_of_data_in_any_locale(odd_names, tmp_path, encoding):
    done = predict_bytes(tmp_path, "--csv", PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode("utf-8", "surrogateescape")
    for newline in ("", None):  # None: the reader takes a lone return for the end of a line
        rows = list(csv.DictReader(io.StringIO(text, newline=newline)))
        assert len(rows) == len(odd_names)
        assert {row["x"] for row in rows} == {"1.000000"}
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert {os.fsencode(row["path"]) for row in rows} == odd_names
    assert b"takes for a formula" not in done.stderr  # all of them begin with in/

    done = predict_bytes(tmp_path, "--json", PYTHONIOENCODING=encoding)
    lines = done.stdout.decode("utf-8").splitlines()
    assert {os.fsencode(json.loads(line)["path"]) for line in lines} == odd_names
    assert len(lines) == len(odd_names)
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii:strict", "cp1252:strict"])
def test_text_for_a_terminal_has_a_line_a_file_and_nothing_it_would_obey(odd_names, tmp_path, encoding):
    done = predict_bytes(tmp_path, PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode(encoding.partition(":")[0]).splitlines()
    assert len(lines) == len(odd_names)
    assert all(line.isprintable() for line in lines)
    assert r"x  1.0000  $'in/new\nline.png'" in lines
    assert r"x  1.0000  $'in/\x1b[31mred.png'" in lines


def test_quoted_names_can_be_copied_into_a_shell(odd_names, tmp_path):
    for name in odd_names:
        done = subprocess.run(["bash", "-c", f"ls -d {quoted(os.fsdecode(name))}"], cwd=tmp_path, capture_output=True)
        assert done.returncode == 0, done.stderr


def test_csv_on_a_terminal_has_no_raw_escape_codes(odd_names, tmp_path):
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "ox_classifier", "predict", "in", "--csv"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=theirs, stderr=subprocess.DEVNULL) as process:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # how Linux says that the other end is closed
            while part := os.read(ours, 10_000):
                shown += part
    os.close(ours)
    assert process.returncode == 0
    assert b"\x1b" not in shown and rb"\x1b[31mred.png" in shown
    assert len(shown.splitlines()) == len(odd_names) + 1


def test_names_that_a_spreadsheet_computes_are_told_and_left(run, tmp_path):
    red(tmp_path / "=cmd().png", 255)
    result = ox("*.png", "--csv")
    assert next(csv.DictReader(io.StringIO(result.stdout)))["path"] == "=cmd().png"
    assert "1 rows have a name that a spreadsheet takes for a formula" in result.stderr


def test_errors_show_no_escape_codes_and_stay_on_one_line(run, tmp_path):
    result = ox("--run", "\x1b[31m", "a.png")
    assert result.exit_code == 2
    assert "\x1b" not in result.stderr and len(result.stderr.splitlines()) == 1


@given(st.text(), st.booleans())
def test_csv_lines_are_read_back_as_one_row(name, lone_return_ends_a_line):
    text = csv_line(["a", name, 'b"'])
    assert list(csv.reader(io.StringIO(text, newline=""))) == [["a", name, 'b"']]
    if lone_return_ends_a_line:
        assert len(list(csv.reader(io.StringIO(text, newline=None)))) == 1


@given(st.lists(st.sampled_from(["path", "p_path", "p_p_path", "error", "p_error", "o", "loss"]), unique=True))
def test_no_two_columns_share_a_name(classes):
    columns = class_columns(classes)
    assert len({*columns, *RESERVED}) == len(columns) + len(RESERVED)
    assert [column for column, name in zip(columns, classes, strict=True) if name == "o"] == ["o"] * classes.count("o")


def test_korean_classes_are_padded_by_what_a_terminal_shows(run, tmp_path):
    run.update(classes=["\ub3d9\uadf8\ub77c\ubbf8", "x"])
    shown = ox(red(tmp_path / "a.png", 0), red(tmp_path / "b.png", 255), tmp_path / "gone.png").stdout
    assert shown == ""  # one that isn't there stops all
    shown = ox(tmp_path / "a.png", tmp_path / "b.png").stdout.splitlines()
    assert [line.index(" 1.0000") for line in shown] == [5, 9]  # four letters are eight columns
    (tmp_path / "bad.png").write_bytes(b"no image")
    assert "1 of 1 file could not be read; its row says why" in ox(tmp_path / "bad.png").stderr


UNSURE = {"threshold": 0.9, "max_error": 0.01, "promise": 0.01, "confidence": 0.95, "coverage": 0.9}
UNSURE |= {
    "images": 100,
    "accepted": 90,
    "wrong": 0,
    "images_needed": None,
}  # as a run of before `refuses_blank` has it


def striped(path, strong):
    """Eight by eight pixels that are not blank, whose mean red is half of `strong`."""
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[::2] = strong, 200, 0
    Image.fromarray(pixels).save(path)


def test_what_no_promise_covers_is_answered_unsure_with_a_reason(run, tmp_path):
    run.update(unsure=UNSURE)
    red(tmp_path / "a blank.png", 0)
    striped(tmp_path / "b sure.png", 10)
    striped(tmp_path / "c torn.png", 250)
    (tmp_path / "d bad.png").write_bytes(b"")
    result = ox("*.png", "--csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    found = [(row["predicted"], row["answer"], row["reason"]) for row in rows]
    assert found == [("o", "unsure", "blank"), ("o", "o", ""), ("o", "unsure", "between o and x"), ("", "", "")]
    assert result.exit_code == 1 and "unsure of 2 of 4 files (--always-answer" in result.stderr
    lines = ox("*.png").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["unsure", "o", "unsure", "?"]
    assert lines[2].endswith("c torn.png  (between o and x)")
    told = [json.loads(line) for line in ox("*.png", "--json").stdout.splitlines()]
    assert [one.get("answer") for one in told] == ["unsure", "o", "unsure", None]
    assert [one.get("reason") for one in told] == ["blank", None, "between o and x", None]
    always = ox("*.png", "--csv", "--always-answer")
    assert [row["answer"] for row in csv.DictReader(io.StringIO(always.stdout))] == ["o", "o", "o", ""]
    assert "unsure" not in always.stderr


def test_python_is_told_the_same_and_copies_decide_alike(run, tmp_path):
    run.update(unsure=UNSURE | {"refuses_blank": False}, outliers={"root": "o", "images": 1, "fingerprint": "f"})
    red(tmp_path / "blank.png", 0)
    striped(tmp_path / "torn.png", 250)
    for classifier in (Classifier.load(run), pickle.loads(pickle.dumps(Classifier.load(run)))):
        blank, torn = classifier.predict([tmp_path / "blank.png", tmp_path / "torn.png"])
        assert (blank.answer, blank.sure, blank.reason) == ("o", True, None)
        assert (torn.answer, torn.sure, torn.label) == ("unsure", False, "o")
        assert torn.reason == "unlike the training images"
    always = pickle.loads(pickle.dumps(Classifier.load(run, always_answer=True)))
    assert always.predict(tmp_path / "torn.png").answer == "o"


def test_a_class_named_unsure_is_not_mixed_up(run, tmp_path):
    run.update(unsure=UNSURE, classes=["unsure", "x"])
    striped(tmp_path / "a.png", 10)
    striped(tmp_path / "b.png", 250)
    rows = list(csv.DictReader(io.StringIO(ox("*.png", "--csv").stdout)))
    assert [(row["answer"], row["reason"]) for row in rows] == [("unsure", ""), ("unsure_", "between unsure and x")]
