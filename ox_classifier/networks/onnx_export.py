"""Keras layers → ONNX, node by node: VGG16 in a second, where tf2onnx takes half a minute.

Look here first when Keras changes: this is the one module that reads how Keras keeps its layers and their graph.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import onnx
from keras import layers
from onnx import TensorProto, helper

from ox_classifier.files import replacing
from ox_classifier.networks.onnx_graph import Graph

OPSET = 17
ACTIVATIONS = {"linear": None, "relu": "Relu", "sigmoid": "Sigmoid", "softmax": "Softmax"}


class NotWrittenError(ValueError):
    """The network has a layer that is not written here, or branches that join in another: leave it to tf2onnx."""


def write(model: keras.Model, path: Path) -> None:
    """Write a network as ONNX for any number of images, whole or not at all; by tf2onnx what is not written here."""
    with replacing(path) as beside:
        try:
            beside.write_bytes(from_layers(model).SerializeToString())
        except NotWrittenError:
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


def from_layers(model: keras.Model) -> onnx.ModelProto:
    """A network as ONNX: one input and one output in Keras' own layout, shape (batch, ...).

    Images go through as (batch, channels, height, width), which ONNX' convolutions take, and come back
    to Keras' order before they are flattened, joined or leave. A layer that is used twice has its weights once.

    Raises:
        NotWrittenError: If an operation is unknown here or has several inputs and is no average.
    """
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise NotWrittenError("more than one input or output")
    pixels, answer = model.inputs[0], model.outputs[0]
    graph = Graph("pixels", pixels)
    for operation, before, after in _in_order(pixels, answer):
        graph.begin(operation, before)
        _write(graph, operation, len(before))
        graph.end(after)
    graph.go_to(answer)
    graph.channels_last()
    names = ("pixels", answer._keras_history.operation.name)
    graph.rename_last(names[1])
    inputs, outputs = (
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, *tensor.shape[1:]])]
        for name, tensor in zip(names, (pixels, answer), strict=True)
    )
    made = helper.make_graph(graph.nodes, model.name, inputs, outputs, graph.constants)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)


def _in_order(
    first: keras.KerasTensor, last: keras.KerasTensor
) -> list[tuple[keras.Operation, Sequence[keras.KerasTensor], keras.KerasTensor]]:
    """Each use of an operation between two values, after those that it needs: with its inputs and its output."""
    found, done, waiting = [], {id(first)}, [last]
    while waiting:
        tensor = waiting[-1]
        operation, node_index, _ = tensor._keras_history
        parents = operation._inbound_nodes[node_index].input_tensors
        missing = [parent for parent in parents if id(parent) not in done]
        if id(tensor) in done or not missing:
            waiting.pop()
            if id(tensor) not in done:
                done.add(id(tensor))
                found.append((operation, parents, tensor))
        else:
            waiting += missing
    return found


def _write(graph: Graph, operation: keras.Operation, inputs: int) -> None:
    write = WRITERS.get(type(operation).__name__)
    if write is None or (inputs != 1 and write is not _mean):
        raise NotWrittenError(f"{type(operation).__name__} of {inputs} inputs is not written here")
    write(graph, operation)


def _array(value: object) -> np.ndarray:
    return keras.ops.convert_to_numpy(value).astype(np.float32)


def _activation(graph: Graph, layer: keras.Layer) -> None:
    name = keras.activations.serialize(layer.activation)
    if name not in ACTIVATIONS:
        raise NotWrittenError(f"activation {name} is not written here")
    if ACTIVATIONS[name]:
        attributes = {"axis": -1} if name == "softmax" else {}
        if graph.first and name == "softmax":
            raise NotWrittenError("softmax over channels")
        graph.node(ACTIVATIONS[name], **attributes)


def _take(graph: Graph, operation: keras.Operation) -> None:
    indices = operation._inbound_nodes[0].arguments.args[1]
    if operation.axis not in (-1, 1, 2) or not isinstance(indices, list):
        raise NotWrittenError("a choice along something else than places and channels")
    axis = {-1: 1, 1: 2, 2: 3}[operation.axis] if graph.first else operation.axis
    graph.node("Gather", np.array(indices, dtype=np.int64), axis=axis)


def _rescaling(graph: Graph, layer: layers.Rescaling) -> None:
    scale, offset = (np.asarray(value, dtype=np.float32) for value in (layer.scale, layer.offset))
    if graph.first and (scale.ndim or offset.ndim):
        raise NotWrittenError("rescaling of each channel only before the first convolution")
    if scale.ndim or scale != 1:
        graph.node("Mul", scale)
    if offset.ndim or offset:
        graph.node("Add", offset)


def _sqrt(graph: Graph, _operation: keras.Operation) -> None:
    graph.node("Sqrt")


def _standardization(graph: Graph, layer: layers.LayerNormalization) -> None:
    """Each picture to mean 0 and standard deviation 1, spelled out: ONNX' own operator wants a scale for each pixel."""
    if graph.first or layer.center or layer.scale or sorted(layer.axis) != [1, 2, 3]:
        raise NotWrittenError("a normalization with parameters, or not of whole pictures")
    centred = graph.less_mean()
    graph.node("Mul", others=[centred])
    graph.node("ReduceMean", axes=[1, 2, 3], keepdims=1)
    graph.node("Add", np.array(layer.epsilon, dtype=np.float32))
    graph.node("Sqrt")
    deviation, graph.last = graph.last, centred
    graph.node("Div", others=[deviation])


def _unit(graph: Graph, layer: layers.UnitNormalization) -> None:
    if layer.axis != -1:
        raise NotWrittenError("a unit normalization over something else than the channels")
    graph.channels_last()
    graph.node("LpNormalization", axis=-1, p=2)


def _convolution(graph: Graph, layer: layers.Conv2D) -> None:
    if layer.groups != 1 or layer.data_format != "channels_last":
        raise NotWrittenError(f"{layer.name} has groups or channels first")
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
    _activation(graph, layer)


def _pooling(graph: Graph, layer: layers.MaxPooling2D | layers.AveragePooling2D) -> None:
    graph.channels_first()
    graph.node(
        "MaxPool" if isinstance(layer, layers.MaxPooling2D) else "AveragePool",
        kernel_shape=list(layer.pool_size),
        strides=list(layer.strides),
        auto_pad="SAME_UPPER" if layer.padding == "same" else "VALID",
    )


def _mean(graph: Graph, _layer: layers.Average) -> None:
    graph.mean()


def _average(graph: Graph, layer: layers.GlobalAveragePooling2D) -> None:
    if layer.keepdims:
        raise NotWrittenError("an average that keeps its dimensions")
    graph.channels_last()
    graph.node("ReduceMean", axes=[1, 2], keepdims=0)


def _flatten(graph: Graph, _layer: layers.Flatten) -> None:
    graph.channels_last()
    graph.node("Flatten", axis=1)


def _dense(graph: Graph, layer: layers.Dense) -> None:
    graph.channels_last()
    graph.node("MatMul", _array(layer.kernel))
    if layer.use_bias:
        graph.node("Add", _array(layer.bias))
    _activation(graph, layer)


def _leaky(graph: Graph, layer: layers.LeakyReLU) -> None:
    graph.node("LeakyRelu", alpha=float(layer.negative_slope))


def _softmax(graph: Graph, layer: layers.Softmax) -> None:
    if graph.first or layer.axis != -1:
        raise NotWrittenError("a softmax over something else than the classes")
    graph.node("Softmax", axis=-1)


def _nothing(_graph: Graph, _layer: keras.Layer) -> None:
    """Dropout does nothing outside training."""


WRITERS: dict[str, Callable[[Graph, keras.Operation], None]] = {
    "Take": _take,
    "Rescaling": _rescaling,
    "Sqrt": _sqrt,
    "LayerNormalization": _standardization,
    "UnitNormalization": _unit,
    "Conv2D": _convolution,
    "MaxPooling2D": _pooling,
    "AveragePooling2D": _pooling,
    "Average": _mean,
    "GlobalAveragePooling2D": _average,
    "Flatten": _flatten,
    "Dense": _dense,
    "LeakyReLU": _leaky,
    "Softmax": _softmax,
    "Dropout": _nothing,
    "SpatialDropout2D": _nothing,
    "Activation": _activation,
}
