"""A run made by hand, whose network's answers can be worked out: the mean of the red channel."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from ox_classifier import runs
from ox_classifier.pixels import INK_CROPPED, PixelRule

RED = [
    helper.make_node("ReduceMean", ["pixels", "axes"], ["mean"], keepdims=0),
    helper.make_node("Slice", ["mean", "zero", "one", "one"], ["red"]),
]
HISTORY = "epoch,loss,accuracy,val_loss,val_accuracy,learning_rate,seconds\n"
RULE = PixelRule(8, 8)
CONSTANTS = {"axes": [1, 2], "zero": [0], "one": [1]}


def network(
    nodes: Sequence[onnx.NodeProto] = RED,
    *,
    inputs: dict[str, list] | None = None,
    outputs: dict[str, list] | None = None,
    kind: int = TensorProto.FLOAT,
    constants: Sequence[onnx.TensorProto] = (),
) -> onnx.ModelProto:
    """An ONNX network from pixels of shape (n, 8, 8, 3) to the mean red, shape (n, 1); or, as told, another."""
    values = [helper.make_tensor(name, TensorProto.INT64, [len(v)], v) for name, v in CONSTANTS.items()]
    inputs, outputs = inputs or {"pixels": ["n", 8, 8, 3]}, outputs or {"red": ["n", 1]}
    graph = helper.make_graph(
        list(nodes),
        "red",
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in outputs.items()],
        [*values, *constants],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def run(rule: PixelRule = RULE, model: onnx.ModelProto | None = None) -> runs.Run:
    """A finished run in the current folder's runs/, whose network answers with the mean red as probability of "x"."""
    made = runs.create("lenet")
    made.update(classes=["o", "x"], pixels=rule.as_dict(), state="finished")
    shape = ["n", *rule.shape]
    onnx.save(model or network(inputs={"pixels": shape}), made.onnx_file)
    return made


def judged_run(folder: Path) -> runs.Run:
    """The same over a folder of drawn marks, with all that training records of them."""
    made = run()
    names = sorted(path.relative_to(folder) for path in folder.rglob("*.png"))
    made.write_table("split.csv", ("path", "label", "split"), [(n.as_posix(), n.parts[1], n.parts[0]) for n in names])
    (made.path / "history.csv").write_text(HISTORY + "1,0.7,0.5,0.6,0.5,0.001,1.5\n2,0.6,0.7,0.5,1.0,0.001,1.4\n")
    made.update(
        epochs=20, batch_size=32, learning_rate=0.001, dropout=None, monitor="val_accuracy", seed=0, average=1,
        augmentation={"horizontal_flip": True, "zoom_range": [0.75, 1.7]}, balance=True, patience=10, weights=None,
        views=None, fine_tune=0, splitting={"val_fraction": 0.2, "group": None}, class_weights=None, parameters=100,
        data={"root": str(folder), "counts": {"train": {"o": 1, "x": 1}, "val": {"o": 2, "x": 2}}, "fingerprint": "ab"},
        device={"kind": "cpu", "reason": "none there", "count": 1}, precision="float32", versions={"ox": "0.1.0"},
        best_epoch=2, epochs_trained=2, interrupted=False, results={"val": {"correct": 2, "images": 4}},
        onnx={"max_difference": 1e-7, "images": 4}, seconds=3.1,
    )  # fmt: skip
    return made


def reader() -> runs.Run:
    """A finished run in the current folder's runs/ that tells O from X, by how dark the middle of the ink is."""
    values = {"begin": [7, 7, 0], "end": [9, 9, 1], "sides": [1, 2, 3], "axes": [1, 2]}
    nodes = [
        helper.make_node("Slice", ["pixels", "begin", "end", "sides"], ["middle"]),
        helper.make_node("Sub", ["paper", "middle"], ["darker"]),
        helper.make_node("Relu", ["darker"], ["ink"]),
        helper.make_node("ReduceMean", ["ink", "axes"], ["mean"], keepdims=0),
        helper.make_node("Sub", ["mean", "some"], ["more"]),
        helper.make_node("Mul", ["more", "steep"], ["steeper"]),
        helper.make_node("Sigmoid", ["steeper"], ["red"]),
    ]
    constants = [helper.make_tensor(name, TensorProto.INT64, [len(v)], v) for name, v in values.items()]
    floats = {"paper": 0.95, "some": 0.06, "steep": 150.0}
    constants += [helper.make_tensor(name, TensorProto.FLOAT, [], [value]) for name, value in floats.items()]
    graph = helper.make_graph(
        nodes,
        "reader",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 16, 16, 3])],
        [helper.make_tensor_value_info("red", TensorProto.FLOAT, ["n", 1])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return run(PixelRule(16, 16, resize=INK_CROPPED), model)
