"""`ox predict`: image files → one row each."""

from __future__ import annotations

import glob
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ox_classifier.cli.exit_codes import user_errors
from ox_classifier.console import say, track
from ox_classifier.errors import OxError, UsageError
from ox_classifier.names import is_printable, padded, quoted, width_of
from ox_classifier.tables import class_columns, csv_line, formulas, json_line
from ox_classifier.wording import counted

if TYPE_CHECKING:
    from ox_classifier.classifier import Prediction
    from ox_classifier.runs import Run


def predict(
    source: Annotated[list[str], typer.Argument(help="Image files, folders (flat or nested) or quoted globs.")],
    run: Annotated[str | None, typer.Option(help="Name or path of a run [default: the latest].")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False,
    always_answer: Annotated[
        bool, typer.Option("--always-answer", help="Name a class also where the run is unsure.")
    ] = False,
) -> None:
    """Say which class each image is, or that it is unsure and why, with a probability for every class.

    Example: ox predict photos/ --csv > answers.csv
    """
    with user_errors():
        if as_csv and as_json:
            raise UsageError("--csv and --json were both given: choose one")
        from ox_classifier import runs
        from ox_classifier.classifier import Classifier

        paths = collect(source)
        found = runs.find(run)
        classifier = Classifier(found, always_answer=always_answer)
        say(_which(found))
        answered = _Counted(track(classifier.predict(paths), label="predicting", total=len(paths)))
        if as_csv or as_json:
            failed = (_write_csv if as_csv else _write_json)(answered, classifier.classes)
        else:
            words = (
                classifier.classes if classifier.decision.always else (*classifier.classes, classifier.decision.unsure)
            )
            failed = _write_text(answered, words)
        if answered.unsure:
            say(
                f"unsure of {answered.unsure:,} of {counted(len(paths), 'file')} (--always-answer names a class anyway)"
            )
        if failed:
            rows = "its row says" if failed == 1 else "their rows say"
            raise OxError(f"{failed:,} of {counted(len(paths), 'file')} could not be read; {rows} why")


def collect(sources: list[str]) -> list[Path]:
    """The files that were meant: each file given, every image below each folder, every match of each glob; none twice.

    Raises:
        UsageError: If a source is nothing, or a folder holds no image.
    """
    from ox_classifier import runs
    from ox_classifier.data import csv_listing, folders
    from ox_classifier.data.listing import SUFFIXES, natural_key

    found: dict[Path, None] = {}
    for source in sources:
        path = Path(source)
        if (path / "run.json").exists() or (not path.exists() and (runs.ROOT / source / "run.json").exists()):
            raise UsageError(f"{source} is a run, not an image: did you mean --run {quoted(source)}?")
        if path.suffix.lower() in csv_listing.SUFFIXES and path.is_file():
            raise UsageError(f"{source} is a table, not an image: give image files, a folder of them or a quoted glob")
        if path.is_dir():
            below = folders.images_below(path)
            if not below:
                raise UsageError(f"no images found in {path} or below: looked for {' '.join(SUFFIXES)}")
        elif path.exists():
            below = [path]
        else:
            matches = sorted(glob.glob(source, recursive=True), key=natural_key)  # noqa: PTH207 - a pattern may be absolute
            below = [match for name in matches for match in _expand(Path(name))]
            if not below:
                raise UsageError(f"{source} is no file, no folder and no pattern that matches any: check the path")
        found.update(dict.fromkeys(below))
    return list(found)


def _expand(path: Path) -> list[Path]:
    from ox_classifier.data import folders

    return folders.images_below(path) if path.is_dir() else [path]


def _which(run: Run) -> str:
    trained = datetime.fromtimestamp(run.onnx_file.stat().st_mtime)
    return f"run {run.name} ({run.arch}), trained {trained:%Y-%m-%d %H:%M}"


class _Counted:
    """Predictions as they pass, and how many of them were unsure."""

    def __init__(self, predictions: Iterable[Prediction]):
        self.predictions, self.unsure = predictions, 0

    def __iter__(self) -> Iterator[Prediction]:
        for prediction in self.predictions:
            self.unsure += prediction.reason is not None
            yield prediction


def _write_csv(predictions: Iterable[Prediction], classes: tuple[str, ...]) -> int:
    _write_utf8()
    show = _shown if sys.stdout.isatty() else str  # a file or a pipe gets names as they are
    header = ("path", "predicted", *class_columns(classes), "error", "answer", "reason")
    sys.stdout.write(csv_line(map(show, header)))
    failed = risky = 0
    for one in predictions:
        if one.error:
            failed += 1
            row = (str(one.path), "", *("" for _ in classes), one.error.reason, "", "")
        else:
            shares = (f"{p:.6f}" for p in one.probabilities)
            row = (str(one.path), one.label, *shares, "", one.answer, one.reason or "")
        risky += formulas(row[:2]) > 0
        sys.stdout.write(csv_line(map(show, row)))
    if risky:
        say(f"{risky} rows have a name that a spreadsheet takes for a formula (= + - @): import them there as text")
    return failed


def _write_json(predictions: Iterable[Prediction], classes: tuple[str, ...]) -> int:
    _write_utf8()
    failed = 0
    for one in predictions:
        if one.error:
            failed += 1
            row = {"path": str(one.path), "error": one.error.reason}
        else:
            shares = {name: round(float(p), 6) for name, p in zip(classes, one.probabilities, strict=True)}
            row = {"path": str(one.path), "predicted": one.label, "probabilities": shares}
            row |= {"answer": one.answer, "reason": one.reason}
        sys.stdout.write(f"{json_line(row)}\n")
    return failed


def _write_text(predictions: Iterable[Prediction], words: tuple[str, ...]) -> int:
    """One line for each image; `words` are all that may be answered."""
    failed = 0
    width = max(width_of(_shown(word)) for word in words)
    for one in predictions:
        if one.error:
            failed += 1
            sys.stdout.write(f"{'?':<{width}}          {_shown(one.path)}  ({_shown(one.error.reason)})\n")
        else:
            why = f"  ({_shown(one.reason)})" if one.reason else ""
            answer = padded(_shown(one.answer), width)
            sys.stdout.write(f"{answer}  {one.probability:.4f}  {_shown(one.path)}{why}\n")
    return failed


def _write_utf8() -> None:
    """Data is UTF-8 whatever the machine's own encoding, like every file of ox; a name that is none keeps its bytes."""
    sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")


def _shown(name: object) -> str:
    """A name as it is, or as a shell takes it where a terminal would obey it or break the line."""
    text = str(name)
    return text if is_printable(text) else quoted(text)
