"""`ox sheet quiz`: an answer sheet to print, for questions that are answered by O or X."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ox_classifier.cli import places
from ox_classifier.cli.exit_codes import user_errors
from ox_classifier.console import say
from ox_classifier.errors import UsageError
from ox_classifier.names import quoted
from ox_classifier.wording import counted

if TYPE_CHECKING:
    from ox_classifier.sheets.layout import Copy
    from ox_classifier.sheets.roster import Question

Paper = StrEnum("Paper", {name.upper(): name for name in ("a4", "letter")})
Columns = StrEnum("Columns", {f"C_{name}": name for name in ("auto", "1", "2", "3", "4")})

Questions = Annotated[
    str, typer.Option(help="How many (1 to 200), or a CSV with the columns number and, if you like, text.")
]
Out = Annotated[Path, typer.Option(help="New folder for quiz.pdf, sheet.json and key.csv.")]
Title = Annotated[str, typer.Option(help='Stands at the top [default: "Answer sheet"].', show_default=False)]
Copies = Annotated[
    str, typer.Option(help="How many, each with its number, or a class list CSV with a column name: one a person.")
]


def quiz(
    questions: Questions,
    out: Out = Path("quiz"),
    title: Title = "",
    paper: Annotated[Paper, typer.Option(help="Paper to print on.")] = Paper.A4,
    copies: Copies = "1",
    columns: Annotated[Columns, typer.Option(help="Columns of boxes.")] = Columns.C_auto,
) -> None:
    """Write an answer sheet as PDF: a box for each question, to be marked O or X.

    Example: ox sheet quiz --questions 40 --title "Biology, unit 4" --copies class.csv --out biology

    Print OUT/quiz.pdf at its full size, and write the right answers (o or x) into OUT/key.csv. Keep OUT/sheet.json:
    ox sheet read needs it.
    """
    with user_errors():
        places.refuse_new_folder(out, "--out")
        from ox_classifier.sheets import folder
        from ox_classifier.sheets.frame import checked_title
        from ox_classifier.sheets.quiz import arrange

        asked, people = _questions(questions), _copies(copies)
        number = 0 if columns == Columns.C_auto else int(columns)
        printing = arrange(asked, people, title=checked_title(title), paper=paper.value, columns=number)
        folder.write(out, printing)
        pages = len(printing.layout.pages)
        each = f", {pages} pages each" if pages > 1 else ""
        say(f"{counted(len(people), 'sheet')} of {counted(len(asked), 'question')}{each}")
        say(f"print {quoted(out / 'quiz.pdf')} at full size (100 %), on one side of the paper")
        typer.echo(out)


def _questions(given: str) -> tuple[Question, ...]:
    from ox_classifier.sheets import roster

    count = _number(given, "--questions", roster.MOST_QUESTIONS)
    return roster.read_questions(Path(given)) if count is None else roster.counted_questions(count)


def _copies(given: str) -> tuple[Copy, ...]:
    from ox_classifier.sheets import roster
    from ox_classifier.sheets.layout import MOST_COPIES, Copy

    count = _number(given, "--copies", MOST_COPIES)
    if count is None:
        return roster.read_people(Path(given))
    return tuple(Copy(number) for number in range(1, count + 1))


def _number(given: str, option: str, most: int) -> int | None:
    """The number that was given; None if it is the name of a file."""
    if Path(given).suffix.lower() in (".csv", ".tsv", ".txt"):
        places.refuse_new(Path(given), option)
        return None
    if not given.isascii() or not given.isdigit() or not 1 <= int(given[:9]) <= most:
        raise UsageError(f"{option} {given[:60]} is neither a number from 1 to {most:,} nor the name of a .csv")
    return int(given)
