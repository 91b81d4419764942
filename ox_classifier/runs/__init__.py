"""The folder of all runs: make one, find one."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from ox_classifier.console import say
from ox_classifier.errors import UsageError
from ox_classifier.names import quoted
from ox_classifier.runs.folder import Run
from ox_classifier.runs.hold import is_held
from ox_classifier.runs.schema import SCHEMA

ROOT = Path("runs")
LATEST = "latest"
ENDED = ("finished", "failed")  # states from which no training goes on
MOST_SHOWN = 8
MOST_NAME = 100  # bytes; names of files and folds are made of it


def create(arch: str, name: str | None = None, root: Path = ROOT) -> Run:
    """Make a new run folder, `<arch>-<n>` unless named; an existing run is never written over.

    What a killed preparation left, which has nothing trained in it, makes place.

    Raises:
        UsageError: If the name is taken or is no plain folder name.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        if name is not None:
            _refuse_no_name(name)
            if not _claim(arch, root / name):
                raise UsageError(_taken(root / name))
            return Run(root / name)
        while not _claim(arch, path := root / next_name(arch, root)):
            pass  # another training took it this moment
        return Run(path)
    except OSError as error:
        sentence = f"can't make a run in {root.absolute()} ({error.strerror}): run ox in a folder you may write to"
        raise UsageError(sentence) from None


def refuse_name(name: str, *, folds: int = 0, root: Path = ROOT) -> None:
    """Refuse a name for a new run (or for so many folds and their last run) before anything is looked at.

    Raises:
        UsageError: If the name is taken or is no plain folder name.
    """
    _refuse_no_name(name)
    wanted = [f"{name}-cv", *(f"{name}-fold{number}" for number in range(1, folds + 1))] if folds else [name]
    taken = [root / run for run in wanted if (root / run).exists() and not _left_over(root / run)]
    if taken:
        raise UsageError(_taken(*taken))


def next_name(stem: str, root: Path = ROOT) -> str:
    """`<stem>-<n>` with the first n above all there are; `<stem>-<n>-fold1` and `<stem>-<n>-cv` count as n."""
    names = [re.sub(r"-(fold\d+|cv)$", "", path.name) for path in root.iterdir()] if root.is_dir() else []
    return f"{stem}-{1 + max((_number(name, stem) for name in names), default=0)}"


def find(run: str | Path | None = None, root: Path = ROOT) -> Run:
    """The run of that name or path; without one, or for "latest", the one whose training ended last.

    Broken runs are passed over with a line on stderr, unless asked for.

    Raises:
        UsageError: If there is none; the sentence lists those there are.
    """
    if run is None or (str(run) == LATEST and not (root / LATEST).exists()):
        found = next((run for run in _latest_first(root, "model.onnx") if run.usable), None)
        if found is None:
            raise UsageError(f"no trained run in {root.absolute()}: train one first with ox train --arch lenet")
        return found
    plain = "\0" not in str(run) and len(str(run)) <= 4096
    for path in (Path(run), root / run) if plain and str(run) else ():
        try:
            (path / "run.json").lstat()
        except OSError:
            continue
        return Run(path)
    names = sorted(path.name for path in _folders(root, "run.json"))
    there = ", ".join(names[:MOST_SHOWN]) + (", ..." if len(names) > MOST_SHOWN else "") or "none"
    shown = str(run) if len(str(run)) <= 100 else str(run)[:100] + "..."
    raise UsageError(f"no run {shown!r}: expected the name of a run in {root}/ (there: {there}) or the path of one")


def unfinished(root: Path = ROOT) -> Run:
    """The run that was stopped last and can go on.

    Raises:
        UsageError: If there is none.
    """
    stopped = (run for run in _latest_first(root, "run.json") if run.recorded and run.state not in ENDED)
    found = next((run for run in stopped if not run.fold_of and not is_held(run.path)), None)
    if found is None:
        raise UsageError(f"no run in {root.absolute()} was stopped before its end: nothing is left to resume")
    return found


def reference(run: Run, root: Path = ROOT) -> str:
    """How a command names the run: by its name where it lies in `root`, else by its path; quoted for a shell."""
    return quoted(run.name if run.path.absolute().parent == root.absolute() else str(run.path))


def every(root: Path = ROOT) -> Iterator[Run]:
    """Every run, the one that was changed last first; those that can't be read are passed over with a line."""
    return _latest_first(root, "run.json")


def _folders(root: Path, holding: str) -> list[Path]:
    """Folders of `root` that hold a file of that name; hidden ones are in the making."""
    return [path.parent for path in root.glob(f"*/{holding}") if not path.parent.name.startswith(".")]


def _latest_first(root: Path, file: str) -> Iterator[Run]:
    """The runs that have a file, the one whose file is the newest first, without those that can't be read."""
    dated = []
    for folder in _folders(root, file):
        try:
            dated.append(((folder / file).stat().st_mtime_ns, folder))
        except OSError:  # gone this moment, or a link into nothing
            continue
    for _, folder in sorted(dated, reverse=True):
        try:
            yield Run(folder)
        except UsageError as error:
            say(f"passed over: {error}")


def _claim(arch: str, path: Path) -> bool:
    """Make a run folder that has its run.json from the first moment; False if a run is there."""
    if path.is_symlink() or (path.exists() and not _left_over(path)):
        return False
    beside = path.with_name(f".{secrets.token_hex(6)}.part")
    try:
        beside.mkdir()
        Run(beside, {"schema": SCHEMA, "arch": arch}).update(state="preparing")
        if path.exists():
            aside = path.with_name(f".{secrets.token_hex(6)}.part")
            path.rename(aside)
            shutil.rmtree(aside)
        try:
            beside.rename(path)
        except OSError:
            if path.exists():
                return False
            raise
        return True
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _left_over(path: Path) -> bool:
    """Whether a folder is what a killed preparation left: empty, or a run that never trained."""
    if not path.is_dir() or path.is_symlink():
        return False
    if not any(path.iterdir()):
        return True
    try:
        return Run(path).abandoned
    except UsageError:
        return False


def _taken(*paths: Path) -> str:
    return f"run {', '.join(map(str, paths))} exists and is not overwritten: give another --name"


def _refuse_no_name(name: str) -> None:
    plain = name.isprintable() and not re.search(r'[/\\:*?"<>|]', name) and name.strip() == name
    if not plain or not name or name.startswith((".", "-")) or len(name.encode(errors="replace")) > MOST_NAME:
        shown = name if len(name) <= 40 else name[:40] + "..."
        raise UsageError(
            f"--name {shown!r} is no folder name: give up to {MOST_NAME} letters without slashes, such as my-run"
        )


def _number(name: str, arch: str) -> int:
    tail = name.removeprefix(f"{arch}-")
    return int(tail) if tail != name and tail.isdecimal() else 0
