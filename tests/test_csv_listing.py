"""A CSV as data, and groups from paths."""

from pathlib import Path

import pytest

from ox_classifier.data import folders
from ox_classifier.data.csv_listing import read_table, with_groups
from ox_classifier.errors import UsageError


def table(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "marks.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_all_columns_in_any_order_with_a_byte_order_mark(tmp_path):
    path = table(
        tmp_path,
        "\ufeffLabel,path,note,group,split\no,a/1.png,nice,Ann,valid\nx,b/2.png,,Bob,\nx,b/3.png,,,train\no,c.png,,,training\n",
    )
    listing = folders.find(path)
    assert listing.root == tmp_path
    assert listing.classes == ("o", "x")
    assert [(i.path, i.label, i.split, i.group) for i in listing.images] == [
        (tmp_path / "a/1.png", "o", "val", "Ann"),
        (tmp_path / "b/2.png", "x", "", "Bob"),
        (tmp_path / "b/3.png", "x", "train", ""),
        (tmp_path / "c.png", "o", "train", ""),
    ]
    assert "note" in listing.notes[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "lacks the column path and label"),
        ("file,label\na,o\n", "lacks the column path"),
        ("path,label\na.png,\n", "line 2: the label is empty"),
        ("path,label,split\na.png,o,held\n", "line 2: split 'held' is unknown"),
        ("path,label\na.png,o\na.png,x\n", "line 3: .* stands in line 2"),
        ("path,label\n", "no images found"),
    ],
)
def test_a_table_that_is_wrong_says_where(tmp_path, text, says):
    with pytest.raises(UsageError, match=says):
        read_table(table(tmp_path, text))


def test_groups_come_from_the_path(tmp_path):
    listing = read_table(table(tmp_path, "path,label\no/ann-1.png,o\no/ann-2.png,o\nx/bob-1.png,x\nx/9.png,x\n"))
    grouped = with_groups(listing, r"/([a-z]+)-")
    assert {i.path.name: i.group for i in grouped.images} == {
        "ann-1.png": "ann",
        "ann-2.png": "ann",
        "bob-1.png": "bob",
        "9.png": "",
    }
    assert "2 groups in 3 of 4 files" in grouped.notes[-1]
    assert {i.group for i in with_groups(listing, r"ann|bob").images} == {"ann", "bob", ""}


def test_groups_that_fit_nothing_are_refused(tmp_path):
    listing = read_table(table(tmp_path, "path,label\no/1.png,o\nx/1.png,x\n"))
    with pytest.raises(UsageError, match=r"fits none of 2 paths, such as o/1.png"):
        with_groups(listing, "writer")
    with pytest.raises(UsageError, match="no regular expression"):
        with_groups(listing, "(")
