"""How each kind of error ends: the exit code, the sentence, and the traceback that only --debug shows."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest
import typer

from ox_classifier.cli.exit_codes import user_errors
from ox_classifier.errors import GateError, OxError, UsageError

READ_ONLY = OSError(errno.EROFS, "Read-only file system", "runs/lenet-1/report")
FULL = OSError(errno.ENOSPC, "No space left on device", "runs/lenet-1/model.keras")
NAMELESS = OSError(errno.ENOSPC, "No space left on device")
COPY = OSError(errno.ENOSPC, "No space left on device", "marks/1.png", None, b"sorted/o/.1a2b.part")
LOCKED = PermissionError(errno.EACCES, "Permission denied", "/srv/runs")
OURS = [
    (OxError("the loss became nan"), 1, "ox: the loss became nan"),
    (UsageError("--data: no such folder"), 2, "ox: --data: no such folder"),
    (GateError("the data have errors"), 3, "ox: the data have errors"),
    (LOCKED, 2, "ox: no permission to use /srv/runs: choose another place or change its permissions"),
    (READ_ONLY, 2, "ox: runs/lenet-1/report is read-only: choose another place or make it writable"),
    (FULL, 1, "ox: No space left on device: runs/lenet-1/model.keras"),
    (COPY, 1, "ox: No space left on device: sorted/o"),
    (NAMELESS, 1, "ox: No space left on device: the disk"),
]


@pytest.fixture(autouse=True)
def no_debug(monkeypatch):
    monkeypatch.delenv("OX_DEBUG", raising=False)


def ended(error: BaseException) -> typer.Exit:
    with pytest.raises(typer.Exit) as end, user_errors():
        raise error
    return end.value


@pytest.mark.parametrize(("error", "code", "sentence"), OURS, ids=lambda value: type(value).__name__)
def test_an_error_becomes_one_sentence_and_its_exit_code(error, code, sentence, capsys):
    end = ended(error)
    assert end.exit_code == code
    assert capsys.readouterr() == ("", f"{sentence}\n")
    assert end.__cause__ is None and end.__suppress_context__  # no traceback behind it either


@pytest.mark.parametrize("error", [error for error, *_ in OURS], ids=lambda error: type(error).__name__)
def test_debug_lets_the_error_itself_through(error, monkeypatch, capsys):
    monkeypatch.setenv("OX_DEBUG", "1")
    with pytest.raises(type(error)) as found, user_errors():
        raise error
    assert found.value is error
    assert capsys.readouterr().err == ""


def test_ctrl_c_ends_with_130(capsys):
    assert ended(KeyboardInterrupt()).exit_code == 130
    said = capsys.readouterr().err
    assert said.startswith("ox: ") and "interrupted" in said and said.count("\n") == 1


@pytest.mark.parametrize("error", [BrokenPipeError(errno.EPIPE, "Broken pipe"), ValueError("a mistake of ours")])
def test_what_is_no_users_error_goes_through(error):
    """A mistake in our own code must not look like one of the user."""
    with pytest.raises(type(error)) as found, user_errors():
        raise error
    assert found.value is error


def test_what_ends_well_is_left_alone(capsys):
    with user_errors():
        pass
    with pytest.raises(typer.Exit) as end, user_errors():
        raise typer.Exit(7)
    assert end.value.exit_code == 7
    assert capsys.readouterr() == ("", "")


def ox(*words, **options):
    return subprocess.run([sys.executable, "-m", "ox_classifier", *words], text=True, timeout=60, **options)


@pytest.mark.parametrize(("first", "environment"), [(["--debug"], {}), ([], {"OX_DEBUG": "1"})])
def test_the_command_shows_the_traceback_when_asked(first, environment, tmp_path):
    words = ["predict", "mark.png", "--run", "no-such-run"]
    plain = ox(*words, cwd=tmp_path, capture_output=True)
    assert (plain.returncode, plain.stdout) == (2, "")
    assert plain.stderr.startswith("ox: ") and plain.stderr.count("\n") == 1

    debugged = ox(*first, *words, cwd=tmp_path, capture_output=True, env=os.environ | environment)
    assert debugged.returncode == 1
    assert debugged.stderr.startswith("Traceback (most recent call last):")
    sentence = plain.stderr.removeprefix("ox: ")
    assert debugged.stderr.endswith(f"ox_classifier.errors.UsageError: {sentence}")
    assert ", in predict\n" in debugged.stderr  # where it was found


def test_a_reader_that_goes_away_is_no_traceback():
    read, write = os.pipe()
    os.close(read)
    try:
        done = ox("train", "--help", stdout=write, stderr=subprocess.PIPE)
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (1, "")
