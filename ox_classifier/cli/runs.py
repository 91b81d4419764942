"""`ox runs`: every run, one line each."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ox_classifier.cli.exit_codes import user_errors
from ox_classifier.console import say
from ox_classifier.errors import UsageError
from ox_classifier.tables import csv_line, json_line


def runs(
    sort: Annotated[
        str | None,
        typer.Option(
            help="name, network, data, images, val, test, seconds, state: numbers best first [default: newest first].",
            show_default=False,
        ),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False,
) -> None:
    """List the runs: network, data, accuracy with its 95 % interval, seconds, state.

    Example: ox runs --sort test

    A run that can't be read is one line on stderr.
    """
    with user_errors():
        from ox_classifier import runs as room
        from ox_classifier.report import overview

        if as_csv and as_json:
            raise UsageError("--csv and --json were both given: choose one")
        if sort is not None and sort not in overview.SORTS:
            raise UsageError(f"--sort {sort!r} is unknown: give one of {', '.join(overview.SORTS)}")
        rows = [overview.row_of(run) for run in room.every()]
        rows = rows if sort is None else overview.ordered(rows, sort)
        if not rows:
            say(f"no run in {room.ROOT.absolute()}: train one first with ox train --arch lenet")
        if as_csv or as_json:
            sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
            plain = map(overview.as_dict, rows)
            if as_json:
                sys.stdout.writelines(f"{json_line(row)}\n" for row in plain)
            else:
                sys.stdout.writelines(map(csv_line, (overview.COLUMNS, *(row.values() for row in plain))))
        elif rows:
            typer.echo(overview.text(rows))
