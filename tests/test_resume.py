"""A stopped run goes on to the bits of one that was left alone."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from ox_classifier import runs
from ox_classifier.architectures import ARCHITECTURES
from ox_classifier.cli import app
from ox_classifier.errors import DivergedError, UsageError
from ox_classifier.networks import bases
from ox_classifier.training import callbacks, exposure, fit, job, resumption, state, tasks
from ox_classifier.training.recipe import Recipe
from tests import tiny_base
from tests.conftest import draw_folder, draw_noise

pytestmark = pytest.mark.tensorflow
LENET = {"image_size": 22, "epochs": 5, "batch_size": 8, "ema_epochs": 1, "learning_rate": 0.01}


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours catches it."""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw_folder(tmp_path / "marks", {"train": 12, "val": 6, "test": 4})
    tiny_base.install(monkeypatch)
    monkeypatch.setenv("OX_CACHE", str(tmp_path / "cache"))
    network = ARCHITECTURES["vgg16"]
    settings = network.settings | {"image_size": 32, "weights": "none", "epochs": 6, "batch_size": 8, "views": 2}
    monkeypatch.setitem(ARCHITECTURES, "tiny", replace(network, settings=settings, smallest=8))
    monkeypatch.setitem(bases.BUILDERS, "tiny", lambda *args, **options: bases.build("tiny", *args, **options)[0])
    return tmp_path


def ox(line: str):
    return CliRunner().invoke(app, line.split())


def what_came_out(run):
    """Everything that two equal trainings share."""
    rows = [{key: value for key, value in row.items() if key != "seconds"} for row in run.history()]
    return rows, run.best_epoch, run.weights_digest, run.results


class KillAt:
    """Kills at the chosen ends of epochs, before or after the state of the epoch is written."""

    def __init__(self, monkeypatch, ends):
        self.ends, self.count, self.write = dict(ends), 0, state.write
        monkeypatch.setattr(callbacks.state, "write", self)

    def __call__(self, *args, **options):
        self.count += 1
        when = self.ends.pop(self.count, None)
        if when == "before":
            raise Killed
        self.write(*args, **options)
        if when == "after":
            raise Killed


@pytest.mark.parametrize(
    ("arch", "asked", "ends"),
    [
        ("lenet", LENET, {1: "before", 3: "after", 4: "before"}),
        ("cnn-dense", {"epochs": 4, "batch_size": 8, "monitor": "loss"}, {2: "after"}),
        ("tiny", {"learning_rate": 0.01}, {1: "after", 3: "before", 5: "after"}),
        ("tiny", {"learning_rate": 0.01, "epochs": 3, "fine_tune": 1}, {2: "after", 4: "after", 6: "before"}),
        ("cnn", {"epochs": 2, "batch_size": 8, "folds": 3}, {1: "after", 3: "before", 6: "after", 8: "after"}),
    ],
    ids=["lenet", "cnn-dense", "head", "fine-tuning", "folds"],
)
def test_killed_and_resumed_is_as_if_left_alone(here, monkeypatch, arch, asked, ends):
    recipe = Recipe.of(arch, asked)
    alone = job.start(recipe, here / "marks", name="alone")
    kills = KillAt(monkeypatch, ends)
    with pytest.raises(Killed):
        job.start(recipe, here / "marks", name="killed")
    name = "killed-cv" if "folds" in asked else "killed"
    for _ in range(len(ends) - 1):
        with pytest.raises(Killed):
            resumption.resume(runs.find(name))
    assert runs.find(name).state != "finished" and not kills.ends
    resumed = resumption.resume(runs.find(name))
    assert what_came_out(resumed) == what_came_out(alone)
    assert resumed.state == "finished" and not list(resumed.path.glob("*.state.npz"))
    assert not [path for path in resumed.path.iterdir() if path.name.startswith(".")]


def test_with_outliers_it_goes_on_to_the_same_bits(here, monkeypatch):
    draw_noise(here / "marks" / "outliers", 12)
    recipe = Recipe.of("tiny", {"learning_rate": 0.01, "epochs": 2, "fine_tune": 1})
    alone = job.start(recipe, here / "marks", name="alone")
    KillAt(monkeypatch, {1: "after", 4: "after"})  # in the head's training and in the fine-tuning
    with pytest.raises(Killed):
        job.start(recipe, here / "marks", name="killed")
    with pytest.raises(Killed):
        resumption.resume(runs.find("killed"))
    resumed = resumption.resume(runs.find("killed"))
    assert what_came_out(resumed) == what_came_out(alone)
    assert resumed.settings["outliers"] == alone.settings["outliers"] and resumed.settings["outliers"]["images"] == 12
    assert alone.settings["views_computed"] == 2 * 24 + 2 * 12 + 12 + 8  # train, outliers, val, test


def test_a_head_that_ends_otherwise_does_not_go_on(here, monkeypatch):
    """Its weights have the same shapes, so nothing else would tell."""
    draw_noise(here / "marks" / "outliers", 12)
    with monkeypatch.context() as older:
        older.setattr(bases, "AGAINST", 1.0)
        KillAt(older, {1: "after"})
        with pytest.raises(Killed):
            job.start(Recipe.of("tiny", {"epochs": 2}), here / "marks", name="killed")
        KillAt(older, {1: "after"})
        with pytest.raises(Killed):
            job.start(Recipe.of("cnn", {"epochs": 2}), here / "marks", name="no-head")
    with pytest.raises(UsageError, match="run killed was begun by another ox, which trains otherwise"):
        resumption.resume(runs.find("killed"))
    run = runs.find("killed")
    del run.config["identity"]  # as one that was begun before it stood there
    run.update()
    with pytest.raises(UsageError, match="of another training or of another ox"):
        resumption.resume(runs.find("killed"))
    assert resumption.resume(runs.find("no-head")).state == "finished"


@pytest.mark.parametrize(
    ("module", "name", "same"),
    [
        (bases, "LENGTH", [False, True, True]),
        (exposure, "FROZEN_WEIGHT", [False, False, True]),
        (exposure, "FROZEN_SHARE", [False, False, True]),
        (exposure, "WEIGHT", [False, False, False]),
    ],
)
def test_another_number_in_the_code_is_another_training(module, name, same, monkeypatch):
    """Features of another length, outliers of another weight: of vgg16, mobilenetv2 and lenet."""
    dataset = SimpleNamespace(fingerprint=lambda: "ab", outliers=SimpleNamespace(fingerprint="cd"))

    def identities() -> list[str]:
        return [tasks.identity_of(Recipe.of(arch), dataset) for arch in ("vgg16", "mobilenetv2", "lenet")]

    before = identities()
    monkeypatch.setattr(module, name, getattr(module, name) / 2)
    assert [now == then for now, then in zip(identities(), before, strict=True)] == same


def test_patchworks_of_features_are_for_the_head_not_for_fine_tuning(here, monkeypatch, capsys):
    draw_noise(here / "marks" / "outliers", 12)
    asked, batches = [], exposure.ExposedBatches

    def listening(*arguments, **settings):
        asked.append(settings["frozen"])
        return batches(*arguments, **settings)

    monkeypatch.setattr(exposure, "ExposedBatches", listening)
    job.start(Recipe.of("tiny", {"epochs": 1, "fine_tune": 1}), here / "marks", name="tuned")
    assert asked == [True, False]
    assert re.search(r"12 images of no class in \S*outliers, 12 an epoch", capsys.readouterr().err)


@pytest.mark.parametrize("known", [True, False])
def test_folds_of_a_head_that_ends_otherwise_are_not_pooled(here, known, monkeypatch):
    draw_noise(here / "marks" / "outliers", 12)
    with monkeypatch.context() as older:
        older.setattr(bases, "AGAINST", 1.0)
        KillAt(older, {3: "after"})  # in the second fold
        with pytest.raises(Killed):
            job.start(Recipe.of("tiny", {"epochs": 2, "folds": 2}), here / "marks", name="few")
    first = runs.find("few-fold1")
    assert first.state == "finished"
    if not known:
        del first.config["identity"]
        first.update()
    with pytest.raises(UsageError, match="run few-fold1 was trained by another ox, which trains otherwise"):
        resumption.resume(runs.find("few-cv"))


def test_every_fold_learns_from_the_outliers(here):
    draw_noise(here / "marks" / "outliers", 12)
    last = job.start(Recipe.of("mlp1", {"epochs": 1, "folds": 2}), here / "marks", name="few")
    every = [runs.find(f"few-{part}").settings["outliers"] for part in ("fold1", "fold2", "cv")]
    assert every[0] == every[1] == every[2] == last.settings["outliers"] and every[0]["images"] == 12


def test_outliers_that_changed_are_told(here, monkeypatch):
    folder = draw_noise(here / "noise", 6)
    recipe = Recipe.of("cnn", {"epochs": 2, "batch_size": 8})
    job.start(recipe, here / "marks", name="done", outlier_folder="noise")
    KillAt(monkeypatch, {1: "after"})
    with pytest.raises(Killed):
        job.start(recipe, here / "marks", name="stopped", outlier_folder="noise")
    draw_noise(folder, 6, seed=1)
    with pytest.raises(
        UsageError, match="the outliers, or how many of them ox takes, have changed since run stopped began"
    ):
        resumption.resume(runs.find("stopped"))
    again, causes = resumption.repeat(runs.find("done"))
    assert (
        causes == ["the outliers, or how many of them ox takes, have changed"]
        and again.settings["outliers"]["images"] == 6
    )
    folder.rename(here / "elsewhere")
    with pytest.raises(UsageError, match=r"noise, the outliers of run stopped, is gone or empty: put it back"):
        resumption.resume(runs.find("stopped"))
    (here / "elsewhere").rename(folder)
    draw_noise(folder, 6)
    assert resumption.resume(runs.find("stopped")).weights_digest == runs.find("done").weights_digest


def test_what_can_not_go_on_says_why(here, monkeypatch):
    recipe = Recipe.of("lenet", LENET | {"epochs": 2})
    done = job.start(recipe, here / "marks", name="done")
    assert ox("train --resume done").exit_code == 2
    assert "nothing is left to resume" in ox("train --resume done").stderr
    assert "nothing is left to resume" in ox("train --resume latest").stderr
    KillAt(monkeypatch, {1: "after"})
    with pytest.raises(Killed):
        job.start(recipe, here / "marks", name="stopped")
    both = ox("train --resume stopped --epochs 9")
    assert both.exit_code == 2 and "takes every setting from the run, but --epochs was given" in both.stderr
    file = here / "runs" / "stopped" / f"training{state.SUFFIX}"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UsageError, match="is damaged"):
        resumption.resume(runs.find("stopped"))
    file.write_bytes(whole)
    image = here / "marks" / "train" / "o" / "000.png"
    original = image.read_bytes()
    image.write_bytes((here / "marks" / "train" / "o" / "001.png").read_bytes())
    with pytest.raises(UsageError, match="have changed since run stopped began"):
        resumption.resume(runs.find("stopped"))
    image.unlink()
    with pytest.raises(UsageError, match=r"1 images of run stopped are gone .* such as train/o/000.png"):
        resumption.resume(runs.find("stopped"))
    image.write_bytes(original)
    resumed = ox("train --resume latest")
    assert resumed.exit_code == 0, resumed.stderr
    assert what_came_out(runs.find("stopped")) == what_came_out(done)


@pytest.mark.parametrize("folds", [None, 2])
def test_a_run_that_diverged_has_failed(here, folds, monkeypatch):
    """Its loss is no number, so nothing goes on from it and no command takes it for a network."""
    compiled = fit.compile_for_classes
    monkeypatch.setattr(fit, "compile_for_classes", lambda model, rate, **options: compiled(model, 1e30, **options))
    asked = LENET | {"epochs": 3} | ({"folds": folds} if folds else {})
    with pytest.raises(DivergedError, match="the loss became nan"):
        job.start(Recipe.of("lenet", asked), here / "marks", name="far")
    run = runs.find("far-cv" if folds else "far")
    assert run.state == "failed" and not run.usable and not list(run.path.glob("*.state.npz"))
    for name in (run.name, "latest"):
        resumed = ox(f"train --resume {name}")
        assert resumed.exit_code == 2 and "Traceback" not in resumed.stderr
    assert "nothing is left to resume" in resumed.stderr
    assert "stopped being a number" in ox(f"train --resume {run.name}").stderr
    assert "failed" in ox("runs").stdout and "killed" not in ox("runs").stdout
    assert "--learning-rate" in ox(f"predict marks --run {run.name}").stderr
    assert ox("report").exit_code == 2  # there is no trained run


def test_repeat_is_identical_and_says_what_differs_if_not(here):
    job.start(Recipe.of("lenet", LENET | {"epochs": 2}), here / "marks", name="first")
    again = ox("train --repeat first --name again")
    assert again.exit_code == 0 and "identical to first, to the last bit" in again.stderr
    config = here / "runs" / "first" / "run.json"
    values = json.loads(config.read_text())
    values["weights_digest"] = "0" * 32
    values["versions"]["keras"] = "3.0.0"
    config.write_text(json.dumps(values))
    other = ox("train --repeat first --name other")
    assert other.exit_code == 3 and "versions differ (keras 3.0.0 then" in other.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_in_the_middle_of_an_epoch(here, number, code):
    options = "--arch cnn --epochs 4 --batch-size 1 --no-augment"
    command = [sys.executable, "-m", "ox_classifier", "train", "--data", "marks", "--name", "run", *options.split()]
    with subprocess.Popen(command, cwd=here, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        for line in process.stderr:
            if line.startswith("epoch 2/4"):
                break
        time.sleep(0.02)
        process.send_signal(number)
        rest = process.stderr.read()
    assert process.returncode == code, rest
    assert "Traceback" not in rest
    if number != signal.SIGKILL:
        assert "go on with: ox train --resume run" in rest
        assert runs.find("run").interrupted and ox("predict marks/test --run run").exit_code == 0
    # by the command, too: on one processor tried, the last bits of a training in pytest's own process are others
    for words in (["--resume", "latest"], ["--data", "marks", "--name", "alone", *options.split()]):
        done = subprocess.run([*command[:4], *words], cwd=here, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert what_came_out(runs.find("alone")) == what_came_out(runs.find("run"))


def stopped(here, monkeypatch, **asked):
    """A run that was killed at the end of its second epoch."""
    KillAt(monkeypatch, {2: "after"})
    with pytest.raises(Killed):
        job.start(Recipe.of("lenet", LENET | {"epochs": 3} | asked), here / "marks", name="stopped")
    monkeypatch.undo()
    monkeypatch.chdir(here)
    return here / "runs" / "stopped"


def test_a_run_goes_on_though_its_best_network_was_saved_again(here, monkeypatch):
    """A run saves it once more at its end, and Keras writes the time of day into every file."""
    run = stopped(here, monkeypatch)
    best = run / "model.keras"
    with zipfile.ZipFile(best) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["metadata.json"] = json.dumps(json.loads(members["metadata.json"]) | {"date_saved": "2001-01-01"}).encode()
    with zipfile.ZipFile(best, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    state_file = run / f"training{state.SUFFIX}"
    with np.load(state_file) as arrays:
        values = dict(arrays)
    about = json.loads(values["about"].tobytes()) | {"finished": True}
    np.savez(state_file, **values | {"about": np.frombuffer(json.dumps(about).encode(), np.uint8)})
    ended = ox("train --resume stopped")
    assert ended.exit_code == 0, ended.stderr


def test_no_other_file_is_taken_for_the_best_epoch_or_the_state(here, monkeypatch):
    run = stopped(here, monkeypatch)
    other = job.start(Recipe.of("lenet", LENET | {"epochs": 1, "seed": 9}), here / "marks", name="other")
    best, kept = (run / "model.keras").read_bytes(), (run / f"training{state.SUFFIX}").read_bytes()
    with np.load(run / f"training{state.SUFFIX}") as arrays:
        values = dict(arrays)
    about = json.loads(values["about"].tobytes())

    def with_about(**changed):
        text = json.dumps(about | changed).encode()
        np.savez(run / f"training{state.SUFFIX}", **values | {"about": np.frombuffer(text, np.uint8)})

    def refused(sentence):
        ended = ox("train --resume stopped")
        assert ended.exit_code == 2 and sentence in ended.stderr, ended.stderr
        assert ended.stderr.splitlines()[-1].startswith("ox: ")
        (run / f"training{state.SUFFIX}").unlink(missing_ok=True)
        (run / f"training{state.SUFFIX}").write_bytes(kept)
        (run / "model.keras").write_bytes(best)

    with_about(finished=True)
    (run / "model.keras").write_bytes(other.keras_file.read_bytes())
    refused("is not the network that this run kept of its best epoch")
    for wrong in ({"identity": "0" * 32}, {"format": 1}):
        with_about(**wrong)
        refused("is the state of another training")
    for wrong in (
        {"history": about["history"] | {"best": 99}},
        {"history": about["history"] | {"rows": ["text"]}},
        {"counters": {"Unknown": {}}},
        {"counters": about["counters"] | {"EarlyStopping": {"best": "a"}}},
        {"history": 5},
    ):
        with_about(**wrong)
        refused("is damaged")
    np.savez_compressed(run / f"training{state.SUFFIX}", **values)
    refused("its parts are packed")
    (run / f"training{state.SUFFIX}").write_bytes(b"")
    refused("is damaged")
    (run / f"training{state.SUFFIX}").unlink()
    os.mkfifo(run / f"training{state.SUFFIX}")
    refused("is no plain file")
    assert ox("train --resume stopped").exit_code == 0


def test_a_run_that_is_being_trained_is_left_alone(here, monkeypatch):
    stopped(here, monkeypatch)
    code = "import sys, time\nfrom pathlib import Path\nfrom ox_classifier.runs.hold import held\n"
    code += "with held(Path('runs/stopped')):\n    print('held', flush=True)\n    time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], cwd=here, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        ended = ox("train --resume stopped")
        assert ended.exit_code == 2 and "is being trained by another process" in ended.stderr
        assert "nothing is left to resume" in ox("train --resume latest").stderr
        process.kill()
    assert ox("train --resume latest").exit_code == 0


def test_settings_that_equal_a_default_are_still_given(here, monkeypatch):
    stopped(here, monkeypatch, seed=5)
    ended = ox("train --resume stopped --seed 0 --arch lenet")
    assert ended.exit_code == 2 and "but --arch, --seed was given, too" in ended.stderr
