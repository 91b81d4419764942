"""A run made by hand, whose network's answers can be worked out: the mean of the red channel."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
from onnx import TensorProto, helper

from ox_classifier import runs
from ox_classifier.pixels import PixelRule

RED = [
    helper.make_node("ReduceMean", ["pixels", "axes"], ["mean"], keepdims=0),
    helper.make_node("Slice", ["mean", "zero", "one", "one"], ["red"]),
]
RULE = PixelRule(8, 8)
CONSTANTS = {"axes": [1, 2], "zero": [0], "one": [1]}


def network(
    nodes: Sequence[onnx.NodeProto] = RED,
    *,
    inputs: dict[str, list] | None = None,
    outputs: dict[str, list] | None = None,
    kind: int = TensorProto.FLOAT,
    constants: Sequence[onnx.TensorProto] = (),
) -> onnx.ModelProto:
    """An ONNX network from pixels of shape (n, 8, 8, 3) to the mean red, shape (n, 1); or, as told, another."""
    values = [helper.make_tensor(name, TensorProto.INT64, [len(v)], v) for name, v in CONSTANTS.items()]
    inputs, outputs = inputs or {"pixels": ["n", 8, 8, 3]}, outputs or {"red": ["n", 1]}
    graph = helper.make_graph(
        list(nodes),
        "red",
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in outputs.items()],
        [*values, *constants],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def run(rule: PixelRule = RULE, model: onnx.ModelProto | None = None) -> runs.Run:
    """A finished run in the current folder's runs/, whose network answers with the mean red as probability of "x"."""
    made = runs.create("lenet")
    made.update(classes=["o", "x"], pixels=rule.as_dict(), state="finished")
    shape = ["n", *rule.shape]
    onnx.save(model or network(inputs={"pixels": shape}), made.onnx_file)
    return made
