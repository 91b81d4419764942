"""A run that was stopped goes on, and a finished one is done again: both from what its folder says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ox_classifier import __version__, devices, runs
from ox_classifier.audit import audit
from ox_classifier.augmentation.augmenter import Augmenter
from ox_classifier.console import say
from ox_classifier.data import csv_listing, folders, outliers
from ox_classifier.data.contents import Contents
from ox_classifier.data.decoding import Decoding
from ox_classifier.data.listing import LabelledImage, Listing
from ox_classifier.data.outliers import OutlierFiles
from ox_classifier.devices import Device
from ox_classifier.errors import UsageError
from ox_classifier.runs import Run
from ox_classifier.runs.hold import is_held
from ox_classifier.training import job
from ox_classifier.training.memory import refuse_too_large
from ox_classifier.training.preparation import Prepared
from ox_classifier.training.recipe import Recipe


def resume(run: Run, *, device: str = "auto") -> Run:
    """Go on with a stopped run from the end of its last epoch, to the same result as if it had never been stopped.

    Raises:
        UsageError: If the run is finished or only part of another, or its data have changed.
    """
    if run.state == "finished":
        raise UsageError(f"run {run.name} is finished, nothing is left to resume: see it with ox report {run.name}")
    if run.state == "failed":
        raise UsageError(
            f"the loss of run {run.name} stopped being a number, so there is nothing to go on from: train again with a "
            "lower --learning-rate"
        )
    recipe = _recipe(run, device, "--resume")
    say(f"ox {__version__}: going on with {run.name} (TensorFlow takes some seconds to start)")
    prepared = prepared_again(run, recipe)
    chosen = job.ready(recipe, prepared, device)
    for difference in differences(run, chosen):
        say(f"warning: {difference}, so the result may differ in its last digits")
    if recipe.folds is not None:
        from ox_classifier.training import cross_validation

        return cross_validation.go_on(recipe, prepared, chosen, run)
    from ox_classifier.training.train import train

    dataset = prepared.dataset(recipe.rule, on_demand=recipe.frozen)
    return train(recipe, dataset, chosen, source=run.data_source, resumed=run)


def repeat(run: Run, *, name: str | None = None, device: str = "auto") -> tuple[Run, list[str]]:
    """Train a finished run's recipe on its split once more; gives the new run and what differs, nothing if identical.

    Raises:
        UsageError: If the run isn't finished or some of its images are gone.
    """
    if run.state != "finished":
        raise UsageError(f"run {run.name} is not finished: go on with it by ox train --resume {run.name}")
    if name is not None:
        runs.refuse_name(name, folds=run.splitting.get("folds") or 0)
    recipe = _recipe(run, device, "--repeat")
    say(f"ox {__version__}: training {run.name} once more (TensorFlow takes some seconds to start)")
    prepared = prepared_again(run, recipe)
    chosen = job.ready(recipe, prepared, device)
    if recipe.folds is not None:
        from ox_classifier.training import cross_validation

        again = cross_validation.run(recipe, prepared, chosen, source=run.data_source, name=name)
    else:
        from ox_classifier.training.train import train

        dataset = prepared.dataset(recipe.rule, on_demand=recipe.frozen)
        again = train(recipe, dataset, chosen, source=run.data_source, name=name)
    if again.weights_digest == run.weights_digest:
        return again, []
    causes = list(differences(run, chosen))
    if again.fingerprint != run.fingerprint:
        causes.append("the images have changed")
    if again.settings.get("outliers") != run.settings.get("outliers"):
        causes.append("the outliers, or how many of them ox takes, have changed")
    return again, causes or ["the weights differ, though versions, data, device and processor are the same"]


def _recipe(run: Run, device: str, option: str) -> Recipe:
    """The recipe of a run, once it is known that it can be followed here."""
    if run.fold_of:
        raise UsageError(f"run {run.name} is one fold of {run.fold_of}: give ox train {option} {run.fold_of}")
    if is_held(run.path):
        raise UsageError(f"run {run.name} is being trained by another process: wait for its end, or stop it first")
    devices.refuse_missing(device)
    recipe = Recipe.from_config(run.settings)
    if run.rule != recipe.rule:
        raise UsageError(f"run {run.name} makes images {run.rule}, which ox doesn't train on: train a new run")
    try:
        Augmenter(rescale=1 / 255, **recipe.augmentation)
    except (TypeError, ValueError, UsageError) as error:
        raise UsageError(
            f"run {run.name} has settings of augmentation that ox has not ({error}): train a new run"
        ) from None
    refuse_too_large(recipe, outliers=run.settings.get("outliers") is not None)
    return recipe


def prepared_again(run: Run, recipe: Recipe) -> Prepared:
    """The images of a run with the sides that its split.csv gives them; files that came since are left out.

    Raises:
        UsageError: If the folder or some of the files are gone.
    """
    if not run.data_source.exists():
        raise UsageError(f"{run.data_source}, the data of run {run.name}, is gone: put it back or train a new run")
    listing = folders.find(run.data_source)
    if recipe.group:
        listing = csv_listing.with_groups(listing, recipe.group)
    sides = run.splits()
    images = tuple(
        replace(image, split=sides[name]) for image in listing.images if (name := listing.name(image.path)) in sides
    )
    if len(images) < len(sides):
        there = {listing.name(image.path) for image in images}
        gone = [name for name in sides if name not in there]
        raise UsageError(
            f"{len(gone)} images of run {run.name} are gone from {listing.root}, such as {gone[0]}: put them back or "
            "train a new run"
        )
    came = len(listing.images) - len(images)
    notes = (f"{came} files came since run {run.name} began, or couldn't be read then: left out",) if came else ()
    listing = replace(listing, images=images, notes=notes)
    files = outliers_again(run)  # before the look: what is gone is known at once
    return _looked_at(listing, images, recipe).with_outliers(files)


def _looked_at(listing: Listing, images: tuple[LabelledImage, ...], recipe: Recipe) -> Prepared:
    """As `preparation.prepare` looks: pixels are decoded meanwhile, unless a base has its own views of them."""
    if recipe.frozen:
        return Prepared(listing, audit.quick_check(listing), images, recipe.seed)
    decoding = Decoding([image.file for image in listing.images], recipe.rule, contents=Contents())
    try:
        found = audit.quick_check(listing, decoded=decoding)
    except BaseException:
        decoding.close()
        raise
    decoding.contents = found.contents
    return Prepared(listing, found, images, recipe.seed, decoding)


def outliers_again(run: Run) -> OutlierFiles | None:
    """The outliers of a run, as they are now.

    Raises:
        UsageError: If the folder is gone.
    """
    known = run.settings.get("outliers")
    if known is None:
        return None
    try:
        return outliers.find(known["root"], run.data_source)
    except UsageError:
        raise UsageError(
            f"{known['root']}, the outliers of run {run.name}, is gone or empty: put it back or train a new run"
        ) from None


def differences(run: Run, device: Device) -> Iterator[str]:
    """What is not as it was when the run was trained, and can change the last digits of its weights."""
    from ox_classifier.training.train import processor, versions

    now = versions()
    changed = [f"{name} {old} then, {now.get(name)} now" for name, old in run.versions.items() if now.get(name) != old]
    if changed:
        yield f"versions differ ({'; '.join(changed)})"
    if run.device_kind != device.kind:
        yield f"the device was a {run.device_kind.upper()} then, a {device.kind.upper()} now"
    if run.processor not in ("", processor()):
        yield f"the processor was {run.processor} then, {processor()} now"
