"""An exported model, asked through its own runtime, as the programs that get it will ask it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ox_classifier.devices import quiet_tensorflow, stderr_held_back
from ox_classifier.errors import OxError
from ox_classifier.export import formats, operators
from ox_classifier.exported import Exported
from ox_classifier.session import Session

BATCH = 8  # images; with more, a large network takes more memory and no less time
Answer = Callable[[np.ndarray], np.ndarray]


def open_model(exported: Exported) -> Answer:
    """A function from float32 pixels in [0, 1], shape (n, h, w, c), to probabilities, float32 of shape (n, classes).

    Raises:
        UsageError: If the runtime is missing, or the model has what no network of ox has.
        OxError: If another model can't be opened.
    """
    form = formats.of(exported)
    form.need()
    path, shape = exported.path / form.file, exported.rule.shape
    operators.check(path, form.name)
    try:
        return functools.partial(_in_batches, OPENERS[form.name](path, shape, len(exported.classes)))
    except OxError:
        raise
    except Exception as error:  # each runtime has exceptions of its own
        reason = " ".join(str(error).split())[:200]
        raise OxError(f"{path} can't be opened ({reason}): it is damaged; export again") from error


def as_probabilities(answer: np.ndarray) -> np.ndarray:
    """A network's output, of shape (n, classes), or (n, 1) where it is that of the second of two, as (n, classes)."""
    return np.concatenate([1 - answer, answer], axis=1) if answer.shape[1] == 1 else answer


def _in_batches(ask: Answer, pixels: np.ndarray) -> np.ndarray:
    parts = [as_probabilities(np.asarray(ask(pixels[i : i + BATCH]))) for i in range(0, len(pixels), BATCH)]
    return np.concatenate(parts)


def _onnx(path: Path, shape: tuple[int, int, int], classes: int) -> Answer:
    return Session(path, shape, classes).answer


def _litert(path: Path, shape: tuple[int, int, int], _classes: int) -> Answer:
    with stderr_held_back():  # a line about its delegate, at the first answer
        from ai_edge_litert.interpreter import Interpreter

        run = Interpreter(str(path)).get_signature_runner()
        run(pixels=np.zeros((1, *shape), np.float32))
    return lambda pixels: next(iter(run(pixels=pixels).values()))


def _saved_model(path: Path, _shape: tuple[int, int, int], _classes: int) -> Answer:
    model = quiet_tensorflow().saved_model.load(path)
    return lambda pixels: model.serve(pixels).numpy()


def _openvino(path: Path, _shape: tuple[int, int, int], _classes: int) -> Answer:
    import openvino

    # a processor with bfloat16 would otherwise compute with three digits
    model = openvino.compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda pixels: model(pixels)[0]


OPENERS = {"onnx": _onnx, "litert": _litert, "saved-model": _saved_model, "openvino": _openvino}
