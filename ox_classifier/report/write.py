"""Writes report/ of a run: the table of predictions, and the matrix, grid, curves and figures made from it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ox_classifier.classifier import Classifier
from ox_classifier.console import say, track
from ox_classifier.data import images
from ox_classifier.errors import UsageError
from ox_classifier.files import write_text
from ox_classifier.intervals import accuracy_text
from ox_classifier.report import figures, metrics
from ox_classifier.report.confusion_figure import confusion_matrix
from ox_classifier.report.figures import Mistake
from ox_classifier.report.predictions import Predictions
from ox_classifier.runs import Run

MOST_MISTAKES = 48
THUMBNAIL = 320


def write(run: Run, splits: Sequence[str] = ("val", "test")) -> tuple[Path, dict[str, dict]]:
    """Predict every image of the splits and write what there is to see; gives the folder and the figures by split.

    Raises:
        UsageError: If the run has none of the splits or their images are gone.
    """
    found = predictions(run, splits)
    folder = run.path / "report"
    folder.mkdir(exist_ok=True)
    results = {}
    for split in splits:
        rows = found.of(split)
        if not rows.paths:
            continue
        result = results[split] = metrics.summary(rows.probabilities, rows.truth, run.classes)
        heading = f"{run.name}, {split}: accuracy {accuracy_text(result['correct'], result['images'])}"
        counts = np.array(result["confusion_matrix"])
        matrix = confusion_matrix(counts, run.classes, title=heading.replace(" (", "\n("))
        _save(matrix, folder / f"confusion_matrix_{split}.png")
        worst = rows.worst()
        grid = figures.mistakes(_mistakes(run, worst), title=heading, total=len(worst.paths))
        _save(grid, folder / f"mistakes_{split}.png")
    _save(_curves(run), folder / "curves.png")
    run.write_table("report/predictions.csv", found.header(), found.rows())
    write_text(folder / "metrics.json", json.dumps({"run": run.name, **results}, indent=2, ensure_ascii=False) + "\n")
    return folder, results


def predictions(run: Run, splits: Sequence[str]) -> Predictions:
    """What the run's network says of every image of its splits, sorted by path.

    Raises:
        UsageError: As in `write`.
    """
    used = sorted((row for row in run.read_table("split.csv") if row["split"] in splits), key=lambda row: row["path"])
    if not used:
        raise UsageError(f"run {run.name} has no images in {', '.join(splits)}: give another --split")
    answers = Classifier(run).predict(source(run, row["path"]) for row in used)
    rows, truth, probabilities, lost = [], [], [], []
    for row, answer in track(zip(used, answers, strict=True), label="predicting", total=len(used)):
        if answer.error:
            lost.append(answer.error)
            continue
        rows.append(row)
        truth.append(run.classes.index(row["label"]))
        probabilities.append(answer.probabilities)
    if not rows:
        raise UsageError(f"none of the {len(used)} images of {run.name} can be read any more; the first: {lost[0]}")
    for error in lost:
        say(f"left out, it could be read when the run was trained: {error}")
    paths, names = tuple(row["path"] for row in rows), tuple(row["split"] for row in rows)
    return Predictions(run.classes, paths, names, np.array(truth), np.stack(probabilities))


def source(run: Run, name: str) -> Path:
    """Where an image of split.csv lies."""
    return Path(run.config["data"]["root"]) / name


def _mistakes(run: Run, worst: Predictions) -> list[Mistake]:
    wrong = worst.take(range(min(MOST_MISTAKES, len(worst.paths))))
    return [
        Mistake(_thumbnail(source(run, path)), path, run.classes[truth], run.classes[predicted], float(row[predicted]))
        for path, truth, predicted, row in zip(
            wrong.paths, wrong.truth, wrong.predicted, wrong.probabilities, strict=True
        )
    ]


def _thumbnail(path: Path) -> np.ndarray:
    picture = images.open_picture(path, at_least=(THUMBNAIL, THUMBNAIL)).image
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    return np.asarray(picture)


def _curves(run: Run) -> Figure:
    rows = run.read_table("history.csv")
    history = {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}
    return figures.curves(history, title=f"{run.name}: accuracy and loss by epoch", best_epoch=run.config["best_epoch"])


def _save(figure: Figure, path: Path) -> None:
    part = path.with_name(f".{path.name}")
    figure.savefig(part, format="png")
    part.replace(path)
