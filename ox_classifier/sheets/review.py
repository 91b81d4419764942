"""review.html: the unsure boxes, large, to be settled by a key press; one file that loads and sends nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

from ox_classifier.report import template
from ox_classifier.sheets import annotate
from ox_classifier.sheets.decide import BLANK, UNSURE
from ox_classifier.sheets.results import SETTLED, Line, Score
from ox_classifier.wording import counted


def html(
    found: Sequence[Line],
    classes: Sequence[str],
    *,
    printing: str,
    command: str,
    scores: Sequence[Score] = (),
    notes: Sequence[str] = (),
) -> str:
    """The page as text. `command` reads the sheets again with what was settled here.

    `printing` is the layout's id, by which what was settled is never taken for another quiz.
    """
    unsure = [line for line in found if line.answer.answer == UNSURE]
    choices = _choices(classes)
    sheets = len({line.sheet for line in found})
    values = {
        "title": f"{counted(len(unsure), 'box')} to settle" if unsure else "Nothing to settle",
        "kicker": f"{counted(sheets, 'sheet')}, {counted(len(found), 'answer')}",
        "sentences": [_sentence(found)],
        "doubts": [_doubt(line) for line in unsure],
        "choices": choices,
        "command": command,
        "scores": scores,
        "notes": notes,
        "data": template.in_script(
            {
                "id": f"ox-review-{_fingerprint(unsure)}",
                "printing": printing,
                "choices": choices,
                "boxes": [{"sheet": line.sheet, "question": line.question} for line in unsure],
            }
        ),
    }
    return template.render("review.html", values, style="review.css", script="review.js")


def _choices(classes: Sequence[str]) -> list[dict[str, str]]:
    """What a box can be settled as, each with a key of its own; "u" takes a choice back."""
    found, taken = [], {"u"}
    for name in (*classes, BLANK):
        key = next(letter for letter in f"{name.lower()}abcdefghijklmnopqrstvwxyz123456789" if letter not in taken)
        taken.add(key)
        found.append({"answer": name, "name": name.upper() if len(name) == 1 else name, "key": key})
    return found


def _sentence(found: Sequence[Line]) -> str:
    unsure = sum(line.answer.answer == UNSURE for line in found)
    by_hand = sum(line.answer.reason == SETTLED for line in found)
    blank = sum(line.answer.answer == BLANK and line.answer.reason != SETTLED for line in found)
    said = f"{counted(len(found) - unsure - blank - by_hand, 'box')} were read, {blank:,} are blank, "
    if by_hand:
        said += f"{by_hand:,} were settled by hand, "
    return said + (f"and {unsure:,} are left to you: nothing was guessed." if unsure else "and none is left.")


def _doubt(line: Line) -> dict[str, str]:
    picture = annotate.around(line)
    return {
        "sheet": line.sheet,
        "person": line.person,
        "question": line.question,
        "reason": line.answer.reason,
        "picture": f"data:image/jpeg;base64,{base64.b64encode(picture).decode('ascii')}" if picture else "",
    }


def _fingerprint(unsure: Sequence[Line]) -> str:
    """Of what is to be settled: choices that a browser keeps are never taken for those of other sheets."""
    digest = hashlib.sha256()
    for line in unsure:
        digest.update(f"{line.sheet}\0{line.question}\0{line.person}\0".encode("utf-8", "surrogateescape"))
        digest.update(line.page.shown if line.page else b"")
    return digest.hexdigest()[:16]
