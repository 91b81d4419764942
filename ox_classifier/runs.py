"""The run folder: make, find, read, write. Everything a trained network needs to be used again lies in it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from ox_classifier.errors import UsageError
from ox_classifier.files import replacing, write_text

ROOT = Path("runs")
SCHEMA = 1


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
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)
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
        if not name or name.startswith(".") or Path(name).name != name:
            raise UsageError(f"--name {name!r} is no folder name: give a name without slashes, such as my-run")
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


def next_name(stem: str, root: Path = ROOT) -> str:
    """`<stem>-<n>` with the first n above all there are; `<stem>-<n>-fold1` counts as n."""
    names = [path.name.split("-fold")[0] for path in root.iterdir()] if root.is_dir() else []
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
