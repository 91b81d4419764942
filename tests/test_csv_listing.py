"""A CSV as data, and groups from paths."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from ox_classifier.data import folders
from ox_classifier.data.csv_listing import read_table, with_groups
from ox_classifier.errors import UsageError
from ox_classifier.limits import stays_below


def table(tmp_path: Path, text: str, encoding: str = "utf-8", name: str = "marks.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


def files(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_all_columns_in_any_order_with_a_byte_order_mark(tmp_path):
    files(tmp_path, "a/1.png", "b/2.png", "b/3.png", "c.png")
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
        ("", "lacks the columns path and label"),
        ("Datei;Klasse\na.png;o\n", r"lacks the columns path and label \(it has Datei, Klasse\)"),
        ("sep=;\nDatei;Klasse\na.png;o\n", r"\(it has Datei, Klasse\)"),
        ("file,label\na,o\n", "lacks the column path"),
        ("path,label\na.png,\n", "line 2: the label is empty"),
        ("path,label,split\na.png,o,held\n", "line 2: split 'held' is unknown"),
        ("path,label\na.png,o\na.png,x\n", "line 3: .* stands in line 2"),
        ("path,label\n", "no images found in .*marks.csv: it has no row"),
        ("path,label\n,,\n , \n", "no images found"),
        ("path,label,Path\na.png,o,b.png\n", "two columns path"),
        ("path;label;label\na.png;o;x\n", "two columns label"),
        ("path,label\na,b.png,o\n", "line 2: 3 cells where the first line has 2: put a name that holds ',' in"),
        ("path,label\n" + "a" * 200_000 + ",o\n", "is no CSV \\(field larger than field limit"),
        ("path,label\na.png,o\nb.png,x\n", "none of the 2 files of .* is there: looked for a.png in .* and in /"),
        ("path,label\n/no/a.png,o\n/no/b.png,x\n", "none of the 2 files of .* is there: looked for /no/a.png$"),
    ],
)
def test_a_table_that_is_wrong_says_where(tmp_path, text, says):
    with pytest.raises(UsageError, match=says):
        read_table(table(tmp_path, text))


KOREAN = "path{0}label{0}split\n동그라미/1.png{0}동그라미{0}train\n가위/2.png{0}가위{0}\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp949"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_a_table_is_read_as_excel_writes_it(tmp_path, encoding, separator, ending):
    files(tmp_path, "동그라미/1.png", "가위/2.png")
    name = "표.tsv" if separator == "\t" else "표.CSV"
    path = table(tmp_path, KOREAN.format(separator).replace("\n", ending), encoding, name)
    listing = folders.find(path)
    assert [(i.path.relative_to(tmp_path).as_posix(), i.label, i.split) for i in listing.images] == [
        ("가위/2.png", "가위", ""),
        ("동그라미/1.png", "동그라미", "train"),
    ]
    assert bool(listing.notes) == (encoding == "cp949")


@pytest.mark.parametrize("encoding", ["cp949", "cp1252"])
def test_an_older_encoding_is_told_by_the_files_that_are_there(tmp_path, encoding):
    name = {"cp949": "캻거", "cp1252": "Äß"}[encoding]  # the same two or four bytes could be read as either
    files(tmp_path, f"{name}/1.png", "b/2.png")
    listing = read_table(table(tmp_path, f"path,label\n{name}/1.png,{name}\nb/2.png,b\n", encoding))
    assert set(listing.classes) == {name, "b"}
    assert f"read as {encoding}" in listing.notes[0]


def test_names_that_are_no_utf8_are_found(tmp_path):
    (tmp_path / "o").mkdir()
    name = os.fsdecode(b"o/\xff\xfe.png")
    files(tmp_path, name, "x.png")
    path = tmp_path / "marks.csv"
    path.write_bytes(b"path,label\no/\xff\xfe.png,o\nx.png,x\n")
    assert {i.file for i in read_table(path).images} == {str(tmp_path / name), str(tmp_path / "x.png")}


def test_the_line_that_tells_excel_the_separator_is_no_header(tmp_path):
    files(tmp_path, "a;1.png", "b.png")
    path = table(tmp_path, 'sep=;\r\npath;label\r\n"a;1.png";o\r\nb.png;x\r\n;;\r\n')
    assert [(i.path.name, i.label) for i in read_table(path).images] == [("a;1.png", "o"), ("b.png", "x")]
    with pytest.raises(UsageError, match="line 4: the label is empty"):
        read_table(table(tmp_path, "sep=;\npath;label\nb.png;x\na.png;\n"))


def test_a_separator_in_the_label_of_another_column_does_not_mislead(tmp_path):
    files(tmp_path, "a,1.png", "b,2.png")
    path = table(tmp_path, "path;label;note, one, two, three\na,1.png;o;\nb,2.png;x;\n")
    assert read_table(path).classes == ("o", "x")


def test_paths_are_tried_from_the_tables_folder_and_then_from_the_current_one(tmp_path, monkeypatch):
    here = tmp_path / "here"
    files(here, "a.png", "b.png", "tables/b.png")
    monkeypatch.chdir(here)
    path = table(here / "tables", "path,label\na.png,o\nb.png,x\nc.png,x\n")
    listing = read_table(Path("tables/marks.csv"))
    places = {here / "tables/b.png": "x", here / "a.png": "o", here / "tables/c.png": "x"}
    assert {i.path: i.label for i in listing.images} == places
    assert (
        listing.root == here and listing.name(here / "a.png") == "a.png"
    )  # so that a report finds it, wherever it is made
    found, lost = listing.notes
    assert f"1 of 3 files of tables/marks.csv were found from the current folder {here}" in found
    assert (
        f"1 of 3 files of tables/marks.csv are not there: looked for c.png in {here / 'tables'} and in {here}" in lost
    )
    assert path.exists()


def test_groups_come_from_the_path(tmp_path):
    files(tmp_path, "o/ann-1.png")
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
    files(tmp_path, "o/1.png")
    listing = read_table(table(tmp_path, "path,label\no/1.png,o\nx/1.png,x\n"))
    with pytest.raises(UsageError, match=r"fits none of 2 paths, such as o/1.png"):
        with_groups(listing, "writer")
    with pytest.raises(UsageError, match="no regular expression"):
        with_groups(listing, "(")


def test_files_outside_the_folder_of_the_csv_still_have_names_below_the_root(tmp_path, monkeypatch):
    files(tmp_path, "lists/o.png", "o/1.png", "x/2.png", "x/3.png")
    text = f"path,label\no.png,o\n../o/1.png,o\n{tmp_path}/x/2.png,x\nx/3.png,x\n"
    path = table(tmp_path / "lists", text)
    monkeypatch.chdir(tmp_path)
    for given in (path, Path("lists/marks.csv")):
        listing = folders.find(given)
        assert listing.root == tmp_path
        assert [listing.name(i.path) for i in listing.images] == ["lists/o.png", "o/1.png", "x/2.png", "x/3.png"]
        assert all(i.path.is_file() and stays_below(listing.name(i.path)) for i in listing.images)


@pytest.mark.parametrize("own", ["o/3.png", "{}/flat/x/3.png"], ids=["mixed", "absolute"])
def test_absolute_paths_below_the_csv_have_the_same_names_however_the_csv_is_named(tmp_path, monkeypatch, own):
    files(tmp_path, "flat/o/1.png", "flat/x/2.png", "flat/x/3.png", "o/3.png")
    here = tmp_path / "flat"
    path = table(tmp_path, f"path,label\n{here}/o/1.png,o\n{here}/x/2.png,x\n{own.format(tmp_path)},x\n")
    for folder, given in ((tmp_path, "marks.csv"), (tmp_path, path), (here, "../marks.csv"), (here, path)):
        monkeypatch.chdir(folder)
        listing = folders.find(Path(given))
        names = [listing.name(image.path) for image in listing.images]
        assert names == ["flat/o/1.png", "flat/x/2.png", own.format(tmp_path).removeprefix(f"{tmp_path}/")]
        assert listing.root.resolve() == tmp_path and all(image.path.is_file() for image in listing.images)


def test_a_csv_whose_files_have_only_the_root_in_common(tmp_path):
    with TemporaryDirectory(dir="/var/tmp") as other:
        files(tmp_path, "o.png")
        files(Path(other), "x.png")
        listing = folders.find(table(tmp_path, f"path,label\no.png,o\n{other}/x.png,x\n"))
        names = [listing.name(i.path) for i in listing.images]
        assert all(stays_below(name) and (listing.root / name).is_file() for name in names)
