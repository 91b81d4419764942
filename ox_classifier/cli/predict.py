"""`ox predict`: image files → one row each."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ox_classifier.cli import places, predict_out, predict_sort, predict_watch
from ox_classifier.cli.exit_codes import user_errors
from ox_classifier.cli.predict_rows import Rows, write_utf8
from ox_classifier.cli.predict_sources import Sources
from ox_classifier.console import say, track
from ox_classifier.errors import OxError, UsageError
from ox_classifier.wording import counted

if TYPE_CHECKING:
    from ox_classifier.classifier import Classifier, Prediction
    from ox_classifier.exported import Exported
    from ox_classifier.runs import Run

MOST_WORKERS = 256


def predict(
    source: Annotated[
        list[str] | None,
        typer.Argument(
            help="Image files, folders, quoted globs, CSVs with a column path; - reads paths from stdin.",
            show_default=False,
        ),
    ] = None,
    run: Annotated[
        str | None, typer.Option(help="Name or path of a run, or an exported folder [default: the latest].")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False,
    bare: Annotated[
        bool, typer.Option("--probabilities-only", help="Leave out which class that makes, keep the probabilities.")
    ] = False,
    null: Annotated[
        bool, typer.Option("--null", "-0", help="Paths on stdin end with NUL, as of find -print0.")
    ] = False,
    recursive: Annotated[
        bool, typer.Option("--recursive/--no-recursive", help="Look in the folders of a folder, too.")
    ] = True,
    follow_links: Annotated[
        bool, typer.Option("--follow-links", help="Look where links to folders lead, in each folder once.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Write the rows to this .csv or .jsonl: whole, or not at all.", show_default=False),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Add to --out only the images it has no row of.")] = False,
    sort_into: Annotated[
        Path | None,
        typer.Option(help="Copy each image into OUT/<its class>/, over no file.", metavar="OUT", show_default=False),
    ] = None,
    link: Annotated[bool, typer.Option("--link", help="Link there instead of copying.")] = False,
    watch: Annotated[
        Path | None,
        typer.Option(
            help="Answer each file put into DIR, once, a JSON line each, until stopped.",
            metavar="DIR",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_WORKERS,
            help="Processes that share the work; without: one, or for 500 files or more and a small network several.",
            show_default=False,
        ),
    ] = None,
    always_answer: Annotated[
        bool, typer.Option("--always-answer", help="Name a class also where the run is unsure.")
    ] = False,
) -> None:
    """Say which class each image is, or that it is unsure and why, with a probability for every class.

    Example: ox predict photos/ --csv > answers.csv
    """
    with user_errors():
        if as_csv and as_json:
            raise UsageError("--csv and --json were both given: choose one")
        if resume and out is None:
            raise UsageError("--resume was given without --out: name the table that is to be completed")
        if link and sort_into is None:
            raise UsageError("--link was given without --sort-into: name the folder that the links go into")
        if not recursive and follow_links:
            raise UsageError("--follow-links was given with --no-recursive, which looks in no other folder: choose one")
        sources = Sources(null, deep=recursive, follow=follow_links)
        if watch is not None:
            _refuse_with_watch(source, as_csv, out, null, workers)
            _refuse_places(None, sort_into, [watch])
            predict_watch.refuse_place(watch)
            _watch(watch, *_opened(run, always_answer), sources, bare, sort_into, link)
            return
        if not source:
            raise UsageError(
                "no image was given: expected files, folders, a quoted glob, a CSV of paths, or - for stdin"
            )
        asked = "csv" if as_csv else "json" if as_json else ""
        form = predict_out.form_of(out, asked) if out else asked or "text"
        _refuse_places(out, sort_into, map(Path, source))
        paths = sources.collect(source)
        classifier, which = _opened(run, always_answer)
        shown = out is None and form != "json" and sys.stdout.isatty()
        unsure = "" if classifier.decision.always else classifier.decision.unsure
        rows = Rows(form, classifier.classes, bare=bare, shown=shown, unsure=unsure)
        sorter = _sorter(sort_into, classifier, link)
        if out is None:
            say(which)
            _print(_sorted(_answers(classifier, paths, workers), sorter), rows)
            failed, told = rows.failed, len(paths)
        else:
            table = _table(out, classifier, rows, resume)
            say(which)
            failed, told = _write(table, classifier, paths, resume, workers, sorter)
        rows.warn()
        if rows.unsure:
            say(f"unsure of {rows.unsure:,} of {counted(rows.told, 'file')} (--always-answer names a class anyway)")
        if sorter:
            sorter.tell()
        if failed:
            said = "its row says" if failed == 1 else "their rows say"
            raise OxError(f"{failed:,} of {counted(told, 'file')} could not be read; {said} why")


def _refuse_with_watch(
    source: list[str] | None, as_csv: bool, out: Path | None, null: bool, workers: int | None
) -> None:
    other = {"a source": source, "--csv": as_csv, "--out": out, "--null": null, "--workers": workers}
    given = [name for name, value in other.items() if value]
    if given:
        raise UsageError(f"--watch takes no {given[0].removeprefix('a ')}: it prints a JSON line for each file in DIR")


def _refuse_places(out: Path | None, sort_into: Path | None, sources: Iterable[Path]) -> None:
    """Refuse what can't be written to, before a network is opened."""
    if out is not None:
        places.refuse_new(out, "--out")
        predict_out.refuse_place(out)
    if sort_into is not None:
        predict_sort.refuse_place(sort_into, sources)


def _opened(run: str | None, always_answer: bool) -> tuple[Classifier, str]:
    """The network, and the words for which it is."""
    from ox_classifier import exported
    from ox_classifier.classifier import Classifier

    found = exported.find(run)
    return Classifier(found, always_answer=always_answer), network_line(found)


def network_line(run: Run | Exported) -> str:
    """Which network answers, in a line."""
    made = f"{datetime.fromtimestamp(run.onnx_file.stat().st_mtime):%Y-%m-%d %H:%M}"
    return f"run {run.name} ({run.arch}), network of {made}" if hasattr(run, "arch") else f"exported network {run.path}"


def _answers(classifier: Classifier, paths: list[Path], workers: int | None) -> Iterator[Prediction]:
    """The answers, with how far it is."""
    from ox_classifier import workforce

    workers = workers or workforce.fitting(classifier, len(paths))
    found = workforce.answers(classifier, paths, workers) if workers > 1 else classifier.predict(paths)
    return track(found, label="predicting", total=len(paths))


def _sorter(out: Path | None, classifier: Classifier, link: bool) -> predict_sort.Sorter | None:
    if out is None:
        return None
    return predict_sort.Sorter(out, {*classifier.classes, classifier.decision.unsure}, link=link)


def _sorted(predictions: Iterable[Prediction], sorter: predict_sort.Sorter | None) -> Iterator[Prediction]:
    """The same predictions, each image sorted before its row is written."""
    for prediction in predictions:
        if sorter and prediction.path and not prediction.error:
            sorter.add(prediction.path, prediction.answer)
        yield prediction


def _print(predictions: Iterable[Prediction], rows: Rows) -> None:
    if rows.form != "text":
        write_utf8()
    sys.stdout.write(rows.header)
    for prediction in predictions:
        sys.stdout.write(rows.line(prediction))


def _table(out: Path, classifier: Classifier, rows: Rows, resume: bool) -> predict_out.Table:
    network = predict_out.digest(classifier.session.path) + ("-always" if classifier.always_answer else "")
    return predict_out.Table(out, rows, network, resume=resume)


def _write(
    table: predict_out.Table,
    classifier: Classifier,
    paths: list[Path],
    resume: bool,
    workers: int | None,
    sorter: predict_sort.Sorter | None,
) -> tuple[int, int]:
    """Write the table; gives how many of its rows say why there is no answer, and how many there are."""
    try:
        if resume:
            table.take_over(paths, classifier.predict)
        missing = table.missing(paths)
        if resume:
            say(f"{len(paths) - len(missing):,} of {counted(len(paths), 'image')} have a row, {len(missing):,} to do")
        for prediction in _sorted(_answers(classifier, missing, workers), sorter):
            table.write(table.rows.line(prediction), str(prediction.path), prediction.error is not None)
        table.finish()
    except BaseException:
        table.stop()
        raise
    say(f"{counted(len(table.kept), 'row')} in {table.out}")
    return table.failed, len(table.kept)


def _watch(
    folder: Path, classifier: Classifier, which: str, sources: Sources, bare: bool, sort_into: Path | None, link: bool
) -> None:
    """Answer what comes into a folder, until a signal ends the command."""
    sorter = _sorter(sort_into, classifier, link)
    say(which)
    drops, rows = predict_watch.DropFolder(folder, walk=sources.images_in), Rows("json", classifier.classes, bare=bare)
    write_utf8()
    say(f"watching {folder}, where {counted(len(drops.done), 'file')} answered before; Ctrl-C stops")
    for paths in drops.files():
        for prediction in _sorted(classifier.predict(paths), sorter):
            sys.stdout.write(rows.line(prediction))
            sys.stdout.flush()
            drops.mark(prediction.path)
