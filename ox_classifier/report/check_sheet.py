"""A contact sheet of findings: every case as a row of pictures with their names; takes arrays, knows no files."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

INK, MUTED, LINE = "#22272e", "#6b7480", "#d7dce1"
COLORS = {"error": "#c23b3b", "warning": "#d9822b", "note": "#2f6fb0"}
WIDTH = 12.0  # inches
TILE = 1.15  # inches a side
GAP = 0.14  # between the pictures of one case
CASE_GAP = 0.42  # between cases
CAPTION = 0.42  # inches under a picture
TITLE_LINE = 0.24
MARGIN = 0.4
DPI = 110


class Tile(NamedTuple):
    """One picture: uint8 pixels (height, width[, 3]), or None for a file that can't be read, and its caption."""

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
    plans = [(section, _title(section), _flow(section.cases)) for section in sections]
    heights = [len(lines) * TITLE_LINE + 0.1 + len(rows) * (TILE + CAPTION) + 0.3 for _, lines, rows in plans]
    height = MARGIN * 2 + 0.5 + sum(heights)
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
    figure.text(MARGIN / WIDTH, 1 - MARGIN / height, title, fontsize=16, weight="bold", color=INK, va="top")
    top = MARGIN + 0.5
    for (section, lines, rows), tall in zip(plans, heights, strict=True):
        _write(figure, height, top, section.level, lines)
        below = top + len(lines) * TITLE_LINE + 0.1
        for row in rows:
            for x, case in row:
                _draw_case(figure, height, x, below, case, COLORS[section.level])
            below += TILE + CAPTION
        top += tall
    return figure


def _title(section: Section) -> list[str]:
    more = f" ({section.more:,} more not shown)" if section.more else ""
    return textwrap.wrap(section.sentence[0].upper() + section.sentence[1:] + more, 118) or [""]


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


def _write(figure: Figure, height: float, top: float, level: str, lines: list[str]) -> None:
    y = 1 - top / height
    figure.text(MARGIN / WIDTH, y, level, fontsize=11, weight="bold", color=COLORS[level], va="top")
    for i, line in enumerate(lines):
        at = 1 - (top + i * TITLE_LINE) / height
        figure.text((MARGIN + 0.85) / WIDTH, at, line, fontsize=11, color=INK, va="top")


def _draw_case(figure: Figure, height: float, x: float, top: float, case: Sequence[Tile], color: str) -> None:
    for i, tile in enumerate(case):
        left = x + i * (TILE + GAP)
        axes = figure.add_axes((left / WIDTH, 1 - (top + TILE) / height, TILE / WIDTH, TILE / height))
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_color(LINE)
        if tile.pixels is None:
            axes.add_patch(Rectangle((0, 0), 1, 1, transform=axes.transAxes, color="#eef0f2"))
            axes.text(
                0.5, 0.5, "not\nreadable", ha="center", va="center", color=MUTED, fontsize=9, transform=axes.transAxes
            )
        else:
            gray = tile.pixels.ndim == 2 or tile.pixels.shape[-1] == 1
            axes.imshow(
                tile.pixels.squeeze(), cmap="gray" if gray else None, vmin=0, vmax=255, interpolation="antialiased"
            )
        caption = "\n".join(_short(line, 19) for line in tile.caption.split("\n"))
        axes.set_xlabel(caption, fontsize=7.5, color=MUTED, labelpad=3)
    if len(case) > 1:
        y = 1 - (top - 0.045) / height
        right = x + len(case) * (TILE + GAP) - GAP
        figure.add_artist(
            Rectangle((x / WIDTH, y), (right - x) / WIDTH, 0.025 / height, color=color, transform=figure.transFigure)
        )


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"…{text[1 - most :]}"
