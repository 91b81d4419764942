"""Pictures of predictions and of a training: each function takes arrays and returns a matplotlib `Figure`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

INK, MUTED, LINE = "#22272e", "#6b7480", "#d7dce1"
BLUE, ORANGE, RED = "#2f6fb0", "#d9822b", "#c23b3b"
TILE = 1.75  # inches a side of one image in the grid
COLUMNS = 6
DPI = 130


class Mistake(NamedTuple):
    """One wrong prediction: uint8 pixels (height, width[, 3]), class names, probability of the predicted class."""

    pixels: np.ndarray
    name: str
    truth: str
    predicted: str
    probability: float


def confusion_matrix(counts: np.ndarray, classes: Sequence[str], *, title: str) -> Figure:
    """Counts and, beneath them, percentages of each row of a matrix (rows: true class, columns: predicted)."""
    counts = np.asarray(counts)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    text = np.vectorize(lambda n, s: f"{n:,}\n{s:.1%}")(counts, share)
    size = len(classes)
    side = max(4.6, 1.9 + 0.82 * size)
    figure = Figure(figsize=(side + 0.9, side), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    sns.heatmap(
        share,
        annot=text,
        fmt="",
        cmap="Blues",
        vmin=0,
        vmax=1,
        square=True,
        linewidths=1.5,
        linecolor="white",
        annot_kws={"fontsize": 15 if size <= 3 else 11 if size <= 6 else 8.5},
        cbar_kws={"label": "share of the true class", "shrink": 0.8},
        xticklabels=classes,
        yticklabels=classes,
        ax=axes,
    )
    axes.figure.axes[-1].yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    long = max(map(len, classes)) > 6 or size > 6
    axes.tick_params(axis="x", rotation=40 if long else 0, length=0)
    axes.tick_params(axis="y", rotation=0, length=0)
    if long:
        for label in axes.get_xticklabels():
            label.set_horizontalalignment("right")
    axes.set_xlabel("predicted class", color=MUTED, labelpad=8)
    axes.set_ylabel("true class", color=MUTED, labelpad=8)
    figure.suptitle(title, fontsize=11.5, color=INK)
    return figure


def mistakes(wrong: Sequence[Mistake], *, title: str, total: int) -> Figure:
    """A grid of misclassified images in the order given, each with its name, true → predicted and probability.

    `total` is how many mistakes there are; when `wrong` holds fewer, the title says so. None: the picture says that.
    """
    if not wrong:
        figure = Figure(figsize=(6.4, 2.4), dpi=DPI)
        figure.text(0.5, 0.56, "No mistakes", ha="center", va="center", fontsize=20, color=BLUE)
        figure.text(0.5, 0.30, title, ha="center", va="center", fontsize=10.5, color=MUTED)
        return figure
    columns = min(COLUMNS, max(3, len(wrong)))
    rows = math.ceil(len(wrong) / columns)
    head, foot = 0.85, 0.5  # inches above the grid, and below each image for its two lines
    cell = TILE + foot
    height = rows * cell + head
    figure = Figure(figsize=(columns * (TILE + 0.25) + 0.25, height), dpi=DPI)
    shown = "" if len(wrong) == total else f", the worst {len(wrong)} shown"
    figure.text(0.5, 1 - 0.3 / height, title, ha="center", va="center", fontsize=12, color=INK)
    figure.text(
        0.5,
        1 - 0.56 / height,
        f"{total} wrong{shown}; worst first; true → predicted, with the probability of the predicted class",
        ha="center",
        va="center",
        fontsize=8.5 if columns > 3 else 6.5,
        color=MUTED,
    )
    grid = figure.add_gridspec(
        rows,
        columns,
        left=0.02,
        right=0.98,
        top=1 - head / height,
        bottom=foot / height,
        hspace=foot / TILE,
        wspace=0.12,
    )
    for place, mistake in enumerate(wrong):
        axes = figure.add_subplot(grid[place // columns, place % columns])
        axes.imshow(
            mistake.pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest" if _tiny(mistake) else "antialiased"
        )
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_color(LINE)
        axes.set_anchor("S")
        axes.set_xlabel(
            f"{mistake.truth} → {mistake.predicted}  {mistake.probability:.3f}", fontsize=9, color=RED, labelpad=3
        )
        below = {"xytext": (0, -19), "textcoords": "offset points", "ha": "center", "va": "top"}
        axes.annotate(
            _shorten(mistake.name, 28), (0.5, 0), xycoords="axes fraction", **below, fontsize=6.6, color=MUTED
        )
    return figure


def curves(history: dict[str, np.ndarray], *, title: str, best_epoch: int) -> Figure:
    """Accuracy and loss by epoch, with the best epoch and each drop of the learning rate marked.

    `history` has arrays of equal length under the names of history.csv.
    """
    figure = Figure(figsize=(10.4, 4.2), dpi=DPI, layout="constrained")
    epochs = history["epoch"]
    rates = history["learning_rate"]
    drops = [(epochs[i], rates[i]) for i in range(1, len(rates)) if rates[i] < rates[i - 1]]
    corners = {"accuracy": "lower", "loss": "upper"}  # where curves that learn leave room for the legend
    for axes, (figure_name, where) in zip(figure.subplots(1, 2), corners.items(), strict=True):
        axes.plot(epochs, history[figure_name], color=BLUE, marker="o", markersize=3.2, label="training")
        axes.plot(epochs, history[f"val_{figure_name}"], color=ORANGE, marker="o", markersize=3.2, label="validation")
        for number, (epoch, _) in enumerate(drops):
            label = f"learning rate falls ({len(drops)}x, to {drops[-1][1]:.2g})" if number == 0 else None
            axes.axvline(epoch - 0.5, color=MUTED, linestyle=":", linewidth=1, label=label)
        best = int(np.flatnonzero(epochs == best_epoch)[0])
        value = history[f"val_{figure_name}"][best]
        axes.axvline(best_epoch, color=RED, linewidth=1, alpha=0.6)
        axes.plot([best_epoch], [value], "o", color=RED, markersize=7, label=f"best epoch {best_epoch}: {value:.4f}")
        axes.set_xlabel("epoch")
        axes.set_title(figure_name, color=INK)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlim(epochs[0] - 0.6, epochs[-1] + 0.6)
        axes.grid(color=LINE, linewidth=0.6)
        axes.legend(loc=f"{where} right", fontsize=8.5, frameon=True, framealpha=0.9, edgecolor=LINE)
        sns.despine(ax=axes)
    figure.suptitle(title, fontsize=11.5, color=INK)
    return figure


def _tiny(mistake: Mistake) -> bool:
    return max(mistake.pixels.shape[:2]) < 64


def _shorten(name: str, width: int) -> str:
    """The end of a long path, which tells files apart."""
    return name if len(name) <= width else "…" + name[-(width - 1) :]
