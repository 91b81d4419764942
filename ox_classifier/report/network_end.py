"""The end of a run's network, looked into through ONNX Runtime: features before the answer, and Grad-CAM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from ox_classifier.classifier import fitting_batch
from ox_classifier.report.gradients import Node, NotKnownError, back_through, constants_of
from ox_classifier.report.mirrored_looks import mirror, plain_network, unmirror
from ox_classifier.session import open_session

PASSED = (
    "MaxPool",
    "Sqrt",
    "LpNormalization",
    "Mean",
    "Identity",
    "Transpose",
    "Flatten",
    "Reshape",
    "Squeeze",
    "ReduceMean",
    "GlobalAveragePool",
)
WITHOUT_PLACES = ("Flatten", "Reshape", "Squeeze", "ReduceMean", "GlobalAveragePool")
ARITHMETIC = ("Add", "Sub", "Mul", "Div")


@dataclass(frozen=True)
class End:
    """From the last values that still have places to the scores: `chain` of nodes, the last one giving the scores.

    `places` names these values, the input itself in a network without convolution (`of_input`); `features` what the
    last layer before the answer gives; `answer` the output, of kind Softmax or Sigmoid.
    """

    places: str
    of_input: bool
    chain: Sequence[Node]
    features: str
    answer: str
    kind: str


class NetworkEnd:
    """What a trusted model.onnx (one that `Classifier` has opened) makes of images before it answers.

    Raises:
        NotKnownError: If the network ends in another way than those that ox trains.
    """

    def __init__(self, file: Path):
        self.file, self.model = file, onnx.load(file)
        self.plain, self.looks = plain_network(self.model)
        self.end = find_end(self.plain.graph)
        self.input = pixels_of(self.model.graph)

    def takes(self, shape: tuple[int, int, int]) -> bool:
        """Whether its input is images of that height, width and channels, or leaves a side open."""
        sides = [dim.dim_value for dim in self.model.graph.input[0].type.tensor_type.shape.dim[1:]]
        return all(side in (0, wanted) for side, wanted in zip(sides, shape, strict=False))

    @property
    def width(self) -> int:
        """How many features there are."""
        last = next(node for node in reversed(self.end.chain) if node.kind in ("MatMul", "Gemm"))
        return last.constants[0].shape[1 if last.attributes.get("transB") else 0]

    def batch(self, shape: tuple[int, int, int]) -> int:
        """How many images of a shape go through the network at once; see `Classifier`."""
        return fitting_batch(self.file, shape)

    @cached_property
    def with_features(self) -> onnxruntime.InferenceSession:
        """Gives the answer and the features; of mirrored looks, these follow on those of the pictures themselves."""
        return _opened(self.model, [self.end.features])

    @cached_property
    def _with_places(self) -> onnxruntime.InferenceSession:
        names = dict.fromkeys([self.end.places, *(node.output for node in self.end.chain)])
        return _opened(self.plain, [name for name in names if name != self.input])

    @cached_property
    def _after_features(self) -> onnxruntime.InferenceSession:
        return open_session(_part(self.plain, self.end.features, self.width).SerializeToString())

    def answer(self, features: np.ndarray) -> np.ndarray:
        """What the network says to features of shape (n, features): its last layers alone, and one look."""
        return self._after_features.run(None, {self.end.features: features})[0]

    def features(self, pixels: np.ndarray) -> np.ndarray:
        """What the answer is made from, float32 (n, features), of float32 pixels (n, height, width, channels)."""
        found = self.with_features.run([self.end.features], {self.input: pixels})[0][: len(pixels)]
        return found.reshape(len(pixels), -1)

    def grad_cam(self, pixels: np.ndarray) -> np.ndarray:
        """Which places speak for the predicted class: (n, height, width) in [0, 1], as `inspection.gradcam` has them.

        The last values with places are weighted, channel by channel, by the mean gradient of the class's score. In a
        network without convolution it is each pixel times its gradient, without its sign. A network that looks at
        mirror images, too, has the mean of its looks' maps.

        Source: Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization"
        (2017).
        """
        count, pixels = len(pixels), mirror(pixels, self.looks)
        names = [one.name for one in self._with_places.get_outputs()]
        values = dict(zip(names, self._with_places.run(names, {self.input: pixels}), strict=True))
        values[self.input] = pixels
        # pooling moves gradients about and leaves the sum of each channel as it is
        pooled = not self.end.of_input and self.end.chain[0].kind == "MaxPool"
        scores = values[self.end.chain[-1].output]
        mean = scores.reshape(-1, count, scores.shape[1]).mean(axis=0)
        gradient = np.tile(self._at_scores(mean), (len(self.looks) + 1, 1))
        gradient = back_through(self.end.chain[pooled:], gradient, values)
        if self.end.of_input:
            maps = np.abs(pixels * gradient).sum(axis=-1)
        else:
            places = values[self.end.places]
            weights = gradient.sum(axis=(2, 3)) / np.float32(places.shape[2] * places.shape[3])
            maps = np.maximum(np.einsum("nchw,nc->nhw", places, weights), 0)
        maps = unmirror(maps, self.looks)
        largest = maps.max(axis=(1, 2), keepdims=True)
        return np.divide(maps, largest, out=np.zeros_like(maps), where=largest > 0)

    def _at_scores(self, scores: np.ndarray) -> np.ndarray:
        """1 for the predicted class, 0 for the others; a sigmoid's one score speaks for the second class."""
        if self.end.kind == "Sigmoid" and scores.shape[1] == 1:
            return np.where(scores > 0, 0.5, -0.5).astype(np.float32)
        return np.eye(scores.shape[1], dtype=np.float32)[scores.argmax(axis=1)]


def _opened(model: onnx.ModelProto, names: Sequence[str]) -> onnxruntime.InferenceSession:
    """A network that gives these values, too."""
    told = onnx.ModelProto()
    told.CopyFrom(model)
    there = {one.name for one in told.graph.output}
    told.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names if name not in there
    )
    return open_session(told.SerializeToString())


def _part(model: onnx.ModelProto, first: str, width: int) -> onnx.ModelProto:
    """What of a network comes after the values `first`, of shape (n, width)."""
    made_by = {name: node for node in model.graph.node for name in node.output}
    wanted, waiting = set(), [model.graph.output[0].name]
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting += made_by[name].input if name in made_by and name != first else ()
    graph = helper.make_graph(
        [node for node in model.graph.node if node.output[0] in wanted - {first}],
        "head",
        [helper.make_tensor_value_info(first, TensorProto.FLOAT, ["n", width])],
        model.graph.output,
        [one for one in model.graph.initializer if one.name in wanted],
    )
    return helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def find_end(graph: onnx.GraphProto) -> End:
    """The end of a network that gives probabilities.

    Raises:
        NotKnownError: If it is none that can be followed back.
    """
    constants = constants_of(graph)
    made_by = {node.output[0]: node for node in graph.node}
    answer = made_by.get(graph.output[0].name)
    if answer is None or answer.op_type not in ("Softmax", "Sigmoid"):
        raise NotKnownError("a network that ends in no softmax or sigmoid")
    chain: list[Node] = []
    name, features, flat = answer.input[0], "", False
    source = pixels_of(graph)
    while name != source:
        node = made_by.get(name)
        if node is None:
            raise NotKnownError(f"{name} comes from nowhere")
        if flat and not _keeps_places(node, constants):
            break
        chain.insert(0, Node(node, constants))
        features = features or (chain[0].input if node.op_type in ("MatMul", "Gemm") else "")
        flat = flat or node.op_type in WITHOUT_PLACES
        name = chain[0].input
    if not features:
        raise NotKnownError("a network without a last dense layer")
    return End(name, name == source, tuple(chain), features, answer.output[0], answer.op_type)


def pixels_of(graph: onnx.GraphProto) -> str:
    """The name of a network's input; some converters list weights beside it."""
    weights = {one.name for one in graph.initializer}
    return next(one.name for one in graph.input if one.name not in weights)


def _keeps_places(node: onnx.NodeProto, constants: dict[str, np.ndarray]) -> bool:
    """Whether a node decides nothing: a pooling, or arithmetic with one number for all channels."""
    numbers = [constants[name] for name in node.input if name in constants]
    return node.op_type in PASSED or (node.op_type in ARITHMETIC and len(numbers) == 1 and numbers[0].size == 1)
