"""`ox report`: a run → its report folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ox_classifier.cli.exit_codes import user_errors
from ox_classifier.console import say
from ox_classifier.errors import UsageError

SPLITS = ("train", "val", "test")


def report(
    run: Annotated[str | None, typer.Argument(help="Name or path of a run [default: the latest].")] = None,
    split: Annotated[
        list[str] | None, typer.Option(help="train, val or test; repeat for several [default: val test].")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Judge the run on another labelled folder or CSV, in a report of its own.", show_default=False
        ),
    ] = None,
) -> None:
    """Write confusion matrices, grids of the wrong predictions, curves and metrics of a run.

    Example: ox report lenet-1 --split train

    Splits that the report has already stay in it; with --data, images without a split count as test. Prints the
    metrics of each split and, as the last line, the folder.
    """
    with user_errors():
        splits = tuple(dict.fromkeys(split or ("val", "test")))
        for name in splits:
            if name not in SPLITS:
                raise UsageError(f"--split {name!r} is unknown: give {', '.join(SPLITS)}")
        from ox_classifier import runs

        found = runs.find(run)
        say(f"run {found.name}: predicting {data or ', '.join(splits)}")  # before the slow imports
        from ox_classifier.report import elsewhere, metrics, write

        others = None if data is None else elsewhere.find(found, data, splits)
        folder, results = write.write(found, splits, elsewhere=others)
        typer.echo(metrics.table(results))
        typer.echo(folder)
