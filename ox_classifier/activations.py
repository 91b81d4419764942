"""How much memory a network's answer about one image takes, read from model.onnx without running it."""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ox_classifier.onnx_file import BYTES, VARINT, Reader

MODEL_GRAPH = 7  # the fields of onnx.proto3 that are read here
GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_INPUT = 1, 5, 11
NODE_INPUT, NODE_OUTPUT, NODE_OPERATOR, NODE_ATTRIBUTE = 1, 2, 4, 5
ATTRIBUTE_NAME, ATTRIBUTE_INTS = 1, 8
TENSOR_DIMS, TENSOR_NAME = 1, 8
VALUE_NAME = 1
POOLS = ("MaxPool", "AveragePool")
APART = ("Conv", "MatMul", "Gemm", *POOLS)  # whose input and output are there at one time
TO_ONE = ("GlobalAveragePool", "ReduceMean")


class Size(NamedTuple):
    """Of one image between two nodes: places (height times width) and channels."""

    places: float
    channels: int

    @property
    def bytes(self) -> int:
        return int(4 * self.places * self.channels)  # float32


def bytes_an_image(path: Path, shape: tuple[int, int, int]) -> int:
    """The most that a convolution or another node takes and gives for one image of `shape` (height, width, channels).

    An estimate: convolutions are taken to keep the edge. `path` is a file that `onnx_file.check` passed.
    """
    height, width, channels = shape
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        reader = _Network(data)
        weights = dict(reader.tensors())
        sizes = dict.fromkeys(reader.inputs(), Size(height * width, channels))
        most = 4 * math.prod(shape)
        for operator, inputs, output, strides in reader.nodes():
            if operator == "DequantizeLinear" and inputs[0] in weights:
                weights[output] = weights[inputs[0]]  # of an int8 network
            known = [sizes[name] for name in inputs if name in sizes]
            if known:
                before = _together(known) if operator == "Concat" else max(known, key=lambda size: size.bytes)
                given = [weights[name] for name in inputs if weights.get(name)]
                sizes[output] = _after(operator, before, given[0] if given else [], strides)
                # what works number by number is done in place, or as the end of a convolution
                most = max(most, sizes[output].bytes + (before.bytes if operator in APART else 0))
    return most


def _after(operator: str, before: Size, weights: list[int], strides: list[int]) -> Size:
    if operator == "Conv" and weights:
        return Size(before.places / math.prod(strides), weights[0])
    if operator in POOLS:
        return before._replace(places=before.places / math.prod(strides))
    if operator in ("MatMul", "Gemm") and weights:
        return Size(1, weights[-1])
    return before._replace(places=1) if operator in TO_ONE else before


def _together(known: list[Size]) -> Size:
    """What stands side by side, such as a picture and its mirror images."""
    return Size(sum(size.places for size in known), max(size.channels for size in known))


class _Network(Reader):
    """The names, sizes and nodes in a model's graph."""

    def tensors(self) -> Iterator[tuple[str, list[int]]]:
        """Name and shape of every array of weights."""
        for first, last in self._of_graph(GRAPH_INITIALIZER):
            yield self._text(first, last, TENSOR_NAME), self._numbers(first, last, TENSOR_DIMS)

    def inputs(self) -> Iterator[str]:
        for first, last in self._of_graph(GRAPH_INPUT):
            yield self._text(first, last, VALUE_NAME)

    def nodes(self) -> Iterator[tuple[str, list[str], str, list[int]]]:
        """Operator, names of inputs, name of the first output, and strides ([] where it has none)."""
        for first, last in self._of_graph(GRAPH_NODE):
            strides = []
            for start, end in self._parts(first, last, NODE_ATTRIBUTE):
                if self._text(start, end, ATTRIBUTE_NAME) == "strides":
                    strides = self._numbers(start, end, ATTRIBUTE_INTS)
            inputs = [
                self.data[start:end].decode("utf-8", "replace") for start, end in self._parts(first, last, NODE_INPUT)
            ]
            yield self._text(first, last, NODE_OPERATOR), inputs, self._text(first, last, NODE_OUTPUT), strides

    def _of_graph(self, wanted: int) -> Iterator[tuple[int, int]]:
        for first, last in self._parts(0, len(self.data), MODEL_GRAPH):
            yield from self._parts(first, last, wanted)

    def _parts(self, first: int, last: int, wanted: int) -> Iterator[tuple[int, int]]:
        for field, kind, start, end in self.fields(first, last):
            if field == wanted and kind == BYTES:
                yield start, end

    def _text(self, first: int, last: int, wanted: int) -> str:
        start, end = next(self._parts(first, last, wanted), (0, 0))
        return self.data[start:end].decode("utf-8", "replace")

    def _numbers(self, first: int, last: int, wanted: int) -> list[int]:
        """Whole numbers, written one by one or packed."""
        found = []
        for field, kind, start, end in self.fields(first, last):
            if field == wanted and kind == VARINT:
                found.append(start)
            while field == wanted and kind == BYTES and start < end:
                value, start = self.varint(start, end)
                found.append(value)
        return found
