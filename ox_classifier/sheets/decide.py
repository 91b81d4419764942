"""What a box says: a class, blank, or unsure with the reason. A guess is never made.

Ink decides whether a box is blank, the network which class a mark is, and the mark's shape whether it was struck out,
written over or drawn twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ox_classifier.sheets import shape
from ox_classifier.sheets.cells import Cell
from ox_classifier.sheets.mark import Mark
from ox_classifier.sheets.shape import Shape

if TYPE_CHECKING:
    from ox_classifier.classifier import Classifier, Prediction

CLASSES = ("o", "x")  # as answers and keys have them, whatever the case of the network's own
BLANK, UNSURE = "blank", "unsure"
THRESHOLD = 0.9  # of a run that carries no rule of its own
DUST = 0.8  # mm: ink no longer than this is none
SMALLEST = 1.8  # mm: what is shorter may be a slip of the pen
WHOLE = 0.9  # of a frame to be seen, where light has not drowned the ink either
DROWNED = 0.3  # of a box that glare may take
OUTSIDE = 0.6  # of a mark that may lie beyond its box
BESIDE = 0.05  # of the ink of a mark that stands apart
# measured on strangers' marks, struck out and not: python -m tests.benchmarks.sheets
RING = {"crowded": 0.72, "solid": 0.82, "second_hole": 0.15, "dented": 0.12, "enclosed": 0.1}
CLEAR = 0.08  # of a mark's box: a hole so large should be one clear space
OTHER = {"crowded": 0.27, "solid": 0.72, "hole": 0.02, "armed": 0.26}


@dataclass(frozen=True)
class Answer:
    """`answer` is a class, "blank" or "unsure"; `probability` is the network's for the likeliest class, None if it was
    not the network that decided; `likeliest` that class; `reason` says why an answer is unsure, else "".
    `by_network` says that nothing but the network's doubt makes it so.
    """

    answer: str
    probability: float | None = None
    reason: str = ""
    likeliest: str = ""
    by_network: bool = False


def unseen(reason: str) -> Answer:
    """Of a box that no photograph shows."""
    return Answer(UNSURE, None, reason)


def decide(
    cells: Sequence[Cell], marks: Sequence[Mark], drowned: Sequence[float], classifier: Classifier
) -> list[Answer]:
    """The answer of each box; `drowned` says what share of each glare takes."""
    before = [_before(*each) for each in zip(cells, marks, drowned, strict=True)]
    asked = [mark.picture for mark, answer in zip(marks, before, strict=True) if answer is None]
    predicted = iter(list(classifier.predict(asked)) if asked else [])
    answers = [
        _read(mark, next(predicted)) if answer is None else answer for mark, answer in zip(marks, before, strict=True)
    ]
    # a line that was taken off may have taken what lay along it: what a mark lacks, its box as it is may show
    again = [place for place, answer in enumerate(answers) if answer.by_network]
    looks = list(classifier.predict([cells[place].picture for place in again])) if again else []
    for place, look in zip(again, looks, strict=True):
        seen = _read(marks[place], look)
        answers[place] = seen if seen.answer != UNSURE else answers[place]
    return answers


def _before(cell: Cell, mark: Mark, drowned: float) -> Answer | None:
    """What can be said without the network; None: it is to be asked."""
    if cell.hidden:
        return unseen("the box can't be seen: glare, a shadow or something lies over it")
    if drowned > DROWNED and cell.framed < WHOLE:
        return unseen("glare lies over the box")
    if mark.length < DUST:
        return Answer(BLANK)
    if mark.length < SMALLEST:
        return unseen("a dot, or the trace of a mark")
    if mark.outside > OUTSIDE:
        return unseen("most of the mark lies outside its box")
    return None


def _read(mark: Mark, prediction: Prediction) -> Answer:
    label, probability = prediction.label.lower(), prediction.probability
    spoilt = _doubt(shape.measured(mark.ink, mark.beside_line), label)
    through = label == "o" and shape.parted(mark.any_ink) > RING["second_hole"]  # by a paler stroke
    if through or mark.fainter >= SMALLEST:
        spoilt = "another, fainter mark in the box"
    if spoilt:
        return Answer(UNSURE, None, spoilt, label)
    reason = _network_doubt(prediction)
    return Answer(UNSURE if reason else label, probability, reason, label, by_network=bool(reason))


def _doubt(form: Shape, label: str) -> str:
    """What the shape of the ink has against its being one mark of a class."""
    if form.beside > BESIDE:
        return "more than one mark"
    ring = label == "o"
    limits = RING if ring else OTHER
    if form.solid > limits["solid"]:
        return "filled in or blotted out"
    if ring:
        dented = form.holes[:1] > (CLEAR,) and form.dented > RING["dented"]
        extra = dented or form.second_hole > RING["second_hole"] or form.enclosed > RING["enclosed"]
    else:
        extra = sum(form.holes) > OTHER["hole"] or form.armed > OTHER["armed"]
    if extra or form.crowded > limits["crowded"]:
        return "struck out, or one mark over another"
    return ""


def _network_doubt(prediction: Prediction) -> str:
    """Why the network is not to be believed: the run's own rule, or a fixed one for a run without."""
    reason = getattr(prediction, "reason", "")
    if reason:
        return reason
    if prediction.probability < THRESHOLD:
        return f"the network holds it for {prediction.label} with {prediction.probability:.2f} only"
    return ""
