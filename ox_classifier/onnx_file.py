"""model.onnx, looked through before it is loaded: only known operators, nothing outside the file. Imports no onnx.

An ONNX file is a protocol buffer; what matters here is a few of its fields, read in milliseconds where importing
onnx and parsing the weights would double the start of `ox predict`. The numbers are those of onnx.proto3.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from ox_classifier import limits
from ox_classifier.errors import UsageError

MOST_FIELDS = 1_000_000  # a network of 340 nodes has some 5,000
OPERATORS = frozenset(  # none that repeats something or calls another graph
    "Add AveragePool BatchNormalization Cast Clip Concat Constant Conv Div Elu Flatten Gather Gemm GlobalAveragePool "
    "HardSigmoid HardSwish Identity LeakyRelu LpNormalization MatMul MaxPool Mean Mul Pad ReduceMean Relu Reshape "
    "Sigmoid Slice Softmax Sqrt Squeeze Sub Tanh Transpose Unsqueeze DequantizeLinear QuantizeLinear".split()
)
STANDARD = ("", "ai.onnx")
# message → field → what it holds: another message, or a name that is checked
MESSAGES = {
    "model": {7: "graph"},
    "graph": {1: "node", 5: "tensor"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 10: "tensor"},
    "tensor": {},
}
REFUSED = {
    "model": {20: "training steps", 25: "functions of its own"},
    "graph": {15: "sparse tensors"},
    "attribute": {6: "a graph in a graph", 11: "graphs in a graph", 22: "sparse tensors", 23: "sparse tensors"},
    "tensor": {13: "weights outside the file"},
}
OPERATOR, DOMAIN, LOCATION = 4, 7, 14
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class _RefusedError(Exception):
    """What the file has and should not have."""


def check(path: Path) -> None:
    """Refuse an ONNX file that could do more than turn pixels into probabilities.

    Raises:
        FileNotFoundError: If there is none.
        UsageError: If it is none that ox writes; the sentence says why.
    """
    if limits.check_file(path, limits.MOST_NETWORK) == 0:
        raise UsageError(f"{path} is empty: the run is damaged; train again")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            if Reader(data).look("model", 0, len(data)) == 0:
                raise _RefusedError("no network")
        except _RefusedError as refused:
            sentence = f"{path} can't be loaded, as it has {refused}: the run is damaged or not made by ox"
            raise UsageError(sentence) from None


class Reader:
    """Walks the fields of a protocol buffer; every occurrence of a field counts, as parsers merge them."""

    def __init__(self, data: mmap.mmap):
        self.data, self.left = data, MOST_FIELDS

    def look(self, message: str, start: int, end: int) -> int:
        """Check a message and those inside it; gives the number of nodes."""
        nodes = int(message == "node")
        inner, refused = MESSAGES[message], REFUSED.get(message, {})
        operator = None
        for field, kind, first, last in self.fields(start, end):
            if field in refused:
                raise _RefusedError(refused[field])
            if field in inner:
                self.need(kind == BYTES)
                nodes += self.look(inner[field], first, last)
            elif message == "node" and field in (OPERATOR, DOMAIN):
                self.need(kind == BYTES and last - first <= 100)
                name = self.data[first:last].decode("utf-8", "replace")
                operator = name if field == OPERATOR else operator
                if name not in (OPERATORS if field == OPERATOR else STANDARD):
                    what = "operator" if field == OPERATOR else "operator of the domain"
                    raise _RefusedError(f"the {what} {name!r}, which no network of ox uses")
            elif message == "tensor" and field == LOCATION and (kind != VARINT or first):
                raise _RefusedError("weights outside the file")
        self.need(message != "node" or operator is not None)
        return nodes

    def fields(self, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
        """Number and kind of each field, with first and last byte of what it holds (of a varint, its value and 0)."""
        place = start
        while place < end:
            self.left -= 1
            self.need(self.left >= 0)
            key, place = self.varint(place, end)
            self.need(key < 2**32)
            field, kind = key >> 3, key & 7
            if kind == VARINT:
                value, place = self.varint(place, end)
                yield field, kind, value, 0
                continue
            if kind == BYTES:
                size, place = self.varint(place, end)
            else:
                self.need(kind in (FIXED64, FIXED32))
                size = 8 if kind == FIXED64 else 4
            self.need(size <= end - place)
            yield field, kind, place, place + size
            place += size

    def varint(self, place: int, end: int) -> tuple[int, int]:
        value = 0
        for shift in range(0, 70, 7):
            self.need(place < end)
            byte = self.data[place]
            place += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value, place
        raise _RefusedError("bytes that are no ONNX")

    def need(self, fits: bool) -> None:
        if not fits:
            raise _RefusedError("bytes that are no ONNX")
