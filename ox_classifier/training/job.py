"""From a recipe and a data folder to a finished run: look at the data, choose the device, train"""

from __future__ import annotations

from pathlib import Path

from ox_classifier import __version__, devices, runs
from ox_classifier.console import say
from ox_classifier.data import outliers
from ox_classifier.runs import Run
from ox_classifier.training import preparation
from ox_classifier.training.memory import refuse_too_large
from ox_classifier.training.preparation import Prepared
from ox_classifier.training.recipe import Recipe


def start(
    recipe: Recipe,
    data: Path,
    *,
    name: str | None = None,
    device: str = "auto",
    strict: bool = False,
    outlier_folder: str = "auto",
) -> Run:
    """Train a recipe on a data folder (or CSV) as a new run.

    What can be refused is refused before any image is looked at and before TensorFlow is imported. With
    `recipe.folds` the result is the run that was trained on everything; the folds lie beside it. `outlier_folder` is
    one, or "auto" or "none", as in `outliers.find`.

    Raises:
        UsageError: If the name is taken, there is no such device, or the data hold nothing to learn from.
        GateError: If `strict` and the data have errors.
        OxError: If training fails.
    """
    if name is not None:
        runs.refuse_name(name, folds=recipe.folds or 0)
    devices.refuse_missing(device)
    outlier_files = outliers.find(outlier_folder, data)
    refuse_too_large(recipe, outliers=outlier_files is not None)
    earlier = runs.find(recipe.split_from).splits() if recipe.split_from is not None else None
    say(f"ox {__version__}: training {recipe.arch} on {data} (TensorFlow takes some seconds to start)")
    prepared = preparation.prepare(
        data,
        val_fraction=recipe.val_fraction,
        test_fraction=recipe.test_fraction,
        seed=recipe.seed,
        group=recipe.group,
        earlier=earlier,
        strict=strict,
        rule=None if recipe.frozen else recipe.rule,
    ).with_outliers(outlier_files)
    chosen = ready(recipe, prepared, device)
    preparation.advise(prepared, recipe.folds)
    if recipe.folds is not None:
        from ox_classifier.training import cross_validation

        return cross_validation.run(recipe, prepared, chosen, source=data, name=name)
    from ox_classifier.training.train import train

    dataset = prepared.dataset(recipe.rule, on_demand=recipe.frozen)
    return train(recipe, dataset, chosen, source=data, name=name)


def ready(recipe: Recipe, prepared: Prepared, device: str) -> devices.Device:
    """Set TensorFlow up, and say what a reader should know before training begins."""
    chosen = devices.choose(device, mixed_precision=recipe.mixed_precision)
    say(f"device: {chosen}")
    for line in prepared.lines():
        say(line)
    return chosen
