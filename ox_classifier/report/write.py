"""Writes report/ of a run: the table of predictions, and the metrics, matrices, grids and curves made from it."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ox_classifier.data import images
from ox_classifier.files import replacing, write_text
from ox_classifier.intervals import accuracy_text
from ox_classifier.report import figures, metrics, run_page
from ox_classifier.report.confusion_figure import confusion_matrix
from ox_classifier.report.figures import Mistake
from ox_classifier.report.predictions import Predictions
from ox_classifier.report.table import FILE, HELD_OUT, METRICS, fingerprint, table
from ox_classifier.runs import Run

SPLITS = ("train", "val", HELD_OUT, "test")
PICTURES = ("confusion_matrix_{}.png", "mistakes_{}.png")  # of each split
PAGE = "report.html"
MOST_MISTAKES = 48
THUMBNAIL = 320


def write(run: Run, splits: Sequence[str] = ("val", "test")) -> tuple[Path, dict[str, dict]]:
    """Predict every image of the splits and write what there is to see; gives the folder and the metrics by split.

    Splits that the last report has, of the same model, stay. Every file is made from the one table, and what the
    table no longer has goes.

    Raises:
        UsageError: If the run has none of the splits, their images are gone, or the folder leads elsewhere.
    """
    folder = run.folder("report")
    found = table(run, splits)
    parts = {split: rows for split in SPLITS if (rows := found.of(split)).paths}
    results = {split: metrics.summary(rows.probabilities, rows.truth, run.classes) for split, rows in parts.items()}
    _remove_others(folder, parts)
    run.write_table(FILE, found.header(), found.rows())
    mark = fingerprint(run)
    told = {"run": run.name, "fingerprint": mark, **results}
    write_text(run.path / METRICS, json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    for split, rows in parts.items():
        _draw(run, split, rows, results[split])
    _save(_curves(run), folder / "curves.png")
    write_text(folder / PAGE, run_page.html(run, found, results, fingerprint=mark, root=run.data_root, folder=folder))
    return folder, results


def _remove_others(folder: Path, splits: Collection[str]) -> None:
    for name in PICTURES:
        for split in SPLITS:
            if split not in splits:
                (folder / name.format(split)).unlink(missing_ok=True)


def _draw(run: Run, split: str, rows: Predictions, result: dict) -> None:
    heading = f"{run.name}, {split}: accuracy {accuracy_text(result['correct'], result['images'])}"
    counts = np.array(result["confusion_matrix"])
    worst = rows.worst()
    pictures = (
        confusion_matrix(counts, run.classes, title=heading.replace(" (", "\n(")),
        figures.mistakes(_mistakes(run, worst), title=heading, total=len(worst.paths)),
    )
    for name, figure in zip(PICTURES, pictures, strict=True):
        _save(figure, run.folder("report") / name.format(split))


def _mistakes(run: Run, worst: Predictions) -> list[Mistake]:
    wrong = worst.take(range(min(MOST_MISTAKES, len(worst.paths))))
    return [
        Mistake(_thumbnail(run.source(path)), path, run.classes[truth], run.classes[predicted], float(row[predicted]))
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


def _save(figure: Figure, path: Path) -> None:
    with replacing(path) as beside:
        figure.savefig(beside)
