"""A run's model.onnx says what it tells apart, what pixels it takes and who made it."""

from __future__ import annotations

import json

import numpy as np
import onnx
import onnxruntime
import pytest

from ox_classifier import __version__
from ox_classifier.networks.onnx_metadata import describe, meaning
from ox_classifier.pixels import PixelRule

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def network(tmp_path):
    """A file that gives the mean of each picture, without a word about itself."""
    ends = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None, *shape])
        for name, shape in (("pixels", (4, 4, 1)), ("probability", (1,)))
    ]
    node = onnx.helper.make_node("ReduceMean", ["pixels"], ["probability"], axes=[1, 2], keepdims=0)
    node2 = onnx.helper.make_node("Flatten", ["mean"], ["probability"], axis=1)
    node.output[0] = "mean"
    graph = onnx.helper.make_graph([node, node2], "mean", ends[:1], ends[1:])
    opset = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def test_a_run_s_own_file_says_what_it_is(tiny_run):
    session = onnxruntime.InferenceSession(tiny_run.onnx_file, providers=["CPUExecutionProvider"])
    told = session.get_modelmeta().custom_metadata_map
    assert json.loads(told["classes"]) == list(tiny_run.classes)
    assert PixelRule(**json.loads(told["pixels"])) == tiny_run.rule
    assert told["producer"] == f"ox-classifier {__version__}"
    assert float(told["temperature"]) == tiny_run.assurance.temperature
    assert float(told["threshold"]) == tiny_run.assurance.unsure.threshold
    assert session.get_inputs()[0].shape[0] == session.get_outputs()[0].shape[0] == "batch"


def test_answers_stay_and_later_values_are_added(network, tmp_path):
    pixels = np.random.default_rng(0).random((3, 4, 4, 1), np.float32)
    answer = onnxruntime.InferenceSession(network).run(None, {"pixels": pixels})[0]
    rule = PixelRule(4, 4, "grayscale")
    describe(network, ["o", '잎, "x"'], rule)
    describe(network, ["o", '잎, "x"'], rule, temperature=1.25, threshold=0.9)
    session = onnxruntime.InferenceSession(network)
    told = session.get_modelmeta().custom_metadata_map
    assert json.loads(told["classes"]) == ["o", '잎, "x"']
    assert (float(told["temperature"]), float(told["threshold"])) == (1.25, 0.9)
    np.testing.assert_array_equal(session.run(None, {"pixels": pixels})[0], answer)
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


def test_the_meaning_of_one_number_and_of_many():
    assert meaning(1, ["o", "x"]) == "the probability of x; that of o is 1 minus it"
    assert "order" in meaning(3, ["a", "b", "c"])
