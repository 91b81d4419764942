"""How far a run's answers can be trusted, as its run.json says: calibration, and what counts as sure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Calibration:
    """What the logits are divided by in model.onnx, and the expected calibration error before and after.

    Found on `images` images of `split`.
    """

    temperature: float
    split: str
    images: int
    ece_before: float
    ece_after: float


@dataclass(frozen=True)
class Unsure:
    """From which `threshold` on an answer counts, and what is promised of those that do.

    With `confidence`, at most the share `promise` of them is wrong on images like those it was found on: `accepted`
    of `images` were answered (the share `coverage`), `wrong` of these wrongly. `max_error` was asked for; where it
    can't be promised, `images_needed` says how many images would do. `refuses_blank` says that blank pictures are never
    answered. Of `outliers` images of no class that were not learned from, `outliers_refused` are not answered.
    """

    threshold: float
    max_error: float
    confidence: float
    promise: float
    coverage: float
    images: int
    accepted: int
    wrong: int
    images_needed: int | None
    refuses_blank: bool = True
    outliers: int = 0
    outliers_refused: int = 0


@dataclass(frozen=True)
class Assurance:
    """Both are None in a run of an earlier version, or where nothing was held out: all answers count.

    `taught_outliers` says that the network was taught to be undecided on images of no class, `mirrored` that its
    answers are averaged over mirror images.
    """

    calibration: Calibration | None = None
    unsure: Unsure | None = None
    taught_outliers: bool = False
    mirrored: bool = False

    @classmethod
    def of(cls, config: Mapping) -> Assurance:
        """From what run.json holds, once `schema` has passed it."""
        calibration, unsure = config.get("calibration"), config.get("unsure")
        return cls(
            Calibration(**calibration) if calibration else None,
            Unsure(**unsure) if unsure else None,
            bool(config.get("outliers")),
            bool(config.get("average_flips")),
        )

    @property
    def temperature(self) -> float:
        """What the logits are divided by in model.onnx; model.keras has them as they are."""
        return self.calibration.temperature if self.calibration else 1.0
