"""`ox sheet collect`: a sheet to gather training images with, one for each writer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ox_classifier.cli import places
from ox_classifier.cli.exit_codes import user_errors
from ox_classifier.cli.sheet_quiz import Paper
from ox_classifier.console import say
from ox_classifier.names import quoted
from ox_classifier.wording import counted

MOST_WRITERS, MOST_PER_CLASS = 2000, 500


def collect(
    writers: Annotated[int, typer.Option(min=1, max=MOST_WRITERS, help="How many people: a sheet, a code for each.")],
    out: Annotated[Path, typer.Option(help="New folder for collect.pdf and sheet.json.")] = Path("collect"),
    classes: Annotated[str, typer.Option(help="What is to be drawn, separated by commas.")] = "o,x",
    per_class: Annotated[int, typer.Option(min=1, max=MOST_PER_CLASS, help="Boxes of each class for a writer.")] = 20,
    paper: Annotated[Paper, typer.Option(help="Paper to print on.")] = Paper.A4,
) -> None:
    """Write a sheet as PDF on which people draw marks to train a network with.

    Example: ox sheet collect --writers 30 --out hands, then ox sheet cut photos/ --layout hands/sheet.json --into marks

    Print OUT/collect.pdf at its full size, a sheet a person, and keep OUT/sheet.json for ox sheet cut.
    """
    with user_errors():
        places.refuse_new_folder(out, "--out")
        from ox_classifier.sheets import folder
        from ox_classifier.sheets.collect import arrange, class_names

        printing = arrange(class_names(classes), writers=writers, per_class=per_class, paper=paper.value)
        folder.write(out, printing)
        pages = len(printing.layout.pages)
        each = f", {pages} pages each" if pages > 1 else ""
        say(f"{counted(writers, 'sheet')} of {len(printing.layout.boxes):,} boxes{each}")
        say(f"print {quoted(out / 'collect.pdf')} at full size (100 %), on one side of the paper")
        typer.echo(out)
