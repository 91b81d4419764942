"""A picture of what augmentation makes of some images: arrays in, matplotlib `Figure` out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

INK, MUTED, BLUE = "#22272e", "#6b7480", "#2f6fb0"
TILE = 1.05  # inches a side of one image
GAP = 0.06
DPI = 130


class Example(NamedTuple):
    """One image of a class: pixels as decoded, and `views`, (n, height, width, channels), as the network is fed them.

    Both are float32 in [0, 1].
    """

    label: str
    name: str
    pixels: np.ndarray
    views: np.ndarray


def preview(examples: Sequence[Example], *, title: str, note: str) -> Figure:
    """One row an example: the original on the left, what augmentation made of it beside; classes below one another."""
    columns = 1 + max(len(example.views) for example in examples)
    labels = list(dict.fromkeys(example.label for example in examples))
    left, head, foot, between = 1.45, 0.95, 0.12, 0.22
    width = left + columns * (TILE + GAP) + 0.3
    height = head + len(examples) * (TILE + GAP) + (len(labels) - 1) * between + foot
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    figure.text(0.15 / width, 1 - 0.28 / height, title, fontsize=12, color=INK, va="center")
    figure.text(0.15 / width, 1 - 0.52 / height, note, fontsize=7.5, color=MUTED, va="center")
    for text, place in (("original", left), ("as the network is fed it", left + TILE + GAP + 0.12)):
        figure.text(place / width, 1 - (head - 0.09) / height, text, fontsize=8.5, color=BLUE, va="bottom")
    top, last = head, None
    for example in examples:
        if last not in (None, example.label):
            top += between
        if last != example.label:
            figure.text(0.15 / width, 1 - (top + TILE / 2) / height, example.label, fontsize=17, color=INK, va="center")
        last = example.label
        figure.text(
            (left - 0.08) / width,
            1 - (top + TILE / 2) / height,
            example.name,
            fontsize=6.5,
            color=MUTED,
            va="center",
            ha="right",
        )
        for column, pixels in enumerate([example.pixels, *example.views]):
            x = left + column * (TILE + GAP) + (0.12 if column else 0)
            place = (x / width, 1 - (top + TILE) / height, TILE / width, TILE / height)
            _tile(figure, place, pixels, original=column == 0)
        top += TILE + GAP
    return figure


def _tile(figure: Figure, place: tuple[float, float, float, float], pixels: np.ndarray, *, original: bool) -> None:
    axes = figure.add_axes(place)
    axes.imshow(np.clip(pixels, 0, 1).squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="antialiased")
    axes.set_axis_off()
    edge = Rectangle((0, 0), 1, 1, transform=axes.transAxes, fill=False, clip_on=False)
    edge.set(edgecolor=BLUE if original else "#d7dce1", linewidth=1.4 if original else 0.8)
    axes.add_patch(edge)
