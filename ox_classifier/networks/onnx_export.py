"""A chain of Keras layers → ONNX, node by node: VGG16 in a second, where tf2onnx takes half a minute.

Look here first when Keras changes: this is the one module that reads how Keras keeps its layers and their graph.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import onnx
from keras import layers
from onnx import TensorProto, helper, numpy_helper

from ox_classifier.files import replacing

OPSET = 17
ACTIVATIONS = {"linear": None, "relu": "Relu", "sigmoid": "Sigmoid", "softmax": "Softmax"}


class NotAChainError(ValueError):
    """The network branches or has a layer that is not written here: leave it to tf2onnx."""


def write(model: keras.Model, path: Path) -> None:
    """Write a network as ONNX for any number of images, whole or not at all; by tf2onnx if it is no plain chain."""
    with replacing(path) as beside:
        try:
            beside.write_bytes(from_chain(model).SerializeToString())
        except NotAChainError:
            model(np.zeros((1, *model.input_shape[1:]), np.float32), training=False)  # export wants it called once
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # tf2onnx asks NumPy for an old name
                model.export(beside, format="onnx", verbose=False)


def logits(model: keras.Model, pixels: np.ndarray) -> np.ndarray:
    """What a network of Keras makes of images before its last Sigmoid or Softmax, float64 of shape (n, classes).

    With one output, which speaks for the second of two classes, the first class has 0.
    """
    last = model.outputs[0]._keras_history.operation
    before = keras.Model(model.inputs[0], last.input)(pixels, training=False)
    if isinstance(last, layers.Softmax):
        return _array(before).astype(np.float64)
    found = _array(before).astype(np.float64) @ _array(last.kernel) + _array(last.bias)
    return np.concatenate([np.zeros_like(found), found], axis=1) if found.shape[1] == 1 else found


def from_chain(model: keras.Model) -> onnx.ModelProto:
    """A network as ONNX: one input and one output in Keras' own layout, shape (batch, ...).

    Images go through as (batch, channels, height, width), which ONNX' convolutions take, and come back
    to Keras' order before they are flattened or leave.

    Raises:
        NotAChainError: If an operation is unknown here or has several inputs.
    """
    operations = _chain(model)
    names = ("pixels", operations[-1].name)
    graph = _Graph(names[0])
    for operation in operations:
        graph.add(operation)
    graph.channels_last()
    graph.rename_last(names[1])
    inputs, outputs = (
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, *tensor.shape[1:]])]
        for name, tensor in zip(names, (model.inputs[0], model.outputs[0]), strict=True)
    )
    made = helper.make_graph(graph.nodes, model.name, inputs, outputs, graph.constants)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)


def _chain(model: keras.Model) -> list[keras.Operation]:
    """The operations from input to output, in order."""
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise NotAChainError("more than one input or output")
    found, tensor = [], model.outputs[0]
    while tensor is not model.inputs[0]:
        operation, node_index, _ = tensor._keras_history
        parents = operation._inbound_nodes[node_index].input_tensors
        if len(parents) != 1:
            raise NotAChainError(f"{operation.name} has {len(parents)} inputs")
        found.append(operation)
        tensor = parents[0]
    return found[::-1]


class _Graph:
    """Nodes written so far, the name of the last one's output, and whether channels come first in it."""

    def __init__(self, name: str):
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.last, self.first = name, False

    def add(self, operation: keras.Operation) -> None:
        write = WRITERS.get(type(operation).__name__)
        if write is None:
            raise NotAChainError(f"{type(operation).__name__} is not written here")
        write(self, operation)

    def node(self, kind: str, *constants: np.ndarray, other: str | None = None, **attributes) -> None:
        """Add a node that takes the last output, maybe `other` (the name of an earlier one), and constants."""
        name = f"{kind}_{len(self.nodes)}"
        inputs = [f"{name}_{i}" for i in range(len(constants))]
        self.constants += [
            numpy_helper.from_array(np.ascontiguousarray(value), label)
            for value, label in zip(constants, inputs, strict=True)
        ]
        self.nodes.append(
            helper.make_node(kind, [self.last, *([other] if other else []), *inputs], [name], name=name, **attributes)
        )
        self.last = name

    def less_mean(self) -> str:
        """Take each picture's mean off it; gives the name of the result."""
        whole = self.last
        self.node("ReduceMean", axes=[1, 2, 3], keepdims=1)
        mean, self.last = self.last, whole
        self.node("Sub", other=mean)
        return self.last

    def channels_first(self) -> None:
        if not self.first:
            self.node("Transpose", perm=[0, 3, 1, 2])
            self.first = True

    def channels_last(self) -> None:
        if self.first:
            self.node("Transpose", perm=[0, 2, 3, 1])
            self.first = False

    def activation(self, layer: keras.Layer) -> None:
        name = keras.activations.serialize(layer.activation)
        if name not in ACTIVATIONS:
            raise NotAChainError(f"activation {name} is not written here")
        if ACTIVATIONS[name]:
            attributes = {"axis": -1} if name == "softmax" else {}
            if self.first and name == "softmax":
                raise NotAChainError("softmax over channels")
            self.node(ACTIVATIONS[name], **attributes)

    def rename_last(self, name: str) -> None:
        if not self.nodes:
            self.node("Identity")
        self.nodes[-1].output[0] = name


def _array(value: object) -> np.ndarray:
    return keras.ops.convert_to_numpy(value).astype(np.float32)


def _take(graph: _Graph, operation: keras.Operation) -> None:
    indices = operation._inbound_nodes[0].arguments.args[1]
    if graph.first or not isinstance(indices, list):
        raise NotAChainError("a choice of channels only before the first convolution")
    graph.node("Gather", np.array(indices, dtype=np.int64), axis=operation.axis)


def _rescaling(graph: _Graph, layer: layers.Rescaling) -> None:
    scale, offset = (np.asarray(value, dtype=np.float32) for value in (layer.scale, layer.offset))
    if graph.first and (scale.ndim or offset.ndim):
        raise NotAChainError("rescaling of each channel only before the first convolution")
    if scale.ndim or scale != 1:
        graph.node("Mul", scale)
    if offset.ndim or offset:
        graph.node("Add", offset)


def _sqrt(graph: _Graph, _operation: keras.Operation) -> None:
    graph.node("Sqrt")


def _standardization(graph: _Graph, layer: layers.LayerNormalization) -> None:
    """Each picture to mean 0 and standard deviation 1, spelled out: ONNX' own operator wants a scale for each pixel."""
    if graph.first or layer.center or layer.scale or sorted(layer.axis) != [1, 2, 3]:
        raise NotAChainError("a normalization with parameters, or not of whole pictures")
    centred = graph.less_mean()
    graph.node("Mul", other=centred)
    graph.node("ReduceMean", axes=[1, 2, 3], keepdims=1)
    graph.node("Add", np.array(layer.epsilon, dtype=np.float32))
    graph.node("Sqrt")
    deviation, graph.last = graph.last, centred
    graph.node("Div", other=deviation)


def _unit(graph: _Graph, layer: layers.UnitNormalization) -> None:
    if layer.axis != -1:
        raise NotAChainError("a unit normalization over something else than the channels")
    graph.channels_last()
    graph.node("LpNormalization", axis=-1, p=2)


def _convolution(graph: _Graph, layer: layers.Conv2D) -> None:
    if layer.groups != 1 or layer.data_format != "channels_last":
        raise NotAChainError(f"{layer.name} has groups or channels first")
    graph.channels_first()
    weights = [_array(layer.kernel).transpose(3, 2, 0, 1)]
    weights += [_array(layer.bias)] if layer.use_bias else []
    graph.node(
        "Conv",
        *weights,
        kernel_shape=list(layer.kernel_size),
        strides=list(layer.strides),
        dilations=list(layer.dilation_rate),
        auto_pad="SAME_UPPER" if layer.padding == "same" else "VALID",
    )
    graph.activation(layer)


def _max_pooling(graph: _Graph, layer: layers.MaxPooling2D) -> None:
    graph.channels_first()
    graph.node(
        "MaxPool",
        kernel_shape=list(layer.pool_size),
        strides=list(layer.strides),
        auto_pad="SAME_UPPER" if layer.padding == "same" else "VALID",
    )


def _average(graph: _Graph, layer: layers.GlobalAveragePooling2D) -> None:
    if layer.keepdims:
        raise NotAChainError("an average that keeps its dimensions")
    graph.channels_last()
    graph.node("ReduceMean", axes=[1, 2], keepdims=0)


def _flatten(graph: _Graph, _layer: layers.Flatten) -> None:
    graph.channels_last()
    graph.node("Flatten", axis=1)


def _dense(graph: _Graph, layer: layers.Dense) -> None:
    graph.channels_last()
    graph.node("MatMul", _array(layer.kernel))
    if layer.use_bias:
        graph.node("Add", _array(layer.bias))
    graph.activation(layer)


def _leaky(graph: _Graph, layer: layers.LeakyReLU) -> None:
    graph.node("LeakyRelu", alpha=float(layer.negative_slope))


def _softmax(graph: _Graph, layer: layers.Softmax) -> None:
    if graph.first or layer.axis != -1:
        raise NotAChainError("a softmax over something else than the classes")
    graph.node("Softmax", axis=-1)


def _nothing(_graph: _Graph, _layer: keras.Layer) -> None:
    """Dropout does nothing outside training."""


WRITERS: dict[str, Callable[[_Graph, keras.Operation], None]] = {
    "Take": _take,
    "Rescaling": _rescaling,
    "Sqrt": _sqrt,
    "LayerNormalization": _standardization,
    "UnitNormalization": _unit,
    "Conv2D": _convolution,
    "MaxPooling2D": _max_pooling,
    "GlobalAveragePooling2D": _average,
    "Flatten": _flatten,
    "Dense": _dense,
    "LeakyReLU": _leaky,
    "Softmax": _softmax,
    "Dropout": _nothing,
    "SpatialDropout2D": _nothing,
    "Activation": _Graph.activation,
}
