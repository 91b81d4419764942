"""`ox sheet read`: photographs of filled sheets → answers.csv, scores, and a page for what is unsure."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ox_classifier.cli import places
from ox_classifier.cli.exit_codes import user_errors
from ox_classifier.console import say, track
from ox_classifier.errors import GateError, UsageError
from ox_classifier.names import padded, printable, quoted, width_of
from ox_classifier.tables import json_line

if TYPE_CHECKING:
    from ox_classifier.classifier import Classifier
    from ox_classifier.sheets.results import Line, Score

FOLDER, LAYOUT = "answers", "sheet.json"


def read(
    photo: Annotated[list[str], typer.Argument(help="Photos, scans, PDFs, or folders of them.")],
    layout: Annotated[str | None, typer.Option(help="Its sheet.json [default: the one beside the photos].")] = None,
    key: Annotated[str | None, typer.Option(help="CSV with the columns question and answer.")] = None,
    run: Annotated[
        str | None, typer.Option(help="Name or path of a run, or an exported folder [default: the latest].")
    ] = None,
    out: Annotated[str | None, typer.Option(help="Folder to write to [default: answers, answers-2 ...].")] = None,
    corrections: Annotated[str | None, typer.Option(help="corrections.csv that the review page saved.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines, one a sheet.")] = False,
) -> None:
    """Read filled sheets: o, x, blank or unsure for each box. Nothing is guessed, and nothing is sent anywhere.

    Example: ox sheet read photos/ --key key.csv

    Writes answers.csv, a picture of each sheet, and review.html with the unsure boxes.
    """
    with user_errors():
        if out:
            places.refuse_new_folder(Path(out), "--out")
        if corrections and not Path(corrections).is_file():  # before the photos are read, which takes minutes
            raise UsageError(
                f"{corrections} is no file: give the corrections.csv that the review page saved, which the browser "
                "puts into its folder for downloads"
            )
        from ox_classifier.sheets import results
        from ox_classifier.sheets import settled as by_hand
        from ox_classifier.sheets.decide import CLASSES
        from ox_classifier.sheets.layout import Layout
        from ox_classifier.sheets.photos import sources
        from ox_classifier.sheets.reading import read_sources
        from ox_classifier.staging import check_place, filling

        opened = list(sources(photo))
        printed = Layout.read(layout_near(layout, photo))
        if printed.kind != "quiz":
            raise UsageError("this sheet.json is of a sheet to collect marks with: ox sheet cut takes its photos")
        answers = results.read_key(Path(key), [str(box.number) for box in printed.boxes], CLASSES) if key else None
        settled = by_hand.read(Path(corrections), printed, CLASSES) if corrections else None
        folder = Path(out) if out else _free(FOLDER)
        check_place(folder)
        classifier = _classifier(run)
        reading = read_sources(opened, printed, classifier)
        photos = list(track(reading, label="reading photographs", total=len(opened)))
        lines, notes = results.lines(photos, printed)
        notes = [*(note for one in photos for note in one.all_notes), *notes]
        if settled:
            lines, said = settled.applied(lines)
            say(said)
        scores = results.scores(lines, answers) if answers else []
        for note in notes:
            say(note)
        if not lines:
            raise GateError("no sheet could be read in these photos: what is wrong with each is said above")
        with filling(folder) as stage:
            _write(stage, lines, answers, scores, notes, printed.id, _again(photo, layout, key, run))
        (_print_json if as_json else _print_text)(lines, scores)
        unsure = sum(line.answer.answer == "unsure" for line in lines)
        if unsure:
            say(f"{unsure:,} of {len(lines):,} boxes are unsure: open {folder}/review.html")
        if not as_json:
            typer.echo(folder)
        if notes:
            lines_above = "the line" if len(notes) == 1 else f"the {len(notes):,} lines"
            raise GateError(f"not every photo could be used as it is: see {lines_above} above, the rest was read")


def layout_near(given: str | None, photos: list[str]) -> Path:
    """The layout that was named, else the one beside the photographs, or here.

    Raises:
        UsageError: If there is none.
    """
    if given:
        return Path(given)
    first = Path(photos[0])
    for folder in (first if first.is_dir() else first.parent, Path()):
        if (folder / LAYOUT).is_file():
            return folder / LAYOUT
    raise UsageError(f"no {LAYOUT} beside the photos or here: give --layout the {LAYOUT} that ox wrote with the sheet")


def _free(name: str) -> Path:
    """The first folder of `answers`, `answers-2`, ... that isn't there."""
    number, place = 1, Path(name)
    while place.exists():
        number += 1
        place = Path(f"{name}-{number}")
    return place


def _classifier(name: str | None) -> Classifier:
    """The network that reads marks: the run that was named, else the latest.

    Raises:
        UsageError: If there is none, or it does not tell O from X.
    """
    from ox_classifier import exported
    from ox_classifier.classifier import Classifier

    try:
        run = exported.find(name)
    except UsageError as error:
        if name:
            raise
        once = "ox train --arch lenet, once, about 10 minutes on a laptop"
        where = "here" if Path("dataset").is_dir() else "in the clone of ox, and give --run the folder that it prints"
        raise UsageError(f"{str(error).split(':')[0]}: train what reads the marks {where}: {once}") from None
    classifier = Classifier(run, threads=1)  # photos are read side by side, see reading.read_sources
    if sorted(label.lower() for label in classifier.classes) != ["o", "x"]:
        raise UsageError(
            f"run {run.name} tells {', '.join(classifier.classes)} apart: give --run one trained on o and x"
        )
    say(f"reading with run {run.name}")
    return classifier


def _again(photos: list[str], layout: str | None, key: str | None, run: str | None) -> str:
    """The command that takes what was settled on the review page."""
    words = ["ox sheet read", *map(quoted, photos)]
    for name, value in (("--layout", layout), ("--key", key), ("--run", run)):
        words += [name, quoted(value)] if value else []
    return " ".join([*words, "--corrections corrections.csv"])


def _write(
    stage: Path,
    lines: list[Line],
    key: dict[str, str] | None,
    scores: list[Score],
    notes: list[str],
    printing: str,
    command: str,
) -> None:
    from ox_classifier.files import write_text
    from ox_classifier.sheets import annotate, results, review
    from ox_classifier.sheets.decide import CLASSES

    write_text(stage / "answers.csv", results.table(lines))
    if scores:
        write_text(stage / "scores.csv", results.score_table(scores))
    page = review.html(lines, CLASSES, printing=printing, command=command, scores=scores, notes=notes)
    write_text(stage / "review.html", page)
    said = {score.sheet: f"{score} right" for score in scores}
    for name, shown, of_page in results.by_page(lines):
        (stage / f"{name}.jpg").write_bytes(annotate.page(shown, of_page, key, said.get(of_page[0].sheet, "")))


def _print_text(lines: list[Line], scores: list[Score]) -> None:
    from ox_classifier.sheets.results import tally

    said = {score.sheet: str(score) for score in scores}
    rows = [
        (sheet, person, said.get(sheet, ""), ", ".join(f"{count} {answer}" for answer, count in counts.items()))
        for sheet, person, counts in tally(lines)
    ]
    widths = [max((width_of(printable(row[k])) for row in rows), default=0) for k in range(3)]
    for row in rows:
        cells = [padded(printable(cell), width) for cell, width in zip(row, widths, strict=False) if width]
        sys.stdout.write("  ".join([*cells, row[3]]) + "\n")


def _print_json(lines: list[Line], scores: list[Score]) -> None:
    from ox_classifier.sheets.results import as_dicts

    sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    for sheet in as_dicts(lines, scores):
        sys.stdout.write(f"{json_line(sheet)}\n")
