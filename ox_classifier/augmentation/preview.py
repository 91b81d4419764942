"""A picture of what augmentation makes of some images: arrays in, matplotlib `Figure` out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ox_classifier.lettering import Lettering

INK, MUTED, EDGE, BLUE = "#22272e", "#6b7480", "#d7dce1", "#2f6fb0"
# inches
TILE = 1.05  # a side of one image
GAP = 0.06
MARGIN = 0.2
NAMES = 2.0  # the widest column of file names
APART = 0.14  # between an original and its views
CLASS = 0.4  # a class's name above its rows
HEADS = 0.36  # down to the end of the columns' heads
DPI = 130
LINE_HEIGHT = 1.45  # of the size of its letters


class Example(NamedTuple):
    """One image of a class: its uint8 pixels (height, width[, channels]) as decoded, in its own proportions, and
    `views`, (n, height, width, channels), float32 in [0, 1], as the network is fed them."""

    label: str
    name: str
    pixels: np.ndarray
    views: np.ndarray


def preview(examples: Sequence[Example], *, title: str, note: str) -> Figure:
    """One row an example: the original on the left, what augmentation made of it beside; classes below one another."""
    letters = Lettering([title, note, *(text for one in examples for text in (one.label, one.name))], dpi=DPI)
    names = [_name(letters, example.name) for example in examples]
    # where the originals begin, and their views, from the left
    first = MARGIN + max(letters.width(line, 6.5) for lines in names for line in lines) + 0.1
    views = first + TILE + GAP + APART
    width = views + max(3, *(len(example.views) for example in examples)) * (TILE + GAP) - GAP + MARGIN
    room = width - 2 * MARGIN
    head = [(line, 12, INK) for line in letters.wrap(title, room, 12)]
    head += [(line, 7.5, MUTED) for line in letters.wrap(note, room, 7.5)]
    top = MARGIN + sum(size for _, size, _ in head) * LINE_HEIGHT / 72 + HEADS
    rows = zip(examples, names, strict=True)
    groups = [(label, list(group)) for label, group in groupby(rows, lambda row: row[0].label)]
    height = top + len(groups) * CLASS + len(examples) * (TILE + GAP) + MARGIN / 2
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))  # one for all, in inches from the top left: an axes a picture is slow
    axes.set_axis_off()
    below = MARGIN
    for line, size, color in head:
        axes.text(MARGIN, below, line, fontsize=size, color=color, va="top", **letters.style)
        below += size * LINE_HEIGHT / 72
    for text, x in (("original", first), ("as the network is fed it", views)):
        axes.text(x, top, text, fontsize=8.5, color=BLUE, va="bottom")
    for label, group in groups:
        shown = letters.cut(label, room, 13, keep="both")
        axes.text(MARGIN, top + CLASS - 0.07, shown, fontsize=13, color=INK, va="bottom", **letters.style)
        top += CLASS
        for example, lines in group:
            style = {"fontsize": 6.5, "color": MUTED, "ha": "right", "va": "center", **letters.style}
            axes.text(first - 0.1, top + TILE / 2, "\n".join(lines), **style)
            _draw_tile(axes, first, top, example.pixels, BLUE)
            for place, view in enumerate(example.views):
                _draw_tile(axes, views + place * (TILE + GAP), top, np.clip(view, 0, 1), EDGE)
            top += TILE + GAP
    axes.set(xlim=(0, width), ylim=(height, 0))
    return figure


def _name(letters: Lettering, name: str) -> list[str]:
    """A file's name in a line, or in two with its folder on the first."""
    if letters.width(letters.line(name), 6.5) <= NAMES:
        return [letters.line(name)]
    folder, slash, file = name.rpartition("/")
    return [letters.cut(line, NAMES, 6.5) for line in (folder + slash, file) if line]


def _draw_tile(axes: Axes, left: float, top: float, pixels: np.ndarray, edge: str) -> None:
    """The image in its own proportions, as large as its tile allows."""
    high, wide = pixels.shape[:2]
    scale = TILE / max(high, wide)
    high, wide = high * scale, wide * scale
    x, y = left + (TILE - wide) / 2, top + (TILE - high) / 2
    whole = 255 if pixels.dtype == np.uint8 else 1
    extent = (x, x + wide, y + high, y)
    shown = pixels.squeeze(axis=2) if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    axes.imshow(shown, cmap="gray", vmin=0, vmax=whole, extent=extent, aspect="auto", interpolation="antialiased")
    axes.add_patch(Rectangle((x, y), wide, high, fill=False, edgecolor=edge, linewidth=1.4 if edge == BLUE else 0.8))
