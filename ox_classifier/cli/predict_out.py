"""`ox predict --out FILE`: a table that is there whole or not at all, and that a stopped command goes on with."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING

from ox_classifier import limits
from ox_classifier.cli.predict_rows import Rows
from ox_classifier.console import say
from ox_classifier.errors import UsageError
from ox_classifier.files import PART, refuse_unwritable, replacing, write_text
from ox_classifier.tables import csv_line
from ox_classifier.wording import counted

if TYPE_CHECKING:
    from ox_classifier.classifier import Prediction

ASKED_AGAIN = 3  # images, before a table is gone on with
AGREEMENT = 1e-3  # of their probabilities; other machines round otherwise
FORMS = {".csv": "csv", ".jsonl": "json", ".ndjson": "json", ".json": "json"}


def form_of(out: Path, asked: str = "") -> str:
    """The format of a table: the one that was `asked` for (csv or json) or else that which the file's name says.

    Raises:
        UsageError: If there is neither, or they are two.
    """
    named = FORMS.get(out.suffix.lower(), "")
    if asked and named and asked != named:
        raise UsageError(f"--out {out} and --{asked} were both given: the name says {named}; leave --{asked} out")
    if not (asked or named):
        raise UsageError(f"--out {out} says no format: name it {' or '.join(FORMS)}, or give --csv or --json")
    return asked or named


def refuse_place(out: Path) -> None:
    """Refuse a place where no table can be written, before a network is opened.

    Raises:
        UsageError: Naming --out.
        OSError: If the folder can't be written to.
    """
    if out.is_dir():
        raise UsageError(f"--out {out} is a folder: give the name of a file")
    if not out.parent.is_dir():
        raise UsageError(f"--out {out} lies in no folder that is there: make {out.parent} first")
    try:
        refuse_unwritable(out.parent)
    except FileNotFoundError:  # a place of the system, such as /proc
        raise UsageError(f"--out {out}: {out.parent} takes no files; choose another place") from None


def digest(network: Path) -> str:
    """A few letters that tell a network from others."""
    with network.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()[:12]


class Table:
    """The rows of FILE in the making. Until `finish` they lie in a hidden file beside it, one answer a line.

    That file's name holds `network`, which tells a network and what it is asked for from others, so that only the same
    goes on with it.

    Raises:
        UsageError: If `resume` meets a FILE of other columns.
    """

    def __init__(self, out: Path, rows: Rows, network: str, *, resume: bool):
        self.out, self.rows = out, rows
        bare = "-bare" if rows.bare else ""
        self.part = out.with_name(f".{out.stem[:60]}-{rows.form}{bare}-{network}{PART}")
        # by path: the row, and whether it says why there is no answer
        finished = dict(_finished(out, rows)) if resume else {}
        begun = dict(_begun(self.part)) if resume else {}
        self.kept: dict[str, tuple[str, bool]] = begun
        self._of_out = {path: row for path, row in finished.items() if path not in begun}  # until they are checked
        self._write_notes()

    def _write_notes(self) -> None:
        notes = "".join(_note(path, *row) for path, row in self.kept.items())
        write_text(self.part, notes)  # in place of a link or a pipe of that name, never through it
        self.file = self.part.open("a", encoding="utf-8")

    def missing(self, paths: Iterable[Path]) -> list[Path]:
        """Those of the images that have no row yet."""
        return [path for path in paths if str(path) not in self.kept]

    def refuse_other(self, paths: Sequence[Path], ask: Callable[[Sequence[Path]], Iterable[Prediction]]) -> None:
        """Refuse to go on where another network made FILE: `ask` answers some images that have a row there once more.

        One row of them that agrees is enough, since images may have changed meanwhile.

        Raises:
            UsageError: If none agrees.
        """
        answered = [path for path in paths if str(path) in self._of_out and not self._of_out[str(path)][1]]
        chosen = answered[:: -(-len(answered) // ASKED_AGAIN)] if answered else []
        again = {str(one.path): self._values(copy(self.rows).line(one)) for one in ask(chosen) if not one.error}
        before = {path: self._values(self._of_out[path][0]) for path in again}
        if again and not any(_agree(again[path], before[path]) for path in again):
            if self.kept:  # of a stopped command that was to replace FILE
                say(f"{self.out} is of another run: its rows are made anew")
                return
            path = next(iter(again))
            raise UsageError(
                f"--resume can't add to {self.out}, whose rows are not the answers of this run, such as "
                f"{before[path][0]} for {path}, where this run answers {again[path][0]}: give the run that made it, or "
                "another --out"
            )
        self.kept = self._of_out | self.kept
        self.file.close()
        self._write_notes()

    def _values(self, line: str) -> tuple[str, list[float]]:
        """What a row answers, in words, and its probabilities."""
        try:
            if self.rows.form == "json":
                numbers = [float(json.loads(line)["probabilities"][name]) for name in self.rows.classes]
            else:
                cells = next(csv.reader([line]))
                numbers = [float(cell) for cell in cells[1 + (not self.rows.bare) :][: len(self.rows.classes)]]
        except (ValueError, TypeError, KeyError, OverflowError) as wrong:
            raise UsageError(
                f"--resume can't add to {self.out}: {line.strip()[:100]!r} is no answer ({wrong})"
            ) from None
        shares = zip(self.rows.classes, numbers, strict=True)
        return ", ".join(f"{name} {share:.3f}" for name, share in shares), numbers

    def write(self, line: str, path: str, failed: bool) -> None:
        """Add a row; once it is written a kill of the command does not lose it."""
        self.kept[path] = line, failed
        self.file.write(_note(path, line, failed))
        self.file.flush()

    @property
    def failed(self) -> int:
        """How many rows say why there is no answer."""
        return sum(failed for _, failed in self.kept.values())

    def finish(self) -> None:
        """Put FILE in its place, whole."""
        self.file.close()
        with (
            replacing(self.out) as beside,
            beside.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file,
        ):
            file.write(self.rows.header)
            file.writelines(line for line, _ in self.kept.values())
        self.part.unlink(missing_ok=True)

    def stop(self) -> None:
        """Leave what was answered for --resume; nothing, if there is nothing."""
        self.file.close()
        if self.kept:
            say(f"{counted(len(self.kept), 'row')} kept for the same command with --resume; {self.out} is as it was")
        else:
            self.part.unlink(missing_ok=True)


def _agree(one: tuple[str, list[float]], other: tuple[str, list[float]]) -> bool:
    return max(abs(a - b) for a, b in zip(one[1], other[1], strict=True)) <= AGREEMENT


def _note(path: str, line: str, failed: bool) -> str:
    return json.dumps([path, line, failed]) + "\n"


def _begun(part: Path) -> Iterator[tuple[str, tuple[str, bool]]]:
    """What a stopped command left; a last line that was cut off is none."""
    try:
        limits.check_file(part, limits.MOST_TABLE)
    except FileNotFoundError:
        return
    with part.open(encoding="utf-8", errors="surrogateescape") as file:
        for text in file:
            try:
                path, line, failed = json.loads(text)
            except (ValueError, TypeError, RecursionError):
                continue
            if isinstance(path, str) and isinstance(line, str) and isinstance(failed, bool):
                yield path, (line, failed)


def _finished(out: Path, rows: Rows) -> Iterator[tuple[str, tuple[str, bool]]]:
    """The rows of a table that is there."""
    try:
        limits.check_file(out, limits.MOST_TABLE)
    except FileNotFoundError:
        return
    with out.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        text = file.read()
    yield from (_csv_rows if rows.form == "csv" else _json_rows)(out, text, rows)


def _csv_rows(out: Path, text: str, rows: Rows) -> Iterator[tuple[str, tuple[str, bool]]]:
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        header = next(reader, [])
    except csv.Error:
        header = []
    if csv_line(header) != rows.header:
        raise UsageError(
            f"--resume can't add to {out}, whose first line is {','.join(header)[:100]!r}: expected "
            f"{rows.header.strip()[:100]!r}; give the run and options it was made with, or another --out"
        )
    error = header.index("error")
    try:
        for cells in reader:
            if len(cells) != len(header):
                raise UsageError(
                    f"--resume can't add to {out}: line {reader.line_num} has {len(cells)} cells, not {len(header)}"
                )
            yield cells[0], (csv_line(cells), bool(cells[error]))
    except csv.Error as wrong:
        raise UsageError(f"--resume can't add to {out}: line {reader.line_num} is no CSV ({wrong})") from None


def _json_rows(out: Path, text: str, rows: Rows) -> Iterator[tuple[str, tuple[str, bool]]]:
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            row = json.loads(line)
            path, fits = row["path"], "error" in row or list(row["probabilities"]) == list(rows.classes)
            fits = fits and isinstance(path, str) and ("error" in row or ("predicted" in row) != rows.bare)
        except (ValueError, KeyError, TypeError, RecursionError):
            fits = False
        if not fits:
            raise UsageError(
                f"--resume can't add to {out}: line {number} is no answer of this run with these options; "
                "give another --out"
            )
        yield path, (f"{line}\n", "error" in row)
