"""`ox export`: a run → a folder that programs without ox can use; `--verify` looks at such a folder again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from ox_classifier import small_install, staging
from ox_classifier.cli import places
from ox_classifier.cli.exit_codes import user_errors
from ox_classifier.console import say
from ox_classifier.errors import UsageError

UNKNOWN = "unknown"  # what hubs call a licence that nobody named


def export(
    run: Annotated[str | None, typer.Argument(help="Name or path of a run [default: the latest].")] = None,
    format_: Annotated[
        str | None, typer.Option("--format", help="onnx, litert, saved-model or openvino [default: onnx].")
    ] = None,
    int8: Annotated[bool, typer.Option("--int8", help="Weights of 8 bits: a quarter of the size.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="A new folder [default: export/<format> in the run].", show_default=False)
    ] = None,
    license_: Annotated[
        str, typer.Option("--license", help="The model's licence, as hubs name it, such as mit.")
    ] = UNKNOWN,
    verify: Annotated[
        Path | None, typer.Option(help="Ask an exported folder about its golden images again.", show_default=False)
    ] = None,
) -> None:
    """Write a run's network for other programs, with all they need, and prove that it answers as the run does.

    Example: ox export lenet-1 --format litert

    Every validation image goes through the new file in its own runtime. If an answer differs, nothing is written and
    the exit code is 3. Prints the folder; example.py in it needs nothing of ox.
    """
    with user_errors():
        if verify is not None:
            given = {"a run": run, "--format": format_, "--int8": int8, "--out": out}
            given["--license"] = license_ != UNKNOWN
            beside = [name for name, value in given.items() if value]
            if beside:
                raise UsageError(f"--verify and {beside[0]} were both given: --verify takes only an exported folder")
            _verify(verify)
            return
        if small_install.is_small():
            raise UsageError(small_install.lacking("ox export but for --verify"))
        from ox_classifier import runs
        from ox_classifier.export import formats

        form = formats.find(format_ or "onnx", int8=int8)
        form.need()
        licence = _licence(license_)
        if out is not None:
            places.refuse_new_folder(out, "--out")
        found = runs.find(run)
        name = f"{form.name}-int8" if int8 else form.name
        place = out or found.path / "export" / name
        staging.check_place(place, otherwise=" with --out")
        say(f"run {found.name} → {name} (TensorFlow takes some seconds to start)")
        from ox_classifier import devices

        devices.quiet_tensorflow()
        from ox_classifier.export import write

        if out is None:
            found.folder("export")  # none that a link leads elsewhere
        parity = write.write(found, form, place, int8=int8, licence=licence)
        say(_told(parity))
        trained, now = found.results.get(parity["split"]), parity["accuracy"]["run"]
        if trained and (trained["correct"], trained["images"]) != (now["correct"], now["images"]):
            say(
                f"after training {trained['correct']:,} were right: the images, the way ox reads them, or "
                "the processor changed since"
            )
        typer.echo(place)


def _licence(name: str) -> str:
    """The name as hubs write it."""
    found = name.lower()
    if not re.fullmatch(r"[a-z0-9][a-z0-9.+-]{0,59}", found):
        raise UsageError(f"--license {name[:60]!r} is no licence: give a name such as mit or cc-by-4.0")
    return found


def _verify(folder: Path) -> None:
    if not folder.is_dir():
        raise UsageError(f"--verify {folder} is no folder: give one that ox export wrote")
    from ox_classifier.export.verify import verify

    typer.echo(verify(folder))


def _told(parity: dict) -> str:
    """What parity.json says, in two lines."""
    seen, right = parity["run"], parity["accuracy"]
    images = f"{seen['images']:,} {parity['split']} images"
    return (
        f"{images}: {seen['answers_changed']} answers differ from the run's, probabilities by at most "
        f"{seen['max_difference']:.1e}\n"
        f"right: {right['exported']['correct']:,} ({_span(right['exported'])}), in the run "
        f"{right['run']['correct']:,} ({_span(right['run'])})"
    )


def _span(row: dict) -> str:
    return "95 % interval {:.3f} to {:.3f}".format(*row["interval"])
