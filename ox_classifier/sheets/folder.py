"""The folder of a printed sheet: its PDF, its layout, and for a quiz a key to fill in."""

from __future__ import annotations

from pathlib import Path

from ox_classifier.files import write_text
from ox_classifier.sheets import pdf
from ox_classifier.sheets.frame import Printing
from ox_classifier.sheets.layout import FILE
from ox_classifier.staging import check_place, filling
from ox_classifier.tables import csv_line

KEY = "key.csv"


def write(out: Path, printing: Printing) -> None:
    """Write `quiz.pdf` or `collect.pdf`, `sheet.json` and a quiz's `key.csv` into a new folder, all or nothing.

    Raises:
        UsageError: If the folder holds something already, fpdf2 is not installed, or no font has a letter.
    """
    pdf.check_installed()
    check_place(out)
    layout = printing.layout
    with filling(out) as stage:
        pdf.write(stage / f"{layout.kind}.pdf", printing)
        layout.write(stage / FILE)
        if layout.kind == "quiz":
            rows = [("question", "answer"), *((box.number, "") for box in layout.boxes)]
            write_text(stage / KEY, "".join(map(csv_line, rows)))
