"""How long steps say how far they are, on a terminal and without one, by a clock that the tests set."""

from __future__ import annotations

import io
import re
import sys

import pytest

from ox_classifier.console import Progress, duration, say, track


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """What is written to stderr, which says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock():
    return Clock()


def terminal_in(monkeypatch):
    """Make stderr a terminal; not as a fixture, for pytest sets stderr anew when the test itself begins."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("NO_COLOR", raising=False)
    fake = Terminal()
    monkeypatch.setattr(sys, "stderr", fake)
    return fake


def working(clock, seconds, count=10):
    """`count` items that take so many seconds each."""
    for number in range(count):
        clock.now += seconds
        yield number


def shown(text):
    """The letters that a terminal shows, without its control codes."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_data_and_what_is_said_go_different_ways(capsys):
    say("a line")
    assert capsys.readouterr() == ("", "a line\n")


def test_a_short_step_says_nothing(capsys, clock):
    assert list(track(working(clock, 0.05), label="reading", clock=clock)) == list(range(10))
    assert capsys.readouterr() == ("", "")


def test_a_step_says_at_its_end_how_long_it_took(capsys, clock):
    list(track(working(clock, 2), label="reading", total=10, clock=clock))
    assert capsys.readouterr() == ("", "reading: 10 in 20 s\n")


def test_without_a_terminal_a_line_every_half_minute_says_what_is_left(capsys, clock):
    list(track(working(clock, 12), label="features", total=10, clock=clock))  # two minutes
    assert capsys.readouterr().err.splitlines() == [
        "features: 3 of 10, about 84 s left",
        "features: 6 of 10, about 48 s left",
        "features: 9 of 10, about 12 s left",
        "features: 10 in 120 s",
    ]


def test_slow_items_are_said_one_by_one(capsys, clock):
    list(track(working(clock, 600, count=3), label="features", total=3, clock=clock))
    assert capsys.readouterr().err.splitlines() == [
        "features: 1 of 3, about 20 min left",
        "features: 2 of 3, about 10 min left",
        "features: 3 in 1800 s",
    ]


def test_without_a_total_the_time_so_far_is_said(capsys, clock):
    list(track(working(clock, 31, count=2), label="fetching", clock=clock))
    assert capsys.readouterr().err.splitlines() == [
        "fetching: 1 in 31 s",
        "fetching: 2 in 62 s",
        "fetching: 2 in 62 s",
    ]


def test_a_long_epoch_says_its_metrics(capsys, clock):
    progress = Progress("epoch 2/20", 100, clock=clock)
    for done in range(1, 101):
        clock.now += 1
        progress.update(done, f"loss {1 / done:.2f}")
    progress.close()
    assert capsys.readouterr().err.splitlines() == [
        "epoch 2/20: 30 of 100, about 70 s left  loss 0.03",
        "epoch 2/20: 60 of 100, about 40 s left  loss 0.02",
        "epoch 2/20: 90 of 100, about 10 s left  loss 0.01",
    ]


def test_a_step_that_fails_says_how_far_it_came(capsys, clock):
    with pytest.raises(ZeroDivisionError):
        for number in track(working(clock, 3), label="reading", total=10, clock=clock):
            1 / (4 - number)
    assert capsys.readouterr().err == "reading: 5 in 15 s\n"


def test_on_a_terminal_a_bar_comes_after_a_second_and_goes(monkeypatch, clock):
    terminal = terminal_in(monkeypatch)
    progress = Progress("features", 4000, clock=clock)
    clock.now += 0.9
    progress.update(10)
    assert terminal.getvalue() == ""
    clock.now += 0.2
    progress.update(1000, "loss 0.25")
    progress.bar.refresh()
    assert re.search(r"features [━╸╺]+ 1000/4000 .*loss 0\.25", shown(terminal.getvalue()))
    progress.close()
    before, erased, after = terminal.getvalue().rpartition("\x1b[2K")
    assert erased and "1000/4000" in shown(before) and not shown(after).strip()
    progress.close()  # a second time does nothing


def test_on_a_terminal_no_lines_come_between(monkeypatch, clock):
    terminal = terminal_in(monkeypatch)
    list(track(working(clock, 60, count=3), label="features", total=3, clock=clock))
    said = shown(terminal.getvalue())
    assert " left" not in said
    assert said.strip().endswith("features: 3 in 180 s")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (89.4, "89 s"), (90, "2 min"), (840, "14 min"), (5399, "90 min"), (9000, "2.5 h")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text
