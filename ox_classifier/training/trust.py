"""How far the answers of a run can be trusted, found out from images that it did not learn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ox_classifier.decision import Decision
from ox_classifier.training import promise
from ox_classifier.training.calibration import Calibration, calibrate, probabilities
from ox_classifier.training.promise import Promise

MOST_BLANK = 0.1  # of the images of a class: where more are blank, the class may be that of blank pictures


@dataclass(frozen=True)
class HeldOut:
    """What a network answers to images that it did not learn from.

    `logits` has shape (n, classes), `truth` holds class indices, `blank` says which pictures are blank, each of shape
    (n,); `split` names the images.
    """

    logits: np.ndarray
    truth: np.ndarray
    blank: np.ndarray
    split: str = "val"


@dataclass(frozen=True)
class Strangers:
    """What a network answers to images of no class that it did not learn from; arrays as in `HeldOut`.

    `most_given_up` is the share of the promised answers that refusing them may cost, `all_of_it` whether it is to.
    """

    logits: np.ndarray
    blank: np.ndarray
    most_given_up: float = promise.MOST_GIVEN_UP
    all_of_it: bool = False

    def certainty(self, temperature: float, decision: Decision) -> np.ndarray:
        """The probability of each answer, 0 where it is refused whatever its probability; shape (n,)."""
        answers = probabilities(self.logits, temperature).astype(np.float32)
        return np.where(decision.refused(answers, self.blank), 0, answers.max(axis=1))


@dataclass(frozen=True)
class Trust:
    """The temperature of a run and what is promised of its answers; None where nothing was held out.

    `refuses_blank` says that a blank picture is never answered; not so where some class may hold such pictures.
    """

    calibration: Calibration | None = None
    promise: Promise | None = None
    refuses_blank: bool = False

    @classmethod
    def from_answers(
        cls,
        held_out: HeldOut | None,
        classes: tuple[str, ...],
        *,
        max_error: float,
        outliers: bool,
        strangers: Strangers | None = None,
    ) -> Trust:
        """Calibrate, then choose from which probability on at most `max_error` of the answers are wrong.

        `outliers` says that the network was taught to be undecided on some; `strangers` are others of their kind.
        """
        if held_out is None or not len(held_out.truth):
            return cls()
        found = calibrate(held_out.logits, held_out.truth, split=held_out.split)
        answers = probabilities(held_out.logits, found.temperature).astype(np.float32)
        refuses_blank = not _has_blank_class(held_out, len(classes))
        decision = Decision(classes, 0, outliers, refuses_blank)
        refused = decision.refused(answers, held_out.blank)
        kept = ~refused if not refused.all() else refused  # of all, where nothing would be left to look at
        certainty, right = answers.max(axis=1), answers.argmax(axis=1) == held_out.truth
        others = strangers and strangers.certainty(found.temperature, decision)
        most, all_of_it = (strangers.most_given_up, strangers.all_of_it) if strangers else (0.0, False)
        chosen = promise.choose(certainty[kept], right[kept], max_error, others, most, all_of_it=all_of_it)
        return cls(found, chosen.among(len(right)), refuses_blank)

    @property
    def temperature(self) -> float:
        """What the logits are divided by."""
        return self.calibration.temperature if self.calibration else 1.0

    def as_config(self) -> dict[str, dict | None]:
        """Plain values for run.json."""
        if not self.calibration or not self.promise:
            return {"calibration": None, "unsure": None}
        unsure = self.promise.as_dict() | {"refuses_blank": self.refuses_blank}
        return {"calibration": self.calibration.as_dict(), "unsure": unsure}

    def in_words(self) -> str:
        """What the user is told after training."""
        if not self.promise:
            return "no image was held out, so nothing is promised of the answers, and none counts as unsure"
        kind = "held-out" if self.calibration and self.calibration.split != "val" else "validation"
        return promise.in_words(self.promise, kind)


def _has_blank_class(held_out: HeldOut, classes: int) -> bool:
    images = np.bincount(held_out.truth, minlength=classes)
    blank = np.bincount(held_out.truth, weights=held_out.blank, minlength=classes)
    return bool((blank > MOST_BLANK * images).any())
