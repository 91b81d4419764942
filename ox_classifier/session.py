"""model.onnx, opened for the CPU once it is known to be a classifier of the run's images and nothing else."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import numpy as np
import onnxruntime

from ox_classifier import onnx_file
from ox_classifier.errors import UsageError

NOT_OURS = "the run is damaged or not made by ox; train again"
MEMORY_SHARE = 0.75  # of the machine's memory, which a network that makes giant tensors may not exceed
MEMORY_UNKNOWN = 8 * 2**30


class Session:
    """A network of `shape` (height, width, channels) → probabilities of `classes` classes, on `threads` cores or all.

    Raises:
        UsageError: If the file is damaged, not allowed (see `onnx_file`) or a network of another shape.
    """

    def __init__(self, path: Path, shape: tuple[int, int, int], classes: int, *, threads: int | None = None):
        self.path, self.shape, self.classes = path, shape, classes
        onnx_file.check(path)
        try:
            self.session = open_session(path, threads=threads)
            inputs, outputs = (
                [(tensor.name, tensor.type, list(tensor.shape)) for tensor in tensors]
                for tensors in (self.session.get_inputs(), self.session.get_outputs())
            )
        except Exception as error:  # ONNX Runtime's own exception classes derive from Exception directly
            reason = " ".join(str(error).split())[:200]
            raise UsageError(f"{path} can't be loaded ({reason}): the run is damaged; train again") from None
        images = ["tensor(float)", *((side,) for side in shape)]
        probabilities = ["tensor(float)", (1, 2) if classes == 2 else (classes,)]
        fits = len(inputs) == len(outputs) == 1 and _is(inputs[0], *images) and _is(outputs[0], *probabilities)
        if not fits:
            found = "; ".join(f"{kind} {sides}" for _, kind, sides in (*inputs, *outputs))
            raise UsageError(
                f"{path} takes and gives {found[:200]}: expected images of shape {list(shape)} in and probabilities of "
                f"{classes} classes out; {NOT_OURS}"
            )
        self.input = inputs[0][0]

    def answer(self, pixels: np.ndarray) -> np.ndarray:
        """Probabilities, float32 of shape (n, classes), of float32 images in [0, 1], shape (n, *self.shape).

        Raises:
            UsageError: If the network fails or its answers are no probabilities.
        """
        try:
            (answer,) = self.session.run(None, {self.input: pixels})
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            raise UsageError(f"{self.path} can't answer ({reason}): {NOT_OURS}, or the memory is too small") from None
        return self.probabilities(answer, len(pixels))

    def probabilities(self, answer: np.ndarray, count: int) -> np.ndarray:
        """What the network's last layer gave for `count` images, as float32 of shape (count, classes).

        Raises:
            UsageError: If that are no probabilities.
        """
        if answer.shape not in ((count, 1), (count, self.classes)):
            shape = list(answer.shape)
            raise UsageError(f"{self.path} answered {count} images with an array of shape {shape}: {NOT_OURS}")
        if not (np.all(answer >= -1e-3) and np.all(answer <= 1 + 1e-3)):  # NaN is neither
            raise UsageError(f"{self.path} answered with something else than numbers from 0 to 1: {NOT_OURS}")
        return np.concatenate([1 - answer, answer], axis=1) if answer.shape[1] == 1 else answer


def open_session(path: Path | bytes, *, threads: int | None = None) -> onnxruntime.InferenceSession:
    """Load a trusted ONNX file, or what one holds, for so many cores of the CPU, or all."""
    options = _options()
    options.intra_op_num_threads = threads or 0
    return onnxruntime.InferenceSession(
        path,
        options,
        providers=["CPUExecutionProvider"],
        enable_fallback=0,  # which would print on stdout and try the same once more
    )


def _is(tensor: tuple[str, str, list], kind: str, *sides: tuple[int, ...]) -> bool:
    """Whether a tensor is of a kind, and has any number of rows and sides of the given sizes (a name fits any)."""
    _, found_kind, (rows, *found) = tensor if tensor[2] else (*tensor[:2], [0])
    return (
        found_kind == kind
        and not isinstance(rows, int)
        and len(found) == len(sides)
        and all(not isinstance(side, int) or side in allowed for side, allowed in zip(found, sides, strict=True))
    )


def _options() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.add_session_config_entry("session.load_model_format", "ONNX")
    _bound_memory()
    options.add_session_config_entry("session.use_env_allocators", "1")
    return options


@functools.cache
def _bound_memory() -> None:
    """Let a network that asks for more memory than there is fail, where it would take the whole machine down."""
    memory = MEMORY_UNKNOWN
    if hasattr(os, "sysconf") and {"SC_PAGE_SIZE", "SC_PHYS_PAGES"} <= set(os.sysconf_names):
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    place = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    arena = onnxruntime.OrtArenaCfg({"max_mem": int(memory * MEMORY_SHARE)})
    onnxruntime.create_and_register_allocator(place, arena)
