"""How every long step says how far it is: a bar on a terminal, a plain line every half minute elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator

from ox_classifier.names import printable

QUIET_SECONDS = 1.0  # shorter steps say nothing
LINE_SECONDS = 30.0  # between two lines where there is no terminal


def say(text: str) -> None:
    """Print a line for the reader on stderr, with nothing in it that a terminal would obey; stdout is for data."""
    print("\n".join(map(printable, text.split("\n"))), file=sys.stderr, flush=True)  # noqa: T201


def track(
    items: Iterable, *, label: str, total: int | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator:
    """Yield `items` and show how many of `total` are done; at the end, say how long they took.

    Nothing is said of steps under a second. `clock` gives seconds.
    """
    total = len(items) if total is None and hasattr(items, "__len__") else total
    progress, start, count = Progress(label, total, clock=clock), clock(), 0
    try:
        for count, item in enumerate(items, start=1):
            yield item
            progress.update(count)
    finally:
        progress.close()
        seconds = clock() - start
        if seconds > QUIET_SECONDS:
            say(f"{label}: {count:,} in {seconds:.0f} s")


class Progress:
    """How far one step is, with the time left, from its second second on.

    On a terminal it is a bar, gone once closed. In a log file it is a plain line every half minute, so that a step of
    a quarter of an hour is not silent. `clock` gives seconds.
    """

    def __init__(self, label: str, total: int | None = None, *, clock: Callable[[], float] = time.monotonic):
        self.label, self.total, self.clock = label, total, clock
        self.start = self.said = clock()
        self.terminal = sys.stderr.isatty()
        self.bar = None

    def update(self, done: int, metrics: str = "") -> None:
        """Show that `done` of the step's items are done, and the `metrics` so far, if it has any."""
        now = self.clock()
        if not self.terminal:
            if now - self.said >= LINE_SECONDS and done != self.total:
                self.said = now
                say(self._line(done, now - self.start, metrics))
        elif self.bar or now - self.start >= QUIET_SECONDS:
            if self.bar is None:
                self.bar, self.task = _open_bar(self.label, self.total)
            self.bar.update(self.task, completed=done, metrics=metrics)

    def close(self) -> None:
        """Take the bar away; the step is over."""
        if self.bar:
            self.bar.stop()
            self.bar = None

    def _line(self, done: int, seconds: float, metrics: str) -> str:
        if not self.total or not done:
            text = f"{self.label}: {done:,} in {duration(seconds)}"
        else:
            left = seconds / done * (self.total - done)
            text = f"{self.label}: {done:,} of {self.total:,}, about {duration(left)} left"
        return f"{text}  {metrics}".rstrip()


def duration(seconds: float) -> str:
    """Seconds in the unit that people would say: `45 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _open_bar(label: str, total: int | None):
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
    bar = Progress(*columns, TextColumn("{task.fields[metrics]}"), console=Console(stderr=True), transient=True)
    bar.start()
    return bar, bar.add_task(label, total=total, metrics="")
