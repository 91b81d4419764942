"""A class's answer sheets, filled and photographed without paper: python -m tests.class_photos QUIZ PHOTOS

QUIZ is a folder that `ox sheet quiz` wrote. Each page of its PDF is filled with strangers' real marks where they are at
hand, else with drawn ones, and photographed askew, bent, in bad light into PHOTOS. Where its key.csv holds the answers,
four of five marks are those. What was written goes to PHOTOS/../written.csv: person, question, and `o`, `x`, `blank`,
`struck` or `doubled`.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ox_classifier.sheets.layout import Layout
from tests import sheet_marks, sheet_pages, sheet_photos
from tests.conftest import REAL

POINTS = 72 / 25.4  # a millimetre
SEED = 41


def take(
    quiz: Path,
    photos: Path,
    inks: Mapping[str, Sequence[np.ndarray]] | None = None,
    *,
    detail: float | None = None,
) -> dict[str, dict[str, str]]:
    """Fill and photograph the sheets of a class, of one page each; gives what was written, by person and question.

    `detail` is the photographs' pixels a millimetre, without it 8 to 16.
    """
    import pypdfium2 as pdfium

    inks = inks or sheet_marks.inks()
    photos.mkdir(parents=True, exist_ok=True)
    key = _key(quiz / "key.csv")
    layout, document, written = Layout.read(quiz / "sheet.json"), pdfium.PdfDocument(quiz / "quiz.pdf"), {}
    for number, copy in enumerate(layout.copies, start=1):
        printed = document[number - 1].render(scale=sheet_pages.SCALE / POINTS, rev_byteorder=True).to_numpy()
        page, truth = sheet_pages.filled(np.array(printed[:, :, :3]), layout.boxes, (SEED, number), inks, key)
        photo = sheet_photos.photograph(page, (layout.width, layout.height), (number,), detail=detail)
        (photos / f"IMG_{number}.jpg").write_bytes(photo.jpeg())
        written[copy.person or str(number)] = truth
    document.close()
    return written


def _key(file: Path) -> dict[str, str]:
    """The right answers by question; none where the teacher wrote down none."""
    if not file.is_file():
        return {}
    rows = csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines())
    return {row["question"]: row["answer"] for row in rows if row["answer"]}


def main(arguments: Sequence[str]) -> int:
    """Take the photographs, and write down what stands in the boxes."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    quiz, photos = map(Path, arguments)
    written = take(quiz, photos)
    with (photos.absolute().parent / "written.csv").open("w", encoding="utf-8-sig", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("person", "question", "written"))
        rows.writerows((person, *row) for person, truth in written.items() for row in truth.items())
    print(f"{len(written)} photographs of {'real' if REAL.is_dir() else 'drawn'} marks in {photos}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
