"""`ox dataset apply`: corrections move files, a killed call is completed, undo puts every byte back."""

from __future__ import annotations

import csv
import errno
import os
import random
import shutil
import tempfile
from pathlib import Path

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from ox_classifier.cli import app
from ox_classifier.cli.command import Command
from ox_classifier.cli.dataset_apply import apply
from ox_classifier.corrections import moves, renaming, table
from ox_classifier.corrections.table import HEADER
from ox_classifier.data import digests, folders
from ox_classifier.errors import UsageError

HARD = ("o", "x x", "가나", 'q"uo,te', "<script>", "😀", "a\nb")


class Killed(BaseException):
    """What no handler of ours may catch."""


ALONE = typer.Typer()  # the command without the others, whose options take longer to build than it runs
ALONE.command(cls=Command)(apply)


def ox(*words, answer=""):
    return CliRunner().invoke(app, ["dataset", "apply", *map(str, words)], input=answer)


def ox_alone(*words):
    return CliRunner().invoke(ALONE, [*map(str, words)])


def fill(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(f"bytes of {name}".encode())
    return root


def correct(file, root, changes, labels=None):
    """Write a corrections.csv that gives each path of `changes` its new label."""
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(HEADER)
        for path, new in changes.items():
            parts = path.split("/")
            old = (labels or {}).get(path) or parts[1 if parts[0] in ("train", "val", "test") else 0]
            writer.writerow((path, digests.content(root / path).hex(), old, new))
    return file


def tree(root):
    """Every entry below, with the bytes of files."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes() if path.is_file() else None for path in root.rglob("*")
    }


@pytest.fixture
def data(tmp_path):
    names = [f"{split}/{label}/{n}.png" for split in ("train", "test") for label in "ox" for n in (1, 2)]
    return fill(tmp_path / "marks", *names, "train/o/anna/3.png")


@pytest.fixture
def corrections(tmp_path):
    return tmp_path / "corrections.csv"


def test_files_move_into_their_class_or_aside_and_back(data, corrections):
    before = tree(data)
    changes = {"train/o/1.png": "x", "train/o/anna/3.png": "x", "test/x/2.png": "set-aside", "test/o/2.png": "o"}
    correct(corrections, data, changes)
    result = ox(corrections, "--data", data, "--yes")
    assert result.exit_code == 0, result.stderr
    after = tree(data)
    moved = {"train/o/1.png": "train/x/1-2.png", "train/o/anna/3.png": "train/x/anna/3.png"}
    moved |= {"test/x/2.png": "set-aside/x/2.png"}
    made = {"set-aside": None, "set-aside/x": None, "train/x/anna": None}
    assert after == {moved.get(name, name): content for name, content in before.items()} | made
    assert result.stdout.splitlines()[-1] == str(corrections.with_name("undo.csv"))

    listing = folders.find(data)
    assert listing.classes == ("o", "x") and len(listing.images) == len([v for v in after.values() if v]) - 1
    assert [note for note in listing.notes if "set aside" in note] == [
        f"passed over 1 image set aside in {data / 'set-aside'}"
    ]
    again = ox(corrections, "--data", data, "--yes")
    assert again.exit_code == 0 and "applied already" in again.stderr and tree(data) == after

    assert ox("--undo", corrections.with_name("undo.csv"), "--yes").exit_code == 0
    assert tree(data) == before
    assert "nothing to put back" in ox("--undo", corrections.with_name("undo.csv"), "--yes").stderr


def test_nothing_moves_unless_asked_to(data, corrections):
    before = tree(data)
    correct(corrections, data, {"train/o/1.png": "x"})
    for words, answer, said in (
        (("--dry-run",), "", "nothing was changed"),
        ((), "n\n", "nothing was changed"),
        ((), "", "no one answered"),
    ):
        result = ox(corrections, "--data", data, *words, answer=answer)
        assert said in result.stderr and "train/o/1.png → train/x/1-2.png" in result.stdout
        assert tree(data) == before and not list(corrections.parent.glob("undo*"))
    assert ox(corrections, "--data", data, answer="y\n").exit_code == 0
    assert tree(data) != before


def test_a_changed_file_is_refused_and_the_others_move(data, corrections):
    correct(corrections, data, {"train/o/1.png": "x", "train/o/2.png": "x", "test/o/1.png": "x"})
    (data / "train/o/1.png").write_bytes(b"drawn over")
    (data / "test/o/1.png").unlink()
    result = ox(corrections, "--data", data, "--yes")
    assert result.exit_code == 1
    assert "train/o/1.png: its bytes are not those that the report saw" in result.stdout
    assert "test/o/1.png: it is not there" in result.stdout and "2 files were left as they are" in result.stderr
    assert (data / "train/o/1.png").read_bytes() == b"drawn over" and (data / "train/x/2-2.png").exists()
    (data / "train/x/2-2.png").write_bytes(b"changed since it was moved")
    undone = ox("--undo", corrections.with_name("undo.csv"), "--yes")
    assert undone.exit_code == 1 and (data / "train/x/2-2.png").exists()


def test_a_file_that_takes_the_place_meanwhile_is_never_written_over(data, corrections, monkeypatch):
    """It appears after the plan, before the rename; and, for undo, where the moved file came from."""
    correct(corrections, data, {"train/o/anna/3.png": "x"})

    def late(source, target):
        target.write_bytes(b"precious")
        renaming.rename_new(source, target)

    monkeypatch.setattr(moves, "rename_new", late)
    assert ox(corrections, "--data", data, "--yes").exit_code == 1
    assert (data / "train/x/anna/3.png").read_bytes() == b"precious" and (data / "train/o/anna/3.png").exists()
    monkeypatch.undo()
    (data / "train/x/anna/3.png").unlink()
    assert ox(corrections, "--data", data, "--yes").exit_code == 0
    (data / "train/o/anna/3.png").write_bytes(b"precious")
    assert ox("--undo", corrections.with_name("undo.csv"), "--yes").exit_code == 1
    assert (data / "train/o/anna/3.png").read_bytes() == b"precious" and (data / "train/x/anna/3.png").exists()


def test_another_disk_and_ctrl_c_leave_every_file_in_its_place(data, corrections, monkeypatch):
    before = tree(data)
    correct(corrections, data, {"train/o/1.png": "x", "test/o/1.png": "x"})

    def fail(error):
        def rename(source, target):
            raise error

        monkeypatch.setattr(moves, "rename_new", rename)
        return ox(corrections, "--data", data, "--yes")

    refused = fail(OSError(errno.EXDEV, "Invalid cross-device link"))
    assert refused.exit_code == 1 and "train/o/1.png: it can't be moved (Invalid cross-device link)" in refused.stderr
    full = fail(OSError(errno.ENOSPC, "No space left on device"))
    assert full.exit_code == 1 and "the same command completes the work" in full.stderr
    stopped = fail(KeyboardInterrupt())
    assert stopped.exit_code == 130 and "the same command completes the work" in stopped.stderr
    assert tree(data) == before


@pytest.mark.parametrize("at_once", [True, False])
def test_a_rename_refuses_a_name_that_is_taken(tmp_path, monkeypatch, at_once):
    if not at_once:
        monkeypatch.setattr(renaming, "_renameat2", lambda: None)
    fill(tmp_path, "a", "b")
    with pytest.raises(FileExistsError):
        renaming.rename_new(tmp_path / "a", tmp_path / "b")
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(FileExistsError):
        renaming.rename_new(tmp_path / "a", tmp_path / "link")
    with pytest.raises(FileNotFoundError):
        renaming.rename_new(tmp_path / "none", tmp_path / "c")
    renaming.rename_new(tmp_path / "a", tmp_path / "c")
    assert (tmp_path / "c").read_bytes() == b"bytes of a" and not (tmp_path / "a").exists()


def test_names_that_differ_in_case_only_are_taken(data, corrections):
    fill(data, "train/x/MARK.png", "train/o/mark.PNG", "train/o/straße.png", "train/x/STRASSE.png", "train/o/Mark.png")
    changes = dict.fromkeys(("train/o/mark.PNG", "train/o/straße.png", "train/o/Mark.png"), "x")
    correct(corrections, data, changes)
    assert ox(corrections, "--data", data, "--yes").exit_code == 0
    names = [path.name.casefold() for path in (data / "train/x").iterdir()]
    assert len(names) == len(set(names)) == 7


def test_links_are_left_alone(data, corrections, tmp_path):
    fill(tmp_path / "elsewhere", "9.png")
    (data / "train/o/link.png").symlink_to(tmp_path / "elsewhere/9.png")
    (data / "set-aside").symlink_to(tmp_path / "elsewhere")
    before = tree(tmp_path)
    changes = {"train/o/link.png": "x", "train/o/1.png": "set-aside"}
    correct(corrections, data, changes)
    result = ox(corrections, "--data", data, "--yes")
    assert result.exit_code == 2
    assert "train/o/link.png is a link" in result.stdout and "set-aside is a link" in result.stdout
    corrections.unlink()
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("../precious.png,{d},o,x", "is no path below the data folder"),
        ("/etc/passwd,{d},o,x", "is no path below the data folder"),
        ("train/o/1.png,{d},o,../x", "is no class"),
        ("train/o/1.png,{d},o,..", "is no class"),
        ("train/o/1.png,{d},o,z", "'z', which is no class of"),
        ("train/o/1.png,{d},x,o", "has the label 'o'"),
        ("train/o/1.png,abc,o,x", "the digest 'abc' is none"),
        ("train/o/1.png,{d},o,x\ntrain/o/1.png,{d},o,set-aside", "has another correction above"),
        ("train/o/1.png,{d},o,o", "changes no label"),
        ("", "changes no label"),
    ],
)
def test_a_file_of_corrections_that_can_t_be_meant_is_refused_whole(data, corrections, row, said):
    before = tree(data)
    digest = digests.content(data / "train/o/1.png").hex()
    other = f"train/o/2.png,{digests.content(data / 'train/o/2.png').hex()},o,x\n" if "changes" not in said else ""
    corrections.write_text(f"{','.join(HEADER)}\n{other}{row.format(d=digest)}\n")
    result = ox(corrections, "--data", data, "--yes")
    assert result.exit_code == 2 and said in result.stderr and len(result.stderr.splitlines()) == 1
    assert tree(data) == before


@pytest.mark.parametrize(
    "text", ["", "path,label\n", "kind,path,moved_to,digest\n", "kind,path,moved_to,digest\ndata,/,,\nfile,../a,b,c\n"]
)
def test_what_is_no_journal_is_refused(data, tmp_path, text):
    (tmp_path / "undo.csv").write_text(text)
    result = ox("--undo", tmp_path / "undo.csv", "--data", data, "--yes")
    assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1


def test_a_spreadsheet_may_have_saved_it(data, corrections):
    correct(corrections, data, {"train/o/1.png": "x"})
    corrections.write_bytes(corrections.read_text().replace(",", ";").encode("utf-16"))
    (only,) = table.read(corrections)
    assert (only.path, only.old, only.new) == ("train/o/1.png", "o", "x")


def test_an_existing_class_folder_without_images_is_a_class(data, corrections):
    (data / "train" / "neither").mkdir()
    correct(corrections, data, {"train/o/1.png": "neither", "test/o/1.png": "neither"})
    assert ox(corrections, "--data", data, "--yes").exit_code == 0
    assert (data / "train/neither/1.png").exists() and (data / "test/neither/1.png").exists()


def test_undo_finds_a_data_folder_that_has_moved(data, corrections, tmp_path):
    before = tree(data)
    correct(corrections, data, {"train/o/1.png": "x"})
    ox(corrections, "--data", data, "--yes")
    data.rename(tmp_path / "elsewhere")
    lost = ox("--undo", corrections.with_name("undo.csv"), "--yes")
    assert lost.exit_code == 2 and "--data" in lost.stderr
    assert ox("--undo", corrections.with_name("undo.csv"), "--data", tmp_path / "elsewhere", "--yes").exit_code == 0
    assert tree(tmp_path / "elsewhere") == before


def test_a_csv_gets_a_new_one_beside_it(data, corrections, tmp_path):
    rows = ["train/o/1.png;o;anna", "train/o/2.png;o;", "train/x/1.png;x;ben", "train/x/2.png;x;"]
    (tmp_path / "list.csv").write_text("Path;label;writer\n" + "\n".join(f"marks/{row}" for row in rows) + "\n")
    before = tree(data)
    labels = {f"marks/{row.split(';')[0]}": row.split(";")[1] for row in rows}
    changes = {"marks/train/o/1.png": "x", "marks/train/x/2.png": "set-aside", "marks/train/x/1.png": "o"}
    correct(corrections, tmp_path, changes, labels)
    (data / "train/x/1.png").write_bytes(b"drawn over")
    before["train/x/1.png"] = b"drawn over"
    old = (tmp_path / "list.csv").read_bytes()
    for name in ("list-corrected.csv", "list-corrected-2.csv"):
        result = ox(corrections, "--data", tmp_path / "list.csv", "--yes")
        assert result.exit_code == 1 and result.stdout.splitlines()[-1] == str(tmp_path / name)
    assert (tmp_path / "list.csv").read_bytes() == old and tree(data) == before
    assert (tmp_path / name).read_text() == (
        "path,label,writer\nmarks/train/o/1.png,x,anna\nmarks/train/o/2.png,o,\nmarks/train/x/1.png,x,ben\n"
    )
    assert folders.find(tmp_path / name).classes == ("o", "x")


def test_without_data_it_is_that_of_the_latest_run(corrections, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fill(tmp_path, "o/1.png")
    correct(corrections, tmp_path, {"o/1.png": "x"})
    result = ox(corrections, "--yes")
    assert result.exit_code == 2 and "no trained run" in result.stderr


@settings(max_examples=200, deadline=None, database=None)
@given(seed=st.integers(0, 2**32), split=st.booleans(), kills=st.lists(st.integers(0, 12), max_size=3))
def test_no_byte_is_lost_whenever_it_is_killed(seed, split, kills):
    """Mark, apply, kill, apply again, undo, kill, undo again, in folders with hard names."""
    draw = random.Random(seed)
    place = Path(tempfile.mkdtemp(prefix="ox-corrections-"))
    real = renaming.rename_new
    try:
        with pytest.MonkeyPatch.context() as patch:
            classes = draw.sample(HARD, draw.randint(2, 4))
            tops = ["train/", "test/"] if split else [""]
            names = {f"{top}{label}/{draw.choice(['', 'anna/'])}{draw.randint(1, 4)}.png" for top in tops
                     for label in classes for _ in range(3)}  # fmt: skip
            names |= {f"{tops[0]}{label}/0.png" for label in classes} | {f"{top}{classes[0]}/9.png" for top in tops}
            data = fill(place / "data", *sorted(names))
            before = tree(data)
            marked = draw.sample(sorted(names), draw.randint(1, len(names)))
            file = correct(place / "c.csv", data, {n: draw.choice([*classes, "set-aside"]) for n in marked})
            if not table.read(file):
                return

            def killed_at(rename):
                left = iter(range(rename, -1, -1))
                early = draw.random() < 0.5

                def rename_or_die(source, target):
                    dead = next(left) == 0
                    if dead and early:
                        raise Killed
                    real(source, target)
                    if dead:
                        raise Killed

                patch.setattr(moves, "rename_new", rename_or_die)

            def until_it_ends(*words):
                for kill in kills:
                    killed_at(kill)
                    try:
                        assert ox_alone(*words, "--yes").exit_code == 0
                        break
                    except Killed:
                        assert contents(tree(data)) == contents(before)
                patch.setattr(moves, "rename_new", real)
                result = ox_alone(*words, "--yes")
                assert result.exit_code == 0, result.stderr

            until_it_ends(file, "--data", data)
            after = tree(data)
            assert contents(after) == contents(before)
            for correction in table.read(file):
                assert correction.path not in after
            until_it_ends("--undo", place / "undo.csv")
            assert tree(data) == before
            assert [path.name for path in place.glob("undo*")] == ["undo.csv"]
    finally:
        shutil.rmtree(place)


def contents(found):
    """Every file's bytes, once for each file that has them."""
    return sorted(content for content in found.values() if content is not None)


def test_a_process_that_is_really_killed_is_completed(data, corrections):
    """The journal is on disk before the first file moves."""
    before = tree(data)
    correct(corrections, data, {f"train/o/{n}.png": "x" for n in (1, 2)})
    pid = os.fork()
    if pid == 0:
        moves.rename_new = lambda source, target: os._exit(9)
        ox(corrections, "--data", data, "--yes")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
    assert tree(data) == before and corrections.with_name("undo.csv").stat().st_size
    assert ox(corrections, "--data", data, "--yes").exit_code == 0
    assert not (data / "train/o/1.png").exists()


def test_reading_corrections_that_are_not_there_is_a_sentence(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        table.read(tmp_path / "none.csv")
