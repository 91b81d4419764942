"""How `ox predict` says an answer: a line of text, a row of CSV, a line of JSON."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ox_classifier.console import say
from ox_classifier.names import is_printable, padded, quoted, width_of
from ox_classifier.tables import class_columns, csv_line, formulas, json_line

if TYPE_CHECKING:
    from ox_classifier.classifier import Prediction


class Rows:
    """The answers of one command in one format, how many there are, and how many of them are none.

    `bare` leaves out what the network decides, and keeps the probabilities. `shown` is True where a terminal is to
    get nothing that it would obey; `unsure` is what is answered where no class is, "" if that can't be.
    """

    def __init__(self, form: str, classes: Sequence[str], *, bare: bool = False, shown: bool = False, unsure: str = ""):
        self.form, self.classes, self.bare = form, tuple(classes), bare
        self.width = max(width_of(printed(name)) for name in (*self.classes, *((unsure,) if unsure else ())))
        self.show = printed if shown else str
        self.told = self.failed = self.risky = self.unsure = 0
        self._line = {"csv": self._csv, "json": self._json, "text": self._text}[form]

    @property
    def header(self) -> str:
        """The first line, with its end; "" where the format has none."""
        if self.form != "csv":
            return ""
        before, after = ((), ()) if self.bare else (("predicted",), ("answer", "reason"))
        return csv_line(map(self.show, ("path", *before, *class_columns(self.classes), "error", *after)))

    def line(self, prediction: Prediction) -> str:
        """One answer, with its end."""
        self.told += 1
        self.failed += prediction.error is not None
        self.unsure += prediction.reason is not None
        return self._line(prediction)

    def warn(self) -> None:
        """Say what is to be known of the rows so far."""
        if self.risky:
            say(
                f"{self.risky} rows have a name that a spreadsheet takes for a formula (= + - @): "
                "import them there as text"
            )

    def _csv(self, prediction: Prediction) -> str:
        shares = "" if prediction.error else prediction.probabilities
        numbers = [f"{share:.6f}" for share in shares] or ["" for _ in self.classes]
        before = [] if self.bare else [prediction.label or ""]
        after = [] if self.bare else [prediction.answer or "", prediction.reason or ""]
        error = prediction.error.reason if prediction.error else ""
        row = [str(prediction.path), *before, *numbers, error, *after]
        self.risky += formulas([str(prediction.path), *before]) > 0
        return csv_line(map(self.show, row))

    def _json(self, prediction: Prediction) -> str:
        return f"{json_line({'path': str(prediction.path)} | prediction.as_data(bare=self.bare))}\n"

    def _text(self, prediction: Prediction) -> str:
        path = printed(prediction.path)
        if prediction.error:
            return f"{'?':<{self.width}}          {path}  ({printed(prediction.error.reason)})\n"
        if self.bare:
            return f"{'  '.join(f'{share:.4f}' for share in prediction.probabilities)}  {path}\n"
        why = f"  ({printed(prediction.reason)})" if prediction.reason else ""
        return f"{padded(printed(prediction.answer), self.width)}  {prediction.probability:.4f}  {path}{why}\n"


def write_utf8() -> None:
    """Data is UTF-8 whatever the machine's own encoding, like every file of ox; a name that is none keeps its bytes."""
    sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")


def printed(name: object) -> str:
    """A name as it is, or as a shell takes it where a terminal would obey it or break the line."""
    text = str(name)
    return text if is_printable(text) else quoted(text)
