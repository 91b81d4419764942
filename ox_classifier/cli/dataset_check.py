"""`ox dataset check`: can this data be trusted?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ox_classifier.cli import places
from ox_classifier.cli.exit_codes import user_errors
from ox_classifier.console import say
from ox_classifier.errors import GateError, UsageError
from ox_classifier.files import replacing
from ox_classifier.names import printable
from ox_classifier.tables import json_line

if TYPE_CHECKING:
    from ox_classifier.audit.audit import Audit
    from ox_classifier.audit.contact_sheet import Section

MOST_TILES = 32  # of one finding on the sheet
TILE_PIXELS = 160

Data = Annotated[Path, typer.Argument(help="Folder as DATA/{train,val,test}/<class>/ or DATA/<class>/, or a CSV.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print everything found as JSON instead of the page.")]
Strict = Annotated[bool, typer.Option("--strict", help="End with exit code 3 when anything marked ERROR is found.")]
Out = Annotated[Path, typer.Option(help="Folder for check.png, a contact sheet of every finding; never inside DATA.")]
FILES = (".png", ".jpg", ".jpeg", ".pdf", ".svg", ".json", ".csv", ".txt", ".html")  # ends of an --out meant as a file


def check(
    data: Data = Path("dataset"), as_json: AsJson = False, strict: Strict = False, out: Out = Path("check")
) -> None:
    """Look for what makes an accuracy a lie: copies across splits, one picture under two labels, unreadable files.

    Example: ox dataset check marks --strict

    Reads every file, changes none; a second look is quick, as what was seen is kept in ~/.cache/ox (or $OX_CACHE).
    """
    with user_errors():
        places.refuse_new(out, "--out")
        _refuse_file(out)
        places.refuse_missing_data(data, "DATA")
        say(f"checking {data}")  # before the slow imports
        from ox_classifier.audit import audit, text
        from ox_classifier.data import folders

        listing = folders.find(data)
        if data.is_dir():  # a CSV names its files, so nothing new beside it becomes data
            _refuse_inside(out, listing.root)
        found = audit.check(listing)
        plain = found.as_dict()
        plain["data"] = data.as_posix()  # a CSV's own name, not that of the folder it lies in
        plain["trust"] = text.trusts(plain["counts"])
        typer.echo(json_line(plain, indent=2) if as_json else text.page(_printable(plain)))
        if any(finding.cases for finding in found.findings):
            say(f"pictures of the findings: {_write_sheet(found, data, out)}")
        if strict and found.errors:
            raise GateError(
                f"{data} has errors ({', '.join(error.kind for error in found.errors)}), and --strict was given"
            )


def _refuse_file(out: Path) -> None:
    if out.suffix.lower() in FILES and not out.is_dir():
        raise UsageError(f"--out {out} has the name of a file: give a folder, check.png is written into it")
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is a file: give a folder")


def _printable(value):
    """The same plain values with every text such that a terminal shows it on its line and obeys nothing in it."""
    if isinstance(value, dict):
        return {_printable(key): _printable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(inner) for inner in value]
    return printable(value) if isinstance(value, str) else value


def _refuse_inside(out: Path, root: Path) -> None:
    if out.resolve().is_relative_to(root.resolve()):
        raise UsageError(
            f"--out {out} lies inside the data folder {root}, which is never written to: give another --out"
        )


def _write_sheet(found: Audit, data: Path, out: Path) -> Path:
    from ox_classifier.audit.contact_sheet import check_sheet

    sections = [_section(found, finding) for finding in found.findings if finding.cases]
    figure = check_sheet(sections, title=f"{data.name or data}: what was found")
    out.mkdir(parents=True, exist_ok=True)
    with replacing(out / "check.png") as beside:
        figure.savefig(beside)
    return out / "check.png"


def _section(found: Audit, finding) -> Section:
    from ox_classifier.audit.contact_sheet import Section, Tile

    shown, tiles = [], 0
    for case in finding.cases:
        if shown and tiles + len(case) > MOST_TILES:
            break
        shown.append([Tile(_pixels(path), _caption(found.listing.name(path))) for path in case[:MOST_TILES]])
        tiles += len(case)
    return Section(finding.level, finding.sentence, shown, len(finding.cases) - len(shown))


def _pixels(path: Path):
    import numpy as np

    from ox_classifier.data.images import ImageError, open_picture

    try:
        image = open_picture(path, at_least=(TILE_PIXELS, TILE_PIXELS)).image
    except ImageError:
        return None
    image.thumbnail((TILE_PIXELS * 2, TILE_PIXELS * 2))
    return np.asarray(image)


def _caption(name: str) -> str:
    folder, _, file = name.rpartition("/")
    return f"{printable(folder)}\n{printable(file)}"
