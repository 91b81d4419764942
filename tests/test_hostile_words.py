"""Every option of every command, given what nobody means: one sentence and exit code 2, at once, before any work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from ox_classifier import classifier, devices
from ox_classifier.audit import audit
from ox_classifier.cli import app, dataset_preview
from ox_classifier.importers import mnist
from ox_classifier.report import write as report
from ox_classifier.sheets import collect, cut, quiz, roster
from ox_classifier.sheets.layout import Copy
from ox_classifier.synthetic import fonts, make
from ox_classifier.training import preparation, resumption
from tests import hand_made
from tests.conftest import draw_folder

LONG = "a" * 300  # no file system takes such a name
NUMBERS = ("nan", "inf", "-inf", "-1", "-0.5", "1.5", "1e9", "1e30", "1e999", str(10**30), str(2**32), str(2**64))
TEXTS = ("", " ", "ten", "-x", "--strict", LONG, "a\\b", "a\nb", "../a/b", "http://[::1")
VALUES = NUMBERS + TEXTS
SECONDS = 2.0  # of processor time, so that a busy machine doesn't count


class Started(Exception):
    """A command has taken its words and begins to work."""


def work(*args, **options):
    raise Started


# where each command begins to read images or to write: nothing hostile may come so far
WORK = [
    (preparation, "prepare"),
    (resumption, "resume"),
    (resumption, "repeat"),
    (report, "write"),
    (classifier, "Classifier"),
    (devices, "quiet_tensorflow"),
    (fonts, "_system"),
    (make, "_jobs"),
    (mnist, "load"),
    (audit, "check"),
    (dataset_preview, "_examples"),
    (quiz, "arrange"),
    (collect, "arrange"),
    (cut, "cut"),
]
# for each command the arguments and the options of a line that would begin to work, had it no hostile word in it
LINES: dict[str, tuple[dict[str, str], str]] = {
    "train": ({}, "--data marks"),
    "report": ({"run": "lenet-1"}, ""),
    "predict": ({"source": "marks/train/o/000.png"}, ""),
    "inspect": ({"run": "lenet-1"}, ""),
    "export": ({"run": "lenet-1"}, ""),
    "compare": ({"run": "lenet-1"}, ""),
    "runs": ({}, ""),
    "serve": ({"run": "lenet-1"}, "--port 0"),
    "dataset apply": ({"corrections": "corrections.csv"}, ""),
    "dataset make": ({"out": "new"}, ""),
    "dataset import": ({"name": "mnist", "out": "new"}, "--source idx"),
    "dataset check": ({"data": "marks"}, ""),
    "dataset preview": ({"data": "marks"}, ""),
    "sheet quiz": ({}, "--questions 3"),
    "sheet collect": ({}, "--writers 3"),
    "sheet cut": ({"photo": "marks/train/o/000.png"}, "--into new --layout hands.json"),
    "sheet read": ({"photo": "marks/train/o/000.png"}, "--layout quiz.json"),
}
PLAIN = dict.fromkeys(
    ("nan", "inf", "1.5", "1e9", "1e30", "1e999", str(10**30), str(2**32), str(2**64), "ten"),
    "a plain name, as good as any",
)
FOLDER = PLAIN | {"../a/b": "a new folder may lie anywhere"}
FRACTION = {"1.5": "a number like any other here"}
PATTERN = "a regular expression, and what it finds is for the files to say"
# what is really fine, and why; each of these does begin to work
ALLOWED: dict[str, dict[str, str]] = {
    "train --average": FRACTION,
    "train --rotation": FRACTION,
    "train --shear": FRACTION,
    "train --stroke": FRACTION,
    "train --blur": FRACTION,
    "dataset preview --rotation": FRACTION,
    "dataset preview --shear": FRACTION,
    "dataset preview --stroke": FRACTION,
    "dataset preview --blur": FRACTION,
    "train --name": PLAIN,
    "train --group": dict.fromkeys({*VALUES} - {"", " ", "a\nb", "http://[::1"}, PATTERN),
    "dataset make out": FOLDER,
    "dataset import out": FOLDER,
    "dataset check --out": FOLDER,
    "export --out": FOLDER,
    "export --license": PLAIN,
    "sheet quiz --out": FOLDER,
    "sheet collect --out": FOLDER,
    "sheet collect --classes": PLAIN,
    "sheet cut --into": FOLDER,
    "sheet read --out": FOLDER,
    "sheet quiz --title": dict.fromkeys({*VALUES} - {"", " ", "a\nb"}, "a title, and any is one"),
    "dataset make --seed": {str(2**32): "its generator takes seeds up to 2^64"},
    "predict --sort-into": FOLDER,
}
ROOT = typer.main.get_command(app)


def commands(group=ROOT, before: str = "") -> Iterator[tuple[str, object]]:
    """Each command by its whole name, those of groups among them."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


OPTIONS = {
    f"{name} {option.opts[-1]}": (name, option)
    for name, command in commands()
    for option in command.params
    if not getattr(option, "is_flag", False)
}


def lines(name: str, option, value: str) -> Iterator[list[str]]:
    """The command lines that give this value to this option or argument."""
    arguments, others = LINES[name]
    before = [*name.split(), *others.split()]
    if option.param_type_name == "option":
        yield [*before, *arguments.values(), option.opts[-1], value]
        yield [*before, *arguments.values(), f"{option.opts[-1]}={value}"]
    else:
        given = list((arguments | {option.name: value}).values())
        yield [*before, "--", *given]
        if value != "--strict":  # without -- before it, that is the option
            yield [*before, *given]


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A folder with a dataset and a run; reaching the work of any command there is an error of its own."""
    place = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setattr("typer.testing._get_command", lambda _: ROOT)  # built once, not for each of 2,763 lines
        draw_folder(place / "marks", {"train": 2, "val": 1})
        (place / "idx").mkdir()
        (place / "notes.txt").write_text("hello\n")
        (place / "other.csv").write_text("a,b\n1,2\n")
        (place / "loop").symlink_to("loop")
        (place / "dangling").symlink_to("nowhere")
        hand_made.run()
        collect.arrange(("o", "x"), writers=1, per_class=1).layout.write("hands.json")
        quiz.arrange(roster.counted_questions(1), [Copy(1)]).layout.write("quiz.json")
        for where, name in WORK:
            patch.setattr(where, name, work)
        yield place


def ended(words: list[str]) -> str:
    """ "started", or "" if the line was refused as it should be, or what is wrong with how it ended."""
    start = time.process_time()
    result = CliRunner().invoke(app, words)
    seconds = time.process_time() - start
    if isinstance(result.exception, Started):
        return "started"
    if not isinstance(result.exception, SystemExit):
        return f"{type(result.exception).__name__}: {result.exception}"
    said = result.stderr.splitlines()
    if result.exit_code != 2:
        return f"exit code {result.exit_code}: {said[-1:]}"
    if len(said) != 1 or not said[0].startswith("ox: ") or result.stdout:
        return f"{len(said)} lines: {said}"
    return "" if seconds < SECONDS else f"{seconds:.1f} s"


@pytest.mark.parametrize("key", OPTIONS)
def test_what_nobody_means_is_refused_at_once(here, key):
    before = sorted(here.rglob("*"))
    name, option = OPTIONS[key]
    found = {value: {ended(words) for words in lines(name, option, value)} for value in VALUES}
    wrong = {value: how - {""} for value, how in found.items() if how != {""}}
    fine = ALLOWED.get(key, {})
    assert {value: how for value, how in wrong.items() if value not in fine} == {}
    assert {value: "is refused after all" for value in fine if "started" not in wrong.get(value, ())} == {}
    assert sorted(here.rglob("*")) == before


def test_every_line_would_work_without_the_hostile_word(here):
    for name, (arguments, others) in LINES.items():
        # compare takes two runs, apply a table that is there, and runs is done before any slow work begins
        if name not in ("compare", "dataset apply", "runs"):
            assert ended([*name.split(), *arguments.values(), *others.split()]) == "started", name


def test_no_command_with_options_is_left_out():
    assert {name for name, _ in OPTIONS.values()} == LINES.keys()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("train --zoom 5", "--zoom 5: expected"),
        ("train --shift 5", "--shift 5: expected"),
        ("train --rotation 400", "--rotation 400: expected"),
        ("train --dropout 2", "--dropout 2: expected"),
        ("train --folds 1", "--folds 1: expected"),
        ("train --image-size 8", "--image-size 8: lenet can't take images of so few pixels"),
        ("train --val-fraction 0.999", "--val-fraction 0.999: expected"),
        ("train --monitor f1", "--monitor"),
        ("train --arch vgg16 --views 1000000", "--views 1000000: expected"),
        ("train --arch vgg16 --fine-tune 14", "--fine-tune 14: vgg16 has 13"),
        ("train --group (", "--group '(' is no regular expression"),
        ("train --name", "requires an argument"),
        ("train --name --strict", "--name is followed by --strict, which looks like an option"),
        ("dataset check --out --strict", "--out is followed by --strict"),
        ("dataset check --out=--strict", "has a name that begins with a dash"),
        ("dataset check no-such-folder", "DATA no-such-folder does not exist"),
        ("dataset make a\\b", "has a backslash in a name"),
        ("dataset make new --fonts nowhere", "--fonts nowhere: no such folder"),
        ("dataset import mnist new --source http://[::1", "--source http://[::1 is no address"),
        ("dataset preview --out p.zzz", "expected a name that ends in .png"),
    ],
)
def test_the_sentence_names_the_option_and_what_is_wrong(here, line, said):
    name = line.partition(" -")[0] if line.startswith("train") else " ".join(line.split()[:2])
    arguments, others = LINES[name]
    given = line.split()[len(name.split()) :]
    words = [*name.split(), *others.split(), *given]
    if given[0].startswith("-"):
        words = [*name.split(), *others.split(), *arguments.values(), *given]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert said in result.stderr and result.stderr.count("\n") == 1


NEW_FOLDERS = [
    "export lenet-1 --out",
    "predict marks/train/o/000.png --sort-into",
    "dataset make",
    "dataset import mnist --source idx",
    "sheet quiz --questions 3 --out",
    "sheet collect --writers 3 --out",
    "sheet cut marks/train/o/000.png --layout hands.json --into",
    "sheet read marks/train/o/000.png --layout quiz.json --out",
]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="not Linux")
@pytest.mark.parametrize("place", ["notes.txt", "notes.txt/x", "loop", "loop/x", "dangling", "dangling/x", "/proc/x"])
@pytest.mark.parametrize("line", NEW_FOLDERS)
def test_a_folder_that_can_not_be_made_is_refused_at_once(here, line, place):
    before = sorted(here.rglob("*"))
    assert ended([*line.split(), place]) == ""
    assert sorted(here.rglob("*")) == before


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("export --verify marks --license mit", "--verify and --license were both given"),
        ("predict marks --out x.csv --json", "--out x.csv and --json were both given: the name says csv"),
        ("predict marks --out x.jsonl --csv", "--out x.jsonl and --csv were both given: the name says json"),
        ("predict marks --out x.txt", "--out x.txt says no format"),
        ("predict marks --out marks", "--out marks says no format"),
        ("predict marks --out notes.txt/x.csv", "lies in no folder that is there"),
        ("predict marks --out nowhere/x.csv", "lies in no folder that is there"),
        ("predict marks --out /proc/x.csv", "/proc takes no files"),
        ("predict marks --sort-into marks/new", "lies in marks, whose images are sorted"),
        ("predict --watch nowhere", "--watch nowhere is no folder"),
        ("predict --watch notes.txt", "--watch notes.txt is no folder"),
        ("predict --watch marks --sort-into marks/new", "lies in marks, whose images are sorted"),
        ("predict --watch marks --sort-into notes.txt", "--sort-into notes.txt is a file"),
        ("report lenet-1 --data notes.txt --robustness", "notes.txt is a file: expected a folder of images"),
        ("report lenet-1 --data other.csv", "lacks the columns path and label"),
        ("sheet read marks/train/o/000.png --layout quiz.json --corrections other.csv", "lacks the column sheet"),
        ("sheet read marks/train/o/000.png --layout quiz.json --key other.csv", "lacks the column"),
        ("dataset apply other.csv", "other.csv"),
        ("dataset apply --undo other.csv", "other.csv"),
        ("compare lenet-1", "only lenet-1 was given"),
        ("runs --csv --json", "--csv and --json were both given"),
    ],
)
def test_what_contradicts_or_can_not_be_is_said_before_any_work(here, line, said):
    before = sorted(here.rglob("*"))
    result = CliRunner().invoke(app, line.split())
    assert result.exit_code == 2 and said in result.stderr, result.stderr
    assert result.stderr.count("\n") == 1 and not result.stdout
    assert sorted(here.rglob("*")) == before
