"""ONNX written node by node answers as Keras does, and what it can't write goes to tf2onnx."""

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from keras import layers
from scipy.special import softmax

from ox_classifier.networks import bases, onnx_export
from ox_classifier.networks.builders import BUILDERS
from ox_classifier.networks.onnx_export import NotWrittenError

pytestmark = pytest.mark.tensorflow


def answers(path, pixels):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: pixels})[0]


def check(model, path):
    onnx_export.write(model, path)
    onnx.checker.check_model(onnx.load(path))
    for count in (1, 3):
        pixels = np.random.default_rng(count).random((count, *model.input_shape[1:]), np.float32)
        np.testing.assert_allclose(answers(path, pixels), model(pixels, training=False), atol=1e-5)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(("arch", "classes"), [("lenet", 2), ("mlp1", 5)], ids=["sigmoid", "softmax"])
def test_the_logits_are_what_the_probabilities_are_made_of(arch, classes):
    keras.utils.set_random_seed(1)
    model = BUILDERS[arch]((24, 22, 1), classes)
    pixels = 9 * np.random.default_rng(0).random((7, 24, 22, 1), np.float32)
    raw = model(pixels, training=False).numpy()
    raw = np.concatenate([1 - raw, raw], axis=1) if classes == 2 else raw
    np.testing.assert_allclose(softmax(onnx_export.logits(model, pixels), axis=1), raw, atol=1e-6)


def test_the_logits_of_a_head_that_learns_from_outliers(tmp_path):
    keras.utils.set_random_seed(1)
    model = bases.build("vgg16", (32, 32, 3), 3, weights="none", outliers=True)[0]
    onnx_export.from_layers(model)  # and not by way of tf2onnx
    pixels = np.random.default_rng(0).random((4, 32, 32, 3), np.float32)
    raw = model(pixels, training=False).numpy()
    np.testing.assert_allclose(softmax(onnx_export.logits(model, pixels), axis=1), raw, atol=1e-6)
    check(model, tmp_path / "model.onnx")


@pytest.mark.parametrize("axis", [1, 2])
def test_a_softmax_over_places_is_no_answer(axis):
    with pytest.raises(NotWrittenError):
        onnx_export.from_layers(keras.Sequential([keras.Input((8, 8, 4)), layers.Conv2D(2, 1), layers.Softmax(axis)]))


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("arch", BUILDERS)
def test_every_network_of_the_course(arch, classes, tmp_path):
    model = BUILDERS[arch]((29, 26, 3), classes, dropout=0.3)
    onnx_export.from_layers(model)  # and not by way of tf2onnx
    check(model, tmp_path / "model.onnx")


@pytest.mark.parametrize(
    "middle",
    [
        [layers.Conv2D(4, 3, strides=2, padding="same"), layers.GlobalAveragePooling2D()],
        [layers.Conv2D(4, (3, 2), dilation_rate=2, use_bias=False, activation="sigmoid"), layers.Flatten()],
        [layers.Rescaling([1.0, 2.0, 3.0], offset=[0.1, 0.2, 0.3]), layers.MaxPooling2D(3, 2, padding="same")],
        [layers.Conv2D(3, 1), layers.Activation("relu")],  # ends on an image: back in Keras' order
        [layers.Dense(3, use_bias=False), layers.Flatten()],
    ],
)
def test_the_settings_of_each_layer(middle, tmp_path):
    model = keras.Sequential([keras.Input((11, 12, 3)), *middle])
    onnx_export.from_layers(model)
    check(model, tmp_path / "model.onnx")


@pytest.mark.parametrize("kind", ["branch", "layer", "activation", "groups", "average"])
def test_what_is_no_plain_chain_is_refused(kind):
    entry = keras.Input((8, 8, 4))
    if kind == "branch":
        out = layers.Add()([layers.Conv2D(2, 1)(entry), layers.Conv2D(2, 1)(entry)])
    elif kind == "layer":
        out = layers.LayerNormalization()(entry)
    elif kind == "activation":
        out = layers.Conv2D(2, 1, activation="gelu")(entry)
    elif kind == "groups":
        out = layers.Conv2D(4, 1, groups=2)(entry)
    else:
        out = layers.GlobalAveragePooling2D(keepdims=True)(entry)
    with pytest.raises(NotWrittenError):
        onnx_export.from_layers(keras.Model(entry, out))


def test_a_branching_network_goes_through_tf2onnx(tmp_path):
    entry = keras.Input((8, 8, 3))
    out = layers.Add()([layers.Conv2D(2, 1)(entry), layers.Conv2D(2, 1)(entry)])
    check(keras.Model(entry, out), tmp_path / "model.onnx")


def test_nothing_half_written_stays(tmp_path, monkeypatch):
    def fail(model):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(onnx_export, "from_layers", fail)
    with pytest.raises(OSError, match="No space"):
        onnx_export.write(BUILDERS["mlp1"]((4, 4, 1), 2), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())
