"""What a model.onnx says about itself: its classes, the pixels it takes, who made it, and when it is unsure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import onnx

from ox_classifier import __version__
from ox_classifier.files import replacing
from ox_classifier.pixels import PixelRule

PRODUCER = "ox-classifier"
BATCH = "batch"  # the name of the first dimension, which may be of any length


def describe(
    path: Path,
    classes: Sequence[str],
    rule: PixelRule,
    *,
    temperature: float | None = None,
    threshold: float | None = None,
) -> None:
    """Write into an ONNX file what it is for, and name the first dimension of its input and output.

    `metadata_props` then holds `classes` (a JSON list in the order of the outputs), `pixels` (the pixel rule as JSON),
    `producer`, `output` and, where they are known, `temperature` and `threshold`. The network's answers stay the same.
    """
    model = onnx.load(path)
    model.producer_name, model.producer_version = PRODUCER, __version__
    told = {entry.key: entry.value for entry in model.metadata_props} | {
        "classes": json.dumps(list(classes), ensure_ascii=not _encodes(classes)),
        "pixels": json.dumps(rule.as_dict(), ensure_ascii=False),
        "producer": f"{PRODUCER} {__version__}",
        "output": meaning(model.graph.output[0].type.tensor_type.shape.dim[-1].dim_value, classes),
    }
    told |= {
        name: repr(float(value))
        for name, value in {"temperature": temperature, "threshold": threshold}.items()
        if value is not None
    }
    # a name that is no UTF-8, as some file systems hold, can stand in no ONNX file as it is
    told = {name: value.encode("utf-8", "backslashreplace").decode() for name, value in told.items()}
    onnx.helper.set_model_props(model, told)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH
    with replacing(path) as beside:
        beside.write_bytes(model.SerializeToString())


def _encodes(classes: Sequence[str]) -> bool:
    try:
        "".join(classes).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def meaning(outputs: int, classes: Sequence[str]) -> str:
    """What the network's numbers mean, in words."""
    if outputs == 1:
        return f"the probability of {classes[1]}; that of {classes[0]} is 1 minus it"
    return "the probability of each class, in the order of classes"
