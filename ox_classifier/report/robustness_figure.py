"""The robustness card as one picture: a panel for each change, with an image that shows each level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from ox_classifier.lettering import Lettering
from ox_classifier.report import robustness_words as words
from ox_classifier.report.figures import BLUE, DPI, INK, LINE, MUTED, ORANGE, RED
from ox_classifier.report.robustness_card import Card, Step
from ox_classifier.report.robustness_changes import Kind

COLUMNS = 3
SIZE = (14.4, 9.4)  # inches
HEAD, FOOT = 1.02, 0.04  # inches above and below the panels
LEFT, RIGHT = 0.55, 0.12  # inches within a panel, beside the plot
ABOVE, BELOW = 0.36, 0.38  # inches within a panel, above the plot, and from the pictures to its end
TICKS = 0.26  # inches between plot and pictures
GREEN = "#22793f"
EDGE = (215, 220, 225)  # LINE, of a picture


def card_figure(card: Card, shown: Mapping[str, Sequence[np.ndarray]], *, title: str) -> Figure:
    """Accuracy and share answered at every level, and where accuracy gets significantly worse.

    `shown` has, by the name of a change, uint8 pictures of one image unchanged and at each level; it may be empty.
    """
    letters = Lettering([title], dpi=DPI)
    figure = Figure(figsize=SIZE, dpi=DPI)
    width, height = SIZE
    top = {"ha": "left", "va": "top", "x": LEFT / width}
    figure.text(
        y=1 - 0.16 / height,
        s=letters.cut(title, 0.45 * width - LEFT - 0.2, 13, keep="both"),
        fontsize=13,
        color=INK,
        **top,
        **letters.style,
    )
    lead, size = _lead(letters, words.headline(card))
    figure.text(y=1 - 0.46 / height, s="\n".join(lead), fontsize=size, color=MUTED, **top, **letters.style)
    rows = -(-len(card.steps) // COLUMNS)
    across, down = width / COLUMNS, (height - HEAD - FOOT) / rows
    side = (across - LEFT - RIGHT) / 6.6  # of a picture
    for number, (kind, steps) in enumerate(card.kinds()):
        x, y = number % COLUMNS * across + LEFT, HEAD + number // COLUMNS * down + ABOVE  # from the left and the top
        broad, tall = across - LEFT - RIGHT, down - ABOVE - BELOW - TICKS - side
        axes = figure.add_axes((x / width, 1 - (y + tall) / height, broad / width, tall / height))
        _panel(axes, card, kind, steps)
        _titles(figure, kind, steps, (x, y - 0.08, broad))
        place = y + tall + TICKS
        if shown:
            strip = figure.add_axes((x / width, 1 - (place + side) / height, broad / width, side / height))
            strip.imshow(_strip(shown[kind.name], broad / side), interpolation="antialiased")
            strip.axis("off")
        middle = (x + broad / 2) / width
        below = 1 - (place + (side + 0.05 if shown else 0)) / height
        figure.text(middle, below, kind.axis, ha="center", va="top", fontsize=8.5, color=MUTED)
    _legend(figure, card)
    return figure


def _strip(pictures: Sequence[np.ndarray], across: float) -> np.ndarray:
    """Square pictures in a row, each in the middle of its column, with a thin edge; `across` is breadth by height."""
    side = len(pictures[0])
    column = side * across / len(pictures)
    strip = np.full((side, round(side * across), 3), 255, np.uint8)
    for number, picture in enumerate(pictures):
        left = round((number + 0.5) * column - side / 2)
        part = strip[:, left : left + side]
        part[:] = EDGE
        part[1:-1, 1:-1] = picture.reshape(side, side, -1)[1:-1, 1:-1]
    return strip


def _lead(letters: Lettering, sentences: Sequence[str]) -> tuple[list[str], float]:
    """What is said above the panels, in at most three lines, and the size of its letters in points."""
    room = SIZE[0] - 2 * LEFT
    lines = [line for said in sentences for line in letters.wrap(said, room, 10.5)]
    return (lines, 10.5) if len(lines) <= 3 else (letters.wrap(" ".join(sentences), room, 9), 9)


def _panel(axes, card: Card, kind: Kind, steps: Sequence[Step]) -> None:
    every = (card.unchanged, *steps)
    places = np.arange(len(every))
    first = words.first_worse(steps)
    if first is not None:
        axes.axvspan(first - 0.5, len(every) - 0.5, color=RED, alpha=0.09, linewidth=0)
    axes.axhline(card.unchanged.accuracy, color=BLUE, linewidth=0.9, linestyle=(0, (4, 3)), alpha=0.75)
    if not card.always:
        axes.axhline(card.unchanged.coverage, color=ORANGE, linewidth=0.9, linestyle=(0, (4, 3)), alpha=0.75)
        axes.fill_between(places, [step.mistaken for step in every], color=RED, alpha=0.55, linewidth=0)
        look = {"marker": "s", "markersize": 4.2, "clip_on": False}
        axes.plot(places, [step.coverage for step in every], color=ORANGE, linewidth=1.8, **look)
    look = {"marker": "o", "markersize": 5, "clip_on": False}
    axes.plot(places, [step.accuracy for step in every], color=BLUE, linewidth=2.1, **look)
    if first is not None:
        ring = {"markersize": 11, "markerfacecolor": "none", "markeredgewidth": 1.8, "clip_on": False}
        axes.plot([first], [every[first].accuracy], "o", color=RED, zorder=5, **ring)
    axes.set_xlim(-0.5, len(every) - 0.5)
    axes.set_ylim(0, 1)
    axes.set_xticks(places, words.ticks(kind))
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.tick_params(length=0, labelsize=8.5, labelcolor=MUTED)
    axes.grid(axis="y", color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    for name, spine in axes.spines.items():
        spine.set_visible(name == "bottom")
        spine.set_color(MUTED)


def _titles(figure: Figure, kind: Kind, steps: Sequence[Step], place: tuple[float, float, float]) -> None:
    """The name of the change, and at the right what became of it; `place` is left, bottom and breadth in inches."""
    (width, height), (x, y, broad) = SIZE, place
    bottom = 1 - y / height
    figure.text(x / width, bottom, kind.title, ha="left", va="bottom", fontsize=11.5, fontweight="bold", color=INK)
    color = GREEN if words.first_worse(steps) is None else RED
    said = words.verdict(kind, steps)
    figure.text((x + broad) / width, bottom, said, ha="right", va="bottom", fontsize=10.5, color=color)


def _legend(figure: Figure, card: Card) -> None:
    found = [(Line2D([], [], color=BLUE, marker="o", linewidth=2.1), "right, of all images")]
    if not card.always:
        found.append((Line2D([], [], color=ORANGE, marker="s", markersize=4.2, linewidth=1.8), "answered"))
        found.append((Patch(color=RED, alpha=0.55, linewidth=0), "answered, and wrong"))
    found.append((Line2D([], [], color=MUTED, linewidth=0.9, linestyle=(0, (4, 3))), "unchanged"))
    found.append((Patch(color=RED, alpha=0.12, linewidth=0), "significantly worse"))
    where = {"loc": "upper right", "bbox_to_anchor": (1 - RIGHT / SIZE[0] + 0.004, 1 - 0.08 / SIZE[1])}
    figure.legend(*zip(*found, strict=True), **where, ncols=len(found), fontsize=9, frameon=False, labelcolor=INK)
