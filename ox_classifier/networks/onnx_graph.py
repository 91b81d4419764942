"""An ONNX graph as it is written, node by node: where each value of Keras is in it, and in which order of axes."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import onnx
from onnx import helper, numpy_helper


class Graph:
    """Nodes written so far, where each value of Keras is among them, and what the next node takes.

    `last` is the name of what it takes, `first` whether channels come first in that.
    """

    def __init__(self, name: str, pixels: keras.KerasTensor):
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.last, self.first = name, False
        self._places = {id(pixels): (name, False)}
        self._shared: dict[tuple[int, int], str] = {}  # constants by operation, and their number in it

    def begin(self, operation: keras.Operation, before: Sequence[keras.KerasTensor]) -> None:
        """What follows is what an operation makes of its inputs."""
        self._operation, self._counted, self._before = id(operation), 0, before
        self.go_to(before[0])

    def end(self, after: keras.KerasTensor) -> None:
        """What was written last is this value of Keras."""
        self._places[id(after)] = self.last, self.first

    def go_to(self, tensor: keras.KerasTensor) -> None:
        """What was made of a value of Keras is taken by the next node."""
        self.last, self.first = self._places[id(tensor)]

    def node(self, kind: str, *constants: np.ndarray, others: Sequence[str] = (), **attributes) -> None:
        """Add a node that takes the last output, maybe `others` (names of earlier ones), and constants."""
        name = f"{kind}_{len(self.nodes)}"
        inputs = [self._constant(value, f"{name}_{i}") for i, value in enumerate(constants)]
        self.nodes.append(helper.make_node(kind, [self.last, *others, *inputs], [name], name=name, **attributes))
        self.last = name

    def _constant(self, value: np.ndarray, label: str) -> str:
        """The name of a constant, which an operation that is used again has from its first use."""
        key = self._operation, self._counted
        self._counted += 1
        if key not in self._shared:
            self._shared[key] = label
            self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), label))
        return self._shared[key]

    def mean(self) -> None:
        """The mean of all values that the operation takes."""
        names = []
        for tensor in self._before:
            self.go_to(tensor)
            self.channels_last()
            names.append(self.last)
        self.last = names[0]
        self.node("Mean", others=names[1:])

    def less_mean(self) -> str:
        """Take each picture's mean off it; gives the name of the result."""
        whole = self.last
        self.node("ReduceMean", axes=[1, 2, 3], keepdims=1)
        mean, self.last = self.last, whole
        self.node("Sub", others=[mean])
        return self.last

    def channels_first(self) -> None:
        if not self.first:
            self.node("Transpose", perm=[0, 3, 1, 2])
            self.first = True

    def channels_last(self) -> None:
        if self.first:
            self.node("Transpose", perm=[0, 2, 3, 1])
            self.first = False

    def rename_last(self, name: str) -> None:
        if not self.nodes:
            self.node("Identity")
        self.nodes[-1].output[0] = name
