"""What a network's answer takes, read from the file: oracle onnx' own shape inference."""

from __future__ import annotations

import math

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from ox_classifier import activations
from ox_classifier.classifier import BATCH, MOST_BATCH_BYTES
from tests.conftest import REPOSITORY

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("Conv"), st.integers(1, 40), st.sampled_from([1, 2])),
        st.tuples(st.just("MaxPool"), st.just(0), st.just(2)),
        st.tuples(st.just("Relu"), st.just(0), st.just(1)),
    ),
    max_size=6,
)


def chain(side, steps):
    """A network of padded convolutions, poolings and ReLUs over an RGB square, and its end."""
    nodes, weights, last, channels = [helper.make_node("Transpose", ["pixels"], ["t"], perm=[0, 3, 1, 2])], [], "t", 3
    for number, (kind, made, stride) in enumerate(steps):
        inputs, options = [last], {}
        if kind == "Conv":
            weights.append(numpy_helper.from_array(np.zeros((made, channels, 3, 3), np.float32), f"w{number}"))
            inputs, channels = [last, f"w{number}"], made
            options = {"strides": [stride] * 2, "pads": [1] * 4, "kernel_shape": [3, 3]}
        elif kind == "MaxPool":
            options = {"strides": [2, 2], "kernel_shape": [2, 2]}
        last = f"{kind}{number}"
        nodes.append(helper.make_node(kind, inputs, [last], **options))
    weights.append(numpy_helper.from_array(np.zeros((channels, 2), np.float32), "end"))
    nodes.append(helper.make_node("GlobalAveragePool", [last], ["mean"]))
    nodes.append(helper.make_node("Flatten", ["mean"], ["flat"]))
    nodes.append(helper.make_node("MatMul", ["flat", "end"], ["answer"]))
    given = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", side, side, 3])
    answer = helper.make_tensor_value_info("answer", TensorProto.FLOAT, ["n", 2])
    return helper.make_model(helper.make_graph(nodes, "chain", [given], [answer], weights))


def exact(model):
    """The same by the shapes that onnx infers for one image."""
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    graph = onnx.shape_inference.infer_shapes(model).graph
    sizes = {
        value.name: 4 * math.prod(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in (*graph.input, *graph.value_info)
    } | {"answer": 8}
    apart = [n for n in graph.node if n.op_type in activations.APART]
    return max(*sizes.values(), *(sizes[n.input[0]] + sizes[n.output[0]] for n in apart))


@given(st.sampled_from([32, 64, 128]), STEPS)
def test_the_largest_step_is_what_onnx_infers(tmp_path_factory, side, steps):
    model = chain(side, steps[:5])
    path = tmp_path_factory.mktemp("chain") / "model.onnx"
    onnx.save(model, path)
    assert activations.bytes_an_image(path, (side, side, 3)) == exact(model)


VGG16 = [("Conv", 64, 1), ("Relu", 0, 1), ("Conv", 64, 1), ("Relu", 0, 1), ("MaxPool", 0, 2), ("Conv", 128, 1)]
LENET = [("Conv", 32, 1), ("Relu", 0, 1), ("MaxPool", 0, 2), ("Conv", 32, 1), ("Relu", 0, 1), ("MaxPool", 0, 2)]


@pytest.mark.parametrize(("side", "steps", "batch"), [(224, VGG16, 4), (150, LENET, BATCH)])
def test_the_first_steps_of_vgg16_and_lenet_make_batches_of(tmp_path, side, steps, batch):
    onnx.save(chain(side, steps), tmp_path / "model.onnx")
    assert min(BATCH, MOST_BATCH_BYTES // activations.bytes_an_image(tmp_path / "model.onnx", (side, side, 3))) == batch


def test_of_a_network_that_ox_trained():
    """22x22x3 in, 20x20x32 out of the first convolution; that one is taken to keep the edge."""
    path = REPOSITORY / "tests" / "data" / "lenet-22" / "model.onnx"
    assert activations.bytes_an_image(path, (22, 22, 3)) == 4 * 22 * 22 * (32 + 8)
