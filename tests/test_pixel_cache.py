"""Pixels kept between trainings: equal to decoded ones whatever befalls the files of the cache, and bounded."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ox_classifier.data import contents, pixel_cache
from ox_classifier.data.images import read
from ox_classifier.data.pixel_cache import PixelCache
from ox_classifier.pixels import PixelRule
from ox_classifier.training import preparation
from tests.conftest import draw_folder

RULE = PixelRule(20, 24)
COUNT = 10


@pytest.fixture(autouse=True)
def small_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(pixel_cache, "BLOCK_BYTES", 4 * 20 * 24 * 3)  # four images
    monkeypatch.setattr(contents, "RACY_NS", -(10**18))  # so that the files just written are believed


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (COUNT, *RULE.shape), dtype=np.uint8)


DIGESTS = [bytes([i]) * 16 for i in range(COUNT)]


def fetched(cache: PixelCache, wanted: dict[int, bytes], rows: int = COUNT) -> tuple[set[int], np.ndarray]:
    found = np.zeros((rows, *RULE.shape), np.uint8)

    def write(row: int, images: np.ndarray) -> None:
        found[row : row + len(images)] = images

    return cache.fetch(wanted, write), found


def files(place: Path) -> list[Path]:
    return sorted(place.rglob("*.pixels"))


def test_what_was_kept_comes_back_in_any_order_and_to_any_row(pixels):
    PixelCache(RULE).keep(DIGESTS[:7], pixels[:7])
    PixelCache(RULE).keep(DIGESTS[7:], pixels[7:])
    cache = PixelCache(RULE)
    assert all(digest in cache for digest in DIGESTS) and bytes(16) + b"x" not in cache
    for order in (list(range(COUNT)), [9, 0, 1, 2, 5, 4, 8, 7, 3, 6], [2, 2, 3, 3, 4], [6]):
        rows, found = fetched(cache, {row: DIGESTS[place] for row, place in enumerate(order)})
        assert rows == set(range(len(order)))
        np.testing.assert_array_equal(found[: len(order)], pixels[order])
    assert DIGESTS[0] not in PixelCache(PixelRule(20, 24, "grayscale"))


def test_every_damaged_byte_is_noticed(pixels):
    """One byte of each part of the file changed: none of the images is another than was kept."""
    PixelCache(RULE).keep(DIGESTS, pixels)
    (path,) = files(Path(os.environ["OX_CACHE"]))
    whole = path.read_bytes()
    starts = len(whole) - pixels.nbytes
    for place in (0, 9, 13, 20, starts - 1, starts, starts + 5 * pixels[0].nbytes, len(whole) - 1):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        rows, found = fetched(PixelCache(RULE), dict(enumerate(DIGESTS)))
        np.testing.assert_array_equal(found[sorted(rows)], pixels[sorted(rows)])
        assert len(rows) < COUNT and not path.exists()
    for shorter in (0, 5, starts, len(whole) - 1):
        path.write_bytes(whole[:shorter])
        assert fetched(PixelCache(RULE), dict(enumerate(DIGESTS)))[0] == set()


def test_a_file_that_is_cut_short_or_goes_while_in_use_is_noticed(pixels):
    PixelCache(RULE).keep(DIGESTS, pixels)
    (path,) = files(Path(os.environ["OX_CACHE"]))
    cache = PixelCache(RULE)
    os.truncate(path, path.stat().st_size - pixels[0].nbytes)
    rows, found = fetched(cache, dict(enumerate(DIGESTS)))
    assert rows == set(range(8))  # the last block is lost
    np.testing.assert_array_equal(found[:8], pixels[:8])
    assert fetched(cache, dict(enumerate(DIGESTS)))[0] == set()  # the file is removed


def test_the_least_recently_used_go_and_what_is_too_large_is_not_kept(pixels, monkeypatch):
    one = COUNT * (pixels[0].nbytes + 16)
    monkeypatch.setenv("OX_CACHE_GB", str(2.5 * one / pixel_cache.SHARE / 1e9))
    for number in range(3):
        PixelCache(RULE).keep([bytes([number, i]) * 8 for i in range(COUNT)], pixels)
        if number == 1:
            os.utime(files(Path(os.environ["OX_CACHE"]))[1], (1, 1))  # the second was used longest ago
    left = PixelCache(RULE)
    assert [bytes([number, 0]) * 8 in left for number in range(3)] == [True, False, True]
    monkeypatch.setenv("OX_CACHE_GB", str(1.9 * one / pixel_cache.SHARE / 1e9))
    PixelCache(RULE).keep([b"much" * 4] * COUNT, pixels)
    assert b"much" * 4 not in PixelCache(RULE)


def test_a_folder_that_cannot_be_made_keeps_nothing_and_breaks_nothing(pixels, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("OX_CACHE", str(tmp_path / "file"))
    cache = PixelCache(RULE)
    cache.keep(DIGESTS, pixels)
    assert fetched(cache, dict(enumerate(DIGESTS)))[0] == set()


def prepared(data: Path) -> tuple[dict[str, np.ndarray], preparation.Prepared]:
    """The pixels of every file of a folder, by its path, as a training gets them."""
    found = preparation.prepare(data, val_fraction=0.2, test_fraction=0, seed=0, rule=RULE)
    dataset = found.dataset(RULE)
    for thread in threading.enumerate():
        if thread.name == "keep":
            thread.join()
    return {file.file: dataset.pixels[row] for file, row in zip(dataset.files, dataset.indices, strict=True)}, found


def test_a_second_training_decodes_only_what_is_new_or_damaged(tmp_path, monkeypatch, capsys):
    data = draw_folder(tmp_path / "marks", {"train": 9, "val": 3})
    first, _ = prepared(data)
    (kept,) = files(tmp_path)
    decoded: list[int] = []
    submit = preparation.Decoding.submit
    monkeypatch.setattr(
        preparation.Decoding,
        "submit",
        lambda self, task, some: decoded.extend(row for row, _ in some) or submit(self, task, some),
    )
    again, _ = prepared(data)
    assert not decoded and files(tmp_path) == [kept]
    for file, image in first.items():
        np.testing.assert_array_equal(image, read(file, RULE))
        np.testing.assert_array_equal(image, again[file])
    Image.new("RGB", (40, 40), "navy").save(data / "train" / "o" / "003.png")
    changed, _ = prepared(data)
    assert len(decoded) == 1 and len(files(tmp_path)) == 2
    for file, image in changed.items():
        np.testing.assert_array_equal(image, read(file, RULE))
    content = bytearray(kept.read_bytes())
    content[-1] ^= 1
    kept.write_bytes(content)
    decoded.clear()
    capsys.readouterr()
    mended, _ = prepared(data)
    assert 1 <= len(decoded) <= 4  # a block
    assert f"pixels: {len(decoded)} damaged entries" in capsys.readouterr().err
    for file, image in mended.items():
        np.testing.assert_array_equal(image, read(file, RULE))
    decoded.clear()
    prepared(data)
    assert not decoded


def test_a_file_that_changes_after_the_look_ends_the_training_though_its_pixels_are_kept(tmp_path):
    data = draw_folder(tmp_path / "marks", {"train": 9, "val": 3})
    prepared(data)
    found = preparation.prepare(data, val_fraction=0.2, test_fraction=0, seed=0, rule=RULE)
    Image.new("RGB", (40, 40), "navy").save(data / "train" / "o" / "003.png")
    with pytest.raises(Exception, match=r"003\.png: changed while it was in use"):
        found.dataset(RULE)


def test_files_too_fresh_to_be_believed_are_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(contents, "RACY_NS", 10**18)
    prepared(draw_folder(tmp_path / "marks", {"train": 9, "val": 3}))
    assert files(tmp_path) == []


def test_what_an_older_decoding_made_is_not_found(tmp_path, monkeypatch):
    digest, image = b"d" * 16, np.full((1, *RULE.shape), 7, np.uint8)
    PixelCache(RULE, tmp_path).keep([digest], image)
    assert digest in PixelCache(RULE, tmp_path)
    monkeypatch.setattr(pixel_cache, "DECODING", pixel_cache.DECODING + 1)
    assert digest not in PixelCache(RULE, tmp_path)
