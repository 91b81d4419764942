"""Line plots as small SVG drawings that take their colours from the page around them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from markupsafe import Markup

from ox_classifier.report.headline import percent

WIDTH, HEIGHT = 340, 260
LEFT, RIGHT, TOP, BOTTOM = 58, 20, 10, 40
MOST_POINTS = 160  # of a line: more can't be told apart at this size


@dataclass(frozen=True)
class Line:
    """One line of a plot; its number picks the colour, `name` stands in the legend. NaN leaves a gap."""

    x: np.ndarray
    y: np.ndarray
    name: str = ""
    kind: str = ""  # "dots" draws the points, too; "steps" holds each value up to the next point; "guide" is thin


@dataclass(frozen=True)
class Axis:
    """What an axis shows, from `low` to `high`; as percentages where they are shares.

    `named` are the ticks of an axis on which not numbers but names stand: places, each with its text.
    """

    label: str
    low: float = 0.0
    high: float = 1.0
    percent: bool = False
    whole: bool = False  # ticks at whole numbers only
    named: tuple[tuple[float, str], ...] = ()

    def ticks(self) -> list[tuple[float, str]]:
        """Four to six places, each with its text; or those that are named."""
        if self.named:
            return list(self.named)
        step = _round_step((self.high - self.low) / 5)
        step = max(1, math.ceil(step)) if self.whole else step
        first = math.ceil(self.low / step - 1e-9)
        values = [n * step for n in range(first, int(self.high / step + 1e-9) + 1)]
        digits = max(0, -math.floor(math.log10(step) + 1e-9))
        if self.percent:
            return [(value, percent(value, max(0, digits - 2))) for value in values]
        return [(value, f"{value:.{digits}f}") for value in values]


def line_plot(
    lines: Sequence[Line], x: Axis, y: Axis, *, text: str, bars: Sequence[tuple[float, float, float]] = ()
) -> Markup:
    """A plot as SVG; `text` says in words what it shows, for readers who can't see it.

    `bars` are (from x, to x, height) of columns behind the lines.
    """
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def place(value_x: float, value_y: float) -> tuple[float, float]:
        across = (value_x - x.low) / ((x.high - x.low) or 1)
        up = (value_y - y.low) / ((y.high - y.low) or 1)
        return round(LEFT + across * (right - LEFT), 1), round(bottom - up * (bottom - TOP), 1)

    parts = [f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(text)}">']
    for value, label in y.ticks():
        height = place(x.low, value)[1]
        parts.append(f'<path class="grid" d="M{LEFT} {height}H{right}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 6}" y="{height + 3.5}" text-anchor="end">{label}</text>')
    for value, label in x.ticks():
        across = place(value, y.low)[0]
        parts.append(f'<path class="grid" d="M{across} {bottom}v4"/>')
        parts.append(f'<text class="tick" x="{across}" y="{bottom + 15}" text-anchor="middle">{label}</text>')
    for low, high, tall in bars:
        (x0, y0), (x1, y1) = place(low, y.low), place(high, tall)
        parts.append(f'<path class="bar" d="M{x0 + 1:g} {y0}V{y1}H{x1 - 1:g}V{y0}Z"/>')
    parts.append(f'<path class="axis" d="M{LEFT} {bottom}H{right}"/>')
    middle = (LEFT + right) / 2, (TOP + bottom) / 2
    parts.append(f'<text class="label" x="{middle[0]}" y="{HEIGHT - 6}" text-anchor="middle">{escape(x.label)}</text>')
    turned = f'transform="rotate(-90 11 {middle[1]})"'
    parts.append(f'<text class="label" x="11" y="{middle[1]}" text-anchor="middle" {turned}>{escape(y.label)}</text>')
    number = 0
    for line in lines:
        look = "guide" if line.kind == "guide" else f"line c{number % 8}"
        number += line.kind != "guide"
        parts.append(f'<path class="{look}" d="{_path(line, place)}"/>')
        if line.kind == "dots":
            points = (place(a, b) for a, b in zip(line.x, line.y, strict=True) if not math.isnan(b))
            parts += [f'<circle class="c{(number - 1) % 8}" cx="{a}" cy="{b}" r="2.6"/>' for a, b in points]
    return Markup("".join([*parts, "</svg>"]))


def thinned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most so many points of a line that a small plot looks the same, its first and last among them."""
    if len(x) <= MOST_POINTS:
        return x, y
    kept = np.unique(np.linspace(0, len(x) - 1, MOST_POINTS).round().astype(int))
    return x[kept], y[kept]


def _path(line: Line, place) -> str:
    """The points joined, each part between gaps for itself."""
    text, pen, before = [], "M", None
    for a, b in zip(line.x, line.y, strict=True):
        if math.isnan(b):
            pen, before = "M", None
            continue
        across, height = place(a, b)
        if line.kind == "steps" and before is not None:
            text.append(f"H{across}V{height}")
        else:
            text.append(f"{pen}{across} {height}")
        pen, before = "L", height
    return "".join(text)


def _round_step(step: float) -> float:
    """The next larger of 1, 2, 2.5, 5 and 10 times a power of ten."""
    if step <= 0:
        return 1.0
    power = 10 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if step <= factor * power * (1 + 1e-9))
