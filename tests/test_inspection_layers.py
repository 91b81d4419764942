"""Kernels, feature maps and Grad-CAM, against networks small enough to work out by hand."""

import keras
import numpy as np
import pytest
from keras import layers

from ox_classifier.inspection.gradcam import grad_cam
from ox_classifier.inspection.layers import (
    convolutions_frozen,
    feature_maps,
    kernels,
    layer_table,
    layer_text,
    untrained,
)
from ox_classifier.networks.bases import vgg16
from ox_classifier.networks.builders import BUILDERS, cnn, lenet, mlp

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def images():
    return np.random.default_rng(0).random((2, 24, 26, 3), dtype="float32")


def test_layer_table_and_its_text():
    rows = layer_table(cnn((28, 28, 1), 10))
    assert [(row.name, row.kind, row.output_shape, row.parameters) for row in rows] == [
        ("pixels", "InputLayer", (28, 28, 1), 0),
        ("conv1", "Conv2D", (28, 28, 32), 320),
        ("pool1", "MaxPooling2D", (14, 14, 32), 0),
        ("conv2", "Conv2D", (14, 14, 64), 18_496),
        ("pool2", "MaxPooling2D", (7, 7, 64), 0),
        ("flatten", "Flatten", (3136,), 0),
        ("probabilities", "Dense", (10,), 31_370),
    ]
    lines = layer_text(rows).splitlines()
    assert lines[0].split() == ["layer", "kind", "output", "parameters"]
    assert lines[4].split() == ["conv2", "Conv2D", "14x14x64", "18,496"]
    assert lines[-2].split() == ["total", "50,186"]
    assert lines[-1] == "50,186 trainable, 0 frozen"
    assert len({len(line) for line in lines[:-1]}) == 1


def test_frozen_layers_are_counted_as_frozen():
    model = cnn((28, 28, 1), 10)
    model.get_layer("conv2").trainable = False
    assert layer_text(layer_table(model)).endswith("31,690 trainable, 18,496 frozen")


@pytest.mark.parametrize("arch", BUILDERS)
def test_untrained_weights_are_recreated_from_the_seed(arch):
    keras.utils.set_random_seed(7)
    first = BUILDERS[arch]((28, 28, 1), 3)
    start = first.get_weights()
    keras.random.uniform((3,))  # moves the random state, as training does
    again = untrained(lambda: BUILDERS[arch]((28, 28, 1), 3), seed=7)
    for expected, found in zip(start, again.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
    other = untrained(lambda: BUILDERS[arch]((28, 28, 1), 3), seed=8)
    assert any(not np.array_equal(a, b) for a, b in zip(start, other.get_weights(), strict=True))


def test_kernels_before_and_after():
    before = lenet((24, 24, 3), 2)
    after = lenet((24, 24, 3), 2)
    after.set_weights(before.get_weights())
    after.get_layer("conv2").kernel.assign_add(np.full((3, 3, 32, 32), 0.5))
    found = kernels(after, before)
    assert [(k.layer, k.after.shape) for k in found] == [
        ("conv1", (3, 3, 3, 32)),
        ("conv2", (3, 3, 32, 32)),
        ("conv3", (3, 3, 32, 64)),
    ]
    assert [k.changed for k in found] == [False, True, False]
    np.testing.assert_allclose(found[1].after - found[1].before, 0.5, atol=1e-6)
    np.testing.assert_array_equal(found[0].before, before.get_layer("conv1").kernel.numpy())


def test_a_depthwise_kernel_is_shown_as_filters_of_one_channel_each():
    pixels = keras.Input((5, 5, 3))
    model = keras.Model(pixels, layers.Flatten()(layers.DepthwiseConv2D(3, name="deep")(pixels)))
    (found,) = kernels(model, model)
    assert found.after.shape == (3, 3, 1, 3)
    np.testing.assert_array_equal(found.after[:, :, 0, 2], model.get_layer("deep").kernel.numpy()[:, :, 2, 0])


def test_a_network_without_convolution_shows_its_first_dense_layer():
    model = mlp((5, 4, 3), 2)
    (found,) = kernels(model, model)
    assert (found.layer, found.after.shape) == ("dense1", (5, 4, 3, 512))
    weights = model.get_layer("dense1").kernel.numpy()
    # pixel (2, 3), channel 1 is value 2 x 4 x 3 + 3 x 3 + 1 = 34 of the flattened image
    np.testing.assert_array_equal(found.after[2, 3, 1], weights[34])
    assert "image" in found.note
    assert feature_maps(model, np.zeros((1, 5, 4, 3), "float32")) == {}


def test_feature_maps_equal_numpys_convolution(images):
    model = lenet(images.shape[1:], 3)
    found = feature_maps(model, images)
    assert {name: maps.shape for name, maps in found.items()} == {
        "conv1": (2, 22, 24, 32),  # 24 - 2 and 26 - 2
        "conv2": (2, 9, 10, 32),  # 11 - 2 and 12 - 2
        "conv3": (2, 2, 3, 64),  # 4 - 2 and 5 - 2
    }
    layer = model.get_layer("conv1")
    each = {"axis": (1, 2, 3), "keepdims": True}
    seen = (images - images.mean(**each)) / np.sqrt(images.var(**each) + 1e-4)
    windows = np.lib.stride_tricks.sliding_window_view(seen, (3, 3), axis=(1, 2))  # n, 22, 24, channels, 3, 3
    expected = np.einsum("nyxcij,ijcf->nyxf", windows, layer.kernel.numpy()) + layer.bias.numpy()
    np.testing.assert_allclose(found["conv1"], np.maximum(expected, 0), atol=1e-5)


def _by_hand(last, kernel, *, bias=(0.0, 0.0), frozen=False):
    """Two pixels wide: a convolution of two filters, pixel x 1 and pixel x 2 plus bias, flattened, one dense layer."""
    pixels = keras.Input((1, 2, 1))
    conv = layers.Conv2D(2, 1, name="conv")
    x = layers.Flatten()(conv(pixels))
    dense = layers.Dense(len(kernel[0]), activation=last)
    model = keras.Model(pixels, dense(x))
    conv.set_weights([np.array([[[[1.0, 2.0]]]]), np.array(bias)])
    dense.set_weights([np.array(kernel, dtype="float32"), np.zeros(len(kernel[0]))])
    conv.trainable = not frozen
    return model


# Values of the convolution for pixels (1, 0.25): filter a (1, 0.25), filter b (2, 0.5); flattened: a1 b1 a2 b2.
TWO_PIXELS = np.array([[[[1.0], [0.25]]]], dtype="float32")


@pytest.mark.parametrize("frozen", [False, True])
def test_grad_cam_of_a_network_worked_out_by_hand(frozen):
    # Scores: class 0 = 3 a1 + b1 + 1 a2 + b2 = 3 + 2 + 0.25 + 0.5 = 5.75, class 1 = 0.
    model = _by_hand("softmax", [[3, 0], [1, 0], [1, 0], [1, 0]], frozen=frozen)
    found = grad_cam(model, TWO_PIXELS)
    # Mean gradients of class 0: a (3 + 1) / 2 = 2, b (1 + 1) / 2 = 1. Map: 2 a + b = (4, 1), over 4.
    np.testing.assert_allclose(found.maps, [[[1, 0.25]]], atol=1e-6)
    assert (found.layer, found.predicted.tolist()) == ("conv", [0])
    np.testing.assert_allclose(found.probability, 1 / (1 + np.exp(-5.75)), rtol=1e-5)


@pytest.mark.parametrize(("sign", "predicted"), [(1, 1), (-1, 0)])
def test_grad_cam_of_one_sigmoid_explains_the_class_it_predicts(sign, predicted):
    # z = sign x (a1 + 2 a2) = sign x 1.5; the score of the predicted class grows with it either way:
    # mean gradient of a 1.5 / 2, of b 0; map proportional to a.
    model = _by_hand("sigmoid", [[sign], [0], [2 * sign], [0]])
    found = grad_cam(model, TWO_PIXELS)
    assert found.predicted.tolist() == [predicted]
    np.testing.assert_allclose(found.maps, [[[1, 0.25]]], atol=1e-6)
    np.testing.assert_allclose(found.probability, 1 / (1 + np.exp(-1.5)), rtol=1e-5)
    answer = float(model(TWO_PIXELS)[0, 0])
    np.testing.assert_allclose(found.probability, answer if predicted else 1 - answer, rtol=1e-5)


def test_grad_cam_keeps_only_what_speaks_for_the_class():
    # With bias -1 filter b is (1, -0.5). Score of class 0: b1 + b2 = 0.5, its mean gradient of b 1 and of a 0;
    # the map is b, and of (1, -0.5) the second place speaks against.
    model = _by_hand("softmax", [[0, 0], [1, 0], [0, 0], [1, 0]], bias=(0, -1))
    np.testing.assert_allclose(grad_cam(model, TWO_PIXELS).maps, [[[1, 0]]], atol=1e-6)


def test_a_class_that_nothing_speaks_for_has_an_empty_map():
    # Class 0 wins by its score 10 a1 - 10 a2 - b1 - b2 = 5; the mean gradient of a is 0, of b -1: all against.
    model = _by_hand("softmax", [[10, 0], [-1, 0], [-10, 0], [-1, 0]])
    found = grad_cam(model, TWO_PIXELS)
    assert found.predicted.tolist() == [0]
    np.testing.assert_array_equal(found.maps, [[[0, 0]]])


def test_grad_cam_without_convolution_is_pixel_times_gradient():
    pixels = keras.Input((1, 2, 1), name="pixels")
    dense = layers.Dense(2, activation="softmax")
    model = keras.Model(pixels, dense(layers.Flatten()(pixels)))
    dense.set_weights([np.array([[4.0, 0], [-8.0, 0]]), np.zeros(2)])  # score 4 x 1 - 8 x 0.25 = 2
    found = grad_cam(model, TWO_PIXELS)
    np.testing.assert_allclose(found.maps, [[[1, 0.5]]], atol=1e-6)  # 4 and 2, over 4
    assert found.layer == "pixels"


@pytest.mark.parametrize("arch", BUILDERS)
def test_every_network_is_explained_as_it_predicts(arch, images):
    model = BUILDERS[arch](images.shape[1:], 10)
    found = grad_cam(model, images)
    answer = model(images).numpy()
    assert found.predicted.tolist() == answer.argmax(axis=1).tolist()
    np.testing.assert_allclose(found.probability, answer.max(axis=1), atol=1e-5)
    assert found.maps.min() >= 0 and found.maps.max() <= 1
    assert found.layer == {"lenet": "conv3", "mlp": "pixels", "mlp1": "pixels"}.get(arch, "conv2")


def test_vgg16_with_its_frozen_base_is_looked_into_like_the_rest():
    images = np.random.default_rng(0).random((1, 32, 32, 3), dtype="float32")
    model = vgg16((32, 32, 3), 10, weights="none")
    assert convolutions_frozen(model) and not convolutions_frozen(cnn((28, 28, 1), 10))
    maps = feature_maps(model, images)
    assert list(maps) == [f"block{b}_conv{c}" for b, n in enumerate((2, 2, 3, 3, 3), 1) for c in range(1, n + 1)]
    assert maps["block5_conv3"].shape == (1, 2, 2, 512)  # 32 → 16 → 8 → 4 → 2
    found = kernels(model, model)
    assert [k.layer for k in found] == list(maps)
    first = model.get_layer("block1_conv1").kernel.numpy()
    np.testing.assert_array_equal(found[0].after, first[:, :, ::-1])  # VGG16 takes blue first, we show red first
    found = grad_cam(model, images)
    assert (found.layer, found.maps.shape) == ("block5_conv3", (1, 2, 2))
    assert found.predicted[0] == model(images).numpy().argmax()
    assert layer_text(layer_table(model)).endswith("5,130 trainable, 14,714,688 frozen")  # 10 x (512 + 1)
