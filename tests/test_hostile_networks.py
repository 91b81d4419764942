"""model.onnx from a stranger: what does anything but classify images is refused in one sentence."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

import numpy as np
import onnx
import pytest
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper
from typer.testing import CliRunner

from ox_classifier import onnx_file, runs
from ox_classifier.classifier import Classifier
from ox_classifier.cli import app
from ox_classifier.devices import quiet_tensorflow
from ox_classifier.errors import UsageError
from ox_classifier.report import explanations
from tests import hand_made
from tests.hand_made import RED, network

ANSWER = {"red": ["n", 1]}


@pytest.fixture(autouse=True)
def in_a_fresh_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def endless():
    """A Loop that counts to 2^62 before it answers."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go_on"], ["still"]), helper.make_node("Sqrt", ["carried"], ["more"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("carried", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("more", TensorProto.FLOAT, None),
        ],
    )
    count = helper.make_tensor("count", TensorProto.INT64, [], [2**62])
    true = helper.make_tensor("true", TensorProto.BOOL, [], [True])
    loop = helper.make_node("Loop", ["count", "true", "red"], ["answer"], body=body)
    return network([*RED, loop], outputs={"answer": ["n", 1]}, constants=[count, true])


def graph_in_an_allowed_node():
    model = network()
    model.graph.node[0].attribute.append(helper.make_attribute("body", endless().graph))
    return model


def another_domain():
    return network([helper.make_node("Relu", ["pixels"], ["red"], domain="com.evil")])


def own_function():
    model = network()
    model.functions.append(helper.make_function("", "Relu", ["x"], ["y"], [], [helper.make_opsetid("", 18)]))
    return model


def weights_elsewhere(where):
    tensor = TensorProto(name="stolen", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="/etc/passwd")
    if where == "initializer":
        return network(constants=[tensor])
    return network([helper.make_node("Constant", [], ["stolen"], value=tensor), *RED])


def answering(value):
    scale = numpy_helper.from_array(np.array(value, np.float32), "scale")
    return network(
        [*RED, helper.make_node("Mul", ["red", "scale"], ["out"])], outputs={"out": ["n", 1]}, constants=[scale]
    )


def gigantic():
    """A product of 100,000 x 100,000 numbers from a file of a few megabytes."""
    column = numpy_helper.from_array(np.ones((192, 100_000), np.float16), "column")
    nodes = [
        helper.make_node("Flatten", ["pixels"], ["flat"], axis=1),
        helper.make_node("Cast", ["column"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["flat", "wide"], ["row"]),
        helper.make_node("Transpose", ["row"], ["turned"], perm=[1, 0]),
        helper.make_node("MatMul", ["turned", "row"], ["huge"]),
        helper.make_node("ReduceMean", ["huge"], ["mean"], keepdims=1),
        helper.make_node("Slice", ["row", "zero", "one", "one"], ["few"]),
        helper.make_node("Mul", ["few", "mean"], ["scaled"]),
        helper.make_node("Sigmoid", ["scaled"], ["out"]),
    ]
    return network(nodes, outputs={"out": ["n", 1]}, constants=[column])


def reshaped():
    pair = helper.make_tensor("pair", TensorProto.INT64, [2], [-1, 2])
    return network(
        [helper.make_node("Reshape", ["pixels", "pair"], ["red"])], outputs={"red": ["n", 2]}, constants=[pair]
    )


def three_classes():
    return network([helper.make_node("ReduceMean", ["pixels", "axes"], ["red"], keepdims=0)], outputs={"red": ["n", 3]})


def without_output():
    model = network()
    del model.graph.output[:]
    return model


TWO = [*RED, helper.make_node("Relu", ["red"], ["again"])]
HOSTILE = {
    "an endless loop": (endless, "operator 'Loop'"),
    "a graph inside a node": (graph_in_an_allowed_node, "a graph in a graph"),
    "an operator of another domain": (another_domain, "operator of the domain 'com.evil'"),
    "an operator that is none": (lambda: network([helper.make_node("Evil", ["pixels"], ["red"])]), "operator 'Evil'"),
    "functions": (own_function, "functions of its own"),
    "weights in /etc/passwd": (lambda: weights_elsewhere("initializer"), "weights outside the file"),
    "a constant in /etc/passwd": (lambda: weights_elsewhere("constant"), "weights outside the file"),
    "two outputs": (lambda: network(TWO, outputs={"red": ["n", 1], "again": ["n", 1]}), "takes and gives"),
    "no output": (without_output, "can't be loaded|takes and gives"),
    "two inputs": (lambda: network(inputs={"pixels": ["n", 8, 8, 3], "more": ["n", 1]}), "takes and gives"),
    "images of another shape": (lambda: network(inputs={"pixels": ["n", 9, 8, 3]}), "expected images of shape"),
    "one image at a time": (lambda: network(inputs={"pixels": [1, 8, 8, 3]}), "takes and gives"),
    "three classes": (three_classes, "of 2 classes"),
    "doubles": (lambda: network(kind=TensorProto.DOUBLE), r"tensor\(double\)"),
    "no numbers": (lambda: answering(np.nan), "something else than numbers from 0 to 1"),
    "infinity": (lambda: answering(np.inf), "something else than numbers from 0 to 1"),
    "numbers that are no probabilities": (lambda: answering(-7), "something else than numbers from 0 to 1"),
    "other shapes than it says": (reshaped, "with an array of shape"),
    "giant tensors": (gigantic, "can't answer"),
    "nothing": (lambda: ModelProto(ir_version=9), "no network"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_network_is_one_sentence(name):
    build, sentence = HOSTILE[name]
    run = hand_made.run(model=build())
    with pytest.raises(UsageError, match=sentence) as raised:
        Classifier(run).probabilities(np.full((3, 8, 8, 3), 100, np.uint8))
    assert "\n" not in str(raised.value) and str(raised.value).startswith("runs/lenet-1/model.onnx")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "is empty"),
        (b"junk", "bytes that are no ONNX"),
        (b"ORTM" * 8, "bytes that are no ONNX"),  # ONNX Runtime's own format, which carries no names to check
        (b"\x3a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", "bytes that are no ONNX"),
        (b"\x08\x01" * 1_100_000, "bytes that are no ONNX"),  # a million fields
        (b"\x3a\x7f", "bytes that are no ONNX"),  # a graph longer than the file
        (b"\x3b\x3c", "bytes that are no ONNX"),  # a group
    ],
    ids=["empty", "junk", "ort", "long varint", "many fields", "cut", "group"],
)
def test_what_is_no_onnx_is_one_sentence(data, sentence):
    run = hand_made.run()
    run.onnx_file.write_bytes(data)
    with pytest.raises(UsageError, match=sentence):
        Classifier(run)


def test_every_cut_of_a_network_is_refused_or_whole():
    run = hand_made.run()
    whole = run.onnx_file.read_bytes()
    for end in range(len(whole)):
        run.onnx_file.write_bytes(whole[:end])
        with pytest.raises(UsageError):
            Classifier(run)


def test_a_changed_byte_never_ends_in_anything_but_an_answer_or_a_sentence():
    run = hand_made.run()
    whole, rng = run.onnx_file.read_bytes(), np.random.default_rng(0)
    pixels = np.full((2, 8, 8, 3), 100, np.uint8)
    for _ in range(300):
        changed = bytearray(whole)
        changed[rng.integers(len(changed))] = rng.integers(256)
        run.onnx_file.write_bytes(changed)
        try:
            answer = Classifier(run).probabilities(pixels)
        except UsageError:
            continue
        assert answer.shape == (2, 2) and np.isfinite(answer).all()


def test_a_pipe_a_folder_and_a_file_that_may_not_be_read(tmp_path):
    run = hand_made.run()
    run.onnx_file.unlink()
    os.mkfifo(run.onnx_file)
    with pytest.raises(UsageError, match="no plain file"):
        Classifier(run)
    run.onnx_file.unlink()
    run.onnx_file.mkdir()
    with pytest.raises(UsageError, match="no plain file"):
        Classifier(run)


def test_the_numbers_of_the_fields_are_those_of_onnx():
    fields = {
        name: {field.name: field.number for field in kind.DESCRIPTOR.fields}
        for name, kind in zip(
            ("model", "graph", "node", "attribute", "tensor"),
            (ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto),
            strict=True,
        )
    }
    assert onnx_file.MESSAGES["model"] == {fields["model"]["graph"]: "graph"}
    assert onnx_file.MESSAGES["graph"] == {fields["graph"]["node"]: "node", fields["graph"]["initializer"]: "tensor"}
    assert onnx_file.MESSAGES["node"] == {fields["node"]["attribute"]: "attribute"}
    assert set(onnx_file.MESSAGES["attribute"]) == {fields["attribute"][name] for name in ("t", "tensors")}
    refused = {name: set(numbers) for name, numbers in onnx_file.REFUSED.items()}
    assert refused["model"] == {fields["model"][name] for name in ("training_info", "functions")}
    assert refused["graph"] == {fields["graph"]["sparse_initializer"]}
    assert refused["attribute"] == {fields["attribute"][n] for n in ("g", "graphs", "sparse_tensor", "sparse_tensors")}
    assert refused["tensor"] == {fields["tensor"]["external_data"]}
    assert (fields["node"]["op_type"], fields["node"]["domain"]) == (onnx_file.OPERATOR, onnx_file.DOMAIN)
    assert fields["tensor"]["data_location"] == onnx_file.LOCATION
    # messages that hold graphs, nodes or tensors and are not among these would go unseen
    holders = {
        kind.DESCRIPTOR.name
        for kind in (ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto)
        for field in kind.DESCRIPTOR.fields
        if field.message_type and field.message_type.name in ("GraphProto", "NodeProto", "TensorProto", "FunctionProto")
    }
    assert holders == {"ModelProto", "GraphProto", "AttributeProto"}


def test_the_look_takes_milliseconds_and_imports_no_onnx(tmp_path):
    path = tmp_path / "large.onnx"
    weights = numpy_helper.from_array(np.zeros(10_000_000, np.float32), "large")
    onnx.save(network(constants=[weights]), path)
    onnx_file.check(path)
    start = time.perf_counter()
    onnx_file.check(path)
    assert time.perf_counter() - start < 0.05
    code = (
        "import sys\nfrom ox_classifier import classifier\n"
        "print(sorted({'onnx', 'tensorflow', 'keras'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.tensorflow
def test_a_network_of_other_images_looks_at_no_training_image(tiny_run, tmp_path):
    """A run.json that asked for 4096 pixels a side made `ox report` take 10 GB, and end in a traceback."""
    (tmp_path / "runs").mkdir()
    run = runs.Run(shutil.copytree(tiny_run.path, tmp_path / "runs" / "larger"))
    assert explanations.network_end(run) is not None
    run.update(pixels=run.config["pixels"] | {"height": 4096, "width": 4096})
    assert explanations.network_end(run) is None
    done = CliRunner().invoke(app, ["report", "larger"])
    assert done.exit_code == 2 and "expected images of shape [4096, 4096, 3]" in done.stderr


@pytest.mark.tensorflow
@pytest.mark.parametrize("words", [["inspect"], ["export", "--out", "out"]])
def test_the_saved_network_of_another_run_is_one_sentence(tiny_run, tmp_path, words):
    keras = quiet_tensorflow().keras
    (tmp_path / "runs").mkdir(exist_ok=True)
    place = shutil.copytree(tiny_run.path, tmp_path / "runs" / "other")
    layers = [keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(1, activation="sigmoid")]
    keras.Sequential(layers).save(place / "model.keras")
    done = CliRunner().invoke(app, [words[0], "other", *words[1:]])
    assert done.exit_code == 2 and "is not the network of this run" in done.stderr
    assert not (tmp_path / "out").exists()
