"""Pictures of predictions and of a training: each function takes arrays and returns a matplotlib `Figure`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ox_classifier.lettering import Lettering

INK, MUTED, LINE = "#22272e", "#6b7480", "#d7dce1"
BLUE, ORANGE, RED = "#2f6fb0", "#d9822b", "#c23b3b"
TILE = 1.75  # inches a side of one image in the grid
COLUMNS = 6
DPI = 130
MARGIN = 0.2  # inches
LINE_HEIGHT = 1.4  # of the size of its letters


class Mistake(NamedTuple):
    """One wrong prediction: uint8 pixels (height, width[, 3]), class names, probability of the predicted class."""

    pixels: np.ndarray
    name: str
    truth: str
    predicted: str
    probability: float


def mistakes(wrong: Sequence[Mistake], *, title: str, total: int) -> Figure:
    """A grid of misclassified images in the order given, each with its name, true → predicted and probability.

    `total` is how many mistakes there are; when `wrong` holds fewer, the title says so. None: the picture says that.
    """
    letters = Lettering([title, *(text for one in wrong for text in (one.name, one.truth, one.predicted))], dpi=DPI)
    columns = min(COLUMNS, max(3, len(wrong)))
    pitch = TILE + 0.25
    width = columns * pitch + 0.25
    room = width - 2 * MARGIN
    if not wrong:
        figure = Figure(figsize=(width, 2.4), dpi=DPI)
        figure.text(0.5, 0.68, "No mistakes", ha="center", va="center", fontsize=20, color=BLUE)
        lines = heading(letters, title, room, 10.5)
        figure.text(0.5, 0.48, "\n".join(lines), ha="center", va="top", fontsize=10.5, color=MUTED, **letters.style)
        return figure
    shown = "" if len(wrong) == total else f", the worst {len(wrong)} shown"
    note = f"{total} wrong{shown}; worst first; true → predicted, with the probability of the predicted class"
    captions = [_caption(letters, one, TILE + 0.15) for one in wrong]
    foot = max(_tall(answer, 9) + _tall(name, 6.6) for answer, name in captions) + 0.14  # inches below each image
    title_lines, note_lines = heading(letters, title, room, 12), letters.wrap(note, room, 8.5)
    head = MARGIN + _tall(title_lines, 12) + 0.04 + _tall(note_lines, 8.5) + 0.14  # inches above the grid
    height = head + math.ceil(len(wrong) / columns) * (TILE + foot) + 0.1
    figure = Figure(figsize=(width, height), dpi=DPI)
    above = {"ha": "center", "va": "top", **letters.style}
    figure.text(0.5, 1 - MARGIN / height, "\n".join(title_lines), fontsize=12, color=INK, **above)
    below = 1 - (MARGIN + _tall(title_lines, 12) + 0.04) / height
    figure.text(0.5, below, "\n".join(note_lines), fontsize=8.5, color=MUTED, **above)
    left = (width - min(columns, len(wrong)) * pitch + 0.25) / 2
    for place, (mistake, (answer, name)) in enumerate(zip(wrong, captions, strict=True)):
        x = left + place % columns * pitch
        y = head + place // columns * (TILE + foot) + TILE
        axes = figure.add_axes((x / width, 1 - y / height, TILE / width, TILE / height))
        _draw(axes, mistake.pixels)
        middle, top = (x + TILE / 2) / width, y + 0.05
        figure.text(middle, 1 - top / height, "\n".join(answer), fontsize=9, color=RED, **above)
        top += _tall(answer, 9)
        figure.text(middle, 1 - top / height, "\n".join(name), fontsize=6.6, color=MUTED, **above)
    return figure


def curves(
    history: dict[str, np.ndarray], *, title: str, best_epoch: int, fine_tuned_from: int | None = None
) -> Figure:
    """Accuracy and loss by epoch, with the best epoch, each drop of the learning rate and fine-tuning marked.

    `history` has arrays of equal length under the names of history.csv; `fine_tuned_from` is the first epoch, counted
    from 1, in which layers of the base were trained, too. Where nothing was held out, the validation's values are NaN.
    """
    letters = Lettering([title], dpi=DPI)
    figure = Figure(figsize=(10.4, 4.7), dpi=DPI, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)
    epochs = history["epoch"]
    for axes, name in zip(figure.subplots(1, 2), ("accuracy", "loss"), strict=True):
        look = {"marker": "o", "markersize": 3.2 if len(epochs) > 1 else 6}  # one epoch has no line, only its points
        axes.plot(epochs, history[name], color=BLUE, label="training", **look)
        held_out = history[f"val_{name}"]
        if not np.isnan(held_out).all():
            axes.plot(epochs, held_out, color=ORANGE, label="validation", **look)
        kept, kind = (history[name], "last") if np.isnan(held_out).all() else (held_out, "best")
        _mark_best(axes, epochs, kept, best_epoch, kind)
        _mark_learning_rates(axes, epochs, history["learning_rate"], fine_tuned_from)
        axes.set_xlabel("epoch")
        axes.set_title(name, color=INK)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlim(epochs[0] - 0.6, epochs[-1] + 0.6)
        if len(epochs) == 1:
            axes.set_xticks(epochs, [f"{epochs[0]:.0f}"])
        axes.grid(color=LINE, linewidth=0.6)
        # below the curves, as these leave no corner free that is known beforehand
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2, fontsize=8.5, frameon=False)
        sns.despine(ax=axes)
    lines = heading(letters, title, 10.4 - 2 * MARGIN, 11.5)
    figure.suptitle("\n".join(lines), fontsize=11.5, color=INK, **letters.style)
    return figure


def heading(letters: Lettering, title: str, inches: float, size: float) -> list[str]:
    """The lines of a title: its own ones; broken before a parenthesis at its end, else where a line is full."""
    lines = []
    for part in title.split("\n"):
        before, parenthesis, after = part.rpartition(" (")
        wide = before and after.endswith(")") and letters.width(letters.line(part), size) > inches
        for line in (before, f"{parenthesis.strip()}{after}") if wide else (part,):
            lines += letters.wrap(line, inches, size)
    return lines


def _mark_best(axes: Axes, epochs: np.ndarray, values: np.ndarray, best_epoch: int, kind: str) -> None:
    value = values[int(np.flatnonzero(epochs == best_epoch)[0])]
    axes.axvline(best_epoch, color=RED, linewidth=1, alpha=0.5)
    ring = {"markersize": 10, "markerfacecolor": "none", "markeredgewidth": 1.8, "linestyle": "none", "clip_on": False}
    axes.plot([best_epoch], [value], "o", color=RED, label=f"{kind} epoch {best_epoch}: {value:.4f}", **ring)


def _mark_learning_rates(axes: Axes, epochs: np.ndarray, rates: np.ndarray, fine_tuned_from: int | None) -> None:
    """Shade fine-tuning, which begins with a learning rate of its own, and mark where the rate falls otherwise."""
    if fine_tuned_from is not None:
        label = f"fine-tuning, from epoch {fine_tuned_from}"
        axes.axvspan(fine_tuned_from - 0.5, epochs[-1] + 0.6, color=BLUE, alpha=0.09, linewidth=0, label=label)
    drops = [i for i in range(1, len(rates)) if rates[i] < rates[i - 1] and epochs[i] != fine_tuned_from]
    for number, i in enumerate(drops):
        label = f"learning rate falls ({len(drops)}x, to {rates[drops[-1]]:.2g})" if number == 0 else None
        axes.axvline(epochs[i] - 0.5, color=MUTED, linestyle=":", linewidth=1, label=label)


def _caption(letters: Lettering, mistake: Mistake, inches: float) -> tuple[list[str], list[str]]:
    """The lines under an image: true → predicted with the probability, on two lines if need be, and the file."""
    truth, predicted = letters.line(mistake.truth), letters.line(mistake.predicted)
    answer = [f"{truth} → {predicted}  {mistake.probability:.3f}"]
    if letters.width(answer[0], 9) > inches:
        room = inches - letters.width(f"→   {mistake.probability:.3f}", 9)
        truth, predicted = letters.cut(truth, inches, 9, keep="both"), letters.cut(predicted, room, 9, keep="both")
        answer = [truth, f"→ {predicted}  {mistake.probability:.3f}"]
    name = [letters.line(mistake.name)]
    if letters.width(name[0], 6.6) > inches:
        folder, slash, file = mistake.name.rpartition("/")
        name = [letters.cut(part, inches, 6.6) for part in (folder + slash, file) if part]
    return answer, name


def _draw(axes: Axes, pixels: np.ndarray) -> None:
    tiny = max(pixels.shape[:2]) < 64
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest" if tiny else "antialiased")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_anchor("S")
    for spine in axes.spines.values():
        spine.set_color(LINE)


def _tall(lines: Sequence[str], size: float) -> float:
    """Inches that lines take."""
    return len(lines) * size * LINE_HEIGHT / 72
