"""Grad-CAM and features through ONNX Runtime, against Keras and TensorFlow on the same networks."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from ox_classifier.inspection.gradcam import grad_cam
from ox_classifier.networks import bases, builders, onnx_export
from ox_classifier.report.gradients import NotKnownError
from ox_classifier.report.network_end import NetworkEnd, find_end
from tests import hand_made

pytestmark = pytest.mark.tensorflow
PIXELS = np.random.default_rng(0).random((3, 40, 40, 3)).astype(np.float32)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("arch", ["lenet", "cnn", "cnn-dense", "cnn-dropout", "mlp1", "mlp", "vgg16", "mobilenetv2"])
def test_maps_and_features_are_those_of_keras(arch, classes, tmp_path):
    keras.utils.set_random_seed(classes)
    if arch in builders.BUILDERS:
        model = builders.BUILDERS[arch]((40, 40, 3), classes)
    elif classes == 2:
        model = bases.build(arch, (40, 40, 3), classes, weights="none")[0]
    else:
        pytest.skip("a base has the same end for any number of classes")
    onnx_export.write(model, tmp_path / "model.onnx")
    end, expected = NetworkEnd(tmp_path / "model.onnx"), grad_cam(model, PIXELS)
    assert expected.maps.any()
    np.testing.assert_allclose(end.grad_cam(PIXELS), expected.maps, atol=1e-4)
    before = keras.Model(model.input, model.output._keras_history.operation.input)
    features = keras.ops.convert_to_numpy(before(PIXELS, training=False)).reshape(len(PIXELS), -1)
    np.testing.assert_allclose(end.features(PIXELS), features, atol=1e-4)
    assert features.shape[1] == end.width


def test_a_network_that_ends_otherwise_is_told_apart():
    with pytest.raises(NotKnownError):
        find_end(hand_made.network().graph)
