"""`ox train`: a data folder and a network's name → a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ox_classifier.architectures import ARCHITECTURES, SHIFTS, Architecture
from ox_classifier.cli.errors import user_errors
from ox_classifier.errors import UsageError
from ox_classifier.progress import say

Option = typer.Option
OWN = "[default: the network's own]"


def train(
    arch: Annotated[str, Option(help=f"The network: {', '.join(ARCHITECTURES)}.")] = "lenet",
    data: Annotated[Path, Option(help="Folder as DATA/{train,val,test}/<class>/ or DATA/<class>/, or a CSV.")] = Path(
        "dataset"
    ),
    name: Annotated[str | None, Option(help="Name of the run [default: <arch>-<n>].")] = None,
    epochs: Annotated[int | None, Option(min=1, help=f"Most epochs to train {OWN}.")] = None,
    batch_size: Annotated[int, Option(min=1, help="Images a training step.")] = 32,
    image_size: Annotated[int | None, Option(min=1, help=f"Pixels a side {OWN}.")] = None,
    color: Annotated[str | None, Option(help=f"rgb or grayscale {OWN}.")] = None,
    learning_rate: Annotated[float | None, Option(help=f"Adam's first learning rate {OWN}.")] = None,
    dropout: Annotated[float | None, Option(help=f"Dropout rate {OWN}.")] = None,
    monitor: Annotated[
        str, Option(help="Figure that decides: val_accuracy, val_loss, accuracy or loss.")
    ] = "val_accuracy",
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
        from ox_classifier import __version__
        from ox_classifier.data import folders, material, splits
        from ox_classifier.data.images import PixelRule

        if color not in (None, "rgb", "grayscale"):
            raise UsageError(f"--color {color!r} is unknown: give rgb or grayscale")
        if not network.frozen and (views is not None or fine_tune or weights != "imagenet"):
            frozen = ", ".join(name for name, kind in ARCHITECTURES.items() if kind.frozen)
            raise UsageError(
                f"--views, --weights and --fine-tune are for networks on a frozen base ({frozen}), not {arch}"
            )
        side = image_size or network.image_size
        rule = PixelRule(side, side, color or network.color)
        listing = folders.find(data)
        images = splits.split(listing.images, val_fraction=val_fraction, seed=seed, root=listing.root)

        from ox_classifier import devices

        chosen = devices.choose(device, mixed_precision=mixed_precision)
        say(f"ox {__version__}, device: {chosen}")
        for note in listing.notes:
            say(note)
        stuff = material.load(listing, images, rule)
        for error in stuff.bad:
            say(f"set aside: {error}")
        for split, counts in stuff.counts().items():
            say(f"{split:5} {sum(counts.values()):,} images: " + ", ".join(f"{k} {v:,}" for k, v in counts.items()))
        say(f"pixels: {rule}")

        from ox_classifier import training

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
        recipe = training.Recipe(
            arch=arch,
            rule=rule,
            epochs=epochs or network.epochs,
            batch_size=batch_size,
            learning_rate=learning_rate or network.learning_rate,
            dropout=dropout if dropout is not None else network.dropout,
            monitor=monitor,
            seed=seed,
            augmentation=augmentation(network, augment, asked),
            weights=weights if network.frozen else None,
            views=(network.views if views is None else views) if network.frozen else None,
            fine_tune=fine_tune,
        )
        run = training.train(recipe, stuff, chosen, name=name)
        say(f"next: ox report {run.name}")
        typer.echo(run.path)
        if run.config["interrupted"]:
            raise KeyboardInterrupt


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
