"""Two hundred wrong files of a run, drawn from a seed: every command answers or says one sentence."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from typer.testing import CliRunner

from ox_classifier import runs
from ox_classifier.cli import app
from ox_classifier.devices import quiet_tensorflow
from tests import hand_made
from tests.conftest import draw_folder
from tests.wrong_files import drawn

COUNT, SEED = 200, 0
FILES = ["run.json", "split.csv", "history.csv", "report/predictions.csv", "report/metrics.json"]
MOST_LETTERS = 700  # of a sentence, with two paths and what was found in it


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Two finished runs with a report in the current folder; pictures are drawn, but not rendered."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Figure, "savefig", lambda self, path, **_: Path(path).write_bytes(b"picture"))
    hand_made.judged_run(draw_folder(tmp_path / "marks", {"train": 1, "val": 2}))
    assert ox("report", "lenet-1").exit_code == 0
    shutil.copytree("runs/lenet-1", "runs/lenet-2")
    return tmp_path


def ox(*words):
    return CliRunner().invoke(app, words)


def answered(result, about: str) -> bool:
    """Whether a command did its work; else it said one sentence and nothing more."""
    raised = result.exception
    assert raised is None or isinstance(raised, SystemExit), f"{about}: {raised!r}"
    assert result.exit_code in (0, 2), f"{about}: {result.exit_code} {result.stderr[-300:]}"
    if result.exit_code:
        last = result.stderr.splitlines()[-1]
        assert last.startswith("ox: ") and len(last) < MOST_LETTERS and last.isprintable(), f"{about}: {last}"
    return result.exit_code == 0


def test_wrong_files_of_a_run_end_no_command_in_a_traceback(place):
    rng = random.Random(SEED)
    refused = {"predict": 0, "report": 0, "compare": 0}
    for number in range(COUNT):
        file = place / "runs" / "lenet-1" / rng.choice(FILES)
        kept = file.read_bytes()
        what, content = drawn(file, rng)
        file.write_bytes(content)
        about = f"{number}: {file.name}, {what}"
        assert answered(ox("runs"), f"{about}: runs")  # one broken run never hides the others
        refused["predict"] += not answered(ox("predict", "marks/val/o/000.png", "--run", "lenet-1"), about)
        if number % 8 == 1:  # these two draw pages
            refused["compare"] += not answered(ox("compare", "lenet-1", "lenet-2"), about)
        if number % 40 == 0:
            refused["report"] += not answered(ox("report", "lenet-1"), about)
            for left in ("predictions.csv", "metrics.json"):
                shutil.copy(place / "runs" / "lenet-2" / "report" / left, place / "runs" / "lenet-1" / "report")
        file.write_bytes(kept)
    assert refused["predict"] > 10 and refused["compare"] > 2 and refused["report"] > 0


@pytest.mark.tensorflow
def test_wrong_files_of_a_stopped_run_end_resume_in_a_sentence(place, monkeypatch):
    """Up to the first epoch: what passes there was read whole."""
    quiet_tensorflow()
    from ox_classifier.training import train

    gone_on, ended = [], runs.find("lenet-2")
    monkeypatch.setattr(train, "train", lambda *_, resumed, **__: gone_on.append(resumed.name) or ended)
    stopped = runs.find("lenet-1")
    stopped.update(state="interrupted", arch="mlp1", pixels={**stopped.rule.as_dict(), "height": 28, "width": 28})
    rng, kept = random.Random(SEED), (stopped.path / "run.json").read_bytes()
    assert answered(ox("train", "--resume", "lenet-1"), "as it was") and gone_on
    split = (stopped.path / "split.csv").read_bytes()
    for number in range(30):
        file = stopped.path / rng.choice(["run.json", "split.csv"])
        what, content = drawn(file, rng)
        file.write_bytes(content)
        answered(ox("train", "--resume", "lenet-1"), f"{number}: {file.name}, {what}")
        answered(ox("export", "lenet-1", "--out", "out"), f"{number}: {file.name}, {what}")
        (stopped.path / "run.json").write_bytes(kept)
        (stopped.path / "split.csv").write_bytes(split)
    assert 0 < len(gone_on) < 31
