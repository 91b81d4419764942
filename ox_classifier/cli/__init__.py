"""The `ox` command: reads options, makes a few calls, prints one answer."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Annotated

import typer

from ox_classifier.cli import lean_imports
from ox_classifier.cli.arch import arch
from ox_classifier.cli.command import Command
from ox_classifier.cli.compare import compare
from ox_classifier.cli.dataset_apply import apply
from ox_classifier.cli.dataset_check import check
from ox_classifier.cli.dataset_import import import_
from ox_classifier.cli.dataset_make import make
from ox_classifier.cli.dataset_preview import Command as PreviewCommand
from ox_classifier.cli.dataset_preview import preview
from ox_classifier.cli.doctor import doctor
from ox_classifier.cli.export import export
from ox_classifier.cli.inspect import inspect
from ox_classifier.cli.predict import predict
from ox_classifier.cli.report import report
from ox_classifier.cli.runs import runs
from ox_classifier.cli.sentences import SentenceGroup
from ox_classifier.cli.serve import serve
from ox_classifier.cli.sheet_collect import collect
from ox_classifier.cli.sheet_cut import cut
from ox_classifier.cli.sheet_quiz import quiz
from ox_classifier.cli.sheet_read import read as read_sheets
from ox_classifier.cli.train import Command as TrainCommand
from ox_classifier.cli.train import train
from ox_classifier.console import say

app = typer.Typer(
    name="ox",
    cls=SentenceGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},  # the commands take it over
    help="Train, judge and use a classifier of hand-drawn O and X marks, or of any small folder of image classes.\n\n"
    "Example: ox train --arch lenet, then ox report, then ox predict photo.jpg",
)
dataset = typer.Typer(
    cls=SentenceGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Draw, import, check, preview and correct images.\n\n"
    "Example: ox dataset check marks, then ox dataset preview marks, then ox train --data marks",
)
sheet = typer.Typer(
    cls=SentenceGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Print answer sheets, and read them from photographs.\n\n"
    "Example: ox sheet quiz --questions 40 --out biology, then ox sheet read photos/ --layout biology/sheet.json",
)
# the line of each in the list of commands, of at most 60 characters
app.command(cls=TrainCommand, short_help="Train a network on a folder of images.")(train)
app.command(cls=Command, short_help="Show the networks that --arch can name.")(arch)
app.command(cls=Command, short_help="Write matrices, mistakes, curves and metrics of a run.")(report)
app.command(cls=Command, short_help="Say what two runs differ in, and whether by chance.")(compare)
app.command(cls=Command, short_help="Say which class each image is.")(predict)
app.command(cls=Command, short_help="Answer over HTTP, with a page to draw on.")(serve)
app.command(cls=Command, short_help="List the runs with what they are worth.")(runs)
app.command(cls=Command, short_help="Show a network's layers, kernels and what it looks at.")(inspect)
app.command(cls=Command, short_help="Write a network for other programs, proved equal.")(export)
app.command(cls=Command, short_help="Say what ox finds on this machine.")(doctor)
dataset.command(cls=Command, short_help="Draw O and X marks.")(make)
dataset.command("import", cls=Command, short_help="Write MNIST or Fashion-MNIST as class folders.")(import_)
dataset.command(cls=Command, short_help="Look for copies, wrong labels and unreadable files.")(check)
dataset.command(cls=PreviewCommand, short_help="Draw what augmentation makes of some images.")(preview)
dataset.command(cls=Command, short_help="Move images as a report's corrections say.")(apply)
app.add_typer(dataset, name="dataset")
sheet.command(cls=Command, short_help="Write an answer sheet as PDF.")(quiz)
sheet.command(cls=Command, short_help="Write a sheet to gather training images with.")(collect)
sheet.command(cls=Command, short_help="Cut photos of filled collecting sheets into images.")(cut)
sheet.command("read", cls=Command, short_help="Read filled sheets from photos, scans and PDFs.")(read_sheets)
app.add_typer(sheet, name="sheet")


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
    """Entry point of the `ox` script.

    A reader of our output that goes away (`| head`) is no error; a full disk under it is one sentence. A letter that
    the output's encoding lacks becomes an escape instead of an end.
    """
    lean_imports.install()
    warnings.filterwarnings("ignore", module="PIL")  # what is wrong with a file is said once, by us
    if sys.stdout is None:  # closed by `>&-`
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    if sys.stderr is None:  # what is said would go to stdout, and a file of ours would be number 2
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at its end
        said = isinstance(error.__context__, SystemExit) and error.__context__.code
        if not isinstance(error, BrokenPipeError) and not said:
            say(f"ox: what was to be printed could not be written ({error.strerror or error})")
        sys.exit(1)
