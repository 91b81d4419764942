"""How every long step says how far it is: a bar with the time left on a terminal, one plain line elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator

from ox_classifier.names import printable

QUIET_SECONDS = 1.0  # shorter steps say nothing


def say(text: str) -> None:
    """Print a line for the reader on stderr, with nothing in it that a terminal would obey; stdout is for data."""
    print("\n".join(map(printable, text.split("\n"))), file=sys.stderr, flush=True)  # noqa: T201


def track(items: Iterable, *, label: str, total: int | None = None) -> Iterator:
    """Yield `items`, showing `label` and how many of `total` are done once a second has passed."""
    total = len(items) if total is None and hasattr(items, "__len__") else total
    bar = _Bar(label, total) if sys.stderr.isatty() else None
    start, count = time.monotonic(), 0
    try:
        for count, item in enumerate(items, start=1):
            yield item
            if bar:
                bar.update(count)
    finally:
        if bar:
            bar.close()
        seconds = time.monotonic() - start
        if seconds > QUIET_SECONDS:
            say(f"{label}: {count:,} in {seconds:.0f} s")


class EpochBar:
    """A bar over the batches of one epoch with the figures so far; gone once closed."""

    def __init__(self, label: str, total: int | None):
        self.progress, self.task = _open_bar(label, total, "{task.fields[figures]}", figures="")

    def update(self, done: int, figures: str) -> None:
        self.progress.update(self.task, completed=done, figures=figures)

    def close(self) -> None:
        self.progress.stop()


class _Bar:
    """A bar that appears once a step has taken longer than a second."""

    def __init__(self, label: str, total: int | None):
        self.label, self.total, self.start, self.progress = label, total, time.monotonic(), None

    def update(self, done: int) -> None:
        if self.progress is None:
            if time.monotonic() - self.start < QUIET_SECONDS:
                return
            self.progress, self.task = _open_bar(self.label, self.total)
        self.progress.update(self.task, completed=done)

    def close(self) -> None:
        if self.progress:
            self.progress.stop()


def _open_bar(label: str, total: int | None, *more: str, **fields):
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
    columns += [TextColumn(column) for column in more]
    progress = Progress(*columns, console=Console(stderr=True), transient=True)
    progress.start()
    return progress, progress.add_task(label, total=total, **fields)
