"""Grad-CAM and features through ONNX Runtime, against Keras and TensorFlow on the same networks."""

from __future__ import annotations

import keras
import numpy as np
import onnx
import pytest
import tensorflow as tf

from ox_classifier.inspection.gradcam import grad_cam
from ox_classifier.networks import answering, bases, builders, onnx_export
from ox_classifier.report.gradients import Node, NotKnownError
from ox_classifier.report.network_end import NetworkEnd, find_end
from ox_classifier.session import Session
from tests import hand_made

pytestmark = pytest.mark.tensorflow
PIXELS = np.random.default_rng(0).random((3, 40, 40, 3)).astype(np.float32)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "arch", ["lenet", "cnn", "cnn-dense", "cnn-dropout", "mlp1", "mlp", "vgg16", "vgg16 with outliers", "mobilenetv2"]
)
def test_maps_and_features_are_those_of_keras(arch, classes, tmp_path):
    keras.utils.set_random_seed(classes)
    if arch in builders.BUILDERS:
        model = builders.BUILDERS[arch]((40, 40, 3), classes)
    elif classes == 2:
        name, _, outliers = arch.partition(" with ")
        model = bases.build(name, (40, 40, 3), classes, weights="none", outliers=bool(outliers))[0]
    else:
        pytest.skip("a base has the same end for any number of classes")
    onnx_export.write(model, tmp_path / "model.onnx")
    answering.temper(tmp_path / "model.onnx", 1.7)
    end, expected = NetworkEnd(tmp_path / "model.onnx"), grad_cam(model, PIXELS)
    assert expected.maps.any()
    np.testing.assert_allclose(end.grad_cam(PIXELS), expected.maps, atol=1e-4)
    last = next(layer for layer in reversed(model.layers) if isinstance(layer, keras.layers.Dense))
    before = keras.Model(model.input, last.input)
    features = keras.ops.convert_to_numpy(before(PIXELS, training=False)).reshape(len(PIXELS), -1)
    np.testing.assert_allclose(end.features(PIXELS), features, atol=1e-4)
    assert features.shape[1] == end.width
    whole = Session(tmp_path / "model.onnx", (40, 40, 3), classes)
    alone = whole.probabilities(end.answer(end.features(PIXELS)), len(PIXELS))
    np.testing.assert_allclose(alone, whole.answer(PIXELS), atol=1e-6)


def test_the_gradient_of_a_mean_is_the_share_of_the_branch_that_is_followed():
    """A map is scaled to its largest value, so that no test of maps sees the share."""
    node = Node(onnx.helper.make_node("Mean", ["x", "other", "third"], ["y"]), {})
    gradient = np.array([[3.0, -6.0]], np.float32)
    assert node.input == "x"
    np.testing.assert_allclose(node.backward(gradient, {"x": gradient, "y": gradient}), [[1, -2]], rtol=1e-6)


@pytest.mark.parametrize("alpha", [None, 0.1, 0.3])
def test_what_speaks_against_a_class_counts_as_onnx_has_it(alpha):
    """One gradient over both sides of 0, as in the looks of one picture; 0.01 is ONNX' own default."""
    given = {} if alpha is None else {"alpha": alpha}
    node = Node(onnx.helper.make_node("LeakyRelu", ["x"], ["y"], **given), {})
    x, gradient = np.array([[-2.0, 3.0], [0.5, -0.1]], np.float32), np.array([[1, 2], [3, 4]], np.float32)
    slope = 0.01 if alpha is None else alpha
    expected = [[slope, 2], [3, 4 * slope]]
    np.testing.assert_allclose(node.backward(gradient, {"x": x, "y": x}), expected, rtol=1e-6)


@pytest.mark.parametrize(("shape", "axis"), [((3, 2, 2, 5), -1), ((3, 5, 2, 2), 1)])
def test_a_normalization_to_unit_length_has_the_gradient_that_keras_finds(shape, axis):
    rng = np.random.default_rng(0)
    x, gradient = rng.normal(size=(2, *shape)).astype(np.float32)
    where = tf.Variable(x)
    with tf.GradientTape() as tape:
        y = tf.math.l2_normalize(where, axis=axis)
        speaks = tf.reduce_sum(y * gradient)
    node = Node(onnx.helper.make_node("LpNormalization", ["x"], ["y"], axis=axis, p=2), {})
    found = node.backward(gradient, {"x": x, "y": y.numpy()})
    np.testing.assert_allclose(found, tape.gradient(speaks, where).numpy(), atol=1e-5)
    nothing = np.zeros_like(x)
    assert not node.backward(gradient, {"x": nothing, "y": nothing}).any()


@pytest.mark.parametrize("axes", [((2,),), ((1,), (2,), (1, 2))])
@pytest.mark.parametrize(("arch", "classes"), [("lenet", 2), ("cnn", 3), ("mlp1", 2)])
def test_a_network_that_looks_at_mirror_images_is_explained_by_all_its_looks(arch, classes, axes, tmp_path):
    """The map is the mean over the looks of Keras' own Grad-CAM for the answered class, each turned back."""
    keras.utils.set_random_seed(classes)
    model, path = builders.BUILDERS[arch]((40, 40, 3), classes), tmp_path / "model.onnx"
    onnx_export.write(model, path)
    plain = NetworkEnd(path)
    answering.average_mirrored(path, axes)
    answering.temper(path, 1.7)
    end = NetworkEnd(path)
    assert end.looks == axes and end.width == plain.width
    np.testing.assert_allclose(end.features(PIXELS), plain.features(PIXELS), atol=1e-5)  # of the pictures as they are
    answer, features = end.with_features.run(None, {end.input: PIXELS})
    assert len(answer) == len(PIXELS) and len(features) == len(PIXELS) * (len(axes) + 1)

    chosen = (answer[:, 0] > 0.5).astype(int) if answer.shape[1] == 1 else answer.argmax(axis=1)
    found = end.grad_cam(PIXELS)
    for i, image in enumerate(PIXELS):
        np.testing.assert_allclose(found[i], map_over_looks(model, image, chosen[i], axes), atol=1e-4)
    assert found.any()


def map_over_looks(model, image, chosen, axes):
    """The mean over a picture's looks of Grad-CAM for a class, each turned back, scaled to [0, 1]."""
    maps = [_raw_map(model, image, chosen)]
    for along in axes:
        sides = [axis - 1 for axis in along]
        maps.append(np.flip(_raw_map(model, np.flip(image, sides), chosen), sides))
    mean = np.mean(maps, axis=0)
    return mean / (mean.max() or 1)


def _raw_map(model, image, chosen):
    """Grad-CAM of one class by TensorFlow, before it is brought to [0, 1]."""
    import tensorflow as tf

    kinds = (keras.layers.Conv2D, keras.layers.MaxPooling2D)
    last = next((layer for layer in reversed(model.layers) if isinstance(layer, kinds[0])), None)
    before = model.layers[-1]
    scores = keras.Model(model.input, [last.output if last else model.input, before.input])
    pixels = tf.convert_to_tensor(image[None])
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        places, flat = scores(pixels, training=False)
        logits = tf.linalg.matmul(flat, before.kernel) + before.bias
        score = (0.5 if chosen else -0.5) * logits[0, 0] if logits.shape[1] == 1 else logits[0, chosen]
    gradient = tape.gradient(score, places if last else pixels)[0].numpy()
    if last is None:
        return np.abs(image * gradient).sum(axis=-1)
    return np.maximum((places[0].numpy() * gradient.mean(axis=(0, 1))).sum(axis=-1), 0)


def test_pictures_put_together_in_another_way_are_not_known(tmp_path):
    path = tmp_path / "model.onnx"
    onnx_export.write(builders.BUILDERS["cnn"]((40, 40, 3), 2), path)
    answering.average_mirrored(path, ((1,),))
    model = onnx.load(path)
    next(node for node in model.graph.node if node.op_type == "Slice").input[0] = "elsewhere"
    onnx.save(model, path)
    with pytest.raises(NotKnownError):
        NetworkEnd(path)


def test_a_network_that_ends_otherwise_is_told_apart():
    with pytest.raises(NotKnownError):
        find_end(hand_made.network().graph)
