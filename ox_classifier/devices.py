"""Which processor TensorFlow will use, and why: every training begins with that line."""

from __future__ import annotations

import gc
import os
import platform
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from ox_classifier.errors import UsageError

Wanted = Literal["auto", "cpu", "gpu"]


@dataclass(frozen=True)
class Device:
    """`kind` is "cpu" or "gpu"; `reason` says in words why that one."""

    kind: str
    reason: str
    count: int = 1

    def __str__(self) -> str:
        return f"{self.kind.upper()}{f' x{self.count}' if self.count > 1 else ''} ({self.reason})"


def choose(wanted: str = "auto", *, mixed_precision: bool = False) -> Device:
    """Set TensorFlow up for `wanted` ("auto", "cpu" or "gpu") and say what was chosen.

    GPU memory grows as needed instead of being taken whole; with `mixed_precision`, layers compute in float16.
    Must run before the first tensor is made.

    Raises:
        UsageError: If "gpu" is asked and there is none; the sentence says why.
    """
    refuse_missing(wanted)
    tf = quiet_tensorflow()
    gpus = tf.config.list_physical_devices("GPU")
    if wanted == "gpu" and not gpus:
        raise UsageError(f"--device gpu, but {why_no_gpu(tf)}; use --device cpu or auto")
    # in both cases, as it is global: an earlier training of this process may have set the other
    tf.keras.mixed_precision.set_global_policy("mixed_float16" if mixed_precision else "float32")
    if wanted == "cpu" or not gpus:
        if gpus:
            tf.config.set_visible_devices([], "GPU")
        return Device("cpu", "asked for with --device cpu" if wanted == "cpu" else why_no_gpu(tf))
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    names = sorted({tf.config.experimental.get_device_details(g).get("device_name", g.name) for g in gpus})
    return Device("gpu", ", ".join(names), len(gpus))


def refuse_missing(wanted: str) -> None:
    """Refuse "gpu" where it is plain without TensorFlow, which takes seconds to import, that there is none.

    Raises:
        UsageError: If there is no GPU, or no such kind of device.
    """
    if wanted not in get_args(Wanted):
        raise UsageError(f"--device {wanted!r} is unknown: give auto, cpu or gpu")
    if wanted == "gpu":
        reason = _plainly_no_gpu()
        if reason:
            raise UsageError(f"--device gpu, but {reason}; use --device cpu or auto")


def why_no_gpu(tf) -> str:
    """One clause on why TensorFlow sees no GPU here."""
    plain = _plainly_no_gpu()
    if plain:
        return plain
    if sys.platform == "darwin":
        return "TensorFlow's macOS wheel is built for the CPU; pip install tensorflow-metal"
    if not tf.test.is_built_with_cuda():
        return "this TensorFlow is built for the CPU only; pip install 'tensorflow[and-cuda]'"
    return "TensorFlow finds no CUDA libraries for the driver here; pip install 'tensorflow[and-cuda]'"


def _plainly_no_gpu() -> str:
    """Why there can be no GPU on this machine, without asking TensorFlow; "" if there may be one."""
    if sys.platform == "win32":
        return "TensorFlow has no GPU support on native Windows since 2.11; use WSL2"
    if sys.platform == "darwin":
        return ""  # its GPU needs no CUDA
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return "CUDA_VISIBLE_DEVICES hides every GPU"
    drivers = (Path("/proc/driver/nvidia/version"), Path("/dev/dxg"))
    if sys.platform == "linux" and not any(driver.exists() for driver in drivers):
        return f"no NVIDIA driver on this {platform.system()} machine"
    return ""


def quiet_tensorflow():
    """Import TensorFlow without the log lines that nobody asked for; they are shown if the import fails."""
    if "tensorflow" in sys.modules:
        return sys.modules["tensorflow"]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    with stderr_held_back(), _no_garbage_collection():
        import tensorflow as tf

        tf.config.list_physical_devices("GPU")  # the line about missing CUDA comes here
    tf.get_logger().setLevel("ERROR")  # cross-validation builds many networks, which TensorFlow warns of
    return tf


@contextmanager
def _no_garbage_collection():
    """Let Python not look for garbage: among the millions of objects that an import makes and keeps there is none.

    A fifth of the time that the import of TensorFlow takes.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def stderr_held_back():
    """Hold back file descriptor 2, which C++ writes to, and let it out only if the block fails."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:
            os.dup2(saved, 2)
            held.seek(0)
            os.write(2, held.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)
