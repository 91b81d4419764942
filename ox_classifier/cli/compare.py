"""`ox compare`: two or more runs → what differs, and whether that can be chance."""

from __future__ import annotations

from typing import Annotated

import typer

from ox_classifier.cli.exit_codes import user_errors
from ox_classifier.console import say
from ox_classifier.errors import UsageError

Runs = Annotated[list[str], typer.Argument(help="Names or paths of runs; the first is what the others change.")]


def compare(run: Runs) -> None:
    """Compare runs on the images that all were tested on: settings, metrics, and images fixed or broken.

    Example: ox compare lenet-1 lenet-2

    Prints what differs and, as the last line, the folder of compare.html and changed.csv.
    """
    with user_errors():
        if len(run) < 2:
            raise UsageError(f"only {run[0]} was given: give two or more runs, ox runs lists them")
        from ox_classifier import runs

        found = [runs.find(name) for name in run]
        say(f"comparing {', '.join(one.name for one in found)}")  # before the slow imports
        from ox_classifier.report import compare as room

        folder, text = room.write(found)
        typer.echo(text)
        typer.echo(folder)
