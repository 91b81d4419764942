"""model.keras from a stranger: nothing in it runs, reads other files or takes giant memory; one sentence says so."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import warnings
import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from ox_classifier.errors import UsageError
from ox_classifier.networks import saved
from ox_classifier.networks.builders import BUILDERS

pytestmark = pytest.mark.tensorflow
CONFIG, WEIGHTS = "config.json", "model.weights.h5"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    BUILDERS["cnn-dropout"]((12, 12, 1), 3).save(path)
    return path


@pytest.fixture
def path(whole, tmp_path):
    return shutil.copy(whole, tmp_path / "model.keras")


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewrite(path, files, compression=zipfile.ZIP_STORED):
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", compression) as archive:
        warnings.simplefilter("ignore")  # of two members of one name
        for name, data in files.items() if isinstance(files, dict) else files:
            archive.writestr(name, data)


def layer(config, kind):
    return next(each for each in config["config"]["layers"] if each["class_name"] == kind)


def with_config(change):
    """A file whose configuration was changed by a function."""

    def build(path):
        files = members(path)
        config = json.loads(files[CONFIG])
        change(config)
        rewrite(path, files | {CONFIG: json.dumps(config)})

    return build


def with_weights(change):
    """A file whose HDF5 weights were changed by a function."""

    def build(path):
        files = members(path)
        stream = io.BytesIO(files[WEIGHTS])
        with h5py.File(stream, "r+") as weights:
            change(weights)
        rewrite(path, files | {WEIGHTS: stream.getvalue()})

    return build


def with_files(change):
    def build(path):
        rewrite(path, change(members(path)))

    return build


def runs_code(config):
    """Python bytecode in a Lambda layer."""
    code = keras.saving.serialize_keras_object(layers.Lambda(lambda x: x))
    layer(config, "Dropout").update(code)


def calls(module, name, registered=None):
    def change(config):
        layer(config, "Dropout").update(module=module, class_name=name, registered_name=registered)

    return change


def as_activation(config):
    layer(config, "Dense")["config"]["activation"] = {"module": "os", "class_name": "function", "config": "system"}


def as_initializer(config):
    initializer = layer(config, "Dense")["config"]["kernel_initializer"]
    initializer.update(module="builtins", class_name="eval")


def huge_layer(config):
    layer(config, "Conv2D")["config"]["filters"] = 10**9


def huge_build(config):
    dense = layer(config, "Dense")
    dense["config"]["units"], dense["build_config"]["input_shape"] = 10**6, [None, 10**6]


def huge_padding(config):
    config["config"]["layers"][0]["config"]["batch_shape"] = [None, 10**5, 10**5, 1]


def deep(config):
    inner = config["config"]
    for _ in range(150):
        inner["more"] = {}
        inner = inner["more"]


def linked(link):
    def change(weights):
        group = weights["layers"]["dense" if "dense" in weights["layers"] else next(iter(weights["layers"]))]
        group["vars"]["stolen"] = link

    return change


def outside(weights):
    weights.create_dataset("stolen", (4,), "f4", external=[("/etc/hostname", 0, 16)])


def huge_weights(weights):
    weights.create_dataset("empty", (10**6, 10**6), "f4", chunks=(1000, 1000))  # nothing of it is stored


def pointers(weights):
    weights.create_dataset("names", data=["text"])


def circle(weights):
    weights["layers"]["round"] = weights["layers"]


HOSTILE = {
    "a Lambda": (with_config(runs_code), "class 'keras.layers.Lambda'"),
    "a class of its own": (with_config(calls("evil", "Evil", "evil>Evil")), "class 'evil.Evil'"),
    "os.system": (with_config(calls("os", "system")), "class 'os.system'"),
    "a saved model of TensorFlow": (with_config(calls("keras.layers", "TFSMLayer")), "TFSMLayer"),
    "a layer that reads a vocabulary": (with_config(calls("keras.layers", "StringLookup")), "StringLookup"),
    "a known name registered otherwise": (with_config(calls("keras.layers", "Dense", "evil>Dense")), "Dense"),
    "a function as activation": (with_config(as_activation), "class 'os.function'"),
    "eval as initializer": (with_config(as_initializer), "class 'builtins.eval'"),
    "a giant layer": (with_config(huge_layer), "can't be read"),
    "giant weights planned": (with_config(huge_build), "can't be read"),
    "a giant image": (with_config(huge_padding), "can't be read"),
    "deep nesting": (with_config(deep), "nested deeper"),
    "deeper nesting": (with_files(lambda f: f | {CONFIG: "[" * 200_000}), "no Keras model"),
    "a list as configuration": (with_files(lambda f: f | {CONFIG: "[]"}), "no Keras model"),
    "no configuration": (with_files(lambda f: {k: v for k, v in f.items() if k != CONFIG}), "other members"),
    "a member that climbs out": (with_files(lambda f: f | {"../../evil": b"x"}), "other members"),
    "an absolute member": (with_files(lambda f: f | {"/tmp/evil": b"x"}), "other members"),
    "assets": (with_files(lambda f: f | {"assets/x": b"x"}), "other members"),
    "two configurations": (with_files(lambda f: [*f.items(), (CONFIG, f[CONFIG])]), "other members"),
    "a zip bomb": (
        lambda p: rewrite(p, members(p) | {WEIGHTS: bytes(300 * 2**20)}, zipfile.ZIP_DEFLATED),
        "many times",
    ),
    "a giant configuration": (with_files(lambda f: f | {CONFIG: b" " * (17 * 2**20)}), "17 MB of config.json"),
    "weights in another file": (with_weights(linked(h5py.ExternalLink("/etc/hostname", "/x"))), "link to elsewhere"),
    "a soft link": (with_weights(linked(h5py.SoftLink("/layers"))), "link to elsewhere"),
    "weights in a file of the system": (with_weights(outside), "no plain numbers"),
    "weights that unpack to 4 TB": (with_weights(huge_weights), "many times as large"),
    "pointers": (with_weights(pointers), "no plain numbers"),
    "groups in a circle": (with_weights(circle), "too many groups"),
    "a pickle": (lambda p: p.write_bytes(pickle.dumps({"a": os.getcwd})), "no Keras model"),
    "an .h5 file": (lambda p: h5py.File(p, "w").close(), "no Keras model"),
    "half a file": (lambda p: p.write_bytes(p.read_bytes()[:-500]), "no Keras model"),
    "nothing": (lambda p: p.write_bytes(b""), "no Keras model"),
    "a folder": (lambda p: (p.unlink(), p.mkdir()), "no plain file"),
    "a pipe": (lambda p: (p.unlink(), os.mkfifo(p)), "no plain file"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_one_sentence(path, name):
    build, sentence = HOSTILE[name]
    build(path)
    with pytest.raises(UsageError, match=sentence) as raised:
        saved.load(path)
    assert "\n" not in str(raised.value)


def test_a_flipped_byte_is_seen(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(UsageError, match="no Keras model"):
        saved.load(path)


def test_a_refused_plan_leaves_nothing_that_keras_makes_later(path):
    with_config(huge_build)(path)
    with pytest.raises(UsageError):
        saved.load(path)
    keras.Sequential([keras.Input((4,)), layers.Dense(2)]).predict(np.zeros((1, 4)), verbose=0)  # no 4 TB


@pytest.mark.parametrize("arch", BUILDERS)
def test_every_network_comes_back_as_it_was(arch, tmp_path):
    model = BUILDERS[arch]((29, 26, 3), 2)
    model.compile("adam", "binary_crossentropy")
    model.save(tmp_path / "model.keras")
    again = saved.load(tmp_path / "model.keras")
    pixels = np.random.default_rng(0).random((2, 29, 26, 3), np.float32)
    np.testing.assert_array_equal(again(pixels), model(pixels))
