"""What holds for every command: help with an example, values nobody means, an output that can't be written."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from ox_classifier.cli import app
from ox_classifier.names import printable
from tests.test_readme import parse

ROOT = typer.main.get_command(app)
COMMANDS = [name for name in ROOT.commands if name != "dataset"]
COMMANDS += [f"dataset {name}" for name in ROOT.commands["dataset"].commands]
OPTIONS = [
    (name, option)
    for name in COMMANDS
    for option in (ROOT.commands["dataset"] if " " in name else ROOT).commands[name.split()[-1]].params
]


def ox(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("name", ["", "dataset", *COMMANDS])
def test_every_help_has_an_example_that_is_a_command(name, flag):
    result = ox(*name.split(), flag)
    assert result.exit_code == 0
    example = re.search(r"Example: (ox .*?)(\n\n|$)", result.stdout, re.DOTALL)
    assert example, result.stdout
    for command in re.split(r",\s+then\s+", " ".join(example[1].split())):
        parse(command.partition(" > ")[0])


@pytest.mark.parametrize("value", ["", "a\nb", "a\rb", "\x1b[31m"])
@pytest.mark.parametrize(("name", "option"), OPTIONS, ids=lambda value: getattr(value, "name", value))
def test_values_nobody_means_are_refused_at_once(name, option, value, tmp_path, monkeypatch):
    if getattr(option, "is_flag", False):
        return
    monkeypatch.chdir(tmp_path)
    words = [f"{option.opts[0]}={value}"] if option.opts[0].startswith("--") else [value]
    result = ox(*name.split(), *words)
    assert result.exit_code == 2
    said = "is empty" if not value else f"the control character {printable(value.strip('ab[31m'))}"
    assert said in result.stderr and len(result.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_an_empty_word_is_named_by_its_option_and_not_by_a_flag():
    assert "--run is empty" in ox("predict", "a.png", "--run", "").stderr
    assert "argument 2 is empty" in ox("predict", "--csv", "").stderr


def test_a_path_too_long_for_any_disk_is_a_usage_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = ox("dataset", "make", "n" * 300, "--per-class", 1, "--source", "paint")
    assert result.exit_code == 2 and "File name too long" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a Linux device")
@pytest.mark.parametrize("line", ["--version", "--help", "predict --help"])
def test_a_full_disk_under_the_output_is_one_sentence(line):
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "ox_classifier", *line.split()]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_closed_output_is_no_traceback():
    command = f"{sys.executable} -m ox_classifier --version >&-"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
