"""K runs, each image held out once: what an accuracy on few images is worth."""

from __future__ import annotations

from ox_classifier import runs
from ox_classifier.console import say
from ox_classifier.devices import Device
from ox_classifier.errors import UsageError
from ox_classifier.training import train
from ox_classifier.training.fold_table import cross_validation_table
from ox_classifier.training.preparation import Prepared


def run(recipe: train.Recipe, prepared: Prepared, k: int, device: Device, *, name: str | None = None) -> str:
    """Train each fold as a run `<name>-fold<i>` and give the table of what was measured.

    The epoch kept in each fold was chosen on its held-out images, so that the mean flatters a little.

    Raises:
        UsageError: If there are fewer images than folds, or a name is taken.
    """
    base = name or runs.next_name(f"{recipe.arch}-cv")
    taken = [path.name for path in runs.ROOT.glob(f"{base}-fold*")]
    if taken:
        raise UsageError(f"runs {', '.join(sorted(taken))} exist and are not overwritten: give another --name")
    folds = []
    for number, dataset in enumerate(prepared.folds(k, recipe.rule, on_demand=recipe.views is not None), start=1):
        say(f"fold {number} of {k}")
        done = train.train(recipe, dataset, device, name=f"{base}-fold{number}")
        if done.config["interrupted"]:
            raise KeyboardInterrupt
        result = done.config["results"]["val"]
        folds.append((done.name, result["correct"], result["images"]))
    return cross_validation_table(folds)
