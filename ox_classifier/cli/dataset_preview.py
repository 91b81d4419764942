"""`ox dataset preview`: originals, and what augmentation makes of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ox_classifier.cli import augmentation_options as varied
from ox_classifier.cli import panels, places
from ox_classifier.cli.exit_codes import user_errors
from ox_classifier.console import say
from ox_classifier.errors import UsageError
from ox_classifier.training.recipe import SEEDS, Arch, Recipe

if TYPE_CHECKING:
    from ox_classifier.augmentation.augmenter import Augmenter
    from ox_classifier.augmentation.preview import Example
    from ox_classifier.data.listing import LabelledImage, Listing
    from ox_classifier.pixels import PixelRule

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".pdf", ".svg")  # what matplotlib writes
PANEL = "Picture"
MOST = 200  # originals that one picture holds
ORIGINAL = 320  # pixels of an original's longer side: more can't be seen

Data = Annotated[Path, typer.Argument(help="Folder as DATA/{train,val,test}/<class>/ or DATA/<class>/, or a CSV.")]
Out = Annotated[
    Path,
    typer.Option(
        help=f"What to write ({', '.join(SUFFIXES)}); an existing file is not overwritten.", rich_help_panel=PANEL
    ),
]
Network = Annotated[
    Arch, typer.Option("--arch", "--model", help="Show it as this network is fed.", rich_help_panel=PANEL)
]
PerClass = Annotated[int, typer.Option(min=1, max=50, help="Originals of each class.", rich_help_panel=PANEL)]
Views = Annotated[int, typer.Option(min=1, max=20, help="Augmented views beside each.", rich_help_panel=PANEL)]
Seed = Annotated[
    int, typer.Option(min=0, max=SEEDS - 1, help="Of the choice of images and the draws.", rich_help_panel=PANEL)
]
Command = panels.command(varied.shown, "lenet")


def preview(
    data: Data = Path("dataset"),
    out: Out = Path("preview.png"),
    arch: Network = "lenet",
    per_class: PerClass = 4,
    views: Views = 8,
    seed: Seed = 0,
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
) -> None:
    """Draw some originals of each class and, beside each, what augmentation makes of it: what the network is fed.

    Example: ox dataset preview dataset --rotation 30 --out preview.png

    The options of augmentation are those of ox train; those not given are the network's own.
    """
    asked = {name: value for name, value in locals().items() if name in varied.NAMES}
    with user_errors():
        settings = varied.settings_of(arch, augment, asked)
        places.refuse_new(out, "--out")
        _check(out)
        places.refuse_missing_data(data, "DATA")
        from ox_classifier.augmentation import preview as figures
        from ox_classifier.augmentation.augmenter import Augmenter
        from ox_classifier.data import folders
        from ox_classifier.files import replacing

        listing = folders.find(data)
        if data.is_dir() and out.resolve().is_relative_to(listing.root.resolve()):
            raise UsageError(f"--out {out} lies inside {data}, where it would be one more image: give another --out")
        augmenter = Augmenter(rescale=1 / 255, **settings)
        examples = _examples(_choose(listing, per_class, seed), listing, Recipe.of(arch).rule, augmenter, views, seed)
        if not examples:
            raise UsageError(f"none of the images tried in {data} can be read: see ox dataset check {data}")
        figure = figures.preview(
            examples, title=f"{data}, as {arch} is fed it", note=f"augmentation: {varied.in_words(settings) or 'none'}"
        )
        with replacing(out) as beside:
            figure.savefig(beside)
        say(f"{len(examples)} originals, {views} views each")
        typer.echo(out)


def _check(out: Path) -> None:
    if out.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--out {out}: expected a name that ends in {', '.join(SUFFIXES)}, such as preview.png")
    if os.path.lexists(out):
        raise UsageError(f"{out} exists and is not overwritten: give another --out")
    if not out.parent.is_dir():
        raise UsageError(f"--out {out}: there is no folder {out.parent}; make it first or give another --out")


def _choose(listing: Listing, per_class: int, seed: int) -> list[LabelledImage]:
    """Some training images of each class, at random but always the same for a seed."""
    import random

    chosen = []
    for label in listing.classes:
        own = [image for image in listing.images if image.label == label and image.split in ("train", "")]
        chosen += random.Random(seed).sample(own, min(per_class, len(own)))
    if len(chosen) > MOST:
        say(f"the first {MOST} of {len(chosen):,} originals: give a smaller --per-class for more classes")
    return chosen[:MOST]


def _examples(
    chosen: list[LabelledImage], listing: Listing, rule: PixelRule, augmenter: Augmenter, views: int, seed: int
) -> list[Example]:
    import numpy as np

    from ox_classifier.augmentation.preview import Example
    from ox_classifier.data import images

    examples = []
    for index, image in enumerate(chosen):
        try:
            original = images.open_picture(image.path, at_least=(ORIGINAL, ORIGINAL)).image
            pixels = images.read(image.path, rule)
        except images.ImageError as error:
            say(f"set aside: {error}")
            continue
        original.thumbnail((ORIGINAL, ORIGINAL))
        draws = [augmenter.draw(rule.shape, seed, epoch, index) for epoch in range(views)]
        fed = augmenter.apply([pixels] * views, draws)
        examples.append(Example(image.label, listing.name(image.path), np.asarray(original), fed))
    return examples
