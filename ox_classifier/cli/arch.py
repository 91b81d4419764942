"""`ox arch`: the networks and what each is trained with."""

from __future__ import annotations

import typer

from ox_classifier.architectures import ARCHITECTURES
from ox_classifier.training.recipe import Recipe

HEADER = ("network", "pixels", "color", "epochs", "batch", "rate", "dropout", "monitor", "about")


def arch() -> None:
    """Show the networks that --arch can name, with the settings each is trained with unless told otherwise.

    Example: ox arch
    """
    rows = [HEADER, *map(_row, ARCHITECTURES)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADER) - 1)]
    for row in rows:
        cells = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)]
        typer.echo("  ".join([*cells, row[-1]]))


def _row(name: str) -> tuple[str, ...]:
    recipe = Recipe.of(name)
    numbers = (recipe.epochs, recipe.batch_size, f"{recipe.learning_rate:g}", f"{recipe.dropout:g}")
    return name, str(recipe.image_size), recipe.color, *map(str, numbers), recipe.monitor, ARCHITECTURES[name].about
