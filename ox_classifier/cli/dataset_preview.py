"""`ox dataset preview`: originals, and what augmentation makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ox_classifier.architectures import ARCHITECTURES
from ox_classifier.cli.exit_codes import user_errors
from ox_classifier.console import say
from ox_classifier.errors import UsageError

Data = Annotated[Path, typer.Argument(help="Folder as DATA/{train,val,test}/<class>/ or DATA/<class>/.")]
Out = Annotated[Path, typer.Option(help="PNG to write; an existing one is not overwritten.")]
Arch = Annotated[str, typer.Option(help=f"Show it as this network is fed: {', '.join(ARCHITECTURES)}.")]
PerClass = Annotated[int, typer.Option(min=1, max=50, help="Originals of each class.")]
Views = Annotated[int, typer.Option(min=1, max=20, help="Augmented views beside each.")]
Seed = Annotated[int, typer.Option(min=0, help="Which images, and which draws of the augmentation.")]


def preview(
    data: Data = Path("dataset"),
    out: Out = Path("preview.png"),
    arch: Arch = "lenet",
    per_class: PerClass = 4,
    views: Views = 8,
    seed: Seed = 0,
) -> None:
    """Draw some originals of each class and, beside each, what augmentation makes of it: what the network is fed.

    Example: ox dataset preview dataset --out preview.png
    """
    with user_errors():
        if arch not in ARCHITECTURES:
            raise UsageError(f"--arch {arch!r} is unknown: give one of {', '.join(ARCHITECTURES)}")
        if out.exists():
            raise UsageError(f"{out} exists and is not overwritten: give another --out")
        from ox_classifier import devices
        from ox_classifier.augmentation import preview as figures
        from ox_classifier.data import folders
        from ox_classifier.pixels import PixelRule

        listing = folders.find(data)
        network = ARCHITECTURES[arch]
        rule = PixelRule(network.image_size, network.image_size, network.color)
        chosen = _choose(listing, per_class, seed)
        devices.choose("cpu")  # before TensorFlow is imported: it keeps that quiet
        examples = _examples(chosen, listing, rule, network.augmentation, views, seed)
        if not examples:
            raise UsageError(f"none of the images tried in {data} can be read: see ox dataset check {data}")
        settings = ", ".join(f"{name} {value}" for name, value in network.augmentation.items()) or "none"
        figure = figures.preview(examples, title=f"{data}, as {arch} is fed it", note=f"augmentation: {settings}")
        figure.savefig(out)
        say(f"{len(examples)} originals, {views} views each")
        typer.echo(out)


def _choose(listing, per_class: int, seed: int) -> list:
    """Some training images of each class, at random but always the same for a seed."""
    import random

    chosen = []
    for label in listing.classes:
        own = [image for image in listing.images if image.label == label and image.split in ("train", "")]
        chosen += random.Random(seed).sample(own, min(per_class, len(own)))
    return chosen


def _examples(chosen, listing, rule, augmentation: dict, views: int, seed: int) -> list:
    from ox_classifier.augmentation.generator import ImageDataGenerator
    from ox_classifier.augmentation.preview import Example
    from ox_classifier.data import images

    generator = ImageDataGenerator(rescale=1 / 255, **augmentation)
    examples = []
    for index, image in enumerate(chosen):
        try:
            pixels = images.read(image.path, rule)
        except images.ImageError as error:
            say(f"set aside: {error}")
            continue
        draws = [generator.draw(rule.shape, seed, epoch, index) for epoch in range(views)]
        fed = generator.apply([pixels] * views, draws)
        examples.append(Example(image.label, listing.name(image.path), images.as_float(pixels), fed))
    return examples
