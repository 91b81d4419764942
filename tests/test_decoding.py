"""Decoding many files: order kept, bad ones listed, pixels beyond the budget on disk."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ox_classifier.data.decoding import CHUNK, decode
from ox_classifier.data.images import ImageError, read
from ox_classifier.data.on_demand import OnDemand
from ox_classifier.pixels import PixelRule
from tests.processes import cost

RULE = PixelRule(20, 24)
COUNT = 3 * CHUNK + 5


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"{i}.png" for i in range(COUNT)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (30, 31, 3), dtype=np.uint8)).save(path)
    return paths


def spoil(paths: list[Path]) -> list[int]:
    """Make three files unreadable in three ways; returns their positions."""
    paths[0].write_bytes(b"")
    paths[CHUNK].write_text("no picture")
    paths[-1].unlink()
    return [0, CHUNK, len(paths) - 1]


def test_order_is_that_of_the_paths(files):
    decoded = decode(files * 5, RULE)  # more than may wait at once
    assert decoded.images.dtype == np.uint8
    assert decoded.kept == list(range(5 * COUNT))
    np.testing.assert_array_equal(decoded.images, [read(path, RULE) for path in files] * 5)


@pytest.mark.parametrize("memory_budget", [2**31, 0], ids=["memory", "disk"])
def test_bad_files_are_listed_and_leave_no_hole(files, memory_budget):
    bad = spoil(files)
    decoded = decode(files, RULE, memory_budget=memory_budget)
    good = [i for i in range(COUNT) if i not in bad]
    assert decoded.kept == good
    assert [error.path for error in decoded.bad] == [files[i] for i in bad]
    assert all(isinstance(error, ImageError) and error.reason for error in decoded.bad)
    np.testing.assert_array_equal(decoded.images, [read(files[i], RULE) for i in good])


def test_over_the_budget_pixels_go_to_a_file_without_a_name(files, tmp_path, monkeypatch):
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    needed = COUNT * 20 * 24 * 3
    assert not isinstance(decode(files, RULE, memory_budget=needed).images, np.memmap)
    mapped = decode(files, RULE, memory_budget=needed - 1).images
    assert isinstance(mapped, np.memmap)
    assert list(place.iterdir()) == []
    with pytest.raises(ValueError, match="read-only"):
        mapped[0] = 0


@pytest.mark.parametrize("memory_budget", [2**31, 0], ids=["memory", "disk"])
def test_nothing_decodable_gives_an_empty_array(tmp_path, memory_budget):
    decoded = decode([tmp_path / "absent.png"], RULE, memory_budget=memory_budget)
    assert decoded.images.shape == (0, *RULE.shape)
    assert len(decoded.bad) == 1
    assert decode([], RULE, memory_budget=memory_budget).images.shape == (0, *RULE.shape)


def test_warning_filters_survive_the_threads(files):
    before = list(warnings.filters)
    decode(files * 5, RULE)
    assert list(warnings.filters) == before


def test_an_error_that_is_no_bad_image_is_raised(files):
    def broken(path: Path, rule: PixelRule) -> np.ndarray:
        raise MemoryError

    with pytest.raises(MemoryError):
        decode(files, RULE, reader=broken)


def test_memory_stays_flat_over_the_budget():
    """100 and 400 images of 1 MB: the peak differs by less than 50 of them."""
    program = (
        "import sys, numpy as np; from ox_classifier.data.decoding import decode, PixelRule;"
        "decode(['x'] * int(sys.argv[1]), PixelRule(600, 600), memory_budget=0,"
        " reader=lambda path, rule: np.ones(rule.shape, np.uint8))"
    )
    few, many = (cost([sys.executable, "-c", program, n])[1] for n in (100, 400))
    assert many - few < 50


def test_needs_no_tensorflow():
    program = "import sys, ox_classifier.data.decoding; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_on_demand_gives_the_pixels_that_decoding_everything_gives(files):
    images, expected = OnDemand(tuple(files), RULE), decode(files, RULE).images
    assert images.shape == expected.shape and len(images) == COUNT
    np.testing.assert_array_equal(images[[5, 0, 5]], expected[[5, 0, 5]])
    np.testing.assert_array_equal(images[np.array([2, 1])], expected[[2, 1]])
    np.testing.assert_array_equal(images[3:7], expected[3:7])
    np.testing.assert_array_equal(images.part(slice(10, 20))[:3], expected[10:13])
    np.testing.assert_array_equal(np.asarray(images), expected)
    assert images[[]].shape == (0, *RULE.shape)


def test_on_demand_tells_pictures_apart_by_file_and_rule(files, tmp_path):
    copy = tmp_path / "elsewhere.png"
    copy.write_bytes(files[3].read_bytes())
    digests = OnDemand((*files, copy), RULE).digests
    assert digests[3] == digests[-1] and len(set(digests)) == COUNT
    assert not set(OnDemand(tuple(files), PixelRule(20, 24, "grayscale")).digests) & set(digests)


def test_on_demand_a_file_that_changed_or_cannot_be_read_is_named(files):
    images = OnDemand(tuple(files), RULE)
    assert len(images.digests) == COUNT
    Image.new("RGB", (9, 9)).save(files[1])  # else its new pixels would be kept under the old one's key
    with pytest.raises(ImageError, match=r"1\.png: changed while it was in use"):
        images[[0, 1]]
    files[2].write_text("no picture")
    with pytest.raises(ImageError, match=r"2\.png: not an image"):
        images[2:3]
    with pytest.raises(ImageError, match=r"1\.png: changed while it was in use"):
        np.asarray(images)
    with pytest.raises(ImageError, match=r"2\.png: not an image"):
        np.asarray(images.part([2, 3]))
