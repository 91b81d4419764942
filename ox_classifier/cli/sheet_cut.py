"""`ox sheet cut`: photographs of filled collecting sheets → training images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ox_classifier.cli import places
from ox_classifier.cli.exit_codes import user_errors
from ox_classifier.cli.sheet_read import layout_near
from ox_classifier.console import say, track
from ox_classifier.errors import GateError
from ox_classifier.names import quoted
from ox_classifier.wording import counted


def cut(
    photo: Annotated[list[str], typer.Argument(help="Photos, scans, PDFs, or folders of them.")],
    into: Annotated[Path, typer.Option(help="Data folder: images are added as INTO/train/<class>/.")],
    layout: Annotated[str | None, typer.Option(help="Its sheet.json [default: the one beside the photos].")] = None,
) -> None:
    """Cut the boxes that were drawn in out of photos of collecting sheets; empty ones are left out.

    Example: ox sheet cut photos/ --layout hands/sheet.json --into marks

    No file is ever written over. INTO/cut.png shows all that was cut: look at it before you train.
    """
    with user_errors():
        places.refuse_new_folder(into, "--into")
        from ox_classifier.sheets import cut as cutting
        from ox_classifier.sheets.cut_page import contact_sheet, writer_of
        from ox_classifier.sheets.layout import Layout
        from ox_classifier.sheets.photos import sources

        opened = list(sources(photo))
        printed = Layout.read(layout_near(layout, photo))
        cutting.check_layout(printed)
        written, there, empty, notes = [], 0, 0, []
        for found in track(cutting.cut(opened, printed), label="cutting", total=len(opened)):
            new = [one for one in found.drawn if cutting.write_new(into, one)]
            written += new
            there += len(found.drawn) - len(new)
            empty += found.empty
            notes += found.notes
        for note in notes:
            say(note)
        if there:
            say(f"{counted(there, 'image')} left out: files of these names are in {into} already")
        if written:
            shown = cutting.write_contact_sheet(into, contact_sheet(written))
            writers = len({writer_of(one) for one in written})
            drawn = counted(len(written), "image")
            say(f"{drawn} of {counted(writers, 'writer')}, {empty:,} boxes were empty; look at {quoted(shown)}")
            say(f"next: ox train --data {quoted(into)} --group {quoted(cutting.GROUP)}")
            typer.echo(into)
        if notes or not written:
            raise GateError(
                "not every photo could be used as it is: see the lines above" if notes else "no new image was cut out"
            )
