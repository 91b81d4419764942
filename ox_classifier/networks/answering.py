"""What model.onnx does beside the network: look at mirrored pictures, too, and be calibrated; so every runtime does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ox_classifier.errors import OxError
from ox_classifier.files import replacing

PASSING = ("Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze")  # may stand between the activation and the output
NAME = "temperature"


def average_mirrored(path: Path, axes: Sequence[Sequence[int]]) -> None:
    """Let a network of (batch, height, width, channels) look at mirrored pictures, too, and answer by its mean logits.

    `axes` names, for each further look, the axes it is mirrored along: 1 top to bottom, 2 left to right. The file is
    changed in place, whole or not at all.

    Raises:
        OxError: If the network ends in no Sigmoid and no Softmax.
    """
    if not axes:
        return
    model = onnx.load(path)
    graph = model.graph
    activation, pixels = _last_activation(graph, path), graph.input[0].name
    looks, nodes = [pixels], []
    for number, mirrored in enumerate(axes):
        constants = {
            "starts": [-1] * len(mirrored),
            "ends": [np.iinfo(np.int64).min] * len(mirrored),
            "axes": list(mirrored),
            "steps": [-1] * len(mirrored),
        }
        name = f"look_{number + 1}"
        for part, values in constants.items():
            graph.initializer.append(numpy_helper.from_array(np.array(values, np.int64), f"{name}_{part}"))
        nodes.append(helper.make_node("Slice", [pixels, *(f"{name}_{part}" for part in constants)], [name], name=name))
        looks.append(name)
    nodes.append(helper.make_node("Concat", looks, ["looks"], name="looks", axis=0))
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name == pixels:
                node.input[place] = "looks"
    for place, node in enumerate(nodes):
        graph.node.insert(place, node)
    classes = graph.output[0].type.tensor_type.shape.dim[-1].dim_value
    shape = np.array([len(looks), -1, classes], np.int64)
    graph.initializer.append(numpy_helper.from_array(shape, "looks_shape"))
    place = list(graph.node).index(activation)
    graph.node.insert(place, helper.make_node("Reshape", [activation.input[0], "looks_shape"], ["logits_by_look"]))
    mean = helper.make_node("ReduceMean", ["logits_by_look"], ["mean_logits"], axes=[0], keepdims=0)
    graph.node.insert(place + 1, mean)
    activation.input[0] = "mean_logits"
    with replacing(path) as beside:
        beside.write_bytes(model.SerializeToString())


def temper(path: Path, temperature: float) -> None:
    """Let a network divide its logits by `temperature`, whatever it did before; in place, whole or not at all.

    Raises:
        OxError: If the network ends in no Sigmoid and no Softmax.
    """
    model = onnx.load(path)
    graph = model.graph
    constant = next((one for one in graph.initializer if one.name == NAME), None)
    if constant is None:
        activation = _last_activation(graph, path)
        divide = helper.make_node("Div", [activation.input[0], NAME], [f"{NAME}_divided"], name=NAME)
        graph.node.insert(list(graph.node).index(activation), divide)
        activation.input[0] = divide.output[0]
        constant = graph.initializer.add()
    constant.CopyFrom(numpy_helper.from_array(np.array(temperature, np.float32), NAME))
    with replacing(path) as beside:
        beside.write_bytes(model.SerializeToString())


def _last_activation(graph: onnx.GraphProto, path: Path) -> onnx.NodeProto:
    made_by = {name: node for node in graph.node for name in node.output}
    node = made_by.get(graph.output[0].name)
    while node is not None and node.op_type in PASSING:
        node = made_by.get(node.input[0])
    if node is None or node.op_type not in ("Sigmoid", "Softmax"):
        raise OxError(f"{path} ends in no Sigmoid and no Softmax, so its probabilities can't be calibrated")
    return node
