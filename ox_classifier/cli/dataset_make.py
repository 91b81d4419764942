"""`ox dataset make`: draw O and X marks, and what is neither."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ox_classifier.cli import places
from ox_classifier.cli.exit_codes import user_errors
from ox_classifier.console import say
from ox_classifier.errors import UsageError
from ox_classifier.names import quoted
from ox_classifier.staging import check_place

MOST = 1_000_000  # images of each class
USUAL = 1000  # images of each class, where nothing else is asked for
SOURCES = "paint memo font pen marker board scan bitmap"
Kind = StrEnum("Kind", {name.upper(): name for name in SOURCES.split()})

Out = Annotated[Path, typer.Argument(help="Folder to draw into; it must not hold anything yet.", show_default=False)]
PerClass = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=MOST,
        help=f"Images of each class (of train, where there are splits) [default: {USUAL}, or 0 with --other alone].",
        show_default=False,
    ),
]
Val = Annotated[
    int, typer.Option(min=0, max=MOST, help="Validation images of each class; any makes OUT/{train,val,test}/{o,x}.")
]
Test = Annotated[
    int, typer.Option(min=0, max=MOST, help="Test images of each class, in fonts, papers and hands of their own.")
]
Other = Annotated[
    int,
    typer.Option(
        min=0, max=MOST, help="Pictures of what is no mark, into OUT/outliers: `ox train` learns to doubt them."
    ),
]
Seed = Annotated[
    int, typer.Option(min=0, max=2**64 - 1, help="The same seed, on the same fonts, draws the same bytes.")
]
Source = Annotated[list[Kind] | None, typer.Option(help="Draw only this source; may be repeated.", show_default=False)]
Fonts = Annotated[
    list[Path] | None,
    typer.Option(help="Folder of fonts; may be repeated [default: this machine's].", show_default=False),
]
Append = Annotated[bool, typer.Option("--append", help="Add to a folder that isn't empty, never over a file.")]


def make(
    out: Out,
    per_class: PerClass = None,
    val: Val = 0,
    test: Test = 0,
    other: Other = 0,
    seed: Seed = 0,
    source: Source = None,
    fonts: Fonts = None,
    append: Append = False,
) -> None:
    """Draw O and X marks of many hands, pens, papers and cameras as OUT/{o,x}, with OUT/marks.csv saying what each is.

    Example: ox dataset make marks --per-class 5000 --seed 1, then ox train --data marks

    --other N draws what is no mark into OUT/outliers; training takes that folder for images to be undecided on.
    """
    with user_errors():
        places.refuse_new_folder(out, "OUT")
        for folder in fonts or ():
            if not folder.is_dir():
                raise UsageError(f"--fonts {folder}: no such folder; give one that holds .ttf or .otf files")
        check_place(out, adding=append, otherwise=", or give --append to add to it")
        if per_class is None:
            per_class = 0 if other and not (val or test) else USUAL
        images = 2 * (per_class + val + test) + other
        if not images:
            raise UsageError("--per-class 0 and no --other: nothing to draw; give one of them a number")
        say(f"drawing {images:,} images, which appear in {out} when all are drawn")
        from ox_classifier.synthetic import make

        wanted, folders = tuple(source or ()), tuple(fonts or ())
        count = make.make(
            out,
            per_class=per_class,
            val=val,
            test=test,
            other=other,
            seed=seed,
            source=wanted,
            font_folders=folders,
            append=append,
        )
        learn = f"--data {quoted(out)}" if per_class else f"--outliers {quoted(out / make.OUTLIERS)}"
        say(f"drew {count:,} images; next: ox train {learn}")
        typer.echo(out)
