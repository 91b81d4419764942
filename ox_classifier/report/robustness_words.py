"""The robustness card in words: from which level of each change on a run gets worse, and what it still answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from ox_classifier.names import printable
from ox_classifier.report.headline import percent
from ox_classifier.report.robustness_card import Card, Step
from ox_classifier.report.robustness_changes import LARGEST, Kind
from ox_classifier.wording import counted

UNCHANGED = "as is"


def ticks(kind: Kind) -> list[str]:
    """What stands at the places of a panel: the unchanged images, and the levels from mild to strong."""
    return [UNCHANGED, *map(kind.text, kind.levels)]


def first_worse(steps: Sequence[Step]) -> int | None:
    """The place, counted from the unchanged images, from which on accuracy is significantly worse."""
    return next((place for place, step in enumerate(steps, start=1) if step.worse), None)


def first_unsure(steps: Sequence[Step]) -> int | None:
    """The place, counted in the same way, from which on most images are answered `unsure`."""
    sure = [place for place, step in enumerate(steps, start=1) if step.coverage >= 0.5]
    place = max(sure, default=0) + 1
    return place if place <= len(steps) else None


def verdict(kind: Kind, steps: Sequence[Step]) -> str:
    """In few words: `worse from 5 % on`, or that it isn't."""
    place = first_worse(steps)
    return "no significant loss" if place is None else f"worse {_from(kind, place)}"


def headline(card: Card) -> list[str]:
    """All verdicts in a sentence or two."""
    worse, unsure = (
        {kind: place for kind, steps in card.kinds() if (place := first(steps)) is not None}
        for first in (first_worse, first_unsure)
    )
    if worse:
        rest = len(card.steps) - len(worse)
        others = f"; with the other {rest} it does not" if rest > 1 else ""
        said = f"It gets significantly worse with {_listed(worse)}{others}."
    else:
        said = f"None of the {len(card.steps)} changes makes it significantly worse."
    return [said, f"It is unsure of most images with {_listed(unsure)}."] if unsure else [said]


def sentence(card: Card, kind: Kind) -> str:
    """From where on one change makes the run worse, how much of it is answered there, and how much of that is wrong."""
    steps = card.steps[kind.name]
    place = first_worse(steps)
    whole = percent(card.unchanged.accuracy)
    if place is None:
        at = steps[-1]
        said = f"Not significantly worse {'down' if kind.down else 'up'} to {_phrase(kind, at)}: "
        said += f"{percent(at.accuracy)} right there, {whole} unchanged."
    else:
        at = steps[place - 1]
        said = f"Significantly worse from {_phrase(kind, at)} {_on(kind)}: "
        said += f"{percent(at.accuracy)} right instead of {whole}{_taken(at)}."
    return said if card.always else f"{said} {_answered(kind, steps, at)}"


def notes(card: Card) -> list[str]:
    """What was measured, and how to read it."""
    count, ways = card.unchanged.images, sum(map(len, card.steps.values()))
    said = [
        f"{counted(count, 'image')} of {card.split}, each changed in {ways} ways before anything else is done to it, "
        f"as a file would come from someone else. Right is counted over all of them."
    ]
    if card.always:
        said.append("This run is never unsure, so it answers all.")
    else:
        said.append("Answered is what it is not unsure of.")
    said.append(
        "Shaded: significantly worse than unchanged (exact McNemar tests; the chance that any of it is by accident is "
        f"held to 5 %). Pictures of more than {LARGEST} pixels a side are reduced to that first."
    )
    return said


def lines(card: Card) -> list[str]:
    """The card for a terminal."""
    right, answered = percent(card.unchanged.accuracy), percent(card.unchanged.coverage)
    first = f"robustness, {counted(card.unchanged.images, 'image')} of {card.split}: {right} right"
    first += "" if card.always else f", {answered} answered"
    return [first, *(f"  {kind.title}: {_lowered(sentence(card, kind))}" for kind, _ in card.kinds())]


def of_report(folder: Path) -> list[str]:
    """The same of the card that a report has, told by its metrics.json.

    Raises:
        KeyError or ValueError: If it has none.
    """
    return lines(Card.from_data(json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["robustness"]))


def _answered(kind: Kind, steps: Sequence[Step], at: Step) -> str:
    wrong = f"{at.answered_wrong} of these {at.answered} wrong" if at.answered_wrong else "none of these wrong"
    said = f"It answers {percent(at.coverage)} there, {wrong}" if at.answered else "It answers none there"
    place = first_unsure(steps)
    if place is None:
        return f"{said}."
    half = steps[place - 1]
    if half is at:
        return f"{said}: it is unsure of most from there on."
    return f"{said}; from {_phrase(kind, half)} {_on(kind)} it is unsure of most."


def _listed(places: Mapping[Kind, int]) -> str:
    """Changes, each with the level at a place."""
    return ", ".join(f"{_lowered(kind.title)} ({_from(kind, place)})" for kind, place in places.items())


def _from(kind: Kind, place: int) -> str:
    return f"from {ticks(kind)[place]} {_on(kind)}"


def _taken(step: Step) -> str:
    if step.mostly is None:
        return ""
    truth, taken = map(printable, step.mostly)
    return f", mostly {truth!r} taken for {taken!r}"


def _phrase(kind: Kind, step: Step) -> str:
    return kind.phrase.format(kind.text(step.level))


def _on(kind: Kind) -> str:
    return "down" if kind.down else "on"


def _lowered(text: str) -> str:
    return text if text[:2].isupper() else text[:1].lower() + text[1:]
