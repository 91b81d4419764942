"""`ox dataset apply`: a report's corrections → moved files, and the way back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ox_classifier.cli.exit_codes import user_errors
from ox_classifier.console import say
from ox_classifier.errors import OxError, UsageError
from ox_classifier.names import printable, quoted

if TYPE_CHECKING:
    from ox_classifier.corrections.journal import Journal
    from ox_classifier.corrections.moves import Move, Outcome, Refusal
    from ox_classifier.corrections.table import Correction
    from ox_classifier.data.listing import Listing

SHOWN = 10  # of each kind of move; --dry-run shows all

File = Annotated[
    Path | None,
    typer.Argument(help="The corrections.csv that a report's page saved.", metavar="CORRECTIONS", show_default=False),
]
Data = Annotated[
    Path | None,
    typer.Option(help="Folder or CSV of the images [default: what the latest run was trained on].", show_default=False),
]
Undo = Annotated[Path | None, typer.Option(help="Put back what this undo.csv says was moved.", show_default=False)]
Yes = Annotated[bool, typer.Option("--yes", help="Don't ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]


def apply(
    corrections: File = None, data: Data = None, undo: Undo = None, yes: Yes = False, dry_run: DryRun = False
) -> None:
    """Move images into the class that a report's page marked them as, or into DATA/set-aside/<class>/.

    Example: ox dataset apply corrections.csv --data marks

    Asks first. No file is moved over another, none that changed since the report; undo.csv beside the corrections
    leads back. After a kill, the same command completes the work. For a CSV a new one is written beside it instead.
    """
    with user_errors():
        if (corrections is None) == (undo is None):
            raise UsageError("give a corrections.csv, or --undo with an undo.csv: one of the two")
        if undo is not None:
            _undo(undo, data, yes, dry_run)
            return
        from ox_classifier.corrections import table
        from ox_classifier.data import folders

        found = table.read(corrections)
        place = _data() if data is None else data
        if not found:
            raise UsageError(f"{corrections} changes no label: mark images in the report's page, and save again")
        if place.is_file():
            listing = folders.find(place, to_learn=False)
            _relabel(listing, place, found, yes, dry_run)
        else:
            _move(place, corrections, found, yes, dry_run)


def _data() -> Path:
    """What the latest run was trained on."""
    from ox_classifier import runs

    run = runs.find()
    say(f"data of run {run.name}: {run.data_source} (--data gives others)")
    return run.data_source


def _move(data: Path, file: Path, found: list[Correction], yes: bool, dry_run: bool) -> None:
    from ox_classifier.corrections import journal, moves
    from ox_classifier.corrections.plan import plan
    from ox_classifier.data import digests, folders

    root, origin = data.resolve(), digests.content(file).hex()
    known = list(journal.earlier(file.parent, root, origin))
    earlier = [(path, one) for path, one in known if one.begun()]
    for path, begun in earlier:
        waiting = [move for move in begun.moves if not moves.arrived(root, move)]
        if waiting:
            count = len(begun.moves) - len(waiting)
            say(f"{path}: an earlier call was stopped after {count:,} of {len(begun.moves):,} files: completing it")
            _show(waiting, [], dry_run)
            if _agreed(f"move {_files(len(waiting))}?", yes, dry_run):
                _finish(_carried_out(begun, path), path, ())
            return
    done = {move.source for _, begun in earlier for move in begun.moves}
    rest = [one for one in found if one.path not in done]
    if not rest:
        say(f"applied already: {_files(len(done))} were moved; ox dataset apply --undo puts them back")
        typer.echo(earlier[-1][0])
        return
    planned = plan(folders.find(root, to_learn=False), rest)
    _show(planned.moves, planned.refused, dry_run)
    if not planned.moves:
        raise UsageError(f"none of {len(rest):,} corrections can be applied to {data}: is it the right folder?")
    if _agreed(f"move {_files(len(planned.moves))}?", yes, dry_run):
        same = [(path, one) for path, one in known if one.moves == planned.moves]  # undone, or killed at its start
        new = journal.Journal(root, origin, planned.moves, planned.folders)
        path, new = same[0] if same else (journal.write(new, file.parent), new)
        _finish(_carried_out(new, path), path, planned.refused)


def _carried_out(found: Journal, path: Path) -> Outcome:
    from ox_classifier.corrections import moves

    try:
        return moves.carry_out(found.root, found.moves, found.folders)
    except BaseException:  # Ctrl-C, a full disk
        say(f"stopped: the same command completes the work, ox dataset apply --undo {quoted(path)} takes it back")
        raise


def _finish(outcome: Outcome, path: Path, refused: Sequence[Refusal]) -> None:
    for one in outcome.refused:
        say(f"left where it is: {one.path}: {one.reason}")
    say(f"{_files(outcome.moved)} moved; ox dataset apply --undo {quoted(path)} puts them back")
    typer.echo(path)
    _end([*refused, *outcome.refused])


def _end(refused: Sequence[Refusal]) -> None:
    if refused:
        raise OxError(f"{_files(len(refused))} were left as they are; the lines above say why")


def _undo(path: Path, data: Path | None, yes: bool, dry_run: bool) -> None:
    from ox_classifier.corrections import journal, moves

    found: Journal = journal.read(path)
    root = found.root if data is None else data.resolve()
    if not root.is_dir():
        raise UsageError(f"{root} is no folder: if the images were moved to another place, give it as --data")
    away = [move.turned() for move in reversed(found.moves) if not moves.arrived(root, move.turned())]
    if not away:
        if not dry_run:
            moves.take_back(root, found.moves, found.folders)  # a killed call may have left the folders it had made
        say(f"nothing to put back: {_files(len(found.moves))} of {path} are where they were")
        return
    _show(away, [], dry_run)
    if _agreed(f"put {_files(len(away))} back?", yes, dry_run):
        outcome = moves.take_back(root, found.moves, found.folders)
        for one in outcome.refused:
            say(f"left where it is: {one.path}: {one.reason}")
        say(f"{_files(outcome.moved)} put back")
        typer.echo(root)
        _end(outcome.refused)


def _relabel(listing: Listing, csv_path: Path, found: list[Correction], yes: bool, dry_run: bool) -> None:
    from ox_classifier.corrections import relabelled

    good, refused = relabelled.accepted(listing, found)
    kinds = defaultdict(list)
    for one in good:
        kinds["set aside" if one.set_aside else f"{one.old} → {one.new}"].append(one.path)
    _show_kinds(kinds, refused, dry_run)
    if not good:
        raise UsageError(f"none of {len(found):,} corrections can be applied to {csv_path}: is it the right CSV?")
    if _agreed(f"write a new CSV beside {csv_path}?", yes, dry_run):
        path = relabelled.write(csv_path, good)
        say(f"{len(good):,} rows differ from {csv_path}, which stays as it is")
        typer.echo(path)
        _end(refused)


def _show(moves: Sequence[Move], refused: Sequence[Refusal], everything: bool) -> None:
    kinds = defaultdict(list)
    for move in moves:
        kinds[_kind(move)].append(f"{move.source} → {move.target}")
    _show_kinds(kinds, refused, everything)


def _kind(move: Move) -> str:
    """Between which folders a file moves, without those that both have and the file's own."""
    source, target = move.source.split("/")[:-1], move.target.split("/")[:-1]
    return f"{'/'.join(source)} → {'/'.join(target)}"


def _show_kinds(kinds: dict[str, list[str]], refused: Sequence[Refusal], everything: bool) -> None:
    for kind, lines in kinds.items():
        typer.echo(f"{printable(kind)}: {_files(len(lines))}")
        shown = lines if everything else lines[:SHOWN]
        for line in shown:
            typer.echo(f"  {printable(line)}")
        if len(shown) < len(lines):
            typer.echo(f"  and {len(lines) - len(shown):,} more (--dry-run shows all)")
    if refused:
        typer.echo(f"left as they are: {_files(len(refused))}")
        for one in refused:
            typer.echo(f"  {printable(one.path)}: {printable(one.reason)}")


def _agreed(question: str, yes: bool, dry_run: bool) -> bool:
    if dry_run:
        say("--dry-run: nothing was changed")
        return False
    if yes:
        return True
    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort:
        raise UsageError("no one answered, so nothing was changed: --yes does it without asking") from None
    if not agreed:
        say("nothing was changed")
    return agreed


def _files(count: int) -> str:
    return f"{count:,} file" if count == 1 else f"{count:,} files"
