"""K runs, each image held out once: what an accuracy on few images is worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ox_classifier import runs, training
from ox_classifier.devices import Device
from ox_classifier.errors import UsageError
from ox_classifier.preparation import Prepared
from ox_classifier.progress import say
from ox_classifier.report.metrics import accuracy_text


@dataclass(frozen=True)
class Fold:
    """A fold's run and how many of its held-out images were right."""

    run: str
    correct: int
    images: int


def run(recipe: training.Recipe, prepared: Prepared, k: int, device: Device, *, name: str | None = None) -> str:
    """Train each fold as a run `<name>-fold<i>` and give the table of what was measured.

    Raises:
        UsageError: If there are fewer images than folds, or a name is taken.
    """
    base = name or runs.next_name(f"{recipe.arch}-cv")
    taken = [path.name for path in runs.ROOT.glob(f"{base}-fold*")]
    if taken:
        raise UsageError(f"runs {', '.join(sorted(taken))} exist and are not overwritten: give another --name")
    folds = []
    for number, material in enumerate(prepared.folds(k, recipe.rule), start=1):
        say(f"fold {number} of {k}")
        done = training.train(recipe, material, device, name=f"{base}-fold{number}")
        if done.config["interrupted"]:
            raise KeyboardInterrupt
        result = done.config["results"]["val"]
        folds.append(Fold(done.name, result["correct"], result["images"]))
    return table(folds)


def table(folds: list[Fold]) -> str:
    """The folds as text: each accuracy, their mean and spread, and the interval of all held-out images together.

    The epoch kept in each fold was chosen on its held-out images, so that the mean flatters a little.
    """
    width = max(len(fold.run) for fold in folds)
    lines = [
        f"{fold.run:<{width}}  {fold.correct / fold.images:.4f}  ({fold.correct} of {fold.images})" for fold in folds
    ]
    shares = np.array([fold.correct / fold.images for fold in folds])
    correct, images = sum(fold.correct for fold in folds), sum(fold.images for fold in folds)
    spread = shares.std(ddof=1) if len(folds) > 1 else 0.0
    lines.append(f"{'mean':<{width}}  {shares.mean():.4f}  (standard deviation between folds {spread:.4f})")
    lines.append(f"{'together':<{width}}  {accuracy_text(correct, images)}")
    return "\n".join(lines)
