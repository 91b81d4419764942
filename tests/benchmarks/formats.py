"""`python -m tests.benchmarks.formats [RUN ...]`: every format, asked where only its runtime is installed.

Exports each run in every format, makes an environment of what `example.py` says that it needs, and lets `example.py`
answer there for the golden images. Prints a table for docs/export.md; exit code 1 if an answer is another. Without
runs it trains three small networks, which takes some minutes. It needs the package index, and 3 GB for TensorFlow.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from ox_classifier import runs
from ox_classifier.export.formats import FORMATS
from ox_classifier.runs import Run
from tests.conftest import REPOSITORY

DIGITS = 4  # of a probability that example.py prints
TINY = {
    "lenet": "--data marks --image-size 64 --epochs 6",
    "cnn-dense": "--data digits --epochs 6",
    "vgg16": "--data marks --image-size 64 --views 2 --epochs 20",
}
MARKS, LEARNED = {"train": 100, "val": 50, "test": 10}, 1200  # images a class; digits of 1,797
ASK = "from importlib.metadata import distributions as d; print(*sorted({x.name for x in d()}))"


@dataclass(frozen=True)
class Row:
    """One format of one run. `golden` says how example.py ended in the fresh environment, "equal" where all is well."""

    run: Run
    kind: str
    golden: str
    model_bytes: int = 0
    parity: dict | None = None

    @property
    def fine(self) -> bool:
        """Whether nothing is wrong; that 8 bits are too few for a network is an answer, too."""
        allowed = "equal|within|refused" if "int8" in self.kind else "equal|within"
        return re.match(allowed, self.golden) is not None

    def __str__(self) -> str:
        name = f"`{self.run.arch}`, {len(self.run.classes)} classes, {self.run.rule.height} pixels"
        cells = [name, f"`{self.kind}`", "", "", "", "", self.golden]
        if self.parity:
            seen, right = self.parity["run"], self.parity["accuracy"]
            cells[2] = f"{seen['answers_changed']} of {seen['images']:,}"
            cells[3] = f"{seen['max_difference']:.0e}"
            cells[4] = f"{right['exported']['correct']:,} ({right['run']['correct']:,})"
            cells[5] = f"{self.model_bytes / 1e6:.1f} MB"
        return f"| {' | '.join(cells)} |"


class Environments:
    """Fresh environments, one for each list of packages that an example asks for."""

    def __init__(self, place: Path):
        self.place = place
        self.made: dict[str, tuple[Path, str]] = {}

    def python(self, needed: str) -> Path:
        """The Python of the environment that holds these packages and what they need themselves."""
        if needed not in self.made:
            folder = self.place / f"env-{len(self.made) + 1}"
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
            python = folder / "bin" / "python"
            pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(python)]
            installed = apart([*pip, "install", *needed.split()])  # with PYTHONPATH pip would count what lies there
            if installed.returncode:
                raise SystemExit(installed.stderr)
            held = apart([python, "-c", ASK]).stdout.split()
            if "ox-classifier" in held or "ox-predict" in held:
                raise SystemExit(f"the environment of {needed} holds ox")
            size = sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
            self.made[needed] = python, f"`{needed}`: {size / 1e6:.0f} MB, {len(held)} packages"
        return self.made[needed][0]


def apart(command: list[object]) -> subprocess.CompletedProcess:
    """Run a program that sees nothing of this environment."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    words = list(map(str, command))
    return subprocess.run(words, cwd="/", env=kept | {"PYTHONNOUSERSITE": "1"}, capture_output=True, text=True)


def ox(*words: object, place: Path) -> subprocess.CompletedProcess:
    """A command of this ox."""
    path = os.pathsep.join([str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "ox_classifier", *map(str, words)]
    return subprocess.run(command, cwd=place, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True)


def trained(place: Path) -> Iterator[Run]:
    """One small run of each network: O and X of the bundled images, and scikit-learn's ten digits."""
    for split, count in MARKS.items():
        source = REPOSITORY / "dataset" / ("test" if split == "test" else "train")
        for label in "ox":
            start = {"train": 0, "val": 1000, "test": 0}[split]
            (place / "marks" / split / label).mkdir(parents=True)
            for path in sorted((source / label).iterdir())[start : start + count]:
                shutil.copy(path, place / "marks" / split / label)
    digits = load_digits()
    for number, (picture, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        folder = place / "digits" / ("train" if number < LEARNED else "val") / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(np.uint8(picture * 15.9375)).resize((28, 28), Image.Resampling.BICUBIC)
        image.save(folder / f"{number:04}.png")
    for arch, options in TINY.items():
        print(f"training {arch} ...", file=sys.stderr)
        done = ox("train", "--arch", arch, *options.split(), "--name", arch, place=place)
        if done.returncode:
            raise SystemExit(done.stderr)
        yield runs.find(place / "runs" / arch)


def rows(run: Run, place: Path, environments: Environments) -> Iterator[Row]:
    """Every format of one run."""
    for form in FORMATS.values():
        for options in ([], ["--int8"]) if form.int8 else ([],):
            kind = " ".join([form.name, *options])
            folder = place / f"{run.name}-{kind.replace(' --', '-')}"
            done = ox("export", run.path, "--format", form.name, *options, "--out", folder, place=place)
            if done.returncode:
                print(f"{run.name} {kind}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
                yield Row(run, kind, "refused" if done.returncode == 3 else "FAILED")
                continue
            parity = json.loads((folder / "parity.json").read_text("utf-8"))
            size = sum(file.stat().st_size for name in form.files for file in _files(folder / name))
            yield Row(run, kind, golden(folder, environments), size, parity)


def golden(folder: Path, environments: Environments) -> str:
    """How the shipped example answers for the golden images where its runtime is: "equal", or what is wrong."""
    text = (folder / "example.py").read_text("utf-8")
    needed = re.search(r"^Needs: pip install (.+)$", text, re.MULTILINE)[1]
    done = apart([environments.python(needed), folder / "example.py"])
    if done.returncode:
        print(done.stderr[-500:], file=sys.stderr)
        return "FAILED"
    expected = json.loads((folder / "golden.json").read_text("utf-8"))
    found = {}
    for line in done.stdout.splitlines():
        picture, _, told = line.rpartition(": ")
        found[Path(picture).name] = list(map(float, re.findall(r"\d\.\d{4}(?= |$)", told)))
    if found.keys() != expected.keys():
        return f"{len(found)} of {len(expected)} ANSWERED"
    apart_by = max(np.abs(np.array(found[name]) - [*expected[name].values()]).max() for name in expected)
    return "equal" if apart_by < 0.6 * 10**-DIGITS else f"within {apart_by:.4f}"


def _files(place: Path) -> list[Path]:
    return [path for path in place.rglob("*") if path.is_file()] if place.is_dir() else [place]


def main(names: list[str]) -> int:
    """Print the table of these runs, or of three small ones; give the exit code."""
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        environments, seen = Environments(place), []
        print("| network | format | answers that differ | farthest | right (run) | model | golden |")
        print("|---|---|---|---|---|---|---|")
        for run in map(runs.find, map(Path, names)) if names else trained(place):
            for row in rows(run, place, environments):
                print(row, flush=True)
                seen.append(row)
        print(*("", *(told for _, told in environments.made.values())), sep="\n")
    return 0 if all(row.fine for row in seen) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="*", help="runs to export, instead of three that are trained for it")
    sys.exit(main(parser.parse_args().run))
