"""`ox predict` as other programs use it: paths from pipes and tables, tables to files, folders filled and watched."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ox_classifier.cli import app
from ox_classifier.cli.predict_watch import JOURNAL, SETTLED, DropFolder
from tests import hand_made
from tests.test_predict import red

PROGRAM = [sys.executable, "-m", "ox_classifier", "predict"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run whose network answers with the mean red as the probability of "x"."""
    monkeypatch.chdir(tmp_path)
    return hand_made.run()


@pytest.fixture
def photos(run, tmp_path):
    return draw_photos(tmp_path)


def draw_photos(place):
    """Six images in the folder `in`: even numbers are "o", odd ones "x"."""
    for number in range(6):
        red(place / "in" / f"{number}.png", 255 * (number % 2))
    return [f"in/{number}.png" for number in range(6)]


def ox(*words, stdin=None):
    return CliRunner().invoke(app, ["predict", *map(str, words)], input=stdin)


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def read(path):
    return rows_of(Path(path).read_text(encoding="utf-8"))


# sources


@pytest.mark.parametrize(
    ("words", "stdin"),
    [
        (["-"], b"in/3.png\nin/0.png\n\nin/3.png\nin/gone.png\n"),
        (["-"], b"in/3.png\r\nin/0.png\r\nin/gone.png"),
        (["-", "--null"], b"in/3.png\0in/0.png\0in/gone.png\0"),
        (["-", "-0"], b"in/3.png\0in/0.png\0in/gone.png"),
    ],
)
def test_paths_from_stdin_are_rows_in_their_order_and_those_not_there_say_so(photos, words, stdin):
    result = ox(*words, "--csv", stdin=stdin)
    rows = rows_of(result.stdout)
    assert [(row["path"], row["predicted"]) for row in rows] == [
        ("in/3.png", "x"),
        ("in/0.png", "o"),
        ("in/gone.png", ""),
    ]
    assert "no such file" in rows[2]["error"] and result.exit_code == 1


def test_find_print0_carries_any_name(photos, tmp_path):
    name = os.fsencode(tmp_path / "in") + b"/new\nline \xff.png"
    shutil.copy(tmp_path / "in" / "1.png", name)
    command = f"find in -name '*.png' -print0 | {' '.join(PROGRAM)} - -0 --csv"
    done = subprocess.run(command, shell=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    rows = rows_of(done.stdout.decode("utf-8", "surrogateescape"))
    assert {os.fsencode(row["path"]) for row in rows} == {b"in/new\nline \xff.png", *map(os.fsencode, photos)}


@pytest.mark.parametrize(
    ("words", "stdin", "sentence"),
    [
        (["-"], b"", "no path came on stdin"),
        (["-"], b"a.png\0b.png\0", "stdin holds NUL bytes, which no path has: give --null"),
        (["in", "--null"], b"", "--null was given without -"),
        ([], b"", "no image was given"),
        (["in", "--resume"], b"", "--resume was given without --out"),
        (["in", "--link"], b"", "--link was given without --sort-into"),
        (["in", "--out", "a.txt"], b"", "says no format: name it .csv or .jsonl"),
        (["in", "--out", "nowhere/a.csv"], b"", "lies in no folder that is there"),
        (["in", "--no-recursive", "--follow-links"], b"", "choose one"),
        (["in", "--watch", "in"], b"", "--watch takes no source"),
        (["--watch", "in", "--csv"], b"", "--watch takes no --csv"),
        (["--watch", "gone"], b"", "gone is no folder"),
        (["in", "--sort-into", "in/sorted"], b"", "lies in in, whose images are sorted"),
        (["in", "--sort-into", "list.csv"], b"", "is a file"),
        (["list.csv"], b"", "has no column path (it has file, label)"),
        (["empty.csv"], b"", "names no image"),
        (["hole.csv"], b"", "hole.csv, line 3: the path is empty"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence_and_writes_nothing(photos, tmp_path, words, stdin, sentence):
    (tmp_path / "list.csv").write_text("file,label\nin/0.png,o\n")
    (tmp_path / "empty.csv").write_text("path\n")
    (tmp_path / "hole.csv").write_text("path,label\nin/0.png,o\n,x\n")
    before = sorted(tmp_path.rglob("*"))
    result = ox(*words, stdin=stdin)
    assert result.exit_code == 2 and sentence in result.stderr and result.stdout == ""
    assert len([line for line in result.stderr.splitlines() if line.startswith("ox: ")]) == 1
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp949"])
def test_a_table_of_paths_is_read_as_its_writer_meant_it(run, tmp_path, encoding):
    red(tmp_path / "표" / "그림.png", 255)
    red(tmp_path / "here.png", 0)
    text = "label;path\r\nx;그림.png\r\no;here.png\r\n?;gone.png\r\n"
    (tmp_path / "표" / "list.csv").write_bytes(text.encode(encoding))
    result = ox("표/list.csv", "--csv")
    rows = rows_of(result.stdout)
    assert [(row["path"], row["predicted"]) for row in rows] == [
        ("표/그림.png", "x"),  # from the table's folder
        ("here.png", "o"),  # from this one
        ("표/gone.png", ""),
    ]
    assert result.exit_code == 1 and "1 file of 표/list.csv not there" in result.stderr


def test_folders_below_and_links_are_taken_as_asked(photos, tmp_path):
    red(tmp_path / "in" / "deep" / "6.png", 255)
    red(tmp_path / "elsewhere" / "7.png", 255)
    (tmp_path / "in" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "in")  # a circle
    (tmp_path / "in" / "link.png").symlink_to(tmp_path / "elsewhere" / "7.png")  # a link to a file is a file
    flat = [*photos, "in/link.png"]

    def paths(*words):
        result = ox("in", "--csv", *words)
        assert result.exit_code == 0
        return [row["path"] for row in rows_of(result.stdout)], result.stderr

    found, said = paths()
    assert sorted(found) == sorted([*flat, "in/deep/6.png"])
    assert "left out 1 link to a folder in in (link): --follow-links takes what is there" in said
    assert paths("--recursive")[0] == found
    found, said = paths("--no-recursive")
    assert sorted(found) == sorted(flat) and "link" not in said
    found, said = paths("--follow-links")
    assert sorted(found) == sorted([*flat, "in/deep/6.png", "in/link/7.png"]) and "left out" not in said


# rows


def test_probabilities_only_leaves_out_the_decision(photos):
    assert ox("in/1.png", "--probabilities-only", "--csv").stdout == "path,o,x,error\nin/1.png,0.000000,1.000000,\n"
    told = json.loads(ox("in/1.png", "--probabilities-only", "--json").stdout)
    assert told == {"path": "in/1.png", "probabilities": {"o": 0.0, "x": 1.0}}
    assert ox("in/1.png", "--probabilities-only").stdout == "0.0000  1.0000  in/1.png\n"


def exported_to(folder, run, **about):
    """What `ox predict` needs of an exported folder: a run's network, and model.json."""
    folder.mkdir()
    shutil.copy(run.onnx_file, folder / "model.onnx")
    known = {"schema": 1, "format": "onnx", "int8": False, "files": {}, "classes": ["o", "x"]}
    (folder / "model.json").write_text(json.dumps(known | {"pixels": run.rule.as_dict()} | about))


def test_an_exported_folder_answers_for_its_run(photos, run, tmp_path):
    exported_to(tmp_path / "out", run)
    result = ox("in", "--run", "out")
    assert result.stdout == ox("in").stdout and result.stderr == "exported network out\n"
    assert "out is an exported network, not an image" in ox("out").stderr


@pytest.mark.parametrize("form", ["--csv", "--json"])
def test_workers_give_the_rows_of_one(run, tmp_path, form):
    rng = np.random.default_rng(0)
    for number in range(150):
        (tmp_path / "in").mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (9, 9, 3), np.uint8)).save(tmp_path / "in" / f"{number}.png")
    (tmp_path / "in" / "70.png").write_bytes(b"no")
    alone, shared = ox("in", form), ox("in", form, "--workers", "2")
    assert shared.stdout == alone.stdout and len(shared.stdout.splitlines()) >= 150
    assert shared.exit_code == alone.exit_code == 1
    assert shared.stderr.splitlines()[-1] == alone.stderr.splitlines()[-1]


def test_many_files_and_a_small_network_get_several_processes(run, tmp_path, monkeypatch):
    from ox_classifier import workforce
    from ox_classifier.classifier import Classifier

    monkeypatch.setattr(workforce, "cores", lambda: 2)
    classifier = Classifier.load("lenet-1")
    assert [workforce.fitting(classifier, files) for files in (1, 499, 500, 10**6)] == [1, 1, 2, 2]
    assert workforce.fitting(Classifier.load("lenet-1", threads=1), 500) == 1
    monkeypatch.setattr(workforce, "cores", lambda: 64)
    assert workforce.fitting(classifier, 500) == 4
    monkeypatch.setattr(workforce, "SMALL", classifier.session.path.stat().st_size - 1)
    assert workforce.fitting(classifier, 500) == 1


def test_500_files_are_answered_as_by_one_process(run, tmp_path, monkeypatch):
    from ox_classifier import workforce

    asked = []
    share = workforce.answers
    monkeypatch.setattr(workforce, "answers", lambda *about: asked.append(about[2]) or share(*about))
    monkeypatch.setattr(workforce, "cores", lambda: 2)
    (tmp_path / "in").mkdir()
    rng = np.random.default_rng(0)
    for number in range(500):
        Image.fromarray(rng.integers(0, 256, (9, 9, 3), np.uint8)).save(tmp_path / "in" / f"{number:03}.png")
    shared, alone = ox("in", "--csv"), ox("in", "--csv", "--workers", "1")
    assert asked == [2] and shared.stdout == alone.stdout and len(shared.stdout.splitlines()) == 501


@pytest.mark.parametrize("stopped", [False, True])
def test_a_stopped_command_waits_for_no_process(photos, monkeypatch, stopped):
    """Nobody asks for the answers any more, and a second Ctrl-C would end the command before it says what is kept."""
    from ox_classifier import signals, workforce
    from ox_classifier.classifier import Classifier

    class Pool(workforce.Workers):
        def shutdown(self, wait=True, **how):
            waited.append(wait)
            super().shutdown(wait, **how)

    waited = []
    monkeypatch.setattr(workforce, "Workers", Pool)
    monkeypatch.setattr(signals, "asked", lambda: stopped)
    found = workforce.answers(Classifier.load("lenet-1"), [Path(photo) for photo in photos], 2)
    next(found)
    found.close()
    assert waited == [not stopped]


def test_a_file_that_kills_its_process_costs_only_its_own_answer(photos, monkeypatch):
    from ox_classifier import workforce
    from ox_classifier.classifier import Classifier

    monkeypatch.setattr(workforce, "answer_some", deadly)
    found = list(workforce.answers(Classifier.load("lenet-1"), [Path(photo) for photo in photos], 2))
    assert [answer.label for answer in found] == ["o", "x", "o", None, "o", "x"]
    assert "crashed" in found[3].error.reason


def deadly(recipe, paths):
    """What a worker does with a file whose decoder crashes."""
    from ox_classifier.workforce import answer_some

    if any(path.name == "3.png" for path in paths):
        os.kill(os.getpid(), signal.SIGKILL)
    return answer_some(recipe, paths)


# --out


@pytest.mark.parametrize("name", ["answers.csv", "answers.jsonl"])
def test_out_holds_what_stdout_would(photos, tmp_path, name):
    (tmp_path / "in" / "2.png").write_bytes(b"no")
    form = "--csv" if name.endswith("csv") else "--json"
    result = ox("in", "--out", name)
    assert result.exit_code == 1 and result.stdout == "" and "6 rows in " + name in result.stderr
    assert Path(name).read_bytes().decode() == ox("in", form).stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "in", "runs"])


# --sort-into


def test_images_are_copied_into_the_folders_of_their_answers_and_stay_where_they_are(photos, tmp_path):
    (tmp_path / "in" / "bad.png").write_bytes(b"no")
    before = {path: path.read_bytes() for path in (tmp_path / "in").iterdir()}
    result = ox("in", "--sort-into", "out/sorted", "--csv")
    assert result.exit_code == 1 and "6 images copied into out/sorted: o 3, x 3" in result.stderr
    found = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*"))
    assert found == [f"sorted/{'ox'[n % 2]}/{n}.png" for n in (0, 2, 4, 1, 3, 5)]
    assert {path: path.read_bytes() for path in (tmp_path / "in").iterdir()} == before
    assert not any(path.is_symlink() for path in (tmp_path / "out").rglob("*"))
    ox("in", "--sort-into", "out/sorted")  # once more: nothing is added
    assert len(list((tmp_path / "out").rglob("*.png"))) == 6


@pytest.mark.parametrize("link", [[], ["--link"]])
def test_no_file_is_written_over(photos, tmp_path, link):
    red(tmp_path / "other" / "1.png", 250)
    red(tmp_path / "other" / "deep" / "1.png", 251)
    mine = tmp_path / "out" / "x" / "1.png"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    (tmp_path / "out" / "x" / "3.png").symlink_to(tmp_path / "gone")
    assert ox("in", "other", "--sort-into", "out", *link).exit_code == 0
    assert mine.read_text() == "mine" and not (tmp_path / "gone").exists()
    names = sorted(path.name for path in mine.parent.iterdir())
    assert names == ["1-2.png", "1-3.png", "1-4.png", "1.png", "3-2.png", "3.png", "5.png"]
    contents = {(mine.parent / f"1-{n}.png").read_bytes() for n in (2, 3, 4)}
    assert contents == {Path(name).read_bytes() for name in ("in/1.png", "other/1.png", "other/deep/1.png")}
    assert (mine.parent / "1-2.png").is_symlink() == bool(link)
    ox("in", "other", "--sort-into", "out", *link)
    assert sorted(path.name for path in mine.parent.iterdir()) == names


@pytest.mark.parametrize("name", ["..", "a/b", "/etc", "."])
def test_a_class_that_is_no_name_of_a_folder_is_refused(photos, run, name):
    run.update(classes=[name, "x"])
    result = ox("in", "--sort-into", "out")
    assert result.exit_code == 2 and "no name of a folder" in result.stderr and not Path("out").exists()


# --watch


def watched(folder, clock):
    from ox_classifier.cli.predict_sources import Sources

    return DropFolder(folder, walk=Sources().images_in, clock=lambda: clock[0])


def test_a_file_is_answered_once_it_stopped_growing(run, tmp_path):
    clock, folder = [0.0], tmp_path / "drop"
    folder.mkdir()
    drops, slow = watched(folder, clock), folder / "slow.png"
    content = red(tmp_path / "a.png", 255).read_bytes()
    for size in (0, 10, 20, len(content)):
        slow.write_bytes(content[:size])
        assert drops.complete() == []
        clock[0] += SETTLED / 2
    assert drops.complete() == []
    clock[0] += SETTLED
    assert drops.complete() == [slow]
    drops.mark(slow)
    clock[0] += 10
    assert drops.complete() == []
    slow.write_bytes(content + b"more")  # a new file under the old name
    assert drops.complete() == []
    clock[0] += SETTLED
    assert drops.complete() == [slow]
    again = watched(folder, clock)  # it was not marked
    assert again.complete() == []
    clock[0] += SETTLED
    assert again.complete() == [slow]


def test_what_was_answered_is_known_after_a_restart_and_forgotten_with_its_file(run, tmp_path):
    clock, folder = [0.0], tmp_path / "drop"
    files = [red(folder / f"{number}.png", 9) for number in range(3)]
    drops = watched(folder, clock)
    drops.complete()
    clock[0] += SETTLED
    assert drops.complete() == files
    for path in files:
        drops.mark(path)
    with (folder / JOURNAL).open("a") as journal:
        journal.write('["cut o')
    files[0].unlink()
    again = watched(folder, clock)
    assert len((folder / JOURNAL).read_text().splitlines()) == len(again.done) == 2
    again.complete()
    clock[0] += SETTLED
    assert again.complete() == []


def test_watch_prints_a_line_a_file_survives_a_kill_and_ends_by_a_signal(run, tmp_path):
    folder = tmp_path / "drop"
    red(folder / "0.png", 255)
    (folder / "bad.png").write_bytes(b"no image")
    (folder / "notes.txt").write_text("not looked at")

    @contextmanager
    def started():
        command = [*PROGRAM, "--watch", "drop", "--sort-into", "sorted"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            try:
                yield process
            finally:
                process.kill()  # what fails here must not wait for a program that never ends

    with started() as process:
        lines = [json.loads(process.stdout.readline()) for _ in range(2)]
        assert [line["path"] for line in lines] == ["drop/0.png", "drop/bad.png"]
        assert lines[0]["predicted"] == "x" and "error" in lines[1]
        deadline = time.monotonic() + 10
        while (folder / JOURNAL).read_text().count("\n") < 2 and time.monotonic() < deadline:
            time.sleep(0.05)  # until the second is noted
        process.kill()
    red(folder / "deep" / "1.png", 0)
    with started() as process:
        told = json.loads(process.stdout.readline())
        assert (told["path"], told["predicted"], told["probabilities"]) == (
            "drop/deep/1.png",
            "o",
            {"o": 1.0, "x": 0.0},
        )
        process.send_signal(signal.SIGTERM)
        rest, said = process.communicate(timeout=20)
        assert rest == "" and process.returncode == 143
        assert said.splitlines()[-1] == "ox: interrupted" and "2 files answered before" in said
    assert sorted(path.name for path in (tmp_path / "sorted").rglob("*.png")) == ["0.png", "1.png"]


# unsure


def test_what_is_unsure_is_so_in_every_place(photos, run, tmp_path):
    stripes = np.kron(np.arange(8) % 2, np.ones(5))[None] * np.full((40, 1), 250)  # no picture is blank
    for number, value in enumerate([0, 255, 0, 255, 0, 255, 140]):  # the last: o 0.45, x 0.55
        pixels = np.stack([np.full((40, 40), value), stripes, stripes], axis=2).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "in" / f"{number}.png")
    sure = ox("in", "--csv").stdout
    assert {row["answer"] for row in rows_of(sure)} == {"o", "x"}
    promise = {"threshold": 0.9, "max_error": 0.01, "promise": 0.99, "confidence": 0.95, "images": 100, "coverage": 1.0}
    promise |= {"accepted": 100, "wrong": 0, "images_needed": None}
    run.update(unsure=promise)
    text = ox("in", "--csv", "--workers", "2").stdout
    assert text == ox("in", "--csv").stdout and rows_of(text)[6]["answer"] == "unsure"
    assert ox("in", "--csv", "--workers", "2", "--always-answer").stdout == sure
    assert ox("in", "--probabilities-only").stdout.splitlines()[6] == "0.4510  0.5490  in/6.png"
    assert "o 3, unsure 1, x 3" in ox("in", "--sort-into", "sorted", "--out", "a.csv").stderr
    assert [path.name for path in (tmp_path / "sorted" / "unsure").iterdir()] == ["6.png"]
    assert Path("a.csv").read_text() == text
    exported_to(tmp_path / "exported", run, unsure=promise)
    assert ox("in", "--csv", "--run", "exported").stdout == text
