"""The run folder: make, find, read, write. Everything a trained network needs to be used again lies in it."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from ox_classifier.errors import UsageError
from ox_classifier.files import replacing, write_text
from ox_classifier.tables import csv_line

ROOT = Path("runs")
SCHEMA = 1
MOST_NAME = 100  # bytes; names of files and folds are made of it


class Run:
    """One folder `runs/<name>/`; `config` is its run.json as a dictionary."""

    def __init__(self, path: Path, config: dict | None = None):
        self.path = Path(path)
        self.config = config if config is not None else _read_config(self.path)

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def arch(self) -> str:
        return self.config["arch"]

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in the order of the network's outputs."""
        return tuple(self.config["classes"])

    @property
    def keras_file(self) -> Path:
        return self.path / "model.keras"

    @property
    def onnx_file(self) -> Path:
        return self.path / "model.onnx"

    @property
    def state(self) -> str:
        """preparing, training, interrupted or finished."""
        if "state" in self.config:
            return self.config["state"]
        return "finished" if "results" in self.config else "training"  # runs of earlier versions

    @property
    def interrupted(self) -> bool:
        """Whether training was stopped before its end."""
        return self.state == "interrupted"

    @property
    def settings(self) -> dict:
        """What `training.recipe.Recipe.from_config` takes."""
        return self.config

    @property
    def fold_of(self) -> str | None:
        """The name of the cross-validation this run is a fold of."""
        return self.config.get("fold_of")

    @property
    def data_source(self) -> Path:
        """The folder or CSV it was trained on, as it was given."""
        return Path(self.config["data"].get("source") or self.config["data"]["root"])

    @property
    def fingerprint(self) -> str:
        """One digest of every file's bytes, label and split."""
        return self.config["data"]["fingerprint"]

    @property
    def results(self) -> dict[str, dict[str, int]]:
        """For each split that was held out: `correct` of so many `images`."""
        return self.config["results"]

    @property
    def best_epoch(self) -> int:
        """The epoch that was kept, from 1."""
        return self.config["best_epoch"]

    @property
    def fine_tuned_from(self) -> int | None:
        """The first epoch in which the base was trained, too, from 1."""
        return self.config.get("fine_tuned_from")

    @property
    def folds(self) -> list[tuple[str, int, int]]:
        """Of a cross-validation: name, right answers and images of each fold; empty for other runs."""
        return [tuple(row) for row in self.config.get("cross_validation", ())]

    @property
    def weights_digest(self) -> str:
        """One digest of every weight; equal for equal networks."""
        return self.config.get("weights_digest", "")

    @property
    def versions(self) -> dict[str, str]:
        """Of ox, Python and the packages that decide about the weights."""
        return self.config["versions"]

    @property
    def device_kind(self) -> str:
        """cpu or gpu."""
        return self.config["device"]["kind"]

    @property
    def processor(self) -> str:
        """The processor it was trained on, "" where that was not recorded."""
        return self.config.get("processor", "")

    def splits(self) -> dict[str, str]:
        """The split of every file used, by its name in the listing."""
        return {row["path"]: row["split"] for row in self.read_table("split.csv")}

    def history(self) -> list[dict[str, str]]:
        """A row for each epoch, as history.csv has them."""
        return self.read_table("history.csv")

    def update(self, **values) -> None:
        """Record values in run.json, at once and whole."""
        self.config.update(values)
        write_text(self.path / "run.json", json.dumps(self.config, indent=2, ensure_ascii=False) + "\n")

    def write_table(self, name: str, header: Sequence[str], rows: Iterable[Sequence]) -> Path:
        """Write a CSV file (UTF-8, with header) into the run folder."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            replacing(path) as beside,
            beside.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
        ):
            file.writelines(map(csv_line, (header, *rows)))
        return path

    def read_table(self, name: str) -> list[dict[str, str]]:
        """The rows of a CSV file of the run, as dictionaries.

        Raises:
            UsageError: If the run has no such file.
        """
        path = self.path / name
        if not path.is_file():
            raise UsageError(f"run {self.path} has no {name}: its training did not get that far; train again")
        with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            return list(csv.DictReader(file))


def create(arch: str, name: str | None = None, root: Path = ROOT) -> Run:
    """Make a new run folder, `<arch>-<n>` unless named; an existing folder is never written over.

    Raises:
        UsageError: If the name is taken or is no plain folder name.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        sentence = f"can't make a run in {root.absolute()} ({error.strerror}): run ox in a folder you may write to"
        raise UsageError(sentence) from None
    if name is not None:
        _refuse_no_name(name)
        try:
            (root / name).mkdir()
        except FileExistsError:
            raise UsageError(f"run {root / name} exists and is not overwritten: give another --name") from None
        return Run(root / name, {"schema": SCHEMA, "arch": arch})
    while True:
        try:
            path = root / next_name(arch, root)
            path.mkdir()
            return Run(path, {"schema": SCHEMA, "arch": arch})
        except FileExistsError:  # another training took it this moment
            continue


def refuse_name(name: str, *, folds: int = 0, root: Path = ROOT) -> None:
    """Refuse a name for a new run (or for so many folds and their last run) before anything is looked at.

    Raises:
        UsageError: If the name is taken or is no plain folder name.
    """
    _refuse_no_name(name)
    wanted = [f"{name}-cv", *(f"{name}-fold{number}" for number in range(1, folds + 1))] if folds else [name]
    taken = [str(root / run) for run in wanted if (root / run).exists()]
    if taken:
        raise UsageError(f"run {', '.join(taken)} exists and is not overwritten: give another --name")


def unfinished(root: Path = ROOT) -> Run:
    """The run that was stopped last and can go on.

    Raises:
        UsageError: If there is none.
    """
    found = list(root.glob("*/run.json")) if root.is_dir() else []
    for path in sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True):
        try:
            run = Run(path.parent)
        except UsageError:
            continue
        if run.state != "finished" and not run.fold_of:
            return run
    raise UsageError(f"no run in {root.absolute()} was stopped before its end: nothing is left to resume")


def next_name(stem: str, root: Path = ROOT) -> str:
    """`<stem>-<n>` with the first n above all there are; `<stem>-<n>-fold1` and `<stem>-<n>-cv` count as n."""
    names = [re.sub(r"-(fold\d+|cv)$", "", path.name) for path in root.iterdir()] if root.is_dir() else []
    return f"{stem}-{1 + max((_number(name, stem) for name in names), default=0)}"


def find(run: str | Path | None = None, root: Path = ROOT) -> Run:
    """The run of that name or path; without one, the run whose training finished last.

    Raises:
        UsageError: If there is none; the sentence lists those there are.
    """
    if run is None:
        finished = [p.parent for p in root.glob("*/model.onnx")] if root.is_dir() else []
        if not finished:
            raise UsageError(f"no trained run in {root.absolute()}: train one first with ox train --arch lenet")
        return Run(max(finished, key=lambda p: (p / "model.onnx").stat().st_mtime_ns))
    for path in (Path(run), root / run):
        if (path / "run.json").is_file():
            return Run(path)
    there = ", ".join(sorted(p.parent.name for p in root.glob("*/run.json"))) or "none"
    raise UsageError(f"no run {str(run)!r}: expected the name of a run in {root}/ (there: {there}) or the path of one")


def _refuse_no_name(name: str) -> None:
    plain = name.isprintable() and not re.search(r'[/\\:*?"<>|]', name) and name.strip() == name
    if not plain or not name or name.startswith((".", "-")) or len(name.encode()) > MOST_NAME:
        shown = name if len(name) <= 40 else name[:40] + "..."
        raise UsageError(
            f"--name {shown!r} is no folder name: give up to {MOST_NAME} letters without slashes, such as my-run"
        )


def _number(name: str, arch: str) -> int:
    tail = name.removeprefix(f"{arch}-")
    return int(tail) if tail != name and tail.isdecimal() else 0


def _read_config(path: Path) -> dict:
    try:
        config = json.loads((path / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path / 'run.json'} can't be read ({error}): the run is damaged; train again") from None
    if config.get("schema") != SCHEMA:
        raise UsageError(f"{path} is of schema {config.get('schema')}, this ox reads {SCHEMA}: use the ox that made it")
    return config
