"""Still pictures of a report, for slides and papers: matrices, grids of mistakes and curves, in any format."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ox_classifier.data import images
from ox_classifier.files import replacing
from ox_classifier.intervals import accuracy_text
from ox_classifier.report import figures
from ox_classifier.report.confusion_figure import confusion_matrix
from ox_classifier.report.figures import Mistake
from ox_classifier.report.predictions import Predictions
from ox_classifier.report.table import HELD_OUT
from ox_classifier.runs import Run

SPLITS = ("train", "val", HELD_OUT, "test")
FORMATS = ("png", "pdf", "svg")
PICTURES = ("confusion_matrix_{}.{}", "mistakes_{}.{}")  # of each split, in each format
CURVES = "curves.{}"
MOST_MISTAKES = 48
THUMBNAIL = 320


def draw(
    run: Run,
    parts: Mapping[str, Predictions],
    results: Mapping[str, dict],
    *,
    root: Path,
    folder: Path,
    formats: Sequence[str] = ("png",),
) -> None:
    """Draw what there is to draw of these splits into `folder`, and remove those of others; paths start at `root`."""
    _remove_others(folder, parts)
    for split, rows in parts.items():
        _draw(run, split, rows, results[split], root, folder, formats)
    _save(_curves(run), folder, CURVES, formats)


def _remove_others(folder: Path, splits: Collection[str]) -> None:
    for name in PICTURES:
        for split in SPLITS:
            for form in FORMATS:
                if split not in splits:
                    (folder / name.format(split, form)).unlink(missing_ok=True)


def _draw(
    run: Run, split: str, rows: Predictions, result: dict, root: Path, folder: Path, formats: Sequence[str]
) -> None:
    heading = f"{run.name}, {split}: accuracy {accuracy_text(result['correct'], result['images'])}"
    counts = np.array(result["confusion_matrix"])
    worst = rows.worst()
    pictures = (
        confusion_matrix(counts, run.classes, title=heading.replace(" (", "\n(")),
        figures.mistakes(_mistakes(worst, root), title=heading, total=len(worst.paths)),
    )
    for name, figure in zip(PICTURES, pictures, strict=True):
        _save(figure, folder, name.replace("{}", split, 1), formats)


def _mistakes(worst: Predictions, root: Path) -> list[Mistake]:
    wrong = worst.take(range(min(MOST_MISTAKES, len(worst.paths))))
    return [
        Mistake(_thumbnail(root / path), path, worst.classes[truth], worst.classes[predicted], float(row[predicted]))
        for path, truth, predicted, row in zip(
            wrong.paths, wrong.truth, wrong.predicted, wrong.probabilities, strict=True
        )
    ]


def _thumbnail(path: Path) -> np.ndarray:
    try:
        picture = images.open_picture(path, at_least=(THUMBNAIL, THUMBNAIL)).image
    except images.ImageError:
        return np.full((THUMBNAIL, THUMBNAIL), 235, np.uint8)  # gone since it was predicted: an empty frame
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    return np.asarray(picture)


def _curves(run: Run) -> Figure:
    rows = run.history()
    history = {name: np.array([row[name] for row in rows], dtype=float) for name in rows[0]}
    title = f"{run.name}: accuracy and loss by epoch"
    return figures.curves(history, title=title, best_epoch=run.best_epoch, fine_tuned_from=run.fine_tuned_from)


def _save(figure: Figure, folder: Path, name: str, formats: Sequence[str]) -> None:
    for form in formats:
        with replacing(folder / name.format(form)) as beside:
            figure.savefig(beside)
