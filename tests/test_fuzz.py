"""A part of `make fuzz`, proof that it can fail, and files of the kinds that break decoders, made by hand."""

from __future__ import annotations

import io
import struct
import time

import numpy as np
import pytest
from PIL import Image

from ox_classifier.data import images
from ox_classifier.data.images import ImageError, open_picture, read
from tests.benchmarks import fuzz, mutations

FILES = mutations.originals()


def test_files_of_one_seed_are_always_the_same_and_hardly_ever_whole():
    first = [mutations.mutated(FILES, 3, number) for number in range(200)]
    again = mutations.originals()
    assert first == [mutations.mutated(again, 3, number) for number in range(200)]
    assert first != [mutations.mutated(FILES, 4, number) for number in range(200)]
    assert {form for form, _ in first} == set(FILES)
    whole = {data for some in FILES.values() for data in some}
    assert 0 < sum(data in whole for _, data in first) < 40


@pytest.mark.parametrize("form", sorted(FILES))
def test_the_originals_are_read(tmp_path, form):
    for data in FILES[form]:
        (tmp_path / "a").write_bytes(data)
        assert fuzz.judged(tmp_path / "a") == "read"


def test_mutated_files_are_read_or_refused():
    outcomes = fuzz.run(600, seed=3)
    assert [outcome.number for outcome in outcomes] == list(range(600))
    assert [outcome for outcome in outcomes if outcome.what not in ("read", "refused")] == []
    assert 100 < sum(outcome.what == "read" for outcome in outcomes) < 500


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda path, rule: 1 / 0, "read raised ZeroDivisionError"),
        (lambda path, rule: np.zeros((3, 3, 3), np.uint8), "pixels of shape (3, 3, 3)"),
        (lambda path, rule: np.random.default_rng().integers(0, 9, rule.shape).astype(np.uint8), "other pixels"),
    ],
)
def test_what_must_not_be_is_a_finding(tmp_path, monkeypatch, broken, said):
    (tmp_path / "a").write_bytes(FILES["PNG"][2])
    monkeypatch.setattr(images, "read", broken)
    assert fuzz.judged(tmp_path / "a").startswith(said)


def refused_or_read(path, within: float = 2.0) -> str:
    start = time.perf_counter()
    try:
        open_picture(path)
        said = "read"
    except ImageError as error:
        said = error.reason
    assert time.perf_counter() - start < within
    return said


def test_a_tiff_whose_pages_lead_in_a_circle_comes_to_an_end(tmp_path):
    file = io.BytesIO()
    Image.new("L", (8, 8)).save(file, "TIFF")
    data = bytearray(file.getvalue())
    (start,) = struct.unpack("<I", data[4:8])
    entries = struct.unpack("<H", data[start : start + 2])[0]
    data[start + 2 + 12 * entries : start + 6 + 12 * entries] = struct.pack("<I", start)
    (tmp_path / "a.tif").write_bytes(data)
    refused_or_read(tmp_path / "a.tif")


def test_a_gif_of_many_frames_is_read_in_bounded_time(tmp_path):
    file = io.BytesIO()
    Image.new("P", (8, 8)).save(file, "GIF")
    data = file.getvalue()
    frame = data[data.index(b",") : -1]
    (tmp_path / "a.gif").write_bytes(data[:-1] + frame * 100_000 + b";")
    assert refused_or_read(tmp_path / "a.gif", within=10) == "read"


def test_a_file_that_is_two_is_read_as_what_it_begins_with(tmp_path):
    [png, gif] = (FILES[form][1] for form in ("PNG", "GIF"))
    (tmp_path / "a.jpg").write_bytes(png + gif + b"PK\x03\x04<script>")
    assert open_picture(tmp_path / "a.jpg").format == "PNG"


def test_a_picture_of_nothing_is_refused(tmp_path):
    (tmp_path / "a.ppm").write_bytes(b"P6 0 0 255\n")
    assert "not an image" in refused_or_read(tmp_path / "a.ppm") or "damaged" in refused_or_read(tmp_path / "a.ppm")
    (tmp_path / "b.bmp").write_bytes(FILES["BMP"][1][:18] + bytes(8) + FILES["BMP"][1][26:])
    assert refused_or_read(tmp_path / "b.bmp") != "read"


@pytest.mark.parametrize("size", [(65535, 1), (1, 65535)])
def test_absurd_proportions_are_read(tmp_path, size):
    Image.new("L", size, 9).save(tmp_path / "a.png")
    assert read(tmp_path / "a.png", fuzz.RULE).shape == fuzz.RULE.shape
