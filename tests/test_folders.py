"""From folders to a list of labelled files, with everything real folders hold besides."""

from __future__ import annotations

import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ox_classifier.data import folders
from ox_classifier.data.listing import natural_key
from ox_classifier.errors import UsageError


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
        (["o/1.txt", "o/2.txt", "x/1.pdf"], r"found 2 .txt, 1 .pdf instead"),
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


def test_missing_folder_and_file_say_so(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        folders.find(tmp_path / "none")
    touch(tmp_path, "a.txt")
    with pytest.raises(UsageError, match="is a file"):
        folders.find(tmp_path / "a.txt")


def test_nothing_found_names_every_suffix(tmp_path):
    with pytest.raises(UsageError) as caught:
        folders.find(tmp_path)
    assert all(suffix in str(caught.value) for suffix in folders.SUFFIXES)


def test_listing_does_not_depend_on_the_order_of_the_directory(tmp_path, monkeypatch):
    touch(tmp_path, *(f"{label}/{n}.png" for label in "ox" for n in range(20)))
    expected = folders.find(tmp_path)
    walk = os.walk

    def backwards(top):
        for here, inside, names in walk(top):
            yield here, inside, names[::-1]

    monkeypatch.setattr(os, "walk", backwards)
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
