"""Writes report/ of a run: the table of predictions, and the metrics, matrices, grids and curves made from it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ox_classifier.classifier import no_network
from ox_classifier.data import images
from ox_classifier.files import replacing, write_text
from ox_classifier.intervals import accuracy_text
from ox_classifier.report import figures, metrics
from ox_classifier.report.confusion_figure import confusion_matrix
from ox_classifier.report.elsewhere import Elsewhere
from ox_classifier.report.figures import Mistake
from ox_classifier.report.predictions import Predictions
from ox_classifier.report.table import FILE, HELD_OUT, METRICS, fingerprint, table
from ox_classifier.runs import Run

SPLITS = ("train", "val", HELD_OUT, "test")
PICTURES = ("confusion_matrix_{}.png", "mistakes_{}.png")  # of each split
MOST_MISTAKES = 48
THUMBNAIL = 320


def write(
    run: Run, splits: Sequence[str] = ("val", "test"), *, elsewhere: Elsewhere | None = None
) -> tuple[Path, dict[str, dict]]:
    """Predict every image of the splits and write what there is to see; gives the folder and the metrics by split.

    Splits that the last report has, of the same model, stay. Every file is made from the one table, and what the
    table no longer has goes. Images that lie `elsewhere` have a folder of their own, with nothing of an earlier report.

    Raises:
        UsageError: If the run lacks a network or the splits, their images are gone, or the folder leads elsewhere.
    """
    if not run.onnx_file.exists():
        raise no_network(run)
    folder = run.folder(elsewhere.folder if elsewhere else "report")
    found = elsewhere.table(run) if elsewhere else table(run, splits)
    source = elsewhere.source if elsewhere else run.source
    parts = {split: rows for split in SPLITS if (rows := found.of(split)).paths}
    results = {split: metrics.summary(rows.probabilities, rows.truth, run.classes) for split, rows in parts.items()}
    _remove_others(folder, parts)
    run.write_table(f"{folder.name}/{Path(FILE).name}", found.header(), found.rows())
    mark = elsewhere.fingerprint(run) if elsewhere else fingerprint(run)
    told = {"run": run.name, "fingerprint": mark, **(elsewhere.told if elsewhere else {}), **results}
    write_text(folder / Path(METRICS).name, json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    for split, rows in parts.items():
        _draw(run, split, rows, results[split], folder, source)
    _save(_curves(run), folder / "curves.png")
    return folder, results


def _remove_others(folder: Path, splits: Collection[str]) -> None:
    for name in PICTURES:
        for split in SPLITS:
            if split not in splits:
                (folder / name.format(split)).unlink(missing_ok=True)


def _draw(run: Run, split: str, rows: Predictions, result: dict, folder: Path, source: Callable[[str], Path]) -> None:
    heading = f"{run.name}, {split}: accuracy {accuracy_text(result['correct'], result['images'])}"
    counts = np.array(result["confusion_matrix"])
    worst = rows.worst()
    pictures = (
        confusion_matrix(counts, run.classes, title=heading.replace(" (", "\n(")),
        figures.mistakes(_mistakes(run, worst, source), title=heading, total=len(worst.paths)),
    )
    for name, figure in zip(PICTURES, pictures, strict=True):
        _save(figure, folder / name.format(split))


def _mistakes(run: Run, worst: Predictions, source: Callable[[str], Path]) -> list[Mistake]:
    wrong = worst.take(range(min(MOST_MISTAKES, len(worst.paths))))
    return [
        Mistake(_thumbnail(source(path)), path, run.classes[truth], run.classes[predicted], float(row[predicted]))
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
