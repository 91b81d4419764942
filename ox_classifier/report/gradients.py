"""What a score's gradient is at the inputs of a chain of ONNX nodes, in NumPy: enough of them for a network's end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import onnx
from onnx import numpy_helper

Backward = Callable[[np.ndarray, np.ndarray, np.ndarray, "Node"], np.ndarray]


class NotKnownError(ValueError):
    """A node whose gradient is not written here."""


class Node:
    """One node of the chain: its kind, the name of what flows through it, its constants and attributes.

    Of several values whose mean it gives, what is followed is the first.
    """

    def __init__(self, node: onnx.NodeProto, constants: Mapping[str, np.ndarray]):
        flowing = [name for name in node.input if name and name not in constants]
        if (len(flowing) != 1 and node.op_type != "Mean") or node.op_type not in BACKWARD:
            raise NotKnownError(node.op_type)
        self.kind, self.input, self.output = node.op_type, flowing[0], node.output[0]
        self.first = node.input[0] == self.input
        self.branches = len(flowing)
        self.constants = [constants[name] for name in node.input if name and name in constants]
        self.attributes = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}

    def backward(self, gradient: np.ndarray, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """The gradient at the input, given that at the output and the values of both."""
        return BACKWARD[self.kind](gradient, values[self.input], values[self.output], self)


def constants_of(graph: onnx.GraphProto) -> dict[str, np.ndarray]:
    """Every weight and constant of a network by its name."""
    found = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            found[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    return found


def back_through(chain: Sequence[Node], gradient: np.ndarray, values: Mapping[str, np.ndarray]) -> np.ndarray:
    """The gradient before the first node, given that after the last."""
    for node in reversed(chain):
        gradient = node.backward(gradient, values)
    return gradient


def _matrix(gradient: np.ndarray, _x: np.ndarray, _y: np.ndarray, node: Node) -> np.ndarray:
    if not node.first:
        raise NotKnownError("a constant times what flows")
    weights = node.constants[0]
    if node.kind == "Gemm":
        if node.attributes.get("transA"):
            raise NotKnownError("a transposed input")
        weights = (weights.T if node.attributes.get("transB") else weights) * node.attributes.get("alpha", 1.0)
    return gradient @ weights.T


def _same(gradient: np.ndarray, x: np.ndarray, y: np.ndarray, _node: Node) -> np.ndarray:
    if x.shape != y.shape:
        raise NotKnownError("a constant larger than what flows")
    return gradient


def _subtracted(gradient: np.ndarray, x: np.ndarray, y: np.ndarray, node: Node) -> np.ndarray:
    return _same(gradient if node.first else -gradient, x, y, node)


def _scaled(gradient: np.ndarray, x: np.ndarray, y: np.ndarray, node: Node) -> np.ndarray:
    return _same(gradient, x, y, node) * node.constants[0]


def _divided(gradient: np.ndarray, x: np.ndarray, y: np.ndarray, node: Node) -> np.ndarray:
    if not node.first:
        raise NotKnownError("a constant divided by what flows")
    return _same(gradient, x, y, node) / node.constants[0]


def _reshaped(gradient: np.ndarray, x: np.ndarray, _y: np.ndarray, _node: Node) -> np.ndarray:
    return gradient.reshape(x.shape)


def _transposed(gradient: np.ndarray, _x: np.ndarray, _y: np.ndarray, node: Node) -> np.ndarray:
    return gradient.transpose(np.argsort(node.attributes["perm"]))


def _averaged(gradient: np.ndarray, x: np.ndarray, _y: np.ndarray, node: Node) -> np.ndarray:
    axes = tuple(node.attributes.get("axes", node.constants[0] if node.constants else range(2, x.ndim)))
    kept = [1 if axis in {a % x.ndim for a in axes} else side for axis, side in enumerate(x.shape)]
    share = np.float32(np.prod(kept) / x.size)
    return np.broadcast_to(gradient.reshape(kept) * share, x.shape)


def _max_pooled(gradient: np.ndarray, x: np.ndarray, y: np.ndarray, node: Node) -> np.ndarray:
    """Each gradient goes to the first of the places that hold its window's largest value, as in TensorFlow."""
    (high, wide), strides = node.attributes["kernel_shape"], node.attributes.get("strides", [1, 1])
    above, left, below, right = _padding(x.shape[2:], y.shape[2:], (high, wide), strides, node)
    padded = np.pad(x, ((0, 0), (0, 0), (above, below), (left, right)), constant_values=-np.inf)
    found, taken = np.zeros_like(padded), np.zeros(y.shape, bool)
    for down in range(high):
        for across in range(wide):
            rows = slice(down, down + strides[0] * y.shape[2], strides[0])
            columns = slice(across, across + strides[1] * y.shape[3], strides[1])
            here = (padded[:, :, rows, columns] == y) & ~taken
            found[:, :, rows, columns] += gradient * here
            taken |= here
    return found[:, :, above : above + x.shape[2], left : left + x.shape[3]]


def _padding(
    before: Sequence[int], after: Sequence[int], kernel: Sequence[int], strides: Sequence[int], node: Node
) -> tuple[int, int, int, int]:
    """Rows above, columns left, rows below, columns right; more below and right where windows reach beyond."""
    needed = [max(0, (a - 1) * s + k - b) for b, a, k, s in zip(before, after, kernel, strides, strict=True)]
    if node.attributes.get("auto_pad", b"NOTSET") == b"SAME_UPPER":
        return needed[0] // 2, needed[1] // 2, -(-needed[0] // 2), -(-needed[1] // 2)
    above, left = (node.attributes.get("pads") or [0, 0, 0, 0])[:2]
    return above, left, max(0, needed[0] - above), max(0, needed[1] - left)


def _to_unit(gradient: np.ndarray, x: np.ndarray, y: np.ndarray, node: Node) -> np.ndarray:
    """What is along a vector changes its length only, which is always 1; a vector of zeros stays one."""
    if node.attributes.get("p", 2) != 2:
        raise NotKnownError("a normalization by another norm")
    axis = node.attributes.get("axis", -1)
    length = np.sqrt((x * x).sum(axis=axis, keepdims=True))
    across = gradient - y * (gradient * y).sum(axis=axis, keepdims=True)
    return np.divide(across, length, out=np.zeros_like(across), where=length > 0)


BACKWARD: dict[str, Backward] = {
    "MatMul": _matrix,
    "Gemm": _matrix,
    "Add": _same,
    "Sub": _subtracted,
    "Mul": _scaled,
    "Div": _divided,
    "Relu": lambda gradient, x, _y, _node: gradient * (x > 0),
    "LeakyRelu": lambda gradient, x, _y, node: (
        gradient * np.where(x > 0, 1, np.float32(node.attributes.get("alpha", 0.01)))
    ),
    "Sqrt": lambda gradient, _x, y, _node: gradient / (2 * y),
    "LpNormalization": _to_unit,
    "Mean": lambda gradient, x, y, node: _same(gradient, x, y, node) / np.float32(node.branches),
    "Identity": _same,
    "Flatten": _reshaped,
    "Reshape": _reshaped,
    "Squeeze": _reshaped,
    "Transpose": _transposed,
    "ReduceMean": _averaged,
    "GlobalAveragePool": lambda gradient, x, y, node: _averaged(gradient, x, y, node),
    "MaxPool": _max_pooled,
}
