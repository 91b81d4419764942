"""`ox report`: a run → its report folder."""

from __future__ import annotations

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
) -> None:
    """Write confusion matrices, grids of the wrong predictions, curves and figures of a run.

    Example: ox report lenet-1 --split val --split test
    """
    with user_errors():
        for name in split or ():
            if name not in SPLITS:
                raise UsageError(f"--split {name!r} is unknown: give {', '.join(SPLITS)}")
        from ox_classifier import runs
        from ox_classifier.report import metrics, write

        folder, figures = write.write(runs.find(run), split or ("val", "test"))
        say(metrics.table(figures))
        typer.echo(folder)
