"""What goes wrong around a training ends in one sentence, with nothing half written and the run ready to go on."""

from __future__ import annotations

import shutil

import pytest
from typer.testing import CliRunner

from ox_classifier import files, runs
from ox_classifier.cli import app
from ox_classifier.training import job
from ox_classifier.training.recipe import Recipe
from tests.benchmarks import faults
from tests.conftest import draw_folder

pytestmark = pytest.mark.tensorflow
CNN = "train --arch cnn --data marks --epochs 3 --batch-size 8"
FULL = OSError(28, "No space left on device")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OX_CACHE", str(tmp_path / "cache"))
    draw_folder(tmp_path / "marks", {"train": 12, "val": 6, "test": 4})
    return tmp_path


def ox(line: str):
    return CliRunner().invoke(app, line.split())


@pytest.mark.parametrize("write", [1, 4, 9, 14, 20])
def test_a_full_disk_leaves_whole_files_and_a_run_that_goes_on(here, monkeypatch, write):
    alone = ox(f"{CNN} --name alone")
    assert alone.exit_code == 0, alone.stderr
    sync, count = files._sync, [0]

    def full(path):
        count[0] += 1
        if count[0] >= write:
            raise FULL
        sync(path)

    with monkeypatch.context() as patch:
        patch.setattr(files, "_sync", full)
        stopped = ox(f"{CNN} --name full")
    assert stopped.exit_code in (1, 2) and "No space left on device" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    folder = here / "runs" / "full"
    assert faults.whole(folder) == [] and not list(folder.rglob(f".*{files.PART}*"))
    again = ox("train --resume full") if faults.recorded(folder) else ox(f"{CNN} --name full")
    assert again.exit_code == 0, again.stderr
    assert faults.outcome(runs.find("full")) == faults.outcome(runs.find("alone"))


def test_an_image_that_goes_while_a_head_trains_is_named(here, monkeypatch):
    """TensorFlow would hide our sentence in a traceback of its own."""
    faults.install(monkeypatch)
    recipe = Recipe.of("tiny", {"epochs": 3, "views": 0, "learning_rate": 0.01})
    write = files.write_text
    lost = here / "marks" / "train" / "x" / "003.png"

    def unplug(path, text):
        write(path, text)
        if '"training"' in text:
            lost.unlink(missing_ok=True)

    monkeypatch.setattr("ox_classifier.runs.files.write_text", unplug)
    with pytest.raises(Exception, match=r"x/003.png") as caught:
        job.start(recipe, here / "marks", name="head")
    assert "node" not in str(caught.value) and "\n" not in str(caught.value)


def test_a_run_folder_that_is_deleted_ends_in_a_sentence(here, monkeypatch):
    write = files.write_text

    def delete(path, text):
        write(path, text)
        if '"training"' in text:
            shutil.rmtree(path.parent)

    monkeypatch.setattr("ox_classifier.runs.files.write_text", delete)
    ended = ox(f"{CNN} --name gone")
    assert ended.exit_code == 1 and "Traceback" not in ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("ox: ")


def test_a_place_that_can_not_be_written_to(here):
    (here / "runs").mkdir()
    (here / "runs" / "taken").write_text("a file")
    ended = ox(f"{CNN} --name taken")
    assert ended.exit_code == 2 and "exists and is not overwritten" in ended.stderr


def test_trials_of_make_faults(here):
    """A few of the trials that `make faults` runs by the hundred."""
    code = "import sys\nfrom tests.benchmarks import faults\nsys.exit(faults.main(1, 1, 1, 5, names=['cnn']))"
    done = faults.command(code)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
