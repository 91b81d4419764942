"""The plots of one split, and the curves of the training, drawn for the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape
from sklearn import metrics as sk

from ox_classifier.names import printable
from ox_classifier.reliability import BINS, reliability
from ox_classifier.report import metrics
from ox_classifier.report.calibration import accuracy_by_coverage
from ox_classifier.report.headline import percent
from ox_classifier.report.plots import Axis, Line, line_plot, thinned
from ox_classifier.report.predictions import Predictions

MOST_LINES = 8  # classes drawn together, those told apart worst


@dataclass(frozen=True)
class Plot:
    """A drawing with its title, what it says in a sentence, and a legend where it has several lines."""

    title: str
    sentence: str
    drawing: Markup
    legend: str = ""


MOST = 1e6  # a loss or more beyond this is not drawn: no training that ends comes near


def of_split(rows: Predictions, result: dict) -> list[Plot]:
    """ROC, precision against recall, reliability, and accuracy against coverage."""
    confidence, right = rows.probabilities.max(axis=1), rows.predicted == rows.truth
    chosen = _told_worst(rows)
    found = [_roc(rows, result, chosen), _precision_recall(rows, result, chosen)] if chosen else []
    return [*found, _reliability(confidence, right), _coverage(confidence, right, result["answered"])]


def of_training(history: Sequence[dict], best_epoch: int) -> list[Plot]:
    """Accuracy and loss by epoch."""
    columns = {name: np.array([row[name] for row in history], dtype=float) for name in history[0]}
    epochs, plots = columns["epoch"], []
    columns = {name: np.where(np.abs(values) < MOST, values, np.nan) for name, values in columns.items()}
    x = Axis("epoch", epochs[0], max(epochs[-1], epochs[0] + 1), whole=True)
    for name in ("accuracy", "loss"):
        held_out = columns[f"val_{name}"]
        values = np.concatenate([columns[name], held_out[~np.isnan(held_out)]])
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        room = (high - low) * 0.06 or 0.05
        y = Axis(name, max(0.0, low - room), min(1.0, high + room) if name == "accuracy" else high + room)
        lines = [Line(epochs, columns[name], "training", "dots" if len(epochs) < 30 else "")]
        if not np.isnan(held_out).all():
            lines.append(Line(epochs, held_out, "validation", lines[0].kind))
        lines.append(Line(np.full(2, float(best_epoch)), np.array([y.low, y.high]), kind="guide"))
        kept = (lines[1] if len(lines) > 2 else lines[0]).y[int(np.flatnonzero(epochs == best_epoch)[0])]
        said = f"Epoch {best_epoch} was kept, with {kept:.4f}."
        drawing = line_plot(lines, x, y, text=f"{name} by epoch, training and validation; {said}")
        plots.append(Plot(f"{name.capitalize()} by epoch.", said, drawing, _legend(lines)))
    return plots


def _told_worst(rows: Predictions) -> list[int]:
    """The classes to draw: those that the network tells from the rest worst, if they are too many."""
    found = metrics.one_against_rest(rows.probabilities, rows.truth)
    if len(found) <= MOST_LINES:
        return found
    areas = {c: sk.roc_auc_score(rows.truth == c, rows.probabilities[:, c]) for c in found}
    return sorted(sorted(found, key=areas.__getitem__)[:MOST_LINES])


def _roc(rows: Predictions, result: dict, chosen: list[int]) -> Plot:
    lines = []
    for c in chosen:
        false, true, _ = sk.roc_curve(rows.truth == c, rows.probabilities[:, c])
        lines.append(Line(*thinned(false, true), printable(rows.classes[c])))
    guide = Line(np.array([0.0, 1.0]), np.array([0.0, 1.0]), kind="guide")
    said = f"Area {result['roc_auc']:.4f}{_mean_of(rows)}; guessing follows the dashed line."
    drawing = line_plot(
        [*lines, guide],
        Axis("false positives", percent=True),
        Axis("true positives", percent=True),
        text=f"ROC curve. {said}",
    )
    return Plot("ROC.", _which(rows, chosen) + said, drawing, _legend(lines))


def _precision_recall(rows: Predictions, result: dict, chosen: list[int]) -> Plot:
    lines = []
    for c in chosen:
        precision, recall, _ = sk.precision_recall_curve(rows.truth == c, rows.probabilities[:, c])
        lines.append(Line(*thinned(recall, precision), printable(rows.classes[c])))
    said = f"Average precision {result['average_precision']:.4f}{_mean_of(rows)}."
    drawing = line_plot(
        lines, Axis("recall", percent=True), Axis("precision", percent=True), text=f"Precision against recall. {said}"
    )
    return Plot("Precision and recall.", _which(rows, chosen) + said, drawing, _legend(lines))


def _reliability(confidence: np.ndarray, right: np.ndarray) -> Plot:
    found = reliability(confidence, right)
    there = found.images > 0
    bars = [(b / BINS, (b + 1) / BINS, found.accuracy[b]) for b in np.flatnonzero(there)]
    line = Line(found.confidence[there], found.accuracy[there], kind="dots")
    guide = Line(np.array([0.0, 1.0]), np.array([0.0, 1.0]), kind="guide")
    sure, true = float(confidence.mean()), float(right.mean())
    verdict = "surer than it should be" if sure > true else "less sure than it could be"
    said = f"Expected calibration error {found.error:.4f}. On average {percent(sure)} sure and {percent(true)} right: "
    said += f"{verdict}."
    drawing = line_plot(
        [line, guide],
        Axis("probability of the answer", percent=True),
        Axis("right", percent=True),
        text=f"Reliability diagram. {said}",
        bars=bars,
    )
    return Plot("Reliability.", said, drawing)


def _coverage(confidence: np.ndarray, right: np.ndarray, answered: dict) -> Plot:
    coverage, accuracy = accuracy_by_coverage(confidence, right)
    low = min(0.95, np.floor(20 * accuracy[coverage > 0.02].min(initial=1.0)) / 20)
    x, y = thinned(coverage, np.clip(accuracy, low, 1))
    at = int(np.searchsorted(coverage, 0.9 - 1e-9))
    said = f"Leaving the least certain {percent(1 - coverage[at], 0)} to a person, "
    said += f"it is right for {percent(accuracy[at])} of the rest."
    lines = [Line(x, y)]
    if 0 < answered["images"] < len(right):
        share = answered["coverage"]
        lines.append(Line(np.full(2, share), np.array([low, 1.0]), kind="guide"))
        said = f"As the run decides (the dashed line) it answers {percent(share)} and is right for "
        said += f"{percent(answered['accuracy'])} of these."
    drawing = line_plot(
        lines,
        Axis("share of the images answered", percent=True),
        Axis("right", float(low), 1.0, percent=True),
        text=f"Accuracy against coverage. {said}",
    )
    return Plot("Accuracy against coverage.", said, drawing)


def _mean_of(rows: Predictions) -> str:
    return " as the mean of the classes" if len(rows.classes) > 2 else ""


def _which(rows: Predictions, chosen: list[int]) -> str:
    if len(rows.classes) == 2:
        return f"Of {printable(rows.classes[1])}. "
    return (
        f"The {len(chosen)} classes that are told apart worst. "
        if len(chosen) == MOST_LINES < len(rows.classes)
        else ""
    )


def _legend(lines: Sequence[Line]) -> Markup:
    named = [line for line in lines if line.name]
    if len(named) < 2:
        return Markup("")
    stroke = '<svg viewBox="0 0 20 8" aria-hidden="true"><path class="line c{}" d="M0 4H20"/></svg>'
    items = (f"<li>{stroke.format(i % 8)}{escape(line.name)}</li>" for i, line in enumerate(named))
    return Markup(f'<ul class="legend">{"".join(items)}</ul>')
