"""What holds for every command: help with an example, values nobody means, an output that can't be written."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from ox_classifier.cli import app
from ox_classifier.names import printable
from tests.conftest import draw_folder
from tests.test_predict import run  # noqa: F401
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
    result = ox("dataset", "check", "n" * 300)
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


def test_a_closed_stderr_puts_nothing_else_on_stdout(tmp_path):
    command = f"{sys.executable} -m ox_classifier predict nothing 2>&-"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


FIRST_WORDS = """
import os, sys
HEAVY = {"numpy", "PIL", "cv2", "tensorflow", "keras", "sklearn", "matplotlib", "onnxruntime"}
class Stderr:
    def write(self, text):
        print(sorted(HEAVY & set(sys.modules)), text.strip(), flush=True)
        os._exit(0)
sys.stderr = Stderr()
from ox_classifier.cli import main
main()
"""


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("report", "run lenet-1: predicting val, test"),
        ("inspect", "run lenet-1: opening the network (TensorFlow takes some seconds to start)"),
        ("doctor", "looking at this machine (TensorFlow takes some seconds to start)"),
        ("dataset check marks", "checking marks"),
        ("dataset make new", "drawing 2,000 images, which appear in new when all are drawn"),
        ("dataset import mnist new", "importing mnist"),
    ],
)
def test_something_is_said_before_the_slow_imports(run, tmp_path, line, words):  # noqa: F811
    """What makes a command slow to start is importing TensorFlow, scikit-learn, OpenCV and the like."""
    (tmp_path / "marks").mkdir()
    command = [sys.executable, "-c", FIRST_WORDS, *line.split()]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == f"[] {words}\n", done.stderr


@pytest.mark.parametrize("out", ["check.png", "a.pdf", "file"])
def test_check_takes_a_folder_and_no_file_for_its_pictures(tmp_path, monkeypatch, out):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    result = ox("dataset", "check", "nowhere", "--out", out)
    assert result.exit_code == 2
    assert f"--out {out} " in result.stderr and len(result.stderr.splitlines()) == 1


def test_check_writes_through_no_link_and_shows_no_escape_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw_folder(tmp_path / "marks", {"": 3})
    odd = tmp_path / "marks" / "o" / "\x1b[31m\n.png"
    odd.write_bytes(b"no image")
    (tmp_path / "mine").write_text("precious")
    (tmp_path / "check").mkdir()
    (tmp_path / "check" / "check.png").symlink_to(tmp_path / "mine")
    result = ox("dataset", "check", "marks")
    assert result.exit_code == 0, result.stderr
    assert "\x1b" not in result.output and r"o/\x1b[31m\n.png: " in result.stdout
    assert (tmp_path / "mine").read_text() == "precious"
    assert not (tmp_path / "check" / "check.png").is_symlink()
    told = json.loads(ox("dataset", "check", "marks", "--json").stdout)
    assert "o/\x1b[31m\n.png" in told["unreadable"]


def test_an_image_to_inspect_is_looked_for_before_the_network_is_opened(run, tmp_path):  # noqa: F811
    result = ox("inspect", "--image", "nowhere.png")
    assert result.exit_code == 2
    assert result.stderr == "ox: --image nowhere.png: no such file; check the path\n"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("train --arch", "ox: option '--arch' requires an argument; {} train --help shows every option"),
        ("trian", "ox: no such command 'trian': did you mean 'ox train'? {} --help shows every command"),
        ("check marks", "ox: no such command 'check': did you mean 'ox dataset check'? {} --help shows every command"),
        (
            "dataset train",
            "ox: no such command 'train': did you mean 'ox train'? {} dataset --help shows every command",
        ),
        ("train --arch LeNet", ": did you mean lenet? {} train --help shows every option"),
        ("dataset make d --per-class -1", "ox: --per-class -1: expected a number from 0 to 1,000,000; {} dataset make"),
        (
            "dataset import fashion f",
            "ox: DATASET 'fashion' is none of mnist, fashion-mnist: did you mean fashion-mnist?",
        ),
        ("dataset import marks mnist", "then the folder to make: ox dataset import mnist marks"),
        ("inspect a.png", "ox: a.png is a file, not a run: to look at an image, give --image a.png"),
        ("inspect --image folder", "ox: --image folder is a folder: give an image file"),
        ("predict lenet-1 a.png", "ox: lenet-1 is a run, not an image: did you mean --run lenet-1?"),
        ("predict a.csv", "ox: a.csv has no column path (it has none): name the column of the images' paths so"),
    ],
)
def test_what_was_probably_meant_is_said(run, tmp_path, line, sentence):  # noqa: F811
    for name in ("a.png", "a.csv"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    result = ox(*line.split())
    assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1
    assert sentence.format("ox") in result.stderr


def test_the_lists_of_commands_cut_no_sentence():
    for group in (ROOT, ROOT.commands["dataset"]):
        for command in group.commands.values():
            assert len(command.get_short_help_str(200)) <= 60 and not command.get_short_help_str(200).endswith("...")


@pytest.mark.parametrize("line", ["report", "inspect"])
def test_a_folder_that_takes_no_file_is_named_before_the_slow_work(run, monkeypatch, line):  # noqa: F811
    def refuse(path, **_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "touch", refuse)
    result = ox(line)
    assert result.exit_code == 2
    assert result.stderr == (
        f"ox: no permission to use runs/lenet-1/{line}: choose another place or change its permissions\n"
    )


def test_report_names_the_splits_that_the_run_has(run, tmp_path):  # noqa: F811
    run.write_table("split.csv", ("path", "label", "split"), [("a.png", "o", "train"), ("b.png", "x", "val")])
    assert ox("report").stderr.splitlines()[0] == "run lenet-1: predicting val"
    run.write_table("split.csv", ("path", "label", "split"), [("a.png", "o", "train"), ("b.png", "x", "test")])
    run.update(cross_validation=[["lenet-1-fold1", 1, 2], ["lenet-1-fold2", 2, 2]])
    said = ox("report").stderr.splitlines()[0]
    assert said == "run lenet-1: held-out, as the folds answered it; predicting test"
