"""K runs, each image held out once, and a last one on everything: what an accuracy on few images is worth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median_low

import numpy as np

from ox_classifier import runs
from ox_classifier.blank import are_blank
from ox_classifier.console import say
from ox_classifier.data.image_dataset import ImageDataset
from ox_classifier.decision import Decision
from ox_classifier.devices import Device
from ox_classifier.errors import UsageError
from ox_classifier.runs import Run
from ox_classifier.session import Session
from ox_classifier.tables import class_columns
from ox_classifier.training.calibration import logits_of, probabilities
from ox_classifier.training.endings import in_training
from ox_classifier.training.preparation import Prepared
from ox_classifier.training.recipe import Recipe
from ox_classifier.training.tasks import answers_of, identity_of, task_of
from ox_classifier.training.train import record, train
from ox_classifier.training.trust import HeldOut, Trust

SUFFIX = "-cv"
HELD_OUT = "held_out.csv"
POOLED = "held-out"  # the split that all folds' held-out images make together


def run(recipe: Recipe, prepared: Prepared, device: Device, *, source: Path, name: str | None = None) -> Run:
    """Train `recipe.folds` runs `<name>-fold<i>`, then one on everything outside the test, `<name>-cv`; gives the last.

    Its held_out.csv has, for every image, what the fold that had not seen it answers, at the temperature of the last
    run. The epoch kept in each fold was chosen on these images, so that the accuracy is a little too good.

    Raises:
        UsageError: If there are fewer images than folds, or a name is taken.
    """
    prepared.folds(recipe.folds, recipe.rule)  # refused before a folder is made for it
    everything = _everything(recipe, prepared)
    task = task_of(recipe, everything)
    while True:
        base = name or runs.next_name(recipe.arch)
        try:
            last = record(recipe, everything, device, task, source=source, name=base + SUFFIX)
            break
        except UsageError:
            if name is not None or not (runs.ROOT / (base + SUFFIX)).exists():
                raise  # else another training took the name this moment
    last.update(state="training")
    return go_on(recipe, prepared, device, last)


def go_on(recipe: Recipe, prepared: Prepared, device: Device, last: Run) -> Run:
    """Train what is not trained yet of a cross-validation whose last run is `last`."""
    with in_training(last):
        learned = _learn_folds(recipe, prepared, device, last)
        if learned is None:
            last.update(state="interrupted")
            return last
        rates, trust = learned
        say(f"{last.name} learns from everything, for {len(rates)} epochs: the median of the folds' best ones")
        everything = _everything(recipe, prepared)
        return train(recipe, everything, device, source=last.data_source, resumed=last, rates=rates, trust=trust)


def _learn_folds(
    recipe: Recipe, prepared: Prepared, device: Device, last: Run
) -> tuple[tuple[float, ...], Trust] | None:
    """Train the folds, write what they answer; gives the learning rates of the last run and how far to trust it.

    None if a fold was stopped.
    """
    base = last.name.removesuffix(SUFFIX)
    done, names, answers = [], [], []
    datasets = prepared.folds(recipe.folds, recipe.rule, on_demand=recipe.frozen)
    for number, dataset in enumerate(datasets, start=1):
        fold = _fold(recipe, dataset, device, last, f"{base}-fold{number}")
        if fold.state == "interrupted":
            return None
        done.append(fold)
        names += [(name, number) for name in dataset.names("val")]
        answers.append(_answers(fold, dataset))
    pooled = HeldOut(
        np.concatenate([one.logits for one in answers]),
        np.concatenate([one.truth for one in answers]),
        np.concatenate([one.blank for one in answers]),
        POOLED,
    )
    trust = Trust.from_answers(
        pooled, last.classes, max_error=recipe.max_error, outliers=last.assurance.taught_outliers
    )
    last.update(**trust.as_config())
    last.write_table(
        HELD_OUT, ("path", "label", "fold", *class_columns(last.classes), "reason"), _rows(last, names, pooled)
    )
    results = [(fold.name, fold.results["val"]["correct"], fold.results["val"]["images"]) for fold in done]
    last.update(cross_validation=[list(result) for result in results])
    return _rates(done), trust


def _fold(recipe: Recipe, dataset: ImageDataset, device: Device, last: Run, name: str) -> Run:
    path = last.path.parent / name
    there = runs.find(path) if (path / "run.json").exists() else None
    if there and there.abandoned and not there.recorded:
        there = None  # killed before it said what it is trained on: it is begun again
    if there and there.fold_of != last.name:
        raise UsageError(f"run {path} exists and is not overwritten: give another --name")
    if there and there.state == "finished":
        known = there.settings.get("identity")
        # folds of before there was an identity: all that may differ is the end of a frozen base that saw outliers
        if (known or (recipe.frozen and dataset.outliers)) and known != identity_of(recipe, dataset):
            raise UsageError(f"run {name} was trained by another ox, which trains otherwise: train anew with --name")
        say(f"{name} is done")
        return there
    say(f"{name}, one of {recipe.folds}")
    return train(recipe, dataset, device, source=last.data_source, name=name, resumed=there, fold_of=last.name)


def _answers(fold: Run, dataset: ImageDataset) -> HeldOut:
    """What a fold answers to the images it did not learn from."""
    pixels = dataset.images("val")
    network = Session(fold.onnx_file, fold.rule.shape, len(fold.classes))
    logits = logits_of(answers_of(network, pixels), fold.assurance.temperature)
    return HeldOut(logits, dataset.labels("val"), are_blank(pixels))


def _rows(last: Run, names: Sequence[tuple[str, int]], pooled: HeldOut) -> list[tuple]:
    """Rows of held_out.csv, from the name and fold of each image; `reason` says why an answer doesn't count."""
    answers = probabilities(pooled.logits, last.assurance.temperature)
    reasons = Decision.of(last).reasons(answers, pooled.blank)
    return sorted(
        (name, last.classes[label], fold, *(f"{p:.6f}" for p in row), reason or "")
        for (name, fold), label, row, reason in zip(names, pooled.truth, answers, reasons, strict=True)
    )


def _everything(recipe: Recipe, prepared: Prepared) -> ImageDataset:
    return prepared.everything(recipe.rule, on_demand=recipe.frozen)


def _rates(folds: list[Run]) -> tuple[float, ...]:
    """The learning rates of the fold whose best epoch is the median, up to that epoch."""
    middle = median_low(fold.best_epoch for fold in folds)
    fold = next(fold for fold in folds if fold.best_epoch == middle)
    return tuple(float(row["learning_rate"]) for row in fold.history()[:middle])
