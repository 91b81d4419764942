"""`ox predict`: image files → one row each."""

from __future__ import annotations

import csv
import glob
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from ox_classifier.cli.exit_codes import user_errors
from ox_classifier.console import track
from ox_classifier.errors import OxError, UsageError


def predict(
    source: Annotated[list[str], typer.Argument(help="Image files, folders (flat or nested) or quoted globs.")],
    run: Annotated[str | None, typer.Option(help="Name or path of a run [default: the latest].")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False,
) -> None:
    """Say which class each image is, with a probability for every class.

    Example: ox predict photos/ --csv > answers.csv
    """
    with user_errors():
        if as_csv and as_json:
            raise UsageError("--csv and --json were both given: choose one")
        from ox_classifier import runs
        from ox_classifier.classifier import Classifier

        paths = collect(source)
        classifier = Classifier(runs.find(run))
        write = _write_csv if as_csv else _write_json if as_json else _write_text
        failed = write(track(classifier.predict(paths), label="predicting", total=len(paths)), classifier.classes)
        if failed:
            raise OxError(f"{failed} of {len(paths)} files could not be read; their rows say why")


def collect(sources: list[str]) -> list[Path]:
    """The files that were meant: each file given, every image below each folder, every match of each glob; none twice.

    Raises:
        UsageError: If a source is nothing, or a folder holds no image.
    """
    from ox_classifier.data import folders
    from ox_classifier.data.listing import natural_key

    found: dict[Path, None] = {}
    for source in sources:
        path = Path(source)
        if path.is_dir():
            below = folders.images_below(path)
            if not below:
                raise UsageError(f"no images found in {path} or below: looked for {' '.join(folders.SUFFIXES)}")
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


def _write_csv(predictions: Iterator, classes: tuple[str, ...]) -> int:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("path", "predicted", *classes, "error"))
    failed = 0
    for path, probabilities, error in predictions:
        if error:
            failed += 1
            writer.writerow((path, "", *("" for _ in classes), error.reason))
        else:
            writer.writerow((path, classes[probabilities.argmax()], *(f"{p:.6f}" for p in probabilities), ""))
    return failed


def _write_json(predictions: Iterator, classes: tuple[str, ...]) -> int:
    failed = 0
    for path, probabilities, error in predictions:
        if error:
            failed += 1
            row = {"path": str(path), "error": error.reason}
        else:
            answers = {name: round(float(p), 6) for name, p in zip(classes, probabilities, strict=True)}
            row = {"path": str(path), "predicted": classes[probabilities.argmax()], "probabilities": answers}
        print(json.dumps(row, ensure_ascii=False))  # noqa: T201 - data goes to stdout
    return failed


def _write_text(predictions: Iterator, classes: tuple[str, ...]) -> int:
    failed = 0
    width = max(map(len, classes))
    for path, probabilities, error in predictions:
        if error:
            failed += 1
            typer.echo(f"{'?':<{width}}          {path}  ({error.reason})")
        else:
            typer.echo(f"{classes[probabilities.argmax()]:<{width}}  {probabilities.max():.4f}  {path}")
    return failed
