"""corrections.csv: what was settled by hand on the review page, and the lines with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ox_classifier.errors import UsageError
from ox_classifier.sheets.decide import BLANK, UNSURE, Answer
from ox_classifier.sheets.layout import Layout
from ox_classifier.sheets.results import SETTLED, Line, rows_of
from ox_classifier.wording import counted

COLUMNS = ("sheet", "question", "answer")
PRINTING = "printing"  # the column with the layout's id, which a table that was written by hand may lack


@dataclass(frozen=True)
class Settled:
    """The answer of each box that was settled, by sheet and question, and the words for where it stands."""

    path: Path
    answers: dict[tuple[str, str], str]
    places: dict[tuple[str, str], str]

    def applied(self, found: Sequence[Line]) -> tuple[list[Line], str]:
        """The lines with what was settled, and a sentence that says how many that changed.

        Raises:
            UsageError: If a sheet that was settled is in none of the photographs.
        """
        known = {(line.sheet, line.question): line for line in found}
        for place, where in self.places.items():
            if place not in known:
                raise UsageError(f"{where}: question {place[1]} of sheet {place[0]} is in none of the photos")
        before = {place: known[place].answer.answer for place in self.answers}
        changed = sum(before[place] not in (UNSURE, answer) for place, answer in self.answers.items())
        said = f"{self.path}: {counted(len(self.answers), 'box')} settled"
        said += f", {changed:,} of them read as something else before" if changed else ""
        lines = [
            replace(line, answer=Answer(self.answers[line.sheet, line.question], None, SETTLED))
            if (line.sheet, line.question) in self.answers
            else line
            for line in found
        ]
        return lines, said


def read(path: Path, layout: Layout, classes: Sequence[str]) -> Settled:
    """The table that the review page saved, checked before any photograph is read.

    Raises:
        UsageError: If it is no such table, is of another printing, or names a question or an answer that is none.
    """
    allowed = {name.lower(): name for name in (*classes, BLANK)}
    questions = {str(box.number) for box in layout.boxes}
    sheets = {str(copy.number) for copy in layout.copies}
    answers: dict[tuple[str, str], str] = {}
    places: dict[tuple[str, str], str] = {}
    for where, row in rows_of(path, COLUMNS, (PRINTING,)):
        place, answer = (row["sheet"], row["question"]), row["answer"].lower()
        if row[PRINTING].upper() not in ("", layout.id):
            raise UsageError(
                f"{where}: this was settled on sheets with the code {row[PRINTING][:40]!r}, and these have "
                f"{layout.id}: give the corrections.csv that the review page of these sheets saved"
            )
        if place[0] not in sheets:
            raise UsageError(
                f"{where}: sheet {place[0][:40]!r} is none of this printing, whose sheets are {_span(sheets)}"
            )
        if place[1] not in questions:
            raise UsageError(f"{where}: question {place[1][:40]!r} is not on the sheet")
        if answer not in allowed:
            raise UsageError(f"{where}: the answer {row['answer'][:40]!r} is none: expected {', '.join(allowed)}")
        if answers.setdefault(place, allowed[answer]) != allowed[answer]:
            raise UsageError(f"{where}: question {place[1]} of sheet {place[0]} has another answer above: keep one")
        places.setdefault(place, where)
    return Settled(path, answers, places)


def _span(sheets: set[str]) -> str:
    numbers = sorted(map(int, sheets))
    return f"{numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else f"only {numbers[0]}"
