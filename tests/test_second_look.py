"""A frozen base's second look at a picture, made small: against OpenCV, against two networks, and in every file."""

import cv2
import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf

from ox_classifier import onnx_file
from ox_classifier.inspection.gradcam import grad_cam
from ox_classifier.networks import bases, onnx_export, saved, second_look, transfer
from ox_classifier.report.network_end import NetworkEnd

pytestmark = pytest.mark.tensorflow
SIDE = 192
PIXELS = cv2.GaussianBlur(np.random.default_rng(0).random((SIDE, SIDE, 6), np.float32), (0, 0), 3)
PIXELS = np.stack([PIXELS[..., :3], PIXELS[..., 3:]])
AFAR = np.stack([cv2.resize(one, (96, 96), interpolation=cv2.INTER_AREA) for one in PIXELS])


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(1)
    return bases.build("vgg16", (SIDE, SIDE, 3), 2, weights="none", outliers=True)[0]


def small(pixels):
    entry = keras.Input(pixels.shape[1:])
    return keras.Model(entry, second_look._small(entry)).predict_on_batch(pixels)


@pytest.mark.parametrize("shape", [(224, 224), (192, 192), (336, 224), (192, 288), (672, 672)])
def test_the_small_picture_is_the_mean_of_each_area(shape):
    pixels = np.random.default_rng(0).random((*shape, 3), np.float32)
    height, width = (round(96 * side / min(shape)) for side in shape)
    expected = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(small(pixels[None])[0], expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(251, 193), (1000, 701), (225, 2000)])
def test_a_picture_of_any_sides_is_made_small(shape):
    """Where no small number of repeats divides: no pixel of the small one is far from the mean of its area."""
    pixels = cv2.GaussianBlur(np.random.default_rng(0).random((*shape, 3), np.float32), (0, 0), 3)
    height, width = (round(96 * side / min(shape)) for side in shape)
    expected = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    found = small(pixels[None])[0]
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 0.2 * np.ptp(expected)


@pytest.fixture
def looks(network, monkeypatch):
    """The network's base, and two of the same weights that see a picture once: as it is, and at 96 pixels."""
    monkeypatch.setattr(second_look, "LEAST", SIDE + 1)
    base = transfer.split(network)[0]
    alone = [transfer.split(bases.build("vgg16", (side, side, 3), 2, weights="none")[0])[0] for side in (SIDE, 96)]
    for model in alone:
        model.set_weights(base.get_weights())
    return base, *alone


def test_features_are_the_mean_of_two_networks(looks):
    base, whole, near = looks
    afar = near.predict_on_batch(AFAR)
    assert afar.shape == (2, 3, 3, 512)
    expected = (whole.predict_on_batch(PIXELS) + afar.repeat(2, axis=1).repeat(2, axis=2)) / 2
    np.testing.assert_allclose(base.predict_on_batch(PIXELS), expected, rtol=1e-3, atol=1e-3)


def test_fine_tuning_learns_from_both_looks(looks):
    """A kernel's gradient is the mean of those of the two networks."""

    def gradient(model, pixels):
        with tf.GradientTape() as tape:
            [layer] = transfer.release(model, 1)
            total = tf.reduce_sum(model(pixels)[..., ::2]) * 36 / (model.output_shape[1] * model.output_shape[2])
        layer.trainable = False
        return tape.gradient(total, layer.kernel.value).numpy()

    base, whole, near = looks
    expected = (gradient(whole, PIXELS) + gradient(near, AFAR)) / 2
    found = gradient(base, PIXELS)
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())


def test_it_takes_no_parameters_and_small_pictures_are_seen_once(network, monkeypatch):
    once = bases.build("vgg16", (SIDE - 1, 224, 3), 2, weights="none")[0]
    assert "both_looks" not in [layer.name for layer in once.layers]
    assert "both_looks" in [layer.name for layer in network.layers]
    monkeypatch.setattr(second_look, "LEAST", SIDE + 1)
    without = bases.build("vgg16", (SIDE, SIDE, 3), 2, weights="none", outliers=True)[0]
    assert network.count_params() == without.count_params()


def test_every_file_answers_alike_and_has_the_weights_once(network, tmp_path):
    expected = network.predict_on_batch(PIXELS)
    onnx_export.from_layers(network)  # and not by way of tf2onnx
    onnx_export.write(network, tmp_path / "model.onnx")
    onnx_file.check(tmp_path / "model.onnx")
    answers = onnxruntime.InferenceSession(tmp_path / "model.onnx").run(None, {"pixels": PIXELS})[0]
    np.testing.assert_allclose(answers, expected, atol=1e-5)
    network.save(tmp_path / "model.keras")
    again = saved.load_classifier(tmp_path / "model.keras", (SIDE, SIDE, 3), 2)
    np.testing.assert_allclose(again.predict_on_batch(PIXELS), expected, atol=1e-6)
    weights = 4 * network.count_params()
    assert weights < (tmp_path / "model.onnx").stat().st_size < 1.01 * weights


def test_what_decided_is_shown_of_the_first_look(network, tmp_path):
    onnx_export.write(network, tmp_path / "model.onnx")
    end, expected = NetworkEnd(tmp_path / "model.onnx"), grad_cam(network, PIXELS)
    assert (expected.layer, expected.maps.shape) == ("block5_conv3", (2, 12, 12))
    assert expected.maps.any()
    np.testing.assert_allclose(end.grad_cam(PIXELS), expected.maps, atol=1e-4)
