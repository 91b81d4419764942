"""Texts of every picture lie inside it and on nothing else, whatever the names and however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import pytest
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.text import Text

from tests.hard_pictures import cases


def texts(figure: Figure) -> Iterator[Text]:
    """Every text that is drawn: matplotlib keeps labels of ticks outside the axes, too."""
    hidden = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
            on = axes.axison and axes.get_visible()
            outside = [tick for tick in ticks if not (on and low <= tick.get_loc() <= high)]
            hidden |= {label for tick in outside for label in (tick.label1, tick.label2)}
            hidden |= set() if on else {axis.label, axis.offsetText}
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text().strip() and text not in hidden:
            yield text


def overlap(one, other) -> bool:
    """Whether two boxes share more than half a dot."""
    across = min(one.x1, other.x1) - max(one.x0, other.x0)
    down = min(one.y1, other.y1) - max(one.y0, other.y0)
    return across > 0.5 and down > 0.5


def faults(figure: Figure) -> list[str]:
    """What is clipped by the edge of the picture, and what lies on something else."""
    figure.draw_without_rendering()
    frame = figure.bbox
    boxes = [(text, text.get_window_extent()) for text in texts(figure)]
    found = [
        f"clipped: {text.get_text()!r}"
        for text, box in boxes
        if box.x0 < frame.x0 or box.y0 < frame.y0 or box.x1 > frame.x1 or box.y1 > frame.y1
    ]
    for (one, box), (other, next_box) in combinations(boxes, 2):
        if one.get_rotation() == other.get_rotation() == 45:  # their boxes overlap, they don't: compare their lines
            line = one.get_fontsize() * figure.dpi / 72
            apart = abs(box.x1 - next_box.x1) * 0.7 > line
        else:
            apart = not overlap(box, next_box)
        if not apart:
            found.append(f"{one.get_text()!r} lies on {other.get_text()!r}")
    for image in figure.findobj(AxesImage):
        place = image.get_window_extent()
        found += [f"{text.get_text()!r} lies on an image" for text, box in boxes if overlap(box, place)]
    return found


@pytest.mark.parametrize("name", cases())
def test_nothing_is_clipped_and_nothing_overlaps(name):
    assert faults(cases()[name]()) == []


def test_the_check_sees_faults():
    figure = Figure(figsize=(2, 2))
    figure.text(0.1, 0.5, "one")
    figure.text(0.15, 0.5, "two")
    figure.text(0.8, 0.1, "outside")
    axes = figure.add_axes((0.1, 0.7, 0.2, 0.2))
    axes.set_axis_off()
    axes.imshow([[0]])
    figure.text(0.15, 0.8, "on")
    assert faults(figure) == ["clipped: 'outside'", "'one' lies on 'two'", "'on' lies on an image"]
