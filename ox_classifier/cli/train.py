"""`ox train`: a data folder and a network's name → a run."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from ox_classifier.architectures import ARCHITECTURES, SHIFTS, Architecture
from ox_classifier.cli.exit_codes import user_errors
from ox_classifier.console import say
from ox_classifier.errors import UsageError

Option = typer.Option
OWN = "[default: the network's own]"


def train(
    arch: Annotated[str, Option(help=f"The network: {', '.join(ARCHITECTURES)}.")] = "lenet",
    data: Annotated[Path, Option(help="Folder as DATA/{train,val,test}/<class>/ or DATA/<class>/, or a CSV.")] = Path(
        "dataset"
    ),
    name: Annotated[str | None, Option(help="Name of the run [default: <arch>-<n>].")] = None,
    epochs: Annotated[int | None, Option(min=1, help=f"Most epochs to train {OWN}.")] = None,
    batch_size: Annotated[int | None, Option(min=1, help=f"Images a training step {OWN}.")] = None,
    image_size: Annotated[int | None, Option(min=1, max=4096, help=f"Pixels a side {OWN}.")] = None,
    color: Annotated[str | None, Option(help=f"rgb or grayscale {OWN}.")] = None,
    learning_rate: Annotated[float | None, Option(help=f"Adam's first learning rate {OWN}.")] = None,
    dropout: Annotated[float | None, Option(help=f"Dropout rate {OWN}.")] = None,
    monitor: Annotated[str | None, Option(help=f"Figure to watch: [val_]accuracy or [val_]loss {OWN}.")] = None,
    average: Annotated[float | None, Option(min=0, help=f"Epochs to average the weights over, 0: none {OWN}.")] = None,
    augment: Annotated[bool | None, Option(help=f"Vary the training images {OWN}.")] = None,
    horizontal_flip: Annotated[bool | None, Option(help=f"Mirror left and right {OWN}.")] = None,
    vertical_flip: Annotated[bool | None, Option(help=f"Mirror top and bottom {OWN}.")] = None,
    shift: Annotated[float | None, Option(help=f"Largest shift, as a share of width and height {OWN}.")] = None,
    rotation: Annotated[float | None, Option(help=f"Largest turn in degrees {OWN}.")] = None,
    zoom: Annotated[float | None, Option(help=f"Largest change of scale, as a share {OWN}.")] = None,
    stroke: Annotated[float | None, Option(help=f"Pixels by which ink gets thicker or thinner {OWN}.")] = None,
    blur: Annotated[float | None, Option(help=f"Largest blur (sigma in pixels) {OWN}.")] = None,
    invert: Annotated[float | None, Option(help=f"Share of images shown as negatives {OWN}.")] = None,
    val_fraction: Annotated[float, Option(help="Share of train held out where there is no val folder.")] = 0.2,
    test_fraction: Annotated[float, Option(help="Share held out for a test where there are no split folders.")] = 0.0,
    folds: Annotated[int | None, Option(help="Cross-validate: train so many runs, each image held out once.")] = None,
    group: Annotated[str | None, Option(help="Regular expression: files it finds alike stay on one side.")] = None,
    split_from: Annotated[str | None, Option(help="Run whose files keep their sides; only new ones are drawn.")] = None,
    balance: Annotated[
        str, Option(help="auto weighs classes that differ by over 1:1.5 equally; none doesn't.")
    ] = "auto",
    strict: Annotated[bool, Option("--strict", help="End with exit code 3 if the data have errors.")] = False,
    seed: Annotated[int, Option(min=0, help="Seed of weights, order, augmentation and split.")] = 0,
    weights: Annotated[str, Option(help="Of a frozen base: imagenet, none or a file.")] = "imagenet",
    views: Annotated[int | None, Option(help=f"Augmented views of each image for a frozen base {OWN}.")] = None,
    fine_tune: Annotated[int, Option(min=0, help="Convolutions of a frozen base to train afterwards.")] = 0,
    device: Annotated[str, Option(help="auto, cpu or gpu.")] = "auto",
    mixed_precision: Annotated[bool, Option(help="Compute in float16 (for GPUs).")] = False,
) -> None:
    """Train a network on a folder of images.

    Example: ox train --arch lenet --data dataset
    """
    with user_errors():
        network = _network(arch)
        asked = {
            "horizontal_flip": horizontal_flip,
            "vertical_flip": vertical_flip,
            "width_shift_range": shift,
            "height_shift_range": shift,
            "rotation_range": rotation,
            "zoom_range": zoom,
            "stroke": stroke,
            "blur": blur,
            "invert": invert,
        }
        if learning_rate is not None and not 0 < learning_rate <= 1:
            raise UsageError(f"--learning-rate {learning_rate:g}: give a number above 0, up to 1, such as 0.001")
        varied = augmentation(network, augment, asked)
        _check(
            arch, network, color, balance, average, frozen_only=views is not None or fine_tune or weights != "imagenet"
        )
        from ox_classifier import __version__, runs
        from ox_classifier.pixels import PixelRule
        from ox_classifier.training import preparation

        side = image_size or network.image_size
        rule = PixelRule(side, side, color or network.color)
        earlier = None
        if split_from is not None:
            if folds is not None:
                raise UsageError("--split-from keeps one validation set, --folds makes many: leave one of them out")
            earlier = {row["path"]: row["split"] for row in runs.find(split_from).read_table("split.csv")}
        prepared = preparation.prepare(
            data,
            val_fraction=val_fraction,
            test_fraction=test_fraction,
            seed=seed,
            group=group,
            earlier=earlier,
            strict=strict,
        )

        from ox_classifier import devices

        chosen = devices.choose(device, mixed_precision=mixed_precision)
        say(f"ox {__version__}, device: {chosen}")
        for line in prepared.lines():
            say(line)

        from ox_classifier.training import train

        most = epochs or network.epochs
        recipe = train.Recipe(
            arch=arch,
            rule=rule,
            epochs=most,
            batch_size=batch_size or network.batch_size,
            learning_rate=learning_rate or network.learning_rate,
            dropout=dropout if dropout is not None else network.dropout,
            monitor=monitor or network.monitor,
            seed=seed,
            augmentation=varied,
            average=min(network.average, most / 4) if average is None else average,  # or the first step would count
            patience=network.patience,
            balance=balance == "auto",
            weights=weights if network.frozen else None,
            views=(network.views if views is None else views) if network.frozen else None,
            fine_tune=fine_tune,
            splitting={
                "val_fraction": val_fraction,
                "test_fraction": test_fraction,
                "group": group,
                "split_from": split_from,
                "folds": folds,
            },
        )
        preparation.advise(prepared, folds)
        if folds is not None:
            from ox_classifier.training import cross_validation

            typer.echo(cross_validation.run(recipe, prepared, folds, chosen, name=name))
            return
        run = train.train(recipe, prepared.dataset(rule, on_demand=network.frozen), chosen, name=name)
        say(f"next: ox report {run.name}")
        typer.echo(run.path)
        if run.config["interrupted"]:
            raise KeyboardInterrupt


def _check(
    arch: str, network: Architecture, color: str | None, balance: str, average: float | None, *, frozen_only: bool
) -> None:
    if color not in (None, "rgb", "grayscale"):
        raise UsageError(f"--color {color!r} is unknown: give rgb or grayscale")
    if balance not in ("auto", "none"):
        raise UsageError(f"--balance {balance!r} is unknown: give auto or none")
    if average is not None and not math.isfinite(average):
        raise UsageError(f"--average {average}: give a number of epochs, or 0 for no average")
    if frozen_only and not network.frozen:
        frozen = ", ".join(name for name, kind in ARCHITECTURES.items() if kind.frozen)
        raise UsageError(f"--views, --weights and --fine-tune are for networks on a frozen base ({frozen}), not {arch}")


def augmentation(network: Architecture, wanted: bool | None, asked: dict) -> dict:
    """Settings of the generator: the network's own, those asked for over them, none under --no-augment.

    Raises:
        UsageError: If a setting is asked for together with --no-augment.
    """
    asked = {name: value for name, value in asked.items() if value is not None}
    if wanted is False:
        if asked:
            raise UsageError(f"--no-augment was given together with {', '.join(asked)}: leave one of them out")
        return {}
    return ((network.augmentation or SHIFTS) if wanted else network.augmentation) | asked


def _network(arch: str) -> Architecture:
    if arch not in ARCHITECTURES:
        raise UsageError(f"--arch {arch!r} is unknown: give one of {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[arch]
