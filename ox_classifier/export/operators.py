"""An exported model from a stranger, looked through before its runtime opens it: only operators that compute an answer.

TensorFlow runs what a SavedModel says, such as writing a file, and any runtime would go round a loop for ever.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

from ox_classifier import limits
from ox_classifier.devices import quiet_tensorflow
from ox_classifier.errors import UsageError

NOT_OURS = "it is damaged or not made by ox export"
MOST_GRAPH = 64 * limits.MEGABYTE  # of a description without weights; that of a network of 270 layers has 4
MOST_TABLES = 10_000
TENSORFLOW = frozenset(
    "AddV2 AvgPool BiasAdd Cast ConcatV2 Const Conv2D DepthwiseConv2dNative Elu FusedBatchNormV3 GatherV2 Identity "
    "IdentityN LeakyRelu Less MatMul MaxPool Maximum Mean Minimum Mul Neg NoOp Pack Pad ReadVariableOp RealDiv Relu "
    "Relu6 Reshape ReverseV2 Rsqrt SelectV2 Shape Sigmoid Softmax Sqrt Square SquaredDifference Squeeze StopGradient "
    "StridedSlice Sub Sum Tanh".split()
)
CALLS = frozenset(("PartitionedCall", "StatefulPartitionedCall"))
OBJECTS = frozenset(("user_object", "function", "bare_concrete_function", "variable", "constant", "captured_tensor"))
SAVED_FILES = ("saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001")
BESIDE = frozenset(("fingerprint.pb", "variables", "assets"))
OPENVINO_LOOPS = frozenset(("If", "Loop", "TensorIterator"))
LITERT_LOOPS = {31: "CALL", 32: "CUSTOM", 118: "IF", 119: "WHILE", 129: "CALL_ONCE"}  # by number in LiteRT's schema


def check(path: Path, form: str) -> None:
    """Refuse the model of a format if it could do more than turn pixels into probabilities.

    Raises:
        UsageError: If it is none that ox writes; the sentence says why.
    """
    CHECKS[form](path)


def refuse_operators(path: Path, names: Iterable[str]) -> None:
    """Refuse a model that has any of these operators.

    Raises:
        UsageError: Naming one.
    """
    strange = sorted(names)
    if strange:
        raise _refused(path, f"has the operator {strange[0][:60]!r}, which no network of ox uses")


def _saved_model(path: Path) -> None:
    """Walk the functions that loading or asking runs. Those that save the model again are reached from none of them."""
    quiet_tensorflow()
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    allowed = BESIDE | set(SAVED_FILES)
    strange = sorted(name for file in path.rglob("*") if (name := file.relative_to(path).as_posix()) not in allowed)
    if strange:
        raise _refused(path, f"holds {strange[0][:60]!r}")
    for name in SAVED_FILES:
        _check_file(path / name, limits.MOST_NETWORK)
    _check_file(path / SAVED_FILES[0], MOST_GRAPH)
    try:
        saved = SavedModel.FromString((path / SAVED_FILES[0]).read_bytes())
    except Exception as error:  # protobuf has exceptions of its own
        raise _refused(path, f"can't be read ({' '.join(str(error).split())[:100]})") from None
    if len(saved.meta_graphs) != 1 or not saved.meta_graphs[0].object_graph_def.nodes:
        raise _refused(path, "is none of TensorFlow 2")
    graph = saved.meta_graphs[0]
    kinds = {node.WhichOneof("kind") for node in graph.object_graph_def.nodes}
    if not kinds <= OBJECTS:
        raise _refused(path, f"holds the object {min(map(str, kinds - OBJECTS))!r}")
    library = {function.signature.name: function for function in graph.graph_def.library.function}
    begun = set(graph.object_graph_def.concrete_functions)
    for node in graph.object_graph_def.nodes:
        begun |= {*node.function.concrete_functions, node.bare_concrete_function.concrete_function_name} - {""}
    for name in sorted(begun):
        _walk(path, library, name, ())


def _walk(path: Path, library: dict, name: str, callers: tuple[str, ...]) -> None:
    """Check a function and those that it calls."""
    if name not in library or name in callers:
        raise _refused(path, f"calls {name[:60]!r}, which is not in it or calls itself")
    for node in library[name].node_def:
        refuse_operators(path, {node.op} - TENSORFLOW - CALLS)
        values = list(node.attr.values())
        called = [value.func for value in values if value.HasField("func")]
        called += [function for value in values if value.HasField("list") for function in value.list.func]
        for function in called:
            _walk(path, library, function.name, (*callers, name))


def _openvino(path: Path) -> None:
    """Another file of that name, such as a network of another library, would be opened as what it is."""
    _check_file(path, MOST_GRAPH)
    _check_file(path.with_suffix(".bin"), limits.MOST_NETWORK)
    try:
        root = ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise _refused(path, f"is no XML ({error})") from None
    if root.tag != "net":
        raise _refused(path, "describes no network")
    refuse_operators(path, {layer.get("type", "") for layer in root.iter("layer")} & OPENVINO_LOOPS)


def _litert(path: Path) -> None:
    """The few fields of a flat buffer that tell the operators and the number of graphs: loops have theirs apart."""
    _check_file(path, limits.MOST_NETWORK)
    data = path.read_bytes()
    try:
        (root,) = struct.unpack_from("<I", data)
        codes = [_operator(data, table) for table in _tables(data, root, 1)]
        graphs = len(_tables(data, root, 2))
    except (struct.error, IndexError, ValueError) as error:
        raise _refused(path, f"is no network of LiteRT ({error})") from None
    refuse_operators(path, {LITERT_LOOPS[code] for code in codes if code in LITERT_LOOPS})
    if graphs != 1:
        raise _refused(path, f"holds {graphs:,} graphs")


def _operator(data: bytes, table: int) -> int:
    """The number of an operator: in the fourth field, in old files in the first."""
    old, new = _field(data, table, 0), _field(data, table, 3)
    return max(data[old] if old else 0, struct.unpack_from("<i", data, new)[0] if new else 0)


def _field(data: bytes, table: int, number: int) -> int:
    """Where a field of a table lies; 0 if it is left out."""
    (back,) = struct.unpack_from("<i", data, table)
    names = table - back
    if names < 0:
        raise ValueError("a table outside the file")
    (size,) = struct.unpack_from("<H", data, names)
    if size < 6 + 2 * number:
        return 0
    (ahead,) = struct.unpack_from("<H", data, names + 4 + 2 * number)
    return table + ahead if ahead else 0


def _tables(data: bytes, table: int, number: int) -> list[int]:
    """Where the tables lie that a field of a table lists."""
    place = _field(data, table, number)
    if not place:
        return []
    place += struct.unpack_from("<I", data, place)[0]
    (count,) = struct.unpack_from("<I", data, place)
    if count > MOST_TABLES:
        raise ValueError(f"{count:,} tables in a list")
    places = range(place + 4, place + 4 + 4 * count, 4)
    return [at + struct.unpack_from("<I", data, at)[0] for at in places]


def _onnx(path: Path) -> None:
    """`Session` looks through its operators."""
    _check_file(path, limits.MOST_NETWORK)


CHECKS = {"onnx": _onnx, "saved-model": _saved_model, "openvino": _openvino, "litert": _litert}


def _check_file(path: Path, most: int) -> None:
    try:
        limits.check_file(path, most)
    except FileNotFoundError:
        raise UsageError(f"{path} is not there: {NOT_OURS}") from None


def _refused(path: Path, why: str) -> UsageError:
    return UsageError(f"{path} {why}: {NOT_OURS}")
