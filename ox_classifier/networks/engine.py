"""What runs a frozen base over pixels: ONNX Runtime where it agrees with Keras, else TensorFlow."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from ox_classifier.console import say
from ox_classifier.networks import onnx_export

AGREEMENT = 1e-4  # relative to the largest feature
GPU_BATCH = 32


@dataclass(frozen=True)
class Engine:
    """`extract` maps float32 pixels in [0, 1], shape (n, height, width, 3), to float32 features.

    `batch` is the batch size at which it is fastest.
    """

    name: str
    extract: Callable[[np.ndarray], np.ndarray]
    batch: int


def fastest(base: keras.Model, probe: np.ndarray) -> Engine:
    """The engine to use on this machine; its features of `probe` (one or two images) agree with Keras' within 1e-4.

    The choice depends on the machine, not on times measured now, so that a run that was killed and is resumed uses
    the same engine. Measured on two cores: VGG16 in ONNX Runtime takes 0.8 of TensorFlow's time, in batches of one.
    """
    if _gpus():
        return tensorflow(base)
    engine = onnx_runtime(base)
    expected = keras.ops.convert_to_numpy(base(probe, training=False))
    difference = float(np.abs(engine.extract(probe) - expected).max() / max(np.abs(expected).max(), 1e-9))
    if difference <= AGREEMENT:
        return engine
    say(f"features: ONNX Runtime differs from Keras by {difference:.1e}, so TensorFlow computes them")
    return tensorflow(base)


def onnx_runtime(base: keras.Model) -> Engine:
    """ONNX Runtime on the CPU, one image at a time: as fast as larger batches, with a fraction of the memory."""
    import onnxruntime

    with tempfile.TemporaryDirectory(prefix="ox-base-") as folder:
        path = Path(folder) / "base.onnx"
        onnx_export.write(base, path)
        options = onnxruntime.SessionOptions()
        # threads that spin while they wait halve the speed on a machine that runs anything else
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def extract(pixels: np.ndarray) -> np.ndarray:
        return np.concatenate([session.run(None, {name: pixels[i : i + 1]})[0] for i in range(len(pixels))])

    return Engine("ONNX Runtime", extract, batch=1)


def tensorflow(base: keras.Model) -> Engine:
    """TensorFlow, on a GPU if there is one."""
    import tensorflow as tf

    batch = GPU_BATCH if _gpus() else 4
    run = tf.function(lambda pixels: base(pixels, training=False), jit_compile=False)

    def extract(pixels: np.ndarray) -> np.ndarray:
        rows = []
        for start in range(0, len(pixels), batch):
            part = pixels[start : start + batch]
            # always the same batch size: another one may round differently
            padded = np.concatenate([part, np.repeat(part[:1], batch - len(part), axis=0)])
            rows.append(run(padded).numpy()[: len(part)].astype(np.float32))
        return np.concatenate(rows)

    return Engine("TensorFlow", extract, batch)


def _gpus() -> list:
    import tensorflow as tf

    return tf.config.get_visible_devices("GPU")
