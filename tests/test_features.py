"""Features are computed once, whatever happens in between: a new head, an added image, a damaged file, a kill."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from ox_classifier.augmentation.generator import ImageDataGenerator
from ox_classifier.errors import OxError, UsageError
from ox_classifier.networks import bases, engine, feature_store, features, transfer
from ox_classifier.networks.feature_store import FeatureStore
from tests import tiny_base
from tests.tiny_base import Pictures

pytestmark = pytest.mark.tensorflow
SHAPE = (4, 4, 6)  # what the stand-in base leaves of 16x16 pixels


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("OX_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("OX_CACHE_GB", raising=False)
    tiny_base.install(monkeypatch)


@pytest.fixture(scope="module")
def base():
    with pytest.MonkeyPatch.context() as patch:
        tiny_base.install(patch)
        keras.utils.set_random_seed(1)
        return transfer.split(bases.build("tiny", (16, 16, 3), 2, weights="none")[0])[0]


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3), np.uint8)


@pytest.fixture
def looked(monkeypatch):
    """How many pictures an engine has looked at."""
    counted, original = [], engine.fastest

    def fastest(base, probe):
        found = original(base, probe)

        def extract(pixels):
            counted.extend([1] * len(pixels))
            return found.extract(pixels)

        return engine.Engine(found.name, extract, found.batch)

    monkeypatch.setattr(engine, "fastest", fastest)
    return counted


def open_store():
    return FeatureStore("tiny-16x16", SHAPE)


def generator():
    return ImageDataGenerator(rescale=1 / 255, horizontal_flip=True, width_shift_range=0.1, height_shift_range=0.1)


def expected(base, pixels):
    return keras.ops.convert_to_numpy(base(pixels, training=False))


def test_what_is_kept_is_what_keras_computes(base, images):
    store, views = open_store(), features.plain(Pictures(images))
    assert features.compute(base, store, [views]) == 12
    np.testing.assert_allclose(
        open_store().rows(views.keys), expected(base, images.astype(np.float32) / 255), rtol=1e-4, atol=1e-5
    )


def test_an_augmented_view_is_the_generators_own_pixels(base, images):
    pictures = Pictures(images)
    view = features.augmented(pictures, generator(), view=3, seed=7)
    index = int.from_bytes(pictures.digests[5][:4], "big")
    drawn = generator().draws((16, 16, 3), 7, 3, [index])
    np.testing.assert_array_equal(view.pixels([5]), generator().apply(images[5:6], drawn))
    store = open_store()
    features.compute(base, store, [view])
    np.testing.assert_allclose(
        store.rows(view.keys[5:6]), expected(base, generator().apply(images[5:6], drawn)), rtol=1e-4, atol=1e-5
    )


def test_a_second_time_nothing_is_computed(base, images, looked):
    views = features.plain(Pictures(images))
    features.compute(base, open_store(), [views])
    looked.clear()
    assert features.compute(base, open_store(), [views]) == 0
    assert not looked


def test_an_added_image_costs_only_itself_wherever_it_stands(base, images, looked):
    def views(pictures):
        return [features.augmented(Pictures(pictures), generator(), view=k, seed=0) for k in range(2)]

    features.compute(base, open_store(), views(images[1:]))
    looked.clear()
    assert features.compute(base, open_store(), views(images)) == 2 == len(looked)


@pytest.mark.parametrize("change", ["seed", "view", "settings", "pixels"])
def test_whatever_changes_the_pixels_changes_the_key(images, change):
    before = features.augmented(Pictures(images), generator(), view=0, seed=0).keys
    augmenter, view, seed = generator(), 0, 0
    if change == "seed":
        seed = 1
    elif change == "view":
        view = 1
    elif change == "settings":
        augmenter.fill_mode = "constant"
    else:
        images = images ^ 1
    after = features.augmented(Pictures(images), augmenter, view=view, seed=seed).keys
    assert not set(before) & set(after)


def test_equal_pictures_are_seen_once(base, images, looked):
    assert features.compute(base, open_store(), [features.plain(Pictures(images[[0, 1, 0, 0]]))]) == 2 == len(looked)


@pytest.mark.parametrize("place", [0, 20, 200, -1])
def test_a_damaged_entry_is_computed_again_and_only_it(base, images, looked, place, capsys):
    views = features.plain(Pictures(images))
    store = open_store()
    features.compute(base, store, [views])
    good = store.rows(views.keys)
    (shard,) = store.folder.iterdir()
    data, size = bytearray(shard.read_bytes()), store.record.itemsize
    data[3 * size + place % size] ^= 0x40  # in the key, in the row or in the checksum of entry 3
    shard.write_bytes(data)
    looked.clear()
    again = open_store()
    assert features.compute(base, again, [views]) == 1 == len(looked)
    np.testing.assert_array_equal(again.rows(views.keys), good)
    np.testing.assert_array_equal(open_store().rows(views.keys), good)  # and the new one is found from now on
    assert features.compute(base, open_store(), [views]) == 0


def test_a_record_cut_off_in_the_middle_is_not_read(base, images, looked):
    views = features.plain(Pictures(images))
    store = open_store()
    features.compute(base, store, [views])
    (shard,) = store.folder.iterdir()
    shard.write_bytes(shard.read_bytes()[: -store.record.itemsize - 7])
    looked.clear()
    assert features.compute(base, open_store(), [views]) == 2 == len(looked)


KILLED = """
import sys, time
import numpy as np
sys.path.insert(0, {tests!r})
import pytest, keras
from ox_classifier.networks import bases, engine, features, transfer
from tests import tiny_base
from tests.tiny_base import Pictures
tiny_base.install(pytest.MonkeyPatch())
keras.utils.set_random_seed(1)
base = transfer.split(bases.build("tiny", (16, 16, 3), 2, weights="none")[0])[0]
original = engine.fastest
def slow(base, probe):
    found = original(base, probe)
    def extract(pixels):
        print("see", flush=True)
        time.sleep(0.1)
        return found.extract(pixels)
    return engine.Engine(found.name, extract, found.batch)
engine.fastest = slow
images = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3), np.uint8)
features.compute(base, features.FeatureStore("tiny-16x16", {shape!r}), [features.plain(Pictures(images))])
"""


def test_killed_in_the_middle_it_goes_on_with_nothing_computed_twice_but_the_view_in_hand(base, images, looked):
    code = KILLED.format(tests=str(Path(__file__).parent.parent), shape=SHAPE)
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    begun = 0
    for line in process.stdout:
        begun += line == "see\n"
        if begun == 6:  # the sixth is in hand
            process.send_signal(signal.SIGKILL)
            break
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    views = features.plain(Pictures(images))
    store = open_store()
    assert features.compute(base, store, [views]) == 12 - 5 == len(looked)
    undisturbed = FeatureStore("elsewhere", SHAPE)
    features.compute(base, undisturbed, [views])
    np.testing.assert_array_equal(store.rows(views.keys), undisturbed.rows(views.keys))  # bit for bit


def test_both_engines_agree_with_keras(base, images):
    pixels = images.astype(np.float32) / 255
    for make in (engine.onnx_runtime, engine.tensorflow):
        seen = make(base).extract(pixels)
        assert np.abs(seen - expected(base, pixels)).max() <= 1e-4 * np.abs(seen).max()


def test_an_engine_that_disagrees_is_not_used(base, images, monkeypatch, capsys):
    wrong = engine.Engine("ONNX Runtime", lambda pixels: expected(base, pixels) * np.float32(1.001), 1)
    monkeypatch.setattr(engine, "onnx_runtime", lambda base: wrong)
    assert engine.fastest(base, images[:1].astype(np.float32) / 255).name == "TensorFlow"
    assert "differs from Keras by 1.0e-03" in capsys.readouterr().err


def fill(kind, count, start=0):
    store = FeatureStore(kind, SHAPE)
    keys = [bytes([start + i] * feature_store.KEY_BYTES) for i in range(count)]
    for key in keys:
        store.add(key, np.full(SHAPE, key[0], np.float32))
    return store, keys


def test_over_the_limit_the_least_recently_used_goes(monkeypatch):
    size = FeatureStore("any", SHAPE).record.itemsize
    old, old_keys = fill("old", 10)
    time.sleep(0.02)
    used_keys = fill("used", 10)[1]
    time.sleep(0.02)
    old.make_room(old_keys[:3])  # used again, so it outlives the other
    time.sleep(0.02)
    monkeypatch.setenv("OX_CACHE_GB", str(25 * size / 1e9))
    new, keys = fill("new", 0)[0], [bytes([99, i] * 8) for i in range(12)]
    new.make_room(keys)
    assert feature_store.used_bytes() == 10 * size
    assert all(key in FeatureStore("old", SHAPE) for key in old_keys)
    assert not any(key in FeatureStore("used", SHAPE) for key in used_keys)


def test_what_a_run_needs_itself_is_never_evicted_and_may_not_exceed_the_limit(monkeypatch):
    store, keys = fill("mine", 10)
    monkeypatch.setenv("OX_CACHE_GB", str(10 * store.record.itemsize / 1e9))
    store.make_room(keys)
    assert all(key in store for key in keys)
    with pytest.raises(UsageError, match=r"11 views take .* use fewer --views, --views 0"):
        store.make_room([*keys, b"x" * 16])


@pytest.mark.parametrize("text", ["much", "-1", "0", "nan"])
def test_a_limit_that_is_no_size_is_refused(monkeypatch, text):
    monkeypatch.setenv("OX_CACHE_GB", text)
    with pytest.raises(UsageError, match="positive number of gigabytes"):
        feature_store.limit_bytes()


def test_a_full_disk_is_one_sentence_and_leaves_no_half_record(monkeypatch):
    store, keys = fill("full", 3)
    (shard,) = store.folder.iterdir()
    before = shard.read_bytes()
    original = Path.open

    def limited(self, mode="r", **kwargs):
        file = original(self, mode, **kwargs)
        return _Full(file) if mode == "ab" else file

    monkeypatch.setattr(Path, "open", limited)
    with pytest.raises(OxError, match=r"can't keep features .*No space left.*OX_CACHE"):
        store.add(b"y" * 16, np.zeros(SHAPE, np.float32))
    assert shard.read_bytes() == before and b"y" * 16 not in store
    np.testing.assert_array_equal(store.rows(keys)[:, 0, 0, 0], [0, 1, 2])


class _Full:
    """A file on a disk that takes a hundred bytes more."""

    def __init__(self, file):
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.file.close()

    def write(self, data):
        self.file.write(data[:100])
        raise OSError(28, "No space left on device")


def test_a_disk_too_small_is_said_before_anything_is_computed(monkeypatch):
    usage = feature_store.shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(feature_store.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(OxError, match="still to compute take"):
        open_store().make_room([bytes([i] * 16) for i in range(9)])


def test_a_cache_that_is_a_file_is_one_sentence(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("OX_CACHE", str(tmp_path / "file"))
    with pytest.raises(OxError, match="can't keep features in"):
        open_store()


def test_shards_stay_small_enough_to_evict(monkeypatch):
    monkeypatch.setattr(feature_store, "SHARD_BYTES", 1000)
    store, keys = fill("many", 5)
    assert len(list(store.folder.iterdir())) == 3  # a record is 404 bytes (16 + 4 x 96 + 4), so two fit
    np.testing.assert_array_equal(FeatureStore("many", SHAPE).rows(keys)[:, 0, 0, 0], range(5))


def test_two_processes_may_fill_the_same_store():
    first, second = open_store(), open_store()
    first.add(b"a" * 16, np.full(SHAPE, 1, np.float32))
    second.add(b"b" * 16, np.full(SHAPE, 2, np.float32))
    first.add(b"c" * 16, np.full(SHAPE, 3, np.float32))
    rows = open_store().rows([b"c" * 16, b"b" * 16, b"a" * 16])
    np.testing.assert_array_equal(rows[:, 0, 0, 0], [3, 2, 1])


def test_batches_cover_each_image_once_an_epoch_in_an_order_of_seed_and_epoch():
    seen = []

    def extract(epoch, indices):
        seen.append((epoch, list(indices)))
        return indices[:, None].astype(np.float32)

    batches = features.FeatureBatches(extract, np.arange(10) * 10, batch_size=4, shuffle=True, seed=5)
    orders = []
    for epoch in range(2):
        rows = [batches.batch(i, epoch) for i in range(len(batches))]
        assert [len(x) for x, _ in rows] == [4, 4, 2]
        assert all((x[:, 0] * 10 == y).all() for x, y in rows)
        orders.append([place for e, indices in seen for place in indices if e == epoch])
    assert [sorted(order) for order in orders] == [list(range(10))] * 2
    assert orders[0] != orders[1] != list(range(10))
    again = features.FeatureBatches(extract, np.arange(10), batch_size=4, shuffle=True, seed=5)
    # a resumed run goes on in the order of the undisturbed one
    assert np.concatenate([again.batch(i, 1)[1] for i in range(3)]).tolist() == orders[1]


def test_features_of_an_older_decoding_are_in_another_store(monkeypatch):
    before = features.store_kind("vgg16", (32, 32), "float32", "a" * 32)
    monkeypatch.setattr(features, "DECODING", features.DECODING + 1)
    assert features.store_kind("vgg16", (32, 32), "float32", "a" * 32) != before
