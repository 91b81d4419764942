"""`make faults`: trainings stopped by signals at random moments and at every write, resumed to the same bits.

    python -m tests.benchmarks.faults [KILLS INTERRUPTS TERMINATIONS [SEED]]

Each trial is a process of its own, forked from one that has imported TensorFlow but computed nothing. Half of the
signals come after a random time, half at a random write: before it, in the middle of it, or right after it. After each
stop every file under a final name must be whole; then the run is resumed, and stopped again, until it is finished.
"""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import onnx
import pytest

from ox_classifier import files, runs, signals
from ox_classifier.architectures import ARCHITECTURES
from ox_classifier.networks import bases
from ox_classifier.training import job, resumption
from ox_classifier.training.recipe import Recipe
from tests import tiny_base
from tests.conftest import REPOSITORY, draw_folder

NAMES = {signal.SIGKILL: "SIGKILL", signal.SIGINT: "SIGINT", signal.SIGTERM: "SIGTERM"}
RECIPES = {
    "lenet": ("lenet", {"image_size": 22, "epochs": 5, "batch_size": 8, "ema_epochs": 1, "learning_rate": 0.01}),
    "cnn": ("cnn", {"epochs": 5, "batch_size": 8}),
    "head": ("tiny", {"learning_rate": 0.01, "epochs": 5}),
    "fine-tuned": ("tiny", {"learning_rate": 0.01, "epochs": 2, "fine_tune": 1}),
    "folds": ("cnn", {"epochs": 2, "batch_size": 8, "folds": 2}),
}
STAGES = ("before", "amid", "after")
MOST_STOPS = 3  # of one run, before it is left to finish
LONGEST = 3.0  # seconds until a signal at a random moment


def install(patch: pytest.MonkeyPatch) -> None:
    """Offer a small base as `tiny`, so that a head on features takes seconds."""
    tiny_base.install(patch)
    network = ARCHITECTURES["vgg16"]
    settings = network.settings | {"image_size": 32, "weights": "none", "batch_size": 8, "views": 2}
    patch.setitem(ARCHITECTURES, "tiny", replace(network, settings=settings, smallest=8))
    patch.setitem(bases.BUILDERS, "tiny", lambda *args, **options: bases.build("tiny", *args, **options)[0])


def in_child(place: Path, work, log: Path, moment: tuple | None = None) -> int:
    """Run `work` in a forked process in `place`; `moment` is (signal, seconds) or (signal, number of write, stage).

    Gives the exit code as a shell does: minus the number of the signal that ended it.
    """
    child = os.fork()
    if child == 0:
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
        os.chdir(place)
        code = 1
        try:
            signals.install()
            if moment and len(moment) == 3:
                _aim(*moment)
            run = work()
            code = signals.exit_code() if run.state == "interrupted" else 0
        except KeyboardInterrupt as stop:
            code = getattr(stop, "exit_code", 130)
        except BaseException:
            if signals.asked():  # as `__main__` does: an import in C makes an ImportError of the signal
                code = signals.exit_code()
            else:
                traceback.print_exc()
        finally:
            os._exit(code)
    if moment and len(moment) == 2:
        time.sleep(moment[1])
        if os.waitpid(child, os.WNOHANG) == (0, 0):
            os.kill(child, moment[0])
        else:
            return 0
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _aim(number: int, target: int, stage: str) -> None:
    """Send this process a signal at its write number `target`; every write goes through `files._sync`."""
    sync, count = files._sync, [0]

    def counted(path: Path) -> None:
        count[0] += path.is_file()
        if count[0] == target:
            if path.is_file() and stage == "amid" and number == signal.SIGKILL:
                os.truncate(path, path.stat().st_size // 2)  # the rest never reached the disk
            if path.is_file() == (stage != "after"):
                os.kill(os.getpid(), number)
        sync(path)

    files._sync = counted


def whole(run: Path) -> list[str]:
    """What is torn among the files under final names of a run folder."""
    torn = []
    for path in run.rglob("*"):
        if (path.name.startswith(".") and files.PART in path.name) or not path.is_file():
            continue
        try:
            if path.suffix in (".keras", ".npz"):
                with zipfile.ZipFile(path) as archive:
                    assert archive.testzip() is None
            elif path.suffix == ".onnx":
                onnx.checker.check_model(onnx.load(path))
            elif path.suffix == ".json":
                json.loads(path.read_text())
            elif path.suffix == ".csv":
                with path.open(newline="") as file:
                    rows = list(csv.reader(file))
                assert path.read_bytes().endswith(b"\n") and len({len(row) for row in rows}) == 1
        except Exception as error:
            torn.append(f"{path}: {type(error).__name__} {error}")
    return torn


def outcome(run: runs.Run) -> tuple:
    """What two equal trainings share."""
    rows = [{key: value for key, value in row.items() if key != "seconds"} for row in run.history()]
    return rows, run.best_epoch, run.weights_digest, run.results


def recorded(run: Path) -> bool:
    """Whether a run got as far as to say what it is trained on; before that it is started anew."""
    return (run / "run.json").exists() and "data" in json.loads((run / "run.json").read_text())


def trial(name: str, number: int, rng: random.Random, alone: tuple, place: Path, log: Path) -> list[str]:
    """Start a training, stop it up to MOST_STOPS times by `number`, resume it to its end; gives what went wrong."""
    arch, asked = RECIPES[name]
    recipe, wrong = Recipe.of(arch, asked), []
    run_name = "run-cv" if "folds" in asked else "run"
    shutil.rmtree(place / "runs", ignore_errors=True)

    def start():
        return job.start(recipe, place / "marks", name="run")

    def go_on():
        run = runs.find(run_name)
        return run if run.state == "finished" else resumption.resume(run)  # killed when all but its process had ended

    stops = rng.randint(1, MOST_STOPS)
    for stop in range(MOST_STOPS + 40):
        folder = place / "runs" / run_name
        there = recorded(folder)
        if there and json.loads((folder / "run.json").read_text())["state"] == "finished":
            break  # killed after its last word
        moment = None
        if stop < stops:
            aimed = (number, rng.randint(1, 40), rng.choice(STAGES))
            moment = aimed if rng.random() < 0.5 else (number, rng.uniform(0, LONGEST))
        code = in_child(place, go_on if there else start, log, moment)
        torn = [line for run in (place / "runs").glob("*") for line in whole(run)]
        wrong += torn
        allowed = {0, -number} if number == signal.SIGKILL else {0, 128 + number}
        if code not in allowed:
            wrong.append(f"{moment}: ended with {code}")
        if wrong or code == 0:
            break
    text = log.read_text(errors="replace") if log.exists() else ""
    if "Traceback" in text:
        wrong.append(f"a traceback: {text[text.index('Traceback') :][:1500]}")
    if not wrong:
        cwd = Path.cwd()
        os.chdir(place)
        try:
            found = outcome(runs.find(run_name))
        finally:
            os.chdir(cwd)
        if found != alone:
            wrong.append("the result is not that of the undisturbed run")
    return wrong


def command(code: str) -> subprocess.CompletedProcess:
    """Run Python code in a process of its own, in the repository."""
    return subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True)


def main(
    kills: int = 60,
    interrupts: int = 30,
    terminations: int = 20,
    seed: int = 0,
    *,
    names: Sequence[str] = tuple(RECIPES),
) -> int:
    """Run so many trials of each signal on the recipes in turn, print a table, and give 1 if anything went wrong."""
    install(pytest.MonkeyPatch())
    rng, failures, counts = random.Random(seed), [], Counter()
    kinds = [signal.SIGKILL] * kills + [signal.SIGINT] * interrupts + [signal.SIGTERM] * terminations
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        os.environ["OX_CACHE"] = str(place / "cache")
        draw_folder(place / "marks", {"train": 12, "val": 6, "test": 4})
        alone = {}
        for name in names:
            arch, asked = RECIPES[name]
            log = place / f"{name}.log"
            recipe = Recipe.of(arch, asked)
            code = in_child(place, partial(job.start, recipe, place / "marks", name="run"), log)
            if code:
                raise RuntimeError(f"{name}, undisturbed, ended with {code}: {log.read_text()}")
            alone[name] = outcome(runs.find(place / "runs" / ("run-cv" if "folds" in asked else "run")))
            shutil.rmtree(place / "runs")
        start = time.monotonic()
        for count, number in enumerate(kinds):
            name = names[count % len(names)]
            wrong = trial(name, number, rng, alone[name], place, place / f"trial-{count}.log")
            counts[NAMES[number], "wrong" if wrong else "right"] += 1
            failures += [f"trial {count}, {name}, {NAMES[number]}: {line}" for line in wrong]
        seconds = time.monotonic() - start
    for number in NAMES.values():
        print(f"{number:<8} {counts[number, 'right']:4} as an undisturbed run, {counts[number, 'wrong']:3} not")
    print(f"seed {seed}, {len(kinds)} trials, {seconds:.0f} s")
    print("\n".join(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
