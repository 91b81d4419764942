"""A network that looks at a picture and its mirror images, and the plain network within, which looks once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx

from ox_classifier.report.gradients import NotKnownError, constants_of

Axes = tuple[int, ...]


def plain_network(model: onnx.ModelProto) -> tuple[onnx.ModelProto, tuple[Axes, ...]]:
    """The network that looks at a picture as it is, and the axes along which each further look is mirrored.

    `networks.answering.average_mirrored` puts the looks one after the other along the batch, and averages the scores
    before the answer. Of a network without them the same network, and no axes.

    Raises:
        NotKnownError: If it puts pictures together in another way.
    """
    joined = [node for node in model.graph.node if node.op_type == "Concat"]
    if not joined:
        return model, ()
    plain = onnx.ModelProto()
    plain.CopyFrom(model)
    graph = plain.graph
    made_by = {node.output[0]: node for node in graph.node}
    answer = made_by.get(graph.output[0].name)
    mean = _averaging(made_by, answer)
    (join, *others) = [node for node in graph.node if node.op_type == "Concat"]
    pixels, *mirrored = join.input
    if others or mean is None or pixels != graph.input[0].name:
        raise NotKnownError("Concat")
    looks = [made_by.get(name) for name in mirrored]
    axes = tuple(_axes(look, pixels, constants_of(graph)) for look in looks)
    stacked = made_by[mean.input[0]]
    renamed = {join.output[0]: pixels, mean.output[0]: stacked.input[0]}
    for node in (join, mean, stacked, *looks):
        graph.node.remove(node)
    for node in graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = renamed.get(name, name)
    return plain, axes


def mirror(pixels: np.ndarray, axes: Sequence[Axes]) -> np.ndarray:
    """Every look at the pictures (n, height, width, channels), one after the other: the plain ones come first."""
    return np.concatenate([pixels, *(np.flip(pixels, along) for along in axes)])


def unmirror(maps: np.ndarray, axes: Sequence[Axes]) -> np.ndarray:
    """The mean of each picture's maps, shape (looks x n, height, width), each turned back as the picture stands."""
    plain, *others = np.split(maps, len(axes) + 1)
    return np.mean([plain, *(np.flip(part, along) for part, along in zip(others, axes, strict=True))], axis=0)


def _averaging(made_by: dict[str, onnx.NodeProto], answer: onnx.NodeProto | None) -> onnx.NodeProto | None:
    """The node that averages the scores over the looks: before the answer, or before the temperature's division."""
    node = made_by.get(answer.input[0]) if answer is not None else None
    if node is not None and node.op_type == "Div":
        node = made_by.get(node.input[0])
    stacked = made_by.get(node.input[0]) if node is not None and node.op_type == "ReduceMean" else None
    return node if stacked is not None and stacked.op_type == "Reshape" else None


def _axes(look: onnx.NodeProto | None, pixels: str, constants: dict[str, np.ndarray]) -> Axes:
    if look is None or look.op_type != "Slice" or look.input[0] != pixels or len(look.input) != 5:
        raise NotKnownError("Concat")
    along, steps = (constants.get(name) for name in look.input[3:])
    if along is None or steps is None or not (steps == -1).all() or not set(along.tolist()) <= {1, 2}:
        raise NotKnownError("Slice")
    return tuple(int(axis) for axis in along)
