"""Each file is read once, whatever is asked of it, and one that changes meanwhile is noticed."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from ox_classifier.audit import audit, looks, measurement_cache
from ox_classifier.data import decoding, digests, folders, image_dataset, images
from ox_classifier.data.images import ImageError, read
from ox_classifier.data.on_demand import Chosen
from ox_classifier.errors import UsageError
from ox_classifier.pixels import PixelRule
from ox_classifier.training import preparation
from tests.conftest import draw_folder, draw_mark

RULE = PixelRule(22, 22)


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("OX_CACHE", str(tmp_path / "cache"))
    root = draw_folder(tmp_path / "marks", {"": 10})
    rng = np.random.default_rng(1)
    draw_mark("o", rng, 400).save(root / "o" / "photo.jpg")  # large enough for a JPEG to be decoded reduced
    draw_mark("x", rng, 60).save(root / "x" / "small.jpg")
    return root


@pytest.fixture
def done(monkeypatch):
    """The names of all files that are decoded and of all that are digested."""
    decoded, digested = [], []
    decode, content = images.open_picture, digests.content
    monkeypatch.setattr(
        images, "open_picture", lambda path, **how: decoded.append(Path(path).name) or decode(path, **how)
    )
    monkeypatch.setattr(digests, "content", lambda path: digested.append(Path(path).name) or content(path))
    return decoded, digested


def prepare(data, **options):
    return preparation.prepare(data, **{"val_fraction": 0.25, "test_fraction": 0.0, "seed": 0} | options)


def use(prepared, rule=RULE):
    """Everything that a cross-validation asks of the data."""
    for dataset in (prepared.dataset(rule), *prepared.folds(3, rule), prepared.everything(rule)):
        dataset.fingerprint()
        for split in ("train", "val"):
            expected = [read(prepared.listing.root / name, rule) for name in dataset.names(split)]
            if expected:
                np.testing.assert_array_equal(np.asarray(dataset.images(split)), expected)


def test_each_file_is_digested_and_decoded_once(data, done, monkeypatch):
    decoded, digested = done
    prepared = prepare(data, rule=RULE)
    assert len(digested) == 22
    assert sorted(name for name in set(decoded) if decoded.count(name) > 2) == []
    assert decoded.count("photo.jpg") == 2  # in full for the look, reduced for training as `read` has it
    assert len(decoded) == 23
    prepared.dataset(RULE).fingerprint()
    list(prepared.folds(3, RULE))
    prepared.everything(RULE)
    assert len(decoded) == 23 and len(digested) == 22
    use(prepared)


def test_a_second_time_nothing_is_digested_and_each_file_decoded_once(data, done, monkeypatch):
    decoded, digested = done
    monkeypatch.setattr(measurement_cache, "RACY_NS", -(10**18))  # so that the files just written are believed
    prepare(data)
    decoded.clear(), digested.clear()
    for rule in (None, RULE):
        prepared = prepare(data, rule=rule)
        list(prepared.folds(3, RULE))
        prepared.dataset(RULE).fingerprint()
    assert digested == [] and len(decoded) == 44
    use(prepared)


def test_processes_look_as_threads_do(data, tmp_path, monkeypatch):
    (data / "o" / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    paths = [image.file for image in folders.find(data).images]
    expected = list(looks.look(paths, cache=tmp_path / "one"))
    (
        monkeypatch.setattr(looks, "MANY", 1),
        monkeypatch.setattr(looks, "FEW", 0),
        monkeypatch.setattr(decoding, "MANY", 1),
    )
    found = list(looks.look(paths, cache=tmp_path / "two"))
    assert [look.content for look in found] == [look.content for look in expected]
    assert [str(look.found) for look in found] == [str(look.found) for look in expected]
    prepared = prepare(data, rule=RULE)
    assert [error.path.name for error in prepared.dataset(RULE).bad] == ["bad.png"]
    use(prepared)


def test_on_demand_knows_the_digests_and_notices_a_change(data, done):
    decoded, digested = done
    prepared = prepare(data)
    dataset = prepared.dataset(RULE, on_demand=True)
    found = len(digested), len(decoded)
    assert len(set(dataset.images("train").digests)) == len(dataset.names("train"))
    dataset.fingerprint()
    assert (len(digested), len(decoded)) == found == (22, 22)
    np.testing.assert_array_equal(dataset.images("val")[:2], [read(data / n, RULE) for n in dataset.names("val")[:2]])


@pytest.mark.parametrize("on_demand", [False, True])
def test_a_file_that_changes_after_the_look_is_named(data, on_demand):
    prepared = prepare(data)
    shutil.copy(data / "x" / "003.png", data / "o" / "003.png")
    with pytest.raises(ImageError, match=r"o/003\.png: changed while it was in use"):
        np.asarray(prepared.dataset(RULE, on_demand=on_demand).images("train"))
        np.asarray(prepared.dataset(RULE, on_demand=on_demand).images("val"))


def test_a_file_that_was_only_touched_is_no_other(data):
    prepared = prepare(data)
    os.utime(data / "o" / "003.png", ns=(1, 1))
    use(prepared)


def test_a_file_that_goes_after_the_look_is_set_aside(data):
    prepared = prepare(data)
    (data / "o" / "003.png").unlink()
    assert [(e.path.name, e.reason) for e in prepared.dataset(RULE).bad] == [("003.png", "no such file")]


def test_datasets_share_their_pixels(data):
    prepared = prepare(data)
    sets = [*prepared.folds(3, RULE), prepared.everything(RULE), prepared.dataset(RULE)]
    assert all(np.shares_memory(one.pixels, sets[0].pixels) for one in sets)
    for dataset in sets:
        for split in ("train", "val"):
            images = dataset.images(split)
            assert isinstance(images, Chosen) or images.base is not None
    chosen = Chosen(np.arange(24, dtype=np.uint8).reshape(6, 2, 2, 1), np.array([5, 0, 2]))
    assert chosen.shape == (3, 2, 2, 1) and len(chosen) == 3
    assert chosen[0][0, 0, 0] == 20 and chosen[1:][:, 0, 0, 0].tolist() == [0, 8]
    assert chosen[np.array([2, 2])][:, 1, 1, 0].tolist() == [11, 11]


def test_everything_trains_on_all_but_the_test(data):
    prepared = prepare(data, test_fraction=0.2)
    dataset = prepared.everything(RULE)
    assert set(dataset.counts()) == {"train", "test"} and len(dataset.labels("val")) == 0
    assert len(dataset.names("train")) + len(dataset.names("test")) == 22
    listing = folders.find(data)
    train = [folders.LabelledImage(image.file, image.label, "train") for image in listing.images]
    with pytest.raises(UsageError, match="no readable image to validate with"):
        image_dataset.load(listing, train, RULE)
    assert len(image_dataset.load(listing, train, RULE, without_val=True).images("val")) == 0


# the cache


def test_a_flipped_bit_changes_no_answer(data, tmp_path, monkeypatch, capsys):
    """SQLite notices some, the checksums the rest: whatever is flipped, the measurements are those of the files."""
    monkeypatch.setattr(measurement_cache, "RACY_NS", -(10**18))
    listing, cache = folders.find(data), tmp_path / "cache"
    expected = audit.check(listing).as_dict()
    file = cache / measurement_cache.CACHE_FILE
    whole, random_ = file.read_bytes(), random.Random(0)
    used = [i for i, byte in enumerate(whole) if byte]
    for _ in range(60):
        for left in cache.iterdir():
            left.unlink()
        broken = bytearray(whole)
        for place in random_.sample(used, 8):
            broken[place] ^= 1 << random_.randrange(8)
        file.write_bytes(broken)
        assert audit.check(listing).as_dict() == expected
    looked = [str(look.found) for look in looks.look([image.file for image in listing.images])]
    assert looked == [str(look.found) for look in looks.look([i.file for i in listing.images], cache=tmp_path / "new")]


@pytest.mark.parametrize("harm", ["torn", "gone", "noise"])
def test_a_cache_damaged_in_use_only_makes_it_slower(data, tmp_path, monkeypatch, harm):
    monkeypatch.setattr(looks, "BATCH", 4)
    monkeypatch.setattr(measurement_cache, "RACY_NS", -(10**18))
    paths = [image.file for image in folders.find(data).images]
    expected = [str(look.found) for look in looks.look(paths)]
    found = []
    for number, look in enumerate(looks.look(paths)):
        found.append(str(look.found))
        if number == 5:
            for file in (tmp_path / "cache").iterdir():
                size = file.stat().st_size
                if harm == "gone":
                    file.unlink()
                else:
                    file.write_bytes(b"" if harm == "torn" else random.Random(1).randbytes(size))
    assert found == expected
    assert [str(look.found) for look in looks.look(paths)] == expected
