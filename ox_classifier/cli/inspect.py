"""`ox inspect`: a run → its inspect folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ox_classifier.cli.exit_codes import user_errors
from ox_classifier.console import say
from ox_classifier.errors import UsageError
from ox_classifier.files import refuse_unwritable
from ox_classifier.names import quoted


def inspect(
    run: Annotated[str | None, typer.Argument(help="Name or path of a run [default: the latest].")] = None,
    image: Annotated[list[Path] | None, typer.Option(help="Image to look at; repeat for several.")] = None,
) -> None:
    """Show a network's layers, its kernels before and after training, and what it makes of images.

    Example: ox inspect cnn-dense-1 --image boot.png
    """
    with user_errors():
        from ox_classifier import devices, runs

        if run is not None and Path(run).is_file() and not (runs.ROOT / run).is_dir():
            raise UsageError(f"{run} is a file, not a run: to look at an image, give --image {quoted(run)}")
        found = runs.find(run)
        for path in image or ():
            if path.is_dir():
                raise UsageError(f"--image {path} is a folder: give an image file; repeat --image for several")
            if not path.is_file():
                raise UsageError(f"--image {path}: no such file; check the path")
        refuse_unwritable(found.path / "inspect")
        say(f"run {found.name}: opening the network (TensorFlow takes some seconds to start)")
        devices.quiet_tensorflow()
        from ox_classifier.inspection import write
        from ox_classifier.inspection.layers import layer_text

        page, rows = write.write(found, image or ())
        typer.echo(layer_text(rows))
        typer.echo(page)
