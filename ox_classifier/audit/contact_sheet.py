"""A contact sheet of findings: every case as a row of pictures with their names; takes arrays, knows no files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ox_classifier.lettering import Lettering

INK, MUTED, EDGE = "#22272e", "#6b7480", "#d7dce1"
COLORS = {"error": "#c23b3b", "warning": "#d9822b", "note": "#2f6fb0"}
WIDTH = 12.0  # inches
TILE = 1.15  # inches a side
GAP = 0.14  # between the pictures of one case
CASE_GAP = 0.42  # between cases
CAPTION = 0.42  # inches under a picture
LINE, TITLE_LINE = 0.24, 0.32
LEVEL = 0.85  # from a finding's level to its sentence
MARGIN = 0.4
DPI = 110


class Tile(NamedTuple):
    """One picture: uint8 pixels (height, width[, 3]), or None for a file that can't be read, and its caption.

    A caption is a file's name, with its folder on a line before it.
    """

    pixels: np.ndarray | None
    caption: str


class Section(NamedTuple):
    """One finding: its level, its sentence, the cases shown (tiles side by side) and how many more there are."""

    level: str
    sentence: str
    cases: Sequence[Sequence[Tile]]
    more: int = 0


def check_sheet(sections: Sequence[Section], *, title: str) -> Figure:
    """Draw the sections under each other; pictures of one case touch a common rule, so copies are seen as copies."""
    captions = [tile.caption for section in sections for case in section.cases for tile in case]
    letters = Lettering([title, *(section.sentence for section in sections), *captions], dpi=DPI)
    titles = letters.wrap(title, WIDTH - 2 * MARGIN, 16)
    plans = [(section, _sentence(letters, section), _flow(section.cases)) for section in sections]
    heights = [len(lines) * LINE + 0.1 + len(rows) * (TILE + CAPTION) + 0.3 for _, lines, rows in plans]
    top = MARGIN + len(titles) * TITLE_LINE + 0.18
    height = top + sum(heights) + MARGIN
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))  # one for all, in inches from the top left: an axes a picture is slow
    axes.set_axis_off()
    for i, line in enumerate(titles):
        axes.text(MARGIN, MARGIN + i * TITLE_LINE, line, fontsize=16, color=INK, va="top", **letters.style)
    for (section, lines, rows), tall in zip(plans, heights, strict=True):
        axes.text(MARGIN, top, section.level, fontsize=11, weight="bold", color=COLORS[section.level], va="top")
        for i, line in enumerate(lines):
            axes.text(MARGIN + LEVEL, top + i * LINE, line, fontsize=11, color=INK, va="top", **letters.style)
        below = top + len(lines) * LINE + 0.1
        for row in rows:
            for x, case in row:
                _draw_case(axes, letters, x, below, case, COLORS[section.level])
            below += TILE + CAPTION
        top += tall
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    return figure


def _sentence(letters: Lettering, section: Section) -> list[str]:
    more = f" ({section.more:,} more not shown)" if section.more else ""
    room = WIDTH - 2 * MARGIN - LEVEL
    return letters.wrap(section.sentence[:1].upper() + section.sentence[1:] + more, room, 11, most=6)


def _flow(cases: Sequence[Sequence[Tile]]) -> list[list[tuple[float, Sequence[Tile]]]]:
    """Cases from left to right with their x in inches; a case too long for a line goes on in the next."""
    most = int((WIDTH - 2 * MARGIN + GAP) / (TILE + GAP))
    pieces = [case[i : i + most] for case in cases for i in range(0, len(case), most)]
    rows, x = [], WIDTH
    for piece in pieces:
        wide = len(piece) * (TILE + GAP) - GAP
        if x + wide > WIDTH - MARGIN + 1e-6:
            rows.append([])
            x = MARGIN
        rows[-1].append((x, piece))
        x += wide + CASE_GAP
    return rows


def _draw_case(axes: Axes, letters: Lettering, x: float, top: float, case: Sequence[Tile], color: str) -> None:
    for i, tile in enumerate(case):
        left = x + i * (TILE + GAP)
        filled = "#eef0f2" if tile.pixels is None else "none"
        axes.add_patch(Rectangle((left, top), TILE, TILE, facecolor=filled, edgecolor=EDGE, linewidth=0.8))
        if tile.pixels is None:
            middle = left + TILE / 2, top + TILE / 2
            axes.text(*middle, "not\nreadable", ha="center", va="center", color=MUTED, fontsize=9)
        else:
            _draw_pixels(axes, left, top, tile.pixels)
        folder, _, file = tile.caption.partition("\n")
        caption = "\n".join(letters.cut(line, TILE + GAP / 2, 7.5) for line in (folder, file) if line)
        below = {"fontsize": 7.5, "color": MUTED, "ha": "center", "va": "top", **letters.style}
        axes.text(left + TILE / 2, top + TILE + 0.05, caption, **below)
    if len(case) > 1:
        axes.add_patch(Rectangle((x, top - 0.07), len(case) * (TILE + GAP) - GAP, 0.025, color=color))


def _draw_pixels(axes: Axes, left: float, top: float, pixels: np.ndarray) -> None:
    """The picture in its own proportions, as large as its tile allows."""
    high, wide = pixels.shape[:2]
    scale = TILE / max(high, wide)
    x, y = left + (TILE - wide * scale) / 2, top + (TILE - high * scale) / 2
    extent = (x, x + wide * scale, y + high * scale, y)
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, extent=extent, aspect="auto", interpolation="antialiased")
