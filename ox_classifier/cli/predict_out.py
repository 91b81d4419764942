"""`ox predict --out FILE`: a table that is there whole or not at all, and that a stopped command goes on with."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
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
        self._finished = dict(_finished(out, rows)) if resume else {}  # of FILE: not kept before `take_over`
        self.kept: dict[str, tuple[str, bool]] = dict(_begun(self.part)) if resume else {}
        self._write_notes()

    def _write_notes(self) -> None:
        notes = "".join(_note(path, *row) for path, row in self.kept.items())
        write_text(self.part, notes)  # in place of a link or a pipe of that name, never through it
        self.file = self.part.open("a", encoding="utf-8")

    def missing(self, paths: Iterable[Path]) -> list[Path]:
        """Those of the images that have no row yet."""
        return [path for path in paths if str(path) not in self.kept]

    def take_over(self, paths: Sequence[Path], ask: Callable[[Sequence[Path]], Iterable[Prediction]]) -> None:
        """Keep the rows of FILE, too, unless it was made otherwise: `ask` answers up to four images once more.

        One of them is the least certain, of which it shows whether FILE was made with --always-answer. Where FILE was
        made otherwise, a stopped command that was to replace it goes on without its rows.

        Raises:
            UsageError: If FILE was made otherwise, and no command was stopped.
        """
        wanted = {str(path) for path in paths}
        rows = {path: line for path, (line, failed) in self._finished.items() if not failed}
        answered = [path for path in rows if path in wanted] or list(rows)
        chosen = answered[:: -(-len(answered) // ASKED_AGAIN) or 1]
        if answered:
            chosen.append(min(answered, key=lambda path: max(self._probabilities(rows[path]))))
        asked = ask([Path(path) for path in dict.fromkeys(chosen)])
        why = self._made_otherwise([(one, rows[str(one.path)]) for one in asked if not one.error])
        if not why:
            self.kept = self._finished | self.kept
            self.file.close()
            self._write_notes()
        elif self.kept:
            say(f"{self.out} was made otherwise: its rows are made anew")
        else:
            raise UsageError(f"--resume can't add to {self.out}, {why}")

    def _made_otherwise(self, pairs: Sequence[tuple[Prediction, str]]) -> str:
        """What shows that rows of FILE are not what this command would write, "" if nothing does.

        One that agrees is enough to know the network by, since images may have changed meanwhile.
        """
        same = [(one, line) for one, line in pairs if _agree(one.probabilities.tolist(), self._probabilities(line))]
        if pairs and not same:
            (one, line), shown = pairs[0], self._in_words
            return (
                f"whose rows are not the answers of this run, such as {shown(self._probabilities(line))} for "
                f"{one.path}, where this run answers {shown(one.probabilities)}: give the run that made it, or another "
                "--out"
            )
        for one, line in same:
            if self._answer(line) not in ("", one.answer):
                return (
                    f"where {one.path} is answered {self._answer(line)}, and this command answers {one.answer}: give "
                    "--always-answer as when it was made, or not at all, or another --out"
                )
        return ""

    def _in_words(self, shares: Iterable[float]) -> str:
        return ", ".join(f"{name} {share:.3f}" for name, share in zip(self.rows.classes, shares, strict=True))

    def _probabilities(self, line: str) -> list[float]:
        """Those of a row of FILE."""
        try:
            if self.rows.form == "json":
                shares = json.loads(line)["probabilities"]
                return [float(shares[name]) for name in self.rows.classes]
            after = 1 if self.rows.bare else 2
            return [float(cell) for cell in next(csv.reader([line]))[after:][: len(self.rows.classes)]]
        except (ValueError, TypeError, KeyError, OverflowError) as wrong:
            row = line.strip()[:100]
            raise UsageError(f"--resume can't add to {self.out}: {row!r} is no answer ({wrong})") from None

    def _answer(self, line: str) -> str:
        """That of a row of FILE, "" if it has none."""
        if self.rows.bare:
            return ""
        return json.loads(line).get("answer", "") if self.rows.form == "json" else next(csv.reader([line]))[-2]

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


def _agree(answered: Sequence[float], before: Sequence[float]) -> bool:
    return all(abs(a - b) <= AGREEMENT for a, b in zip(answered, before, strict=True))


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
