"""`ox predict --out`, `--sort-into` and `--watch` where a stranger was before: none writes through or hangs."""

from __future__ import annotations

import json
import os

import pytest
from typer.testing import CliRunner

from ox_classifier.cli import app, predict_out
from ox_classifier.cli.predict_sources import Sources
from ox_classifier.cli.predict_watch import JOURNAL, DropFolder
from ox_classifier.errors import UsageError
from tests import hand_made
from tests.conftest import draw_folder

HEADER = "path,predicted,o,x,error,answer,reason\n"
DEEP = "[" * 100_000
NOTES = [
    "7",
    "[1]",
    "{}",
    '{"a":1,"b":2,"c":3}',
    "[1,2,3]",
    '["a",1,true]',
    DEEP,
    "\udcff",
    '["../a",1,2]',
    '["\\u0000",1,2]',
]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A run, two images in `marks/o`, and a file that nothing may be written to."""
    monkeypatch.chdir(tmp_path)
    draw_folder(tmp_path / "all", {"": 2})
    (tmp_path / "all" / "o").rename(tmp_path / "marks")
    hand_made.run()
    (tmp_path / "precious").write_text("mine")
    yield tmp_path
    assert (tmp_path / "precious").read_text() == "mine"


def ox(*words):
    """The command ends with its work done, or with one sentence."""
    result = CliRunner().invoke(app, ["predict", "marks", *words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    if result.exit_code:
        assert result.exit_code == 2 and result.stderr.splitlines()[-1].startswith("ox: ")
    return result


def part(place, form="csv"):
    return place / f".out-{form}-{predict_out.digest(place / 'runs' / 'lenet-1' / 'model.onnx')}.part"


@pytest.mark.parametrize("resume", [[], ["--resume"]])
def test_a_link_where_the_rows_are_kept_is_not_written_through(place, resume):
    part(place).symlink_to(place / "precious")
    assert ox("--out", "out.csv", *resume).exit_code == 0
    assert (place / "out.csv").read_text().count("\n") == 3 and not os.path.lexists(part(place))


def test_a_pipe_where_the_rows_are_kept_is_no_hang(place):
    os.mkfifo(part(place))
    assert "no plain file" in ox("--out", "out.csv", "--resume").stderr
    assert ox("--out", "out.csv").exit_code == 0


@pytest.mark.parametrize("note", NOTES)
def test_rows_that_ox_did_not_keep_are_passed_over(place, note):
    part(place).write_text(f"{note}\n", encoding="utf-8", errors="surrogateescape")
    assert ox("--out", "out.csv", "--resume").exit_code == 0
    assert len((place / "out.csv").read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("out.csv", HEADER + "x" * 200_000 + ",o,1,0,,o,\n"),
        ("out.csv", "x" * 200_000),
        ("out.csv", HEADER + '"'),
        ("out.jsonl", DEEP),
        ("out.jsonl", '{"path":["a"],"error":"x"}\n'),
        ("out.jsonl", '{"path":1,"error":"x"}\n'),
        ("out.jsonl", "null\n"),
    ],
)
def test_a_table_that_is_not_ours_is_not_added_to(place, name, text):
    (place / name).write_text(text)
    result = ox("--out", name, "--resume")
    assert result.exit_code == 2 and "can't add to" in result.stderr
    assert (place / name).read_text() == text


def test_no_image_is_sorted_into_a_link(place):
    (place / "elsewhere").mkdir()
    (place / "sorted").mkdir()
    (place / "sorted" / "x").symlink_to(place / "elsewhere")
    result = ox("--sort-into", "sorted")
    assert result.exit_code == 2 and "is a link" in result.stderr and not list((place / "elsewhere").iterdir())


def test_names_of_links_and_pipes_are_taken(place):
    for label in "ox":
        (place / "sorted" / label).mkdir(parents=True)
        (place / "sorted" / label / "000.png").symlink_to(place / "precious")
        os.mkfifo(place / "sorted" / label / "001.png")
    assert ox("--sort-into", "sorted").exit_code == 0
    assert {path.name for path in (place / "sorted").rglob("*-2.png")} == {"000-2.png", "001-2.png"}


def drops(place) -> DropFolder:
    return DropFolder(place / "marks", walk=Sources().images_in)


def test_a_link_as_the_watch_s_journal_is_replaced(place):
    (place / "marks" / JOURNAL).symlink_to(place / "precious")
    assert drops(place).done == {} and not (place / "marks" / JOURNAL).is_symlink()


def test_a_link_or_a_pipe_that_comes_meanwhile_is_not_written_to(place):
    watched = drops(place)
    for path, put in zip(
        sorted((place / "marks").glob("*.png")),
        (lambda journal: journal.symlink_to(place / "precious"), os.mkfifo),
        strict=True,
    ):
        (place / "marks" / JOURNAL).unlink()
        put(place / "marks" / JOURNAL)
        watched.complete()
        with pytest.raises(OSError, match=r"symbolic links|No such device"):
            watched.mark(path)


def test_a_pipe_as_the_journal_is_no_hang(place):
    os.mkfifo(place / "marks" / JOURNAL)
    with pytest.raises(UsageError, match="no plain file"):
        drops(place)


def test_notes_that_ox_did_not_write_are_passed_over(place):
    path = place / "marks" / "000.png"
    found = path.stat()
    right = json.dumps(["000.png", found.st_size, found.st_mtime_ns])
    text = "\n".join([*NOTES, right, ""])
    (place / "marks" / JOURNAL).write_text(text, encoding="utf-8", errors="surrogateescape")
    assert drops(place).done == {path: (found.st_size, found.st_mtime_ns)}
