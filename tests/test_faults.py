"""What goes wrong around a training ends in one sentence, with nothing half written and the run ready to go on."""

from __future__ import annotations

import shutil
from pathlib import Path

import keras
import pytest
from typer.testing import CliRunner

from ox_classifier import files, runs
from ox_classifier.cli import app
from ox_classifier.networks import bases
from ox_classifier.training import callbacks, job, state
from ox_classifier.training.recipe import Recipe
from tests import tiny_base
from tests.benchmarks import faults
from tests.conftest import draw_folder

pytestmark = pytest.mark.tensorflow
CNN = "train --arch cnn --data marks --epochs 3 --batch-size 8"
VGG16 = "train --arch vgg16 --weights none --image-size 32 --data marks --epochs 3 --batch-size 8 --lr 0.01"
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


GO_ON = "; once that is mended, go on with: ox train --resume "


def small_vgg16(monkeypatch):
    """Let vgg16 have two convolutions, so that it takes seconds."""
    tiny_base.install(monkeypatch)
    monkeypatch.setitem(bases.BASES, "vgg16", bases.BASES["tiny"])


def after_writing(monkeypatch, word, action):
    """Do something as soon as a run.json with this word is written, once."""
    write, seen = files.write_text, []

    def and_then(path, text):
        write(path, text)
        if word in text and not seen:
            seen.append(path)
            action(path.parent)

    monkeypatch.setattr("ox_classifier.runs.files.write_text", and_then)


def after_epoch(monkeypatch, number, action):
    """Do something once the state of this epoch is kept."""
    write, count = state.write, [0]

    def and_then(path, *args, **options):
        write(path, *args, **options)
        count[0] += 1
        if count[0] == number:
            action(path.parent)

    monkeypatch.setattr(callbacks.state, "write", and_then)


def remove_images(here):
    for path in (here / "marks").rglob("*.png"):
        path.unlink()


LOST = {  # what goes: (how, exit code, what is said of it)
    "the dataset": (lambda here: shutil.rmtree(here / "marks"), 2, "no such file"),
    "the images": (remove_images, 2, "no such file"),
    "the cache": (
        lambda here: shutil.rmtree(here / "cache", ignore_errors=True),
        1,
        "was removed or cut short while in use",
    ),
}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What a head comes to that nothing happens to."""
    place = tmp_path_factory.mktemp("alone")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("OX_CACHE", str(place / "cache"))
        draw_folder(place / "marks", {"train": 12, "val": 6, "test": 4})
        small_vgg16(patch)
        outcomes = {}
        for views in ("2", "0"):
            ended = ox(f"{VGG16} --views {views} --name views-{views}")
            assert ended.exit_code == 0, ended.stderr
            outcomes[views] = faults.outcome(runs.find(f"views-{views}"))
    return outcomes


@pytest.mark.parametrize(
    ("what", "when", "views"),
    [
        *((what, when, "2") for what in LOST for when in ("before", "between", "after an epoch")),
        ("the images", "after an epoch", "0"),  # views that are made in every epoch anew
    ],
)
def test_a_head_whose_data_or_cache_go_says_how_to_go_on(here, monkeypatch, alone, what, when, views):
    """Before the features are computed, between that and the first epoch, and after that one.

    TensorFlow would hide our sentence in a traceback of its own.
    """
    small_vgg16(monkeypatch)
    shutil.copytree(here / "marks", here / "aside")
    lose, code, said = LOST[what]
    with monkeypatch.context() as patch:
        if when == "after an epoch":
            after_epoch(patch, 1, lambda _: lose(here))
        else:
            after_writing(patch, '"fingerprint"' if when == "before" else '"training"', lambda _: lose(here))
        ended = ox(f"{VGG16} --views {views} --name a")
    if (what, when) == ("the cache", "before"):  # it is made again
        assert ended.exit_code == 0, ended.stderr
        return
    last = ended.stderr.splitlines()[-1]
    assert ended.exit_code == code and last.startswith("ox: ") and last.endswith(f"{GO_ON}a"), ended.stderr
    assert said in last and "node" not in ended.stderr and "Traceback" not in ended.stderr
    if when == "after an epoch":
        assert keras.saving.load_model(here / "runs" / "a" / ".head.keras")
    shutil.copytree(here / "aside", here / "marks", dirs_exist_ok=True)
    again = ox("train --resume a")
    assert again.exit_code == 0, again.stderr
    assert faults.outcome(runs.find("a")) == alone[views]


def replace_by_a_file(folder):
    shutil.rmtree(folder)
    folder.write_text("a file")


@pytest.mark.parametrize("how", [shutil.rmtree, replace_by_a_file])
@pytest.mark.parametrize(
    ("line", "when"),
    [
        (CNN, "before the first epoch"),
        (CNN, "after the first epoch"),
        (CNN, "after the last epoch"),
        (VGG16, "after the first epoch"),
    ],
)
def test_a_run_folder_that_is_deleted_ends_in_a_sentence(here, monkeypatch, line, when, how):
    small_vgg16(monkeypatch)
    if when == "before the first epoch":
        after_writing(monkeypatch, '"training"', how)
    else:
        after_epoch(monkeypatch, 1 if when == "after the first epoch" else 3, how)
    ended = ox(f"{line} --name gone")
    assert ended.exit_code == 1 and "Traceback" not in ended.stderr
    folder = Path("runs", "gone")
    assert ended.stderr.splitlines()[-1] == f"ox: {folder}, the folder of the run, was removed or replaced meanwhile"


@pytest.mark.parametrize("how", [shutil.rmtree, replace_by_a_file])
@pytest.mark.parametrize("part", ["gone-fold1", "gone-cv"])
def test_a_folder_of_a_cross_validation_that_is_deleted_ends_in_a_sentence(here, monkeypatch, part, how):
    after_epoch(monkeypatch, 1, lambda folder: how(folder.parent / part))
    ended = ox(f"{CNN} --folds 2 --name gone")
    assert ended.exit_code == 1 and "Traceback" not in ended.stderr
    said = f"ox: {Path('runs', part)}, the folder of the run, was removed or replaced meanwhile"
    assert ended.stderr.splitlines()[-1] == said + (f"{GO_ON}gone-cv" if part == "gone-fold1" else "")


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
