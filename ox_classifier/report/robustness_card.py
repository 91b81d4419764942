"""The robustness card: how many of the changed images were answered, and right, at every level of every change."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ox_classifier import limits
from ox_classifier.errors import UsageError
from ox_classifier.intervals import wilson
from ox_classifier.report.robustness_changes import KINDS, Kind

HEADER = (
    *("change", "level", "images", "right", "accuracy", "accuracy_low", "accuracy_high", "answered", "coverage"),
    *("answered_wrong", "p_value", "significantly_worse"),
)


@dataclass(frozen=True)
class Step:
    """What became of the images at one level: how many were named right, sure or not, and how many were answered.

    `p_value` is the probability of losing so many by chance (see `robustness.lost_by_chance`), `worse` whether
    accuracy is significantly worse than on the unchanged images, all levels of all changes together held to 5 %.
    `mostly` names the class that was then most often taken for another, and that one.
    """

    level: float | None  # None: unchanged
    images: int
    right: int
    answered: int
    answered_wrong: int
    p_value: float | None = None
    worse: bool = False
    mostly: tuple[str, str] | None = None

    @property
    def accuracy(self) -> float:
        return self.right / self.images

    @property
    def coverage(self) -> float:
        """The share that was answered, by the run's own rule of `unsure`."""
        return self.answered / self.images

    @property
    def mistaken(self) -> float:
        """The share that was answered, and wrong."""
        return self.answered_wrong / self.images


@dataclass(frozen=True)
class Card:
    """Images of one split, unchanged and changed. `example` is the path of the image that shows the changes.

    `always` says that the run knows no `unsure`, so that all is answered.
    """

    split: str
    unchanged: Step
    steps: Mapping[str, tuple[Step, ...]]  # by the names of KINDS, in their order; the levels from mild to strong
    example: str
    always: bool = False

    def kinds(self) -> list[tuple[Kind, tuple[Step, ...]]]:
        """Every change with its levels."""
        return [(kind, self.steps[kind.name]) for kind in KINDS]

    def rows(self) -> list[tuple]:
        """Rows of robustness.csv by HEADER."""
        named = [("unchanged", "", self.unchanged)]
        named += [(kind.name, f"{step.level:g}", step) for kind, steps in self.kinds() for step in steps]
        return [
            (
                *(name, level, step.images, step.right, f"{step.accuracy:.6f}"),
                *(f"{bound:.6f}" for bound in wilson(step.right, step.images)),
                *(step.answered, f"{step.coverage:.6f}", step.answered_wrong),
                "" if step.p_value is None else f"{step.p_value:.6g}",
                "" if step.p_value is None else "yes" if step.worse else "no",
            )
            for name, level, step in named
        ]

    def as_data(self) -> dict:
        """Plain values for metrics.json; `from_data` is the way back."""
        return {
            "split": self.split,
            "example": self.example,
            "always_answers": self.always,
            "unchanged": _told(self.unchanged),
            "changes": {
                kind.name: {
                    "worse_from": next((step.level for step in steps if step.worse), None),
                    "levels": list(map(_told, steps)),
                }
                for kind, steps in self.kinds()
            },
        }

    @classmethod
    def from_data(cls, data: Mapping) -> Card:
        """The card of such values.

        Raises:
            ValueError, KeyError or TypeError: If they are not of a card with today's changes and levels.
        """
        steps = {kind.name: tuple(map(_step, data["changes"][kind.name]["levels"])) for kind in KINDS}
        if any(tuple(step.level for step in steps[kind.name]) != kind.levels for kind in KINDS):
            raise ValueError("other levels")
        unchanged = _step(data["unchanged"])
        return cls(str(data["split"]), unchanged, steps, str(data["example"]), bool(data["always_answers"]))


def kept(file: Path, fingerprint: str) -> Card | None:
    """The card that the metrics.json of the last report has, if the same network made it for the same images."""
    try:
        limits.check_file(file, limits.MOST_JSON)
        told = json.loads(file.read_text(encoding="utf-8"))
        return Card.from_data(told["robustness"]) if told["fingerprint"] == fingerprint else None
    except (UsageError, OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _told(step: Step) -> dict:
    found = asdict(step) | {"accuracy": step.accuracy, "coverage": step.coverage}
    found["mostly"] = list(step.mostly) if step.mostly else None
    return found


def _step(data: Mapping) -> Step:
    counts = [data[name] for name in ("images", "right", "answered", "answered_wrong")]
    images, right, answered, wrong = counts
    if not all(type(count) is int for count in counts) or not (0 <= right <= images > 0 <= wrong <= answered <= images):
        raise ValueError("no counts of images")
    return Step(
        None if data["level"] is None else float(data["level"]),
        *counts,
        None if data["p_value"] is None else float(data["p_value"]),
        bool(data["worse"]),
        _pair(data["mostly"]),
    )


def _pair(names: Sequence[str] | None) -> tuple[str, str] | None:
    if names is None:
        return None
    truth, taken = map(str, names)
    return truth, taken
