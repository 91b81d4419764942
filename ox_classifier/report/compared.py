"""What there is to say of several runs, for a terminal and for a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ox_classifier.names import printable


@dataclass(frozen=True)
class Compared:
    """What there is to say of several runs: sentences, and tables whose first row are their headings."""

    coverage: list[str]
    metrics: list[tuple[str, ...]]
    changes: list[str]
    settings: list[tuple[str, ...]]

    def text(self) -> str:
        """All of it for a terminal."""
        settings = ["", "settings that differ", *_columns(self.settings)] if self.settings else ["", "same settings"]
        lines = [*self.coverage, "", *_columns(self.metrics), "", *self.changes, *settings]
        return "\n".join(printable(line) for line in lines)


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """A table's lines, its columns one below the other."""
    shown = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    return ["  ".join(c.ljust(width) for c, width in zip(row, widths, strict=True)).rstrip() for row in shown]
