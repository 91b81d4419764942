"""Collecting sheets: printed, filled with marks, photographed, and cut into the images that were drawn."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from ox_classifier.cli import app
from ox_classifier.data import csv_listing, folders
from ox_classifier.errors import UsageError
from ox_classifier.sheets import collect, cut
from ox_classifier.sheets.layout import Layout
from ox_classifier.synthetic.sampler import Sampler
from tests import sheet_marks, sheet_pages, sheet_photos
from tests.test_sheet_quiz import check_places

EMPTY = (3, 17, 40)  # boxes in which nobody drew


def ox(*words: str):
    return CliRunner().invoke(app, ["sheet", *words])


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.sampled_from(["o", "x", "동그라미", "a long name of a class, or nearly"[:24], "7"]), min_size=1, unique=True
    ),
    st.integers(1, 150),
    st.sampled_from(["a4", "letter"]),
)
def test_a_writer_draws_so_many_of_each_class(classes, per_class, paper):
    printing = collect.arrange(["o"] if "동그라미" in classes else classes, writers=2, per_class=per_class, paper=paper)
    check_places(printing)
    boxes = printing.layout.boxes
    assert set(Counter(box.label for box in boxes).values()) == {per_class}
    assert len({cut.file_name("W1", box) for box in boxes}) == len(boxes)
    assert len({copy.person for copy in printing.layout.copies}) == 2


@pytest.fixture(scope="module")
def hands(tmp_path_factory):
    """A collecting sheet for three writers, in its folder."""
    pytest.importorskip("fpdf", reason="fpdf2, of the extra sheets, is not installed")
    out = tmp_path_factory.mktemp("sheet") / "hands"
    done = ox("collect", "--writers", "3", "--out", str(out))
    assert done.exit_code == 0 and done.stdout == f"{out}\n", done.stderr
    return out


def filled_page(hands: Path, copy: int) -> tuple[np.ndarray, Layout]:
    """The page of a writer as printed, with a mark of the class in every box but those of EMPTY; 12 pixels a mm."""
    pdfium = pytest.importorskip("pypdfium2", reason="pypdfium2, of the extra sheets, is not installed")
    layout = Layout.read(hands / "sheet.json")
    with pdfium.PdfDocument(hands / "collect.pdf") as document:
        page = document[copy - 1].render(scale=sheet_pages.SCALE * 25.4 / 72, rev_byteorder=True).to_numpy()
    page, sampler = np.ascontiguousarray(page[:, :, :3]), Sampler((copy,))
    for box in layout.boxes:
        if box.number not in EMPTY:
            ink = sheet_marks.drawn(box.label, 100 * copy + box.number)
            sheet_pages.put(page, ink, (box.x, box.y, box.width, box.height), sampler)
    return page, layout


@pytest.fixture(scope="module")
def photos(hands, tmp_path_factory):
    """Photographs of two writers' pages, and a scan of the third's."""
    place = tmp_path_factory.mktemp("photos")
    for copy in (1, 2, 3):
        page, layout = filled_page(hands, copy)
        size = layout.width, layout.height
        photo = sheet_photos.photograph(page, size, (copy,), detail=9, rough=copy < 3)
        (place / f"IMG_{copy}.jpg").write_bytes(photo.jpeg())
    return place


@pytest.fixture(scope="module")
def marks(hands, photos, tmp_path_factory):
    """The folder that the photographs were cut into, and what was said."""
    data = tmp_path_factory.mktemp("data") / "marks"
    done = ox("cut", str(photos), "--layout", f"{hands}/sheet.json", "--into", str(data))
    assert done.exit_code == 0 and done.stdout == f"{data}\n", done.stderr
    return data, done.stderr


def test_every_mark_becomes_an_image_of_its_class(hands, photos, marks):
    data, said = marks
    layout = Layout.read(hands / "sheet.json")
    expected = {
        f"train/{box.label}/{copy.person}-1-{'ABCD'[box.row - 1]}{box.column:02}.png"
        for copy in layout.copies
        for box in layout.boxes
        if box.number not in EMPTY
    }
    found = {path.relative_to(data).as_posix() for path in data.rglob("*.png")}
    assert found == expected | {"cut.png"}
    assert "111 images of 3 writers, 9 boxes were empty" in said
    for path in data.glob("train/*/*.png"):
        with Image.open(path) as image:
            assert image.mode == "RGB" and all(abs(side - 150) <= 3 for side in image.size)
            check_frame(np.asarray(image.convert("L")))
    with Image.open(data / "cut.png") as sheet:
        assert sheet.width > 1400 and sheet.height > 6 * 64

    before = {path: path.read_bytes() for path in data.rglob("*.png")}
    again = ox("cut", str(photos), "--layout", f"{hands}/sheet.json", "--into", str(data))
    assert again.exit_code == 3 and "111 images left out: files of these names are in" in again.stderr
    assert {path: path.read_bytes() for path in data.rglob("*.png")} == before


def check_frame(grey: np.ndarray) -> None:
    """The printed frame stands 2 mm, 20 pixels, from each edge: dark lines, lighter paper around."""
    even = cv2.divide(grey, cv2.medianBlur(grey, 75), scale=255)
    for turned in (even, even[::-1], even.T, even.T[::-1]):
        profile = np.quantile(turned[:34, 40:110], 0.75, axis=1)
        assert abs(int(profile.argmin()) - 20) <= 3


def test_the_writer_is_ready_for_group(hands, marks):
    data, said = marks
    regex = re.search(r"--group '(.*)'", said)[1]
    listing = csv_listing.with_groups(folders.find(data), regex)
    writers = {copy.person for copy in Layout.read(hands / "sheet.json").copies}
    assert {image.group for image in listing.images} == writers and len(listing.images) == 111


def test_what_is_wrong_with_a_photo_is_said_and_the_rest_is_cut(hands, photos, tmp_path):
    page, layout = filled_page(hands, 2)
    page[1300:1600, 300:1700] = 250  # a sheet of paper over a row
    Image.fromarray(page).save(tmp_path / "covered.png")
    other = sheet_pages.drawn(replace(layout, id="ZZZZZZ"), 1, 1)
    Image.fromarray(other).save(tmp_path / "other.png")
    Image.fromarray(np.full((400, 300, 3), 200, np.uint8)).save(tmp_path / "wall.png")
    (tmp_path / "damaged.jpg").write_bytes((photos / "IMG_1.jpg").read_bytes()[:5000])
    done = ox("cut", str(tmp_path), "--layout", f"{hands}/sheet.json", "--into", str(tmp_path / "marks"))
    assert done.exit_code == 3
    said = [line for line in done.stderr.splitlines() if re.match(r"\w+\.(png|jpg): ", line)]
    assert len(said) == 4
    for words in (
        r"covered.png: \d+ boxes of writer \w+02 can't be seen",
        "other.png: a page of another sheet (ZZZZZZ)",
    ):
        assert words in done.stderr or re.search(words, done.stderr)
    assert "wall.png: no sheet found" in done.stderr and "damaged.jpg: " in done.stderr
    assert 20 <= len(list((tmp_path / "marks" / "train").rglob("*.png"))) < 37


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told["boxes"][0].update(label="../../elsewhere"),
        lambda told: told["boxes"][0].update(label=""),
        lambda told: told["copies"][0].update(person="/etc/x"),
        lambda told: told["boxes"][0].update(row=0),
        lambda told: told.update(kind="quiz"),
    ],
)
def test_a_layout_that_would_write_elsewhere_is_refused(hands, photos, tmp_path, change):
    told = json.loads((hands / "sheet.json").read_text(encoding="utf-8"))
    change(told)
    (tmp_path / "sheet.json").write_text(json.dumps(told), encoding="utf-8")
    done = ox("cut", str(photos), "--layout", f"{tmp_path}/sheet.json", "--into", str(tmp_path / "a" / "b"))
    assert done.exit_code == 2 and len(done.stderr.splitlines()) == 1, done.stderr
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    "given",
    ["", "o,", "o,O", "a/b", "..", ".x", "-x", "CON:", "o,x,o", "a" * 50, ",".join("abcdefghijklmnopqrstuvwxyz0")],
)
def test_classes_that_are_no_folders_are_refused(given):
    with pytest.raises(UsageError, match=r"^--classes"):
        collect.class_names(given)
    assert collect.class_names("o, x ,동그라미") == ("o", "x", "동그라미")
