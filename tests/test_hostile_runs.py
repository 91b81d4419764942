"""A run folder from a stranger is data: whatever it says, a command answers or says one sentence."""

from __future__ import annotations

import copy
import json
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from matplotlib.figure import Figure
from typer.testing import CliRunner

from ox_classifier import limits, runs
from ox_classifier.classifier import Classifier
from ox_classifier.cli import app
from ox_classifier.errors import UsageError
from ox_classifier.report import overview
from ox_classifier.report.differing_settings import differing
from ox_classifier.runs import Run
from ox_classifier.tables import csv_line
from tests import hand_made
from tests.conftest import draw_folder
from tests.hand_made import HISTORY

WRONG = [None, True, -1, 10**9, 10**30, 1e308, float("nan"), "", "x" * 100_000, "../..", [], {}, [[1]], {"a": {"b": 1}}]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A finished run over six drawn marks, with all that training records."""
    monkeypatch.chdir(tmp_path)
    return hand_made.judged_run(draw_folder(tmp_path / "marks", {"train": 1, "val": 2}))


@pytest.fixture
def quick_pictures(monkeypatch):
    """Pictures are drawn, but not rendered."""
    monkeypatch.setattr(Figure, "savefig", lambda self, path, **_: Path(path).write_bytes(b"picture"))


def ox(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def answers_or_says_so(result):
    """A command's end is its work done or one sentence; never a traceback."""
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in (0, 2)
    if result.exit_code:
        told = [line for line in result.stderr.splitlines() if not line.startswith("run lenet-1: ")]
        assert len(told) == 1 and told[0].startswith("ox: ")


def places(config, path=()):
    """Every key of a run.json, those inside others too."""
    for key, value in config.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from places(value, (*path, key))


def mutants(config):
    """The same run.json with one key missing or holding something wrong."""
    for path in places(config):
        for wrong in ["missing", *WRONG]:
            changed = copy.deepcopy(config)
            inside = changed
            for key in path[:-1]:
                inside = inside[key]
            if wrong == "missing":
                del inside[path[-1]]
            else:
                inside[path[-1]] = wrong
            yield f"{'.'.join(path)}={str(wrong)[:12]}", changed
    for other in (None, [], "text", 7, [config]):
        yield f"all={str(other)[:10]}", other


@contextmanager
def as_someone_else():
    """Within the block, root has the rights of nobody."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def everything(run):
    """Read all that a run says."""
    for name in vars(Run):
        if isinstance(vars(Run)[name], property):
            try:
                getattr(run, name)
            except UsageError:
                continue


def test_the_run_is_fine_before_anything_is_changed(run, quick_pictures):
    assert ox("report").exit_code == 0 and ox("predict", "marks/val").exit_code == 0


def test_any_one_wrong_value_in_run_json_is_a_sentence_or_harmless(run):
    config = json.loads((run.path / "run.json").read_text())
    refused = 0
    for name, changed in mutants(config):
        (run.path / "run.json").write_text(json.dumps(changed))
        try:
            everything(runs.find("lenet-1"))
        except UsageError as error:
            refused += 1
            assert "\n" not in str(error) and len(str(error)) < 400, name
        except Exception as error:
            pytest.fail(f"{name}: {error!r}")
    assert refused > 400


def test_a_run_that_passes_the_schema_is_listed_and_compared(run, quick_pictures):
    """`ox runs` is whole whatever one run says; `ox compare` answers, or says one sentence."""
    shutil.copytree(run.path, run.path.with_name("lenet-2"))
    assert ox("compare", "lenet-2", "lenet-1").exit_code == 0
    config = json.loads((run.path / "run.json").read_text())
    told = ("classes", "pixels", "data", "augmentation", "splitting", "cross_validation")
    for name, changed in mutants(config | {"cross_validation": [["a", 1, 2]]}):
        (run.path / "run.json").write_text(json.dumps(changed))
        try:
            found = runs.find("lenet-1")
        except UsageError:
            continue
        row = overview.row_of(found)
        assert "lenet-1" in overview.text(overview.ordered([row], "val")), name
        assert len(csv_line(overview.as_dict(row).values())) > 20
        differing([found.settings, config])
        if name.startswith(told):
            result = ox("compare", "lenet-2", "lenet-1")
            assert result.exception is None or isinstance(result.exception, SystemExit), (name, result.exception)
            assert result.exit_code in (0, 2), name


def test_what_passes_the_schema_passes_the_commands(run, quick_pictures):
    config = json.loads((run.path / "run.json").read_text())
    passed, kept = 0, {"classes", "pixels", "data", "results", "best_epoch", "state"}
    for name, changed in mutants({key: value for key, value in config.items() if key in kept | {"schema", "arch"}}):
        (run.path / "run.json").write_text(json.dumps(changed))
        try:
            runs.find("lenet-1")
        except UsageError:
            continue
        passed += 1
        predicted = ox("predict", "marks/val/o/000.png", "--run", "lenet-1")
        answers_or_says_so(predicted)
        if predicted.exit_code == 0 and (passed % 6 == 0 or "best_epoch" in name):
            answers_or_says_so(ox("report", "lenet-1"))
    assert passed > 20


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "can't be read"),
        ("{", "can't be read"),
        ("[" * 100_000, "can't be read"),
        ('{"schema": 1, "seed": ' + "9" * 10_000 + "}", "can't be read"),
        ("\x00\x00", "can't be read"),
        ('{"schema": true, "arch": "lenet"}', "schema True"),
        ('{"schema": 1}', "lacks arch"),
    ],
    ids=["empty", "half", "deep", "long number", "zeros", "schema", "no arch"],
)
def test_what_is_no_run_json_is_one_sentence(run, text, sentence):
    (run.path / "run.json").write_text(text)
    result = ox("predict", "marks/val", "--run", "lenet-1")
    answers_or_says_so(result)
    assert sentence in result.stderr


def test_a_giant_run_json_is_not_read(run):
    with (run.path / "run.json").open("r+b") as file:
        file.truncate(limits.MOST_JSON + 1)
    assert "at most 16 MB" in ox("report").stderr or "at most 16 MB" in ox("report", "lenet-1").stderr


def test_a_picture_of_forty_thousand_pixels_a_side_takes_no_memory(run):
    run.config["pixels"] |= {"height": 40_000, "width": 40_000}
    run.update()
    result = ox("predict", "marks/val", "--run", "lenet-1")
    assert result.exit_code == 2 and "pixels.height is 40000: expected a whole number from 1 to 4,096" in result.stderr


@pytest.mark.parametrize(
    ("table", "text", "sentence"),
    [
        ("split.csv", "path,label,split\n../../etc/passwd,o,val\n", "line 2: names '../../etc/passwd'"),
        ("split.csv", "path,label,split\n/etc/passwd,o,val\n", "below the data folder"),
        ("split.csv", "path,label,split\nval/o/000.png,zebra,val\n", "none of the run's classes"),
        ("split.csv", "path,label,split\nval/o/000.png,o,everything\n", "expected train, val or test"),
        ("split.csv", "path,label,split\nval/o/000.png\n", "another number of values"),
        ("split.csv", "path,label,split\nval/o/000.png,o,val,more\n", "another number of values"),
        ("split.csv", "path,label\nval/o/000.png,o\n", "lacks the column split"),
        ("split.csv", "path,label,split,path\na,o,val,b\n", "two columns of one name"),
        ("split.csv", "path,label,split\n" + "x" * 200_000 + ",o,val\n", "field larger than field limit"),
        ("split.csv", "", "lacks the column path, label, split"),
        ("split.csv", "path,label,split\n", "no images in val, test"),
        ("history.csv", HISTORY + "1,0.7,0.5\n", "another number of values"),
        ("history.csv", HISTORY + "1,much,0.5,0.6,0.5,0.001,1.5\n", "expected a number"),
        ("history.csv", HISTORY + "one,0.7,0.5,0.6,0.5,0.001,1.5\n", "expected a number"),
        ("history.csv", HISTORY.replace("loss", "gain"), "lacks the column loss, val_loss"),
    ],
)
def test_a_wrong_table_is_one_sentence(run, quick_pictures, table, text, sentence):
    (run.path / table).write_text(text)
    result = ox("report", "lenet-1")
    answers_or_says_so(result)
    assert sentence in result.stderr and result.exit_code == 2


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ("", 2),
        ("2,0.7,0.5,0.6,0.5,0.001,1.5\n", 2),
        ("1,0.7,0.5,0.6,0.5,0.001,1.5\n", 2),  # best_epoch is 2
        (f"{10**12},1e300,-5,0,0,0,0\n", 2),
        ("1,0.7,0.5,,,0.001,1.5\n2,0.7,0.5,,,0.001,1.5\n", 0),  # nothing was held out
        ("1,nan,0.5,inf,0.5,0.001,1.5\n2,1e300,-5,1e-300,0,0,0\n", 0),
    ],
)
def test_a_history_without_rows_or_with_odd_numbers_is_no_traceback(run, rows, code):
    (run.path / "history.csv").write_text(HISTORY + rows)
    result = ox("report", "lenet-1")
    answers_or_says_so(result)
    assert result.exit_code == code


def test_a_table_of_too_many_rows_is_not_taken_in(run, monkeypatch):
    monkeypatch.setattr(limits, "MOST_ROWS", 5)
    with pytest.raises(UsageError, match="more than 5 rows"):
        run.splits()


LINKED = ["report", "report/predictions.csv", "report/metrics.json", "report/curves.png", "run.json"]


@pytest.mark.parametrize("name", LINKED)
def test_no_link_in_a_run_folder_is_written_through(run, tmp_path, name):
    precious = tmp_path / "precious"
    if name == "report":
        precious.mkdir()
    else:
        (run.path / "report").mkdir()
        precious.write_bytes((run.path / "run.json").read_bytes() if name == "run.json" else b"mine")
        (run.path / name).unlink(missing_ok=True)
    (run.path / name).symlink_to(precious)
    before = None if precious.is_dir() else precious.read_bytes()
    result = ox("report", "lenet-1")
    run.update(seconds=4.0)
    if name == "report":
        assert result.exit_code == 2 and "is a link or a file, so ox does not write there" in result.stderr
        assert not list(precious.iterdir())
    else:
        assert result.exit_code == 0 and precious.read_bytes() == before and not (run.path / name).is_symlink()


def test_a_pipe_instead_of_a_file_is_no_hang(run):
    for name in ("run.json", "split.csv", "history.csv"):
        kept = (run.path / name).read_bytes()
        (run.path / name).unlink()
        os.mkfifo(run.path / name)
        result = ox("report", "lenet-1")
        assert result.exit_code == 2 and "no plain file" in result.stderr
        (run.path / name).unlink()
        (run.path / name).write_bytes(kept)


def test_a_link_to_itself_is_a_sentence(run):
    (run.path / "split.csv").unlink()
    (run.path / "split.csv").symlink_to("split.csv")
    result = ox("report", "lenet-1")
    assert result.exit_code == 2 and "can't be read (Too many levels of symbolic links)" in result.stderr


def test_one_broken_run_stops_no_command_about_others(run):
    for number, text in enumerate(("{", "[]", '{"schema": 1, "arch": 7}'), start=2):
        folder = run.path.parent / f"lenet-{number}"
        folder.mkdir()
        (folder / "run.json").write_text(text)
        (folder / "model.onnx").write_bytes(b"")
    result = ox("predict", "marks/val", "--csv")
    assert result.exit_code == 0 and len(result.stdout.splitlines()) == 5
    told = [line for line in result.stderr.splitlines() if line.startswith("passed over: ")]
    assert len(told) == 3


def test_a_file_that_may_not_be_read_is_not_called_damaged(run):
    with TemporaryDirectory() as place:  # pytest's own folders are for their owner
        Path(place).chmod(0o755)
        copied = Path(shutil.copytree(run.path, Path(place) / "copied"))
        for name, read in (
            ("run.json", Run),
            ("split.csv", lambda p: Run(p).splits()),
            ("model.onnx", Classifier.load),
        ):
            (copied / name).chmod(0)
            with as_someone_else(), pytest.raises(UsageError, match=f"{name} may not be read") as raised:
                read(copied)
            assert "damaged" not in str(raised.value)
            (copied / name).chmod(0o644)
            with as_someone_else():
                read(copied)


@pytest.mark.parametrize("group", [7, "(", "x{99999999999999999999}", ["o"]])
def test_a_group_that_is_no_regular_expression_is_a_sentence(run, quick_pictures, group):
    run.config["splitting"]["group"] = group
    run.update()
    result = ox("report", "lenet-1")
    answers_or_says_so(result)
    assert result.exit_code == 2 and "splitting.group is " in result.stderr and "regular expression" in result.stderr
