"""The temperature in model.onnx: a division before the last Sigmoid or Softmax, so that every runtime is calibrated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ox_classifier.errors import OxError
from ox_classifier.files import replacing

PASSING = ("Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze")  # may stand between the activation and the output
NAME = "temperature"


def temper(path: Path, temperature: float) -> None:
    """Divide a network's logits by `temperature`, in place, whole or not at all; 1 changes nothing.

    Raises:
        OxError: If the network ends in no Sigmoid and no Softmax.
    """
    if temperature == 1:
        return
    model = onnx.load(path)
    graph = model.graph
    activation = _last_activation(graph, path)
    logits = activation.input[0]
    graph.initializer.append(numpy_helper.from_array(np.array(temperature, np.float32), NAME))
    divide = helper.make_node("Div", [logits, NAME], [f"{NAME}_divided"], name=NAME)
    graph.node.insert(list(graph.node).index(activation), divide)
    activation.input[0] = divide.output[0]
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
