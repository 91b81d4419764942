"""What model.onnx does beside the network: mirrored looks and the temperature, against NumPy on the plain network."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from ox_classifier.errors import OxError
from ox_classifier.networks import answering


def network(path, classes, activation="Softmax"):
    """A linear network of pictures (n, 6, 8, 3), ending as `activation` says, with an Identity after it."""
    rng = np.random.default_rng(0)
    weights = numpy_helper.from_array(rng.standard_normal((144, classes)).astype(np.float32), "weights")
    nodes = [
        helper.make_node("Flatten", ["pixels"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        helper.make_node(activation, ["logits"], ["answer"]),
        helper.make_node("Identity", ["answer"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [None, 6, 8, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, classes])],
        [weights],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return numpy_helper.to_array(weights)


def run(path, pixels):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: pixels})[0]


def activated(logits):
    if logits.shape[1] == 1:
        return 1 / (1 + np.exp(-logits))
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("classes", "activation"), [(1, "Sigmoid"), (4, "Softmax")])
@pytest.mark.parametrize("axes", [(), ((2,),), ((1,), (2,), (1, 2))])
@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_logits_are_averaged_over_the_looks_and_divided(tmp_path, classes, activation, axes, temperature):
    path = tmp_path / "model.onnx"
    weights = network(path, classes, activation)
    answering.average_mirrored(path, axes)
    answering.temper(path, 8.0)
    answering.temper(path, temperature)  # the last one counts
    onnx.checker.check_model(onnx.load(path))
    pixels = np.random.default_rng(1).random((5, 6, 8, 3)).astype(np.float32)
    looks = [pixels, *(np.flip(pixels, axis) for axis in axes)]
    logits = np.mean([look.reshape(5, -1) @ weights for look in looks], axis=0)
    np.testing.assert_allclose(run(path, pixels), activated(logits / temperature), atol=1e-5)
    assert run(path, pixels[:1]).shape == (1, classes) and run(path, pixels[:0]).shape == (0, classes)


def test_a_network_without_probabilities_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "model.onnx"
    network(path, 3, "Relu")
    before = path.read_bytes()
    for change in (lambda: answering.temper(path, 2.0), lambda: answering.average_mirrored(path, ((1,),))):
        with pytest.raises(OxError, match="no Sigmoid and no Softmax"):
            change()
    assert path.read_bytes() == before
