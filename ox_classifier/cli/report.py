"""`ox report`: a run → its report folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ox_classifier.cli import places
from ox_classifier.cli.exit_codes import user_errors
from ox_classifier.console import say
from ox_classifier.errors import UsageError
from ox_classifier.files import refuse_unwritable

if TYPE_CHECKING:
    from ox_classifier.runs import Run

SPLITS = ("train", "val", "test")
FORMATS = ("png", "pdf", "svg")


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
    format_: Annotated[
        list[str] | None,
        typer.Option("--format", help="png, pdf or svg, for the still pictures; repeat for several [default: png]."),
    ] = None,
    robustness: Annotated[
        bool,
        typer.Option(
            "--robustness",
            help="Change 120 of the images in 45 ways (size, rotation, thickness, blur ...) to see where it starts to "
            "fail; about a minute for lenet.",
        ),
    ] = False,
) -> None:
    """Write a page to look at a run's mistakes and mark wrong labels, with pictures, tables and metrics.

    Example: ox report lenet-1 --split train

    The page is report.html: one file that needs no network. Splits that the report has already stay in it; with
    --data, images without a split count as test. Prints the metrics of each split and, as the last line, the folder.
    """
    with user_errors():
        from ox_classifier import runs

        splits = tuple(dict.fromkeys(split or ("val", "test")))
        for name in splits:
            if name not in SPLITS:
                raise UsageError(f"--split {name!r} is unknown: give {', '.join(SPLITS)}")
        if data is not None:
            places.refuse_missing_data(data, "--data")
            if not data.is_dir():
                from ox_classifier.data import folders

                folders.find(data, to_learn=False)  # a file that is no table is refused before the slow imports
        formats = tuple(dict.fromkeys(format_ or ("png",)))
        for name in formats:
            if name not in FORMATS:
                raise UsageError(f"--format {name!r} is unknown: give {', '.join(FORMATS)}")
        found = runs.find(run)
        refuse_unwritable(found.path / "report")
        what = f"predicting {data}" if data else _what_is_done(found, splits)
        say(f"run {found.name}: {what}")  # before the slow imports
        from ox_classifier.report import elsewhere, metrics, robustness_words, write
        from ox_classifier.training.stored_features import stored_features

        others = None if data is None else elsewhere.find(found, data, splits)
        folder, results = write.write(
            found, splits, formats=formats, stored=stored_features, elsewhere=others, robustness=robustness
        )
        typer.echo(metrics.table(results))
        if robustness:
            typer.echo("\n".join(robustness_words.of_report(folder)))
        typer.echo(folder)


def _what_is_done(run: Run, splits: Sequence[str]) -> str:
    """The splits that the run has of those asked for."""
    try:
        there = set(run.splits().values())
    except UsageError:  # said by what needs them
        there = set(splits)
    answered = bool(run.folds) and "val" in splits
    predicted = [name for name in splits if name in there and not (answered and name == "val")]
    parts = ["held-out, as the folds answered it"] if answered else []
    parts += [f"predicting {', '.join(predicted)}"] if predicted else []
    return "; ".join(parts) or f"looking for {', '.join(splits)}"
