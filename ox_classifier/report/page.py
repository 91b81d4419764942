"""report.html: one file that shows a table of predictions and lets its images be looked at and marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ox_classifier.names import printable
from ox_classifier.report import headline, split_plots, template
from ox_classifier.report.predictions import Predictions
from ox_classifier.report.split_plots import Plot

LARGEST_MATRIX = 60  # classes
MOST_PAIRS = 5
FEW_CLASSES = 4  # whose cells have room for percentages
HEATS = 10


@dataclass(frozen=True)
class Part:
    """A section that a page may have or not: sentences, and for each split what else it says."""

    sentences: Sequence[str] = ()
    of_split: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Content:
    """What a page says, split by split and as a whole; `data` is `gallery.gallery` and what the script needs beside."""

    name: str
    kicker: str
    views: Sequence[dict]
    data: dict
    curves: Sequence[Plot] = ()
    notes: Sequence[str] = ()
    brief: Sequence[tuple[str, str]] = ()
    about: Sequence[str] = ()
    findings: Sequence[object] = ()
    folds: Sequence[dict] = ()
    settings: Sequence[tuple[str, str]] = ()
    slices: bool = False
    issues: Mapping[str, object] | None = None
    robustness: object | None = None


def view(split: str, rows: Predictions, result: dict) -> dict:
    """What a page says of one split."""
    counts = np.array(result["confusion_matrix"])
    return {
        "split": split,
        "result": result,
        "sentences": headline.sentences(split, result, rows.classes),
        "strip": headline.strip(result, rows.classes),
        "matrix": _matrix(counts) if len(counts) <= LARGEST_MATRIX else [],
        "pairs": confused_pairs(counts)[:MOST_PAIRS],
        "classes": list(result["classes"].values()),
        "plots": split_plots.of_split(rows, result),
        "slices": [],
        "slices_sentence": "",
    }


def confused_pairs(counts: np.ndarray) -> list[dict]:
    """Pairs of true and predicted class that were mistaken, most often first."""
    wrong = counts * (1 - np.eye(len(counts), dtype=int))
    order = np.argsort(-wrong, axis=None, kind="stable")[: np.count_nonzero(wrong)]
    totals = counts.sum(axis=1)
    return [
        {"true": int(t), "predicted": int(p), "count": int(counts[t, p]), "of": int(totals[t])}
        for t, p in zip(*np.unravel_index(order, counts.shape), strict=True)
    ]


def html(content: Content, classes: Sequence[str]) -> str:
    """The page as text. It loads nothing: its rules forbid any connection, and any script but its own."""
    values = {name: getattr(content, name) for name in content.__dataclass_fields__ if name != "data"}
    values |= {
        "title": f"{content.name}: report",
        "classes": list(map(printable, classes)),
        "few": len(classes) <= FEW_CLASSES,
        "data": template.in_script(content.data),
    }
    return template.render("report.html", values, style="report.css", script="gallery.js")


def _matrix(counts: np.ndarray) -> list[list[dict]]:
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    heat = np.ceil(HEATS * share).astype(int)
    size = range(len(counts))
    return [
        [
            {
                "true": t,
                "predicted": p,
                "count": int(counts[t, p]),
                "share": float(share[t, p]),
                "heat": int(heat[t, p]),
            }
            for p in size
        ]
        for t in size
    ]
