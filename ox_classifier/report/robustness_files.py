"""The robustness card as files beside the report: a table of its numbers, and a picture in each format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ox_classifier.files import replacing
from ox_classifier.report.robustness_card import HEADER, Card
from ox_classifier.report.robustness_figure import card_figure
from ox_classifier.report.stills import FORMATS
from ox_classifier.runs import Run
from ox_classifier.wording import counted

TABLE, PICTURE = "robustness.csv", "robustness.{}"


def write(
    run: Run, card: Card, shown: Mapping[str, Sequence[Image.Image]], *, folder: Path, formats: Sequence[str]
) -> None:
    """Write the table and the pictures; `shown` as for `robustness_page.section`."""
    run.write_table(f"{folder.name}/{TABLE}", HEADER, card.rows())
    pictures = {name: [np.asarray(image) for image in row] for name, row in shown.items()}
    title = f"{run.name}, {counted(card.unchanged.images, 'image')} of {card.split}: where it starts to fail"
    figure = card_figure(card, pictures, title=title)
    for form in formats:
        with replacing(folder / PICTURE.format(form)) as beside:
            figure.savefig(beside)


def remove(folder: Path) -> None:
    """Take away those of a report that has no card."""
    for name in (TABLE, *(PICTURE.format(form) for form in FORMATS)):
        (folder / name).unlink(missing_ok=True)
