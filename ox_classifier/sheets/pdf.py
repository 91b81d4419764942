"""A printing → a PDF of its copies, every page with its own code; fpdf2 writes it, fonts embedded."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ox_classifier.console import track
from ox_classifier.errors import UsageError
from ox_classifier.files import replacing
from ox_classifier.lettering import Lettering
from ox_classifier.sheets import page_code
from ox_classifier.sheets.frame import BOLD, DPI, GREY, MARGIN, MARKER, MM, Printing, Words
from ox_classifier.sheets.layout import DICTIONARY, Copy, Page
from ox_classifier.sheets.letters import put_fonts, quiet
from ox_classifier.sheets.page_code import PageId

if TYPE_CHECKING:
    from fpdf import FPDF

NEEDS = "sheets are written with fpdf2, which is not installed: pip install fpdf2"
CELLS = 6  # of a marker, its black rim included
PERSON_SIZE = 14  # points
POINT = MM / 72


def check_installed() -> None:
    """Refuse to begin where fpdf2 is not installed.

    Raises:
        UsageError: With the command that installs it.
    """
    try:
        import fpdf  # noqa: F401
    except ImportError:
        raise UsageError(NEEDS) from None


def write(path: Path | str, printing: Printing) -> None:
    """Write all pages of all copies, copy by copy.

    Raises:
        UsageError: If fpdf2 is not installed, or no font of this machine has a letter.
    """
    check_installed()
    from fpdf import FPDF

    layout = printing.layout
    pdf = FPDF(unit="mm", format=(layout.width, layout.height))
    pdf.set_margin(0)
    pdf.set_auto_page_break(False)
    pdf.c_margin = 0  # words begin where they are put
    pdf.set_title(layout.title)
    pdf.set_creator("ox")
    people = [copy.person for copy in layout.copies]
    font = put_fonts(pdf, [*(word.text for word in printing.words), *people, printing.footer, "…0123456789"])
    lettering = Lettering(people, dpi=DPI)
    for copy in track(layout.copies, label="printing sheets"):
        for page in layout.pages:
            pdf.add_page()
            _draw_page(pdf, printing, page)
            _draw_code(pdf, page, PageId(layout.id, page.number, copy.number))
            own = _own_words(printing, page, copy, lettering)
            _draw_words(pdf, font, [*(word for word in printing.words if word.page == page.number), *own])
    with replacing(path) as beside, quiet():
        pdf.output(str(beside))


def _draw_page(pdf: FPDF, printing: Printing, page: Page) -> None:
    """What is black or a line: markers, boxes, rules."""
    for rule in printing.rules:
        if rule.page == page.number:
            pdf.set_draw_color(rule.grey)
            pdf.set_line_width(rule.width)
            pdf.line(rule.x, rule.y, rule.x2, rule.y2)
    pdf.set_draw_color(0)
    pdf.set_line_width(printing.layout.line)
    for box in printing.layout.boxes_of(page.number):
        pdf.rect(box.x, box.y, box.width, box.height)
    dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, DICTIONARY))
    for marker in page.markers:
        black = cv2.aruco.generateImageMarker(dictionary, marker.id, CELLS) == 0
        _draw_cells(pdf, black, marker.x, marker.y, marker.size)


def _draw_code(pdf: FPDF, page: Page, name: PageId) -> None:
    _draw_cells(pdf, page_code.modules(name), page.code.x, page.code.y, page.code.size)


def _draw_cells(pdf: FPDF, black: np.ndarray, x: float, y: float, size: float) -> None:
    """Square cells as one filled path, in which no viewer shows a seam between two of them."""
    cell = size / len(black)
    with pdf.new_path() as path:
        path.style.fill_color, path.style.stroke_color = "#000000", None
        path.style.auto_close = False
        for row, cells in enumerate(black):
            edges = np.flatnonzero(np.diff(np.pad(cells.astype(np.int8), 1)))
            for start, end in edges.reshape(-1, 2).tolist():
                path.rectangle(x + start * cell, y + row * cell, (end - start) * cell, cell)


def _own_words(printing: Printing, page: Page, copy: Copy, lettering: Lettering) -> list[Words]:
    """What stands on this page of this copy alone: the person and the line at the foot."""
    layout = printing.layout
    foot = layout.height - MARGIN - MARKER / 2
    numbers = {"page": page.number, "pages": len(layout.pages), "copy": copy.number, "copies": len(layout.copies)}
    words = [
        Words(page.number, layout.width / 2, foot + 1, f"{printing.footer.format(**numbers)}  ·  {layout.id}", 8.5,
              align="center", grey=GREY)
    ]  # fmt: skip
    if copy.person:
        x, base, width = printing.person
        name = lettering.cut(copy.person, width / MM, PERSON_SIZE * BOLD, keep="both")
        words.append(Words(page.number, x, base, name, PERSON_SIZE, bold=True))
    return words


def _draw_words(pdf: FPDF, font: str, words: Iterable[Words]) -> None:
    for word in words:
        pdf.set_font(font, "B" if word.bold else "", word.size)
        pdf.set_text_color(word.grey)
        width = pdf.get_string_width(word.text)
        left = word.x - {"left": 0.0, "center": width / 2, "right": width}[word.align]
        # a cell sets its text's baseline 0.3 of the letters' size below its middle
        pdf.set_xy(left, word.y - 0.3 * word.size * POINT)
        pdf.cell(width, 0, word.text)
