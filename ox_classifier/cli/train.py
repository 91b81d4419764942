"""`ox train`: a data folder and a network's name → a run."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from ox_classifier import signals
from ox_classifier.architectures import ARCHITECTURES
from ox_classifier.cli import augmentation_options as varied
from ox_classifier.cli import panels, places
from ox_classifier.cli.exit_codes import user_errors
from ox_classifier.console import say
from ox_classifier.devices import Wanted
from ox_classifier.errors import GateError, UsageError
from ox_classifier.training.recipe import Arch, Balance, Color, Crop, Monitor, Recipe

DATA, NETWORK, OPTIMISATION, SPLITS, DEVICE, RUN = "Data", "Network", "Optimisation", "Splits", "Device", "Run"
SETTINGS = tuple(
    "epochs batch_size image_size color crop learning_rate dropout monitor weights views max_error".split()
)


def defaults(arch: str) -> dict[str, object]:
    """What help shows for a network, by parameter."""
    recipe = Recipe.of(arch if arch in ARCHITECTURES else "lenet")
    own = {name: getattr(recipe, name) for name in SETTINGS if getattr(recipe, name) is not None}
    return own | {"average": f"{recipe.ema_epochs:g}"} | varied.shown(recipe.arch)


Command = panels.command(defaults, "lenet")


def _option(panel: str, *names: str, told: str):
    return typer.Option(*names, help=told, rich_help_panel=panel)


def train(
    ctx: typer.Context,
    folder: Annotated[str | None, typer.Argument(hidden=True)] = None,
    data: Annotated[
        str, _option(DATA, "--data", told="Folder as DATA/{train,val,test}/<class>/ or DATA/<class>/, or a CSV.")
    ] = "dataset",
    strict: Annotated[bool, _option(DATA, "--strict", told="End with exit code 3 if the data have errors.")] = False,
    balance: Annotated[
        Balance, _option(DATA, "--balance", told="auto weighs classes that differ by over 1:1.5 equally.")
    ] = "auto",
    outliers: Annotated[
        str,
        _option(DATA, "--outliers", told="Images of no class to be undecided on: a folder; auto: DATA/outliers; none."),
    ] = "auto",
    arch: Annotated[Arch, _option(NETWORK, "--arch", "--model", told="The network; ox arch tells more.")] = "lenet",
    image_size: Annotated[
        int | None, _option(NETWORK, "--image-size", "--imgsz", told="Pixels a side; 96 is enough for vgg16 on marks.")
    ] = None,
    color: Annotated[Color | None, _option(NETWORK, "--color", told="Colour mode of the network's input.")] = None,
    crop: Annotated[
        Crop | None, _option(NETWORK, "--crop", told="Look at the whole picture, or where its ink lies.")
    ] = None,
    dropout: Annotated[float | None, _option(NETWORK, "--dropout", told="Dropout rate.")] = None,
    weights: Annotated[
        str | None,
        _option(NETWORK, "--weights", told="Of a frozen base: imagenet, official (without the wheel), none or a file."),
    ] = None,
    views: Annotated[
        int | None, _option(NETWORK, "--views", told="Augmented views of each image for a frozen base.")
    ] = None,
    fine_tune: Annotated[
        int | None, _option(NETWORK, "--fine-tune", told="Convolutions of a frozen base to train afterwards.")
    ] = None,
    epochs: Annotated[int | None, _option(OPTIMISATION, "--epochs", told="Most epochs to train.")] = None,
    batch_size: Annotated[
        int | None, _option(OPTIMISATION, "--batch-size", "--batch", told="Images a training step.")
    ] = None,
    learning_rate: Annotated[
        float | None, _option(OPTIMISATION, "--learning-rate", "--lr", told="Adam's first learning rate.")
    ] = None,
    monitor: Annotated[Monitor | None, _option(OPTIMISATION, "--monitor", told="Metric to watch.")] = None,
    average: Annotated[
        float | None, _option(OPTIMISATION, "--average", told="Epochs to average the weights over, 0 for none.")
    ] = None,
    seed: Annotated[int, _option(OPTIMISATION, "--seed", told="Of weights, order, augmentation and split.")] = 0,
    augment: varied.Augment = None,
    horizontal_flip: varied.HorizontalFlip = None,
    vertical_flip: varied.VerticalFlip = None,
    shift: varied.Shift = None,
    rotation: varied.Rotation = None,
    shear: varied.Shear = None,
    zoom: varied.Zoom = None,
    stroke: varied.Stroke = None,
    blur: varied.Blur = None,
    contrast: varied.Contrast = None,
    invert: varied.Invert = None,
    max_error: Annotated[
        float | None,
        _option(OPTIMISATION, "--max-error", told="Share of wrong answers to stay under; other answers are unsure."),
    ] = None,
    val_fraction: Annotated[
        float, _option(SPLITS, "--val-fraction", told="Share of train held out where there is no val folder.")
    ] = 0.2,
    test_fraction: Annotated[
        float, _option(SPLITS, "--test-fraction", told="Share held out for a test where there are no split folders.")
    ] = 0.0,
    folds: Annotated[
        int | None, _option(SPLITS, "--folds", told="Cross-validate with so many runs, then train on everything.")
    ] = None,
    group: Annotated[
        str | None, _option(SPLITS, "--group", told="Regular expression: files it finds alike stay on one side.")
    ] = None,
    split_from: Annotated[
        str | None, _option(SPLITS, "--split-from", told="Run whose files keep their sides; only new ones are drawn.")
    ] = None,
    device: Annotated[Wanted, _option(DEVICE, "--device", told="auto takes a GPU if there is one.")] = "auto",
    mixed_precision: Annotated[
        bool, _option(DEVICE, "--mixed-precision", told="Compute in float16 (for GPUs).")
    ] = False,
    name: Annotated[str | None, _option(RUN, "--name", told="Name of the run.  [default: <arch>-<n>]")] = None,
    resume: Annotated[
        str | None, _option(RUN, "--resume", told="Go on with a stopped run: its name, or latest.")
    ] = None,
    repeat: Annotated[
        str | None, _option(RUN, "--repeat", told="Train a finished run once more and compare the weights.")
    ] = None,
) -> None:
    """Train a network on a folder of images.

    Example: ox train --arch lenet --data dataset

    The defaults below are those of the network that --arch names: ox train --arch vgg16 --help shows those of vgg16.
    """
    asked = {key: value for key, value in locals().items() if value is not None and key != "ctx"}
    with user_errors():
        if folder is not None:
            raise UsageError(f"ox train takes no word by itself, but {shlex.quote(folder)} was given{_meant(folder)}")
        if resume is not None or repeat is not None:
            _once_more(asked, {key for key in asked if ctx.get_parameter_source(key).name == "COMMANDLINE"})
            return
        options = {key: asked.get(key) for key in varied.NAMES}
        own = {key: asked[key] for key in asked if key in Recipe.__dataclass_fields__ and key != "arch"}
        own |= {"augmentation": varied.settings_of(arch, augment, options), "ema_epochs": average}
        recipe = Recipe.of(arch, own | {"balance": balance == "auto"})
        places.refuse_missing_data(data, "--data")
        from ox_classifier.training import job

        run = job.start(recipe, Path(data), name=name, device=device, strict=strict, outlier_folder=outliers)
        _told(run)


def _meant(word: str) -> str:
    """What a word without an option was probably meant as."""
    if word in ARCHITECTURES:
        return f": did you mean --arch {word}?"
    if word.lower() in ("yes", "no", "true", "false", "on", "off", "1", "0"):
        return ": options such as --augment take no value; --no-augment is the opposite"
    if Path(word).exists():
        return f": did you mean --data {shlex.quote(word)}?"
    return ": give it with its option, such as --data FOLDER"


def _once_more(asked: dict, given: set[str]) -> None:
    """`--resume RUN` or `--repeat RUN`; every other setting is the run's own."""
    kind = "repeat" if "repeat" in asked else "resume"
    other = sorted(given - ({"repeat", "device", "name"} if kind == "repeat" else {"resume", "device"}))
    if other:
        options = ", ".join("--" + key.replace("_", "-") for key in other)
        raise UsageError(f"--{kind} takes every setting from the run, but {options} was given, too: leave it out")
    from ox_classifier import runs
    from ox_classifier.training import resumption

    if "resume" in asked:
        run = runs.unfinished() if asked["resume"] == "latest" else runs.find(asked["resume"])
        _told(resumption.resume(run, device=asked["device"]))
        return
    run, causes = resumption.repeat(runs.find(asked["repeat"]), name=asked.get("name"), device=asked["device"])
    _told(run)
    if causes:
        raise GateError(f"run {run.name} is not identical to {asked['repeat']}: {'; '.join(causes)}")
    say(f"run {run.name} is identical to {asked['repeat']}, to the last bit of every weight")


def _told(run) -> None:
    """Say where the run is and what comes next; a run that was stopped ends the program here."""
    from ox_classifier import runs

    if run.state == "interrupted":
        say(f"stopped; go on with: ox train --resume {runs.reference(run)}")
        typer.echo(run.path)
        raise typer.Exit(signals.exit_code())
    if run.folds:
        from ox_classifier.training.fold_table import cross_validation_table

        typer.echo(cross_validation_table(run.folds))
    say(f"next: ox report {runs.reference(run)}")
    typer.echo(run.path)
