"""The robustness card as a section of the report page: drawings in the page's colours, and every sentence."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from PIL import Image

from ox_classifier.report import robustness_words as words
from ox_classifier.report.plots import Axis, Line, line_plot
from ox_classifier.report.robustness_card import Card, Step
from ox_classifier.report.robustness_changes import Kind
from ox_classifier.report.shots import QUALITY, data_uri

LEGEND = (("right, of all images", "c0"), ("answered", "c1"), ("answered, and wrong", "c2"))


@dataclass(frozen=True)
class Panel:
    """One change: a drawing with what it says, and pictures of an image at each level, `source` and `text` of each."""

    title: str
    verdict: str
    worse: bool
    drawing: Markup
    sentence: str
    pictures: Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class RobustnessSection:
    """What the page says of a card."""

    headline: Sequence[str]
    notes: Sequence[str]
    legend: Markup
    panels: Sequence[Panel]


def section(card: Card, shown: Mapping[str, Sequence[Image.Image]]) -> RobustnessSection:
    """A panel for each change; `shown` has its pictures by its name, unchanged and from mild to strong."""
    panels = []
    for kind, steps in card.kinds():
        said = words.sentence(card, kind)
        pictures = [
            {"source": data_uri(_webp(image)), "text": f"{kind.title}: {tick}"}
            for image, tick in zip(shown.get(kind.name, ()), words.ticks(kind), strict=False)
        ]
        worse = words.first_worse(steps) is not None
        drawing = _drawing(card, kind, steps, said)
        panels.append(Panel(kind.title, words.verdict(kind, steps), worse, drawing, said, pictures))
    return RobustnessSection(words.headline(card), words.notes(card), _legend(card), panels)


def _drawing(card: Card, kind: Kind, steps: Sequence[Step], said: str) -> Markup:
    every = (card.unchanged, *steps)
    places = np.arange(len(every), dtype=float)
    ends = np.array([-0.5, len(every) - 0.5])
    lines = [Line(places, np.array([step.accuracy for step in every]), kind="dots")]
    guides = [card.unchanged.accuracy]
    if not card.always:
        lines.append(Line(places, np.array([step.coverage for step in every]), kind="dots"))
        lines.append(Line(places, np.array([step.mistaken for step in every])))
        guides.append(card.unchanged.coverage)
    lines += [Line(ends, np.full(2, level), kind="guide") for level in guides]
    first = words.first_worse(steps)
    return line_plot(
        lines,
        Axis(kind.axis, *ends.tolist(), named=tuple(zip(places.tolist(), words.ticks(kind), strict=True))),
        Axis("share of the images", percent=True),
        text=f"{kind.title}. {said}",
        bars=[] if first is None else [(first - 0.5, float(ends[1]), 1.0)],
    )


def _legend(card: Card) -> Markup:
    stroke = '<svg viewBox="0 0 20 8" aria-hidden="true"><path class="{}" d="M0 4H20"/></svg>'
    items = [(text, f"line {color}") for text, color in (LEGEND[:1] if card.always else LEGEND)]
    items.append(("unchanged", "guide"))
    parts = [f"<li>{stroke.format(look)}{text}</li>" for text, look in items]
    parts.append('<li><svg viewBox="0 0 20 8" aria-hidden="true"><path class="bar" d="M0 0H20V8H0Z"/></svg>')
    return Markup(f'<ul class="legend robust-legend">{"".join(parts)}significantly worse</li></ul>')


def _webp(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "WEBP", quality=QUALITY, method=2)
    return file.getvalue()
