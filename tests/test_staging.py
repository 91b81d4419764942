"""Folders that appear whole or not at all, and `ox dataset make` killed at any moment."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ox_classifier.cli import app
from ox_classifier.errors import UsageError
from ox_classifier.staging import MARKER, STAGE, filling
from ox_classifier.synthetic import make
from tests.test_synthetic import files


def fill(out, *names, adding=False):
    with filling(out, adding=adding) as folder:
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(name)


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_holds_what_was_put_there_and_nothing_else(tmp_path, there):
    out = tmp_path / "out"
    if there:
        out.mkdir()
    fill(out, "a", "b/c")
    assert files(tmp_path) == {"out/a": b"a", "out/b/c": b"b/c"}
    fill(out, "b/d", "e/f", adding=True)
    assert files(tmp_path).keys() == {"out/a", "out/b/c", "out/b/d", "out/e/f"}
    assert sorted(path.name for path in out.iterdir()) == ["a", "b", "e"]


@pytest.mark.parametrize("there", [False, True])
def test_a_failure_leaves_nothing(tmp_path, there):
    out = tmp_path / "out"
    if there:
        out.mkdir()
    with pytest.raises(KeyboardInterrupt), filling(out) as folder:
        (folder / "a").touch()
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.rglob("*")] == ["out"] * there


def test_the_folder_one_stands_in_can_be_filled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fill(Path(), "a")
    assert files(tmp_path) == {"a": b"a"}


def test_no_file_is_written_over(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        fill(tmp_path / "out", "a")
    with pytest.raises(UsageError, match="is a file"):
        fill(tmp_path / "out" / "a", "b")
    with pytest.raises(UsageError, match="has appeared meanwhile"):
        fill(tmp_path / "out", "a", adding=True)
    assert files(tmp_path) == {"out/a": b"mine"}


def test_two_at_a_time_are_refused_and_strangers_left_alone(tmp_path):
    out = tmp_path / "out"
    with filling(out) as folder:
        (folder / "a").touch()
        with pytest.raises(UsageError, match="another ox is filling"):
            fill(out, "b")
    assert files(out) == {"a": b""}
    (out / STAGE).symlink_to(tmp_path)
    with pytest.raises(UsageError, match="in the way"):
        fill(out, "b", adding=True)


def ox(*words, **more):
    return CliRunner().invoke(app, ["dataset", *map(str, words)], **more)


def start(out, *words, per_class=2000):
    command = [sys.executable, "-m", "ox_classifier", "dataset", "make", str(out), "--per-class", str(per_class)]
    return subprocess.Popen([*command, "--source", "paint", *words], stderr=subprocess.PIPE, start_new_session=True)


def wait_for(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


def session(process) -> list[str]:
    """The processes that came of it and live still."""
    found = subprocess.run(["ps", "-o", "stat=,pid=", "--sid", str(process.pid)], capture_output=True, text=True).stdout
    return [line for line in found.splitlines() if not line.startswith("Z")]


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes by session")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_drawing_that_is_stopped_leaves_no_worker_and_no_image(tmp_path, number):
    out = tmp_path / "marks"
    process = start(out)
    wait_for(lambda: len(list(tmp_path.rglob("*.png"))) > 40 or process.poll() is not None)
    assert len(session(process)) > 2 or os.cpu_count() == 1
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)  # as a terminal does
    _, said = process.communicate(timeout=30)
    assert process.returncode == {signal.SIGKILL: -9, signal.SIGINT: 130}[number]
    assert "Traceback" not in said.decode()
    wait_for(lambda: not session(process), seconds=5)
    assert not out.exists()
    result = ox("make", out, "--per-class", 3, "--source", "paint")
    assert result.exit_code == 0, result.stderr
    assert ("was interrupted: starting over" in result.stderr) == (number == signal.SIGKILL)
    make.make(tmp_path / "whole", per_class=3, source=["paint"])
    assert files(out) == files(tmp_path / "whole")
    assert not list(tmp_path.glob(".*"))


def rows(out):
    with (out / "marks.csv").open(newline="") as file:
        return [row["path"] for row in csv.DictReader(file)]


def images(out):
    return sorted(path.relative_to(out).as_posix() for path in out.glob("[ox]/*.*"))


def test_adding_is_all_or_nothing_and_drops_rows_without_their_image(tmp_path, monkeypatch):
    out = tmp_path / "marks"
    make.make(out, per_class=2, source=["paint"], workers=1)
    before = files(out)
    drawn = make._drawn

    def full(*given):
        for number, item in enumerate(drawn(*given)):
            if number == 3:
                raise OSError(28, "No space left on device")
            yield item

    with monkeypatch.context() as patch:
        patch.setattr(make, "_drawn", full)
        result = ox("make", out, "--per-class", 4, "--source", "paint", "--append")
    assert result.exit_code == 1 and "No space left on device" in result.stderr
    assert files(out) == before

    code = """
import os, sys
from ox_classifier import staging
from ox_classifier.synthetic import make
staging._move = lambda stage, place: os._exit(9)  # killed after the list, before the first image
make.make(sys.argv[1], per_class=1, source=["paint"], workers=1, append=True)
"""
    assert subprocess.run([sys.executable, "-c", code, str(out)]).returncode == 9
    assert len(rows(out)) == 6 and len(images(out)) == 4 and (out / STAGE / MARKER).exists()
    result = ox("make", out, "--per-class", 2, "--source", "paint", "--append")
    assert result.exit_code == 0, result.stderr
    assert "left 2 rows out of" in result.stderr
    assert sorted(rows(out)) == images(out) and len(rows(out)) == 8 and not (out / STAGE).exists()


def test_an_empty_list_gets_its_header_again_and_a_foreign_one_is_left(tmp_path):
    out = tmp_path / "marks"
    out.mkdir()
    (out / "marks.csv").touch()
    make.make(out, per_class=1, source=["paint"], workers=1, append=True)
    assert sorted(rows(out)) == images(out) and len(rows(out)) == 2
    (out / "marks.csv").write_text("path,price\nx/00000.png,5\n")
    result = ox("make", out, "--per-class", 1, "--source", "paint", "--append")
    assert result.exit_code == 2 and "has other columns than path,label" in result.stderr
    assert (out / "marks.csv").read_text() == "path,price\nx/00000.png,5\n"


@pytest.mark.parametrize(
    "words",
    [
        "--per-class 0",
        "--per-class 1000000000000000000000000000000",
        "--val -1",
        "--seed -1",
        "--seed 1e9",
        "--seed 1e99",
    ],
)
def test_numbers_no_machine_can_draw_are_refused_at_once(tmp_path, words):
    result = ox("make", tmp_path / "out", *words.split())
    assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_large_seeds_draw(tmp_path):
    for seed in (2**32, 2**64 - 1):
        assert ox("make", tmp_path / str(seed), "--per-class", 1, "--source", "paint", "--seed", seed).exit_code == 0


def test_the_next_command_can_be_copied(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = ox("make", "my marks; rm -rf $HOME", "--per-class", 1, "--source", "paint")
    assert result.stderr.endswith("next: ox train --data 'my marks; rm -rf $HOME'\n")


def test_a_folder_that_cannot_be_made_is_named_by_its_own_name(tmp_path, monkeypatch):
    def refuse(path, **_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(PermissionError) as caught, filling(tmp_path / "new"):
        pass
    assert caught.value.filename == str(tmp_path / "new")
