"""From folders to a list of labelled files, with everything real folders hold besides."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from ox_classifier.audit import audit
from ox_classifier.cli import app
from ox_classifier.data import folders
from ox_classifier.data.listing import SUFFIXES, natural_key
from ox_classifier.errors import UsageError
from ox_classifier.pixels import PixelRule
from ox_classifier.training import preparation
from tests.conftest import draw_folder


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def test_split_layout_with_every_spelling_of_validation(tmp_path):
    for spelling in ("val", "valid", "validation", "Valid"):
        root = tmp_path / spelling
        touch(root, "train/o/1.png", "train/x/2.JPG", f"{spelling}/o/3.webp", "test/x/4.tiff")
        listing = folders.find(root)
        assert listing.classes == ("o", "x")
        assert [(listing.name(i.path), i.label, i.split) for i in listing.images] == [
            ("test/x/4.tiff", "x", "test"),
            ("train/o/1.png", "o", "train"),
            ("train/x/2.JPG", "x", "train"),
            (f"{spelling}/o/3.webp", "o", "val"),
        ]


def test_flat_layout_leaves_the_split_open_and_reads_nested_folders(tmp_path):
    touch(tmp_path, "o/anna/1.png", "o/2.png", "x/1.png")
    listing = folders.find(tmp_path)
    names = [(listing.name(i.path), i.split) for i in listing.images]
    assert names == [("o/2.png", ""), ("o/anna/1.png", ""), ("x/1.png", "")]


def test_natural_order_of_classes_and_files(tmp_path):
    touch(tmp_path, "class10/a.png", "class9/img10.png", "class9/img2.png")
    listing = folders.find(tmp_path)
    assert listing.classes == ("class9", "class10")
    assert [i.path.name for i in listing.images] == ["img2.png", "img10.png", "a.png"]


def test_hidden_and_system_entries_are_skipped_with_one_line(tmp_path):
    touch(tmp_path, "o/1.png", "x/1.png", "o/.DS_Store", "o/._1.png", ".ipynb_checkpoints/1.png", "__MACOSX/o/1.png")
    touch(tmp_path, "x/Thumbs.db", "x/notes.txt", "x/scan.pdf")
    (tmp_path / "empty").mkdir()
    listing = folders.find(tmp_path)
    assert listing.classes == ("o", "x")
    assert len(listing.images) == 2
    hidden, other, empty = listing.notes
    assert "skipped 5 hidden or system entries" in hidden
    assert "skipped 2 files that are no images" in other and "1 .txt" in other and "1 .pdf" in other
    assert "empty class folders (empty)" in empty


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ([], "holds no files"),
        (["a.png", "b.png"], "2 images lie in .* itself; put them in a folder for each class"),
        (["o/1.txt", "o/2.txt", "x/1.pdf"], r"holds 2 .txt, 1 .pdf instead"),
        (["o/1.png"], "one class only \\('o'\\)"),
        (["val/o/1.png", "test/x/2.png"], "has test, val but no train folder"),
        (["train/o/1.png", "train/x/1.png", "val/y/1.png"], "val has images of class 'y', which train lacks"),
    ],
)
def test_what_cannot_be_trained_on_says_why(tmp_path, names, sentence):
    touch(tmp_path, *names)
    with pytest.raises(UsageError, match=sentence) as caught:
        folders.find(tmp_path)
    assert caught.value.exit_code == 2


def check(*words):
    return CliRunner().invoke(app, ["dataset", "check", *map(str, words)])


def test_images_beside_the_class_folders_are_told_as_images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = draw_folder(Path("mixed"), {"": 4})
    for number in range(3):
        (root / f"{number}.png").write_bytes((root / "o" / f"00{number}.png").read_bytes())
    (root / "marks.csv").touch()  # of `ox dataset make`
    (root / "README.md").touch()
    told = " ".join(check("mixed").stdout.split())
    assert "warning 3 images lie in mixed itself, outside the class folders, and are not used" in told
    assert told.count("outside the class folders") == 1 and "skipped 1 file that is no image (1 .md)" in told
    assert "no split yet 4 4 50 % right" in told and "always the commonest" in told
    prepared = preparation.prepare(root, val_fraction=0.25, test_fraction=0.0, seed=0)
    assert any("3 images lie in mixed itself" in line for line in prepared.lines())


def test_classes_a_folder_deeper_are_pointed_at(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw_folder(Path("nest/photos"), {"": 2})
    told = check("nest")
    assert told.exit_code == 2 and "photos holds folders o, x: did you mean nest/photos?" in told.stderr
    assert "did you mean" not in check("nest/photos").stderr


def test_the_cause_stands_before_what_was_looked_for(tmp_path):
    touch(tmp_path, "a.png")
    told = check(tmp_path).stderr
    assert told.index("1 image lies in") < told.index("(looked for")


def test_missing_folder_and_file_say_so(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        folders.find(tmp_path / "none")
    touch(tmp_path, "a.txt")
    with pytest.raises(UsageError, match="is a file"):
        folders.find(tmp_path / "a.txt")


def test_nothing_found_names_every_suffix(tmp_path):
    with pytest.raises(UsageError) as caught:
        folders.find(tmp_path)
    assert all(suffix in str(caught.value) for suffix in SUFFIXES)


def test_listing_does_not_depend_on_the_order_of_the_directory(tmp_path, monkeypatch):
    touch(tmp_path, *(f"{label}/{n}.png" for label in "ox" for n in range(20)))
    expected = folders.find(tmp_path)
    scandir = os.scandir

    @contextmanager
    def backwards(top):
        with scandir(top) as entries:
            yield sorted(entries, key=lambda entry: entry.name, reverse=True)

    monkeypatch.setattr(os, "scandir", backwards)
    assert folders.find(tmp_path) == expected


@given(st.lists(st.text(min_size=1, max_size=12)))
def test_natural_key_orders_any_names(names):
    ordered = sorted(names, key=natural_key)
    backwards = ordered[::-1]
    backwards.sort(key=natural_key)
    assert backwards == ordered


@given(st.lists(st.text("aAbB-._/ 019", max_size=9)))
def test_natural_key_compares_texts_and_numbers_part_by_part(names):
    def parts(name):
        found = re.split("([0-9]+)", name)
        return [int(part) if i % 2 else part.casefold() for i, part in enumerate(found)], name

    assert sorted(names, key=natural_key) == sorted(names, key=parts)


def test_images_below_takes_flat_and_nested(tmp_path):
    touch(tmp_path, "b/2.png", "10.png", "9.png", ".hidden/1.png", "notes.txt")
    names = [p.relative_to(tmp_path).as_posix() for p in folders.images_below(tmp_path)]
    assert names == ["9.png", "10.png", "b/2.png"]


def unreadable(monkeypatch, name: str) -> None:
    """As for a user without permission, which root never is."""
    scandir = os.scandir

    def refuse(top):
        if os.path.basename(top) == name:  # noqa: PTH119
            raise PermissionError(13, "Permission denied", top)
        return scandir(top)

    monkeypatch.setattr(os, "scandir", refuse)


def test_a_folder_that_cannot_be_read_is_a_finding(tmp_path, monkeypatch, capsys):
    root = draw_folder(tmp_path / "marks", {"": 4})
    (root / "o" / "anna").mkdir()
    unreadable(monkeypatch, "anna")
    listing = folders.find(root)
    assert [(error.path, error.reason) for error in listing.unread] == [
        (root / "o" / "anna", "you may not read it (no permission)")
    ]
    [finding] = [f for f in audit.check(listing, cache=tmp_path / "cache").findings if f.kind == "unread"]
    assert finding.sentence == "1 folder can't be read, so whatever is in it is missing"
    assert finding.cases == ((root / "o" / "anna",),)
    page = " ".join(
        CliRunner().invoke(app, ["dataset", "check", str(root), "--out", str(tmp_path / "out")]).stdout.split()
    )
    assert "1 folder can't be read" in page and "o/anna: you may not read it (no permission)" in page
    prepared = preparation.prepare(root, val_fraction=0.25, test_fraction=0.0, seed=0)
    [line] = [line for line in prepared.lines() if "anna" in line]
    assert line.startswith("left out with all that is in it: ")
    assert len(folders.images_below(root)) == 8
    assert "left out, as it can't be read" in capsys.readouterr().err


@pytest.mark.parametrize("splits", [{"": 4}, {"train": 4, "val": 2}])
def test_a_class_that_seems_to_lack_since_its_folder_cannot_be_read_says_so(tmp_path, monkeypatch, splits):
    root = draw_folder(tmp_path / "marks", splits)
    (root / "train" / "o").rename(root / "train" / "ohs") if "train" in splits else (root / "o").rename(root / "ohs")
    unreadable(monkeypatch, "ohs")
    with pytest.raises(UsageError, match=r"; this can't be read: .*ohs: you may not read it"):
        folders.find(root)


def test_a_data_folder_that_cannot_be_read_says_so(tmp_path, monkeypatch):
    root = draw_folder(tmp_path / "marks", {"": 4})
    unreadable(monkeypatch, "marks")
    with pytest.raises(UsageError, match=r"where this can't be read: .*marks: you may not read it"):
        folders.find(root)


@pytest.fixture
def deep_place(tmp_path):
    """A place for folders too deep for Python, and so for pytest, to remove."""
    yield tmp_path
    subprocess.run(["rm", "-rf", tmp_path / "m"], check=True)


def test_folders_nested_a_thousand_deep_and_deeper_than_a_path_can_be(deep_place, tmp_path, monkeypatch):
    root = draw_folder(tmp_path / "m", {"": 2})
    monkeypatch.chdir(root / "x")
    for depth in range(2300):  # Linux takes 4,095 characters
        Path("d").mkdir()
        if depth in (1200, 2250):
            Path("deep.png").write_bytes((root / "o" / "000.png").read_bytes())
        os.chdir("d")
    found = folders.find(root)
    deep = [image for image in found.images if image.path.name == "deep.png"]
    assert len(deep) == 1 and len(found.images) == 5
    assert [error.reason for error in found.unread] == ["its path is too long"]
    looked = audit.check(found, cache=tmp_path / "cache")
    assert not looked.bad and "unread" in [finding.kind for finding in looked.findings]
    monkeypatch.chdir(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_what_is_no_file_is_named_and_never_opened(tmp_path, monkeypatch):
    """A pipe or a link to an endless device would hang whoever reads it: the whole test takes a second."""
    root = draw_folder(tmp_path / "m", {"": 4})
    monkeypatch.chdir(root / "o")
    os.mkfifo("pipe.png")
    Path("zero.png").symlink_to("/dev/zero")
    Path("circle.png").symlink_to("circle.png")
    Path("nowhere.png").symlink_to("gone.png")
    Path("loop").symlink_to("..")
    Path("folder.png").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.png")
    Path("to_pipe.png").symlink_to("pipe.png")
    monkeypatch.chdir(tmp_path)
    listing = folders.find(Path("m"))
    assert "skipped 1 link to a folder, which is not followed (loop)" in listing.notes
    found = audit.check(listing, cache=tmp_path / "cache")
    assert {error.path.name: error.reason for error in found.bad} == {
        "pipe.png": "a named pipe, not a file: it is not opened",
        "to_pipe.png": "a named pipe, not a file: it is not opened",
        "socket.png": "a socket, not a file: it is not opened",
        "zero.png": "a device, not a file: it is not opened",
        "circle.png": "a link that leads in a circle",
        "nowhere.png": "no such file",
    }
    prepared = preparation.prepare(Path("m"), val_fraction=0.25, test_fraction=0.0, seed=0)
    assert len(prepared.dataset(PixelRule(22, 22)).files) == 8


def test_a_pipe_in_place_of_a_file_after_the_look_is_not_waited_for(tmp_path):
    root = draw_folder(tmp_path / "m", {"": 4})
    prepared = preparation.prepare(root, val_fraction=0.25, test_fraction=0.0, seed=0)
    (root / "o" / "001.png").unlink()
    os.mkfifo(root / "o" / "001.png")
    assert [error.reason[:12] for error in prepared.dataset(PixelRule(22, 22)).bad] == ["a named pipe"]
