"""The picture of a confusion matrix: counts and class names in, matplotlib `Figure` out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

from ox_classifier.lettering import Lettering
from ox_classifier.report.figures import DPI, INK, MARGIN, MUTED, heading

WIDEST = 24.0  # inches of the grid, from which on cells get smaller
SLANTED = 12  # classes whose names, if long, stand at a slant below; those of more stand upright
PERCENTAGES = 10  # classes whose cells have room for percentages beside counts
BLANKS = 5  # classes from which on a cell without images is left blank, so that the others are seen
SMALLEST = 4.5  # points of a number that can be read
NAME_WIDTHS = (2.2, 3.4, 5.0, math.inf)  # inches of a class name; the next where two names would be cut to the same


def confusion_matrix(counts: np.ndarray, classes: Sequence[str], *, title: str) -> Figure:
    """Counts and, beneath them, percentages of each row of a matrix (rows: true class, columns: predicted).

    A matrix of many classes has counts only, its empty cells blank.
    """
    counts, size = np.asarray(counts), len(classes)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    letters = Lettering([*classes, title], dpi=DPI)
    cell = min(1.35 if size <= 3 else 0.86 if size <= PERCENTAGES else 0.5, WIDEST / size)
    names, size_of_names = _names(letters, classes, cell)
    longest = max(letters.width(name, size_of_names) for name in names)
    turned = 0 if longest < cell * 0.92 else 45 if size <= SLANTED else 90
    grid, high = size * cell, size_of_names / 72
    below = {0: high * 1.5, 45: (longest + high) * 0.71, 90: longest}[turned] + 0.5 + MARGIN
    beside = max(longest, (longest - cell / 2) * 0.71 if turned == 45 else 0) + 0.5 + MARGIN
    bar = {"gap": 0.22, "wide": 0.18, "labels": 0.85}  # inches of the scale at the right
    width = max(beside + grid + sum(bar.values()) + 0.05, 5.4)
    lines = heading(letters, title, width - 2 * MARGIN, 11.5)
    head = MARGIN + len(lines) * 0.22 + 0.12
    height = head + grid + below
    left = (width - beside - grid - sum(bar.values())) / 2 + beside
    figure = Figure(figsize=(width, height), dpi=DPI)
    axes = figure.add_axes((left / width, below / height, grid / width, grid / height))
    scale = (left + grid + bar["gap"], below + grid * 0.1, bar["wide"], grid * 0.8)
    bar_axes = figure.add_axes(tuple(np.divide(scale, (width, height, width, height))))
    text, size_of_text = _cell_texts(letters, counts, share, cell)
    sns.heatmap(
        share,
        annot=text if any(text.flat) else None,  # a hundred thousand empty texts take a quarter of a minute
        fmt="",
        cmap="Blues",
        vmin=0,
        vmax=1,
        linewidths=1.5 if cell > 0.3 else 0.4,
        linecolor="white",
        annot_kws={"fontsize": size_of_text},
        cbar_ax=bar_axes,
        xticklabels=False,
        yticklabels=False,
        ax=axes,
    )
    slanted = {"ha": "right", "rotation_mode": "anchor"} if turned == 45 else {}
    style = {"fontsize": size_of_names, "color": INK, **letters.style}
    axes.set_xticks(np.arange(size) + 0.5, names, rotation=turned, **slanted, **style)
    axes.set_yticks(np.arange(size) + 0.5, names, rotation=0, **style)
    axes.tick_params(length=0)
    axes.set_xlabel("predicted class", color=MUTED, labelpad=8)
    axes.set_ylabel("true class", color=MUTED, labelpad=8)
    bar_axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    bar_axes.set_ylabel("share of the true class", color=MUTED)
    place = {"x": 0.5, "y": 1 - MARGIN / height, "ha": "center", "va": "top"}
    figure.suptitle("\n".join(lines), **place, fontsize=11.5, color=INK, **letters.style)
    return figure


def _names(letters: Lettering, classes: Sequence[str], cell: float) -> tuple[list[str], float]:
    """Class names, cut where they are long but still different from each other, and their size in points."""
    points = max(1.0, min(11 if len(classes) <= 3 else 10 if len(classes) <= PERCENTAGES else 9, cell * 72 * 0.8))
    names = []
    for inches in NAME_WIDTHS:
        names = [letters.cut(name, inches, points, keep="both") for name in classes]
        if len(set(names)) == len(names):
            break
    return names, points


def _cell_texts(letters: Lettering, counts: np.ndarray, share: np.ndarray, cell: float) -> tuple[np.ndarray, float]:
    """What stands in each cell, and its size in points: the largest that fits."""
    size = len(counts)
    percentages = size <= PERCENTAGES
    one = (lambda n, s: f"{n:,}\n{s:.1%}") if percentages else (lambda n, _: f"{n:,}")
    text = np.vectorize(one, otypes=[object])(counts, share)
    if size > BLANKS:
        text[counts == 0] = ""
    widest = max(letters.width(line, 10) for line in {line for one in set(text.flat) for line in one.split("\n")})
    points = min(15 if size <= 3 else 11 if size <= BLANKS else 9, 10 * 0.86 * cell / max(widest, 1e-6))
    points = min(points, cell * 72 * (0.36 if percentages else 0.6))
    if points < SMALLEST:
        text[:] = ""
    return text, points
