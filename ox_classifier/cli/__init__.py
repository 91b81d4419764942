"""The `ox` command: reads options, makes a few calls, prints one answer."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Annotated

import typer

from ox_classifier.cli.arch import arch
from ox_classifier.cli.dataset_check import check
from ox_classifier.cli.dataset_import import import_
from ox_classifier.cli.dataset_make import make
from ox_classifier.cli.dataset_preview import preview
from ox_classifier.cli.doctor import doctor
from ox_classifier.cli.inspect import inspect
from ox_classifier.cli.predict import predict
from ox_classifier.cli.report import report
from ox_classifier.cli.sentences import SentenceGroup
from ox_classifier.cli.train import Command, train

app = typer.Typer(
    name="ox",
    cls=SentenceGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Train, judge and use a classifier of hand-drawn O and X marks, or of any small folder of image classes.\n\n"
    "Example: ox train --arch lenet, then ox report, then ox predict photo.jpg",
)
dataset = typer.Typer(
    cls=SentenceGroup, no_args_is_help=True, rich_markup_mode=None, help="Draw, import, check and preview images."
)
app.command(cls=Command)(train)
app.command()(arch)
app.command()(report)
app.command()(predict)
app.command()(inspect)
app.command()(doctor)
dataset.command()(make)
dataset.command("import")(import_)
dataset.command()(check)
dataset.command()(preview)
app.add_typer(dataset, name="dataset")


def _version(wanted: bool) -> None:
    if wanted:
        from ox_classifier import __version__

        typer.echo(f"ox {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[  # noqa: ARG001
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    if debug:
        os.environ["OX_DEBUG"] = "1"


def main() -> None:
    """Entry point of the `ox` script; a reader of our output that goes away (`| head`) is no error."""
    warnings.filterwarnings("ignore", module="PIL")  # what is wrong with a file is said once, by us
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
