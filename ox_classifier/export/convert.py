"""A run's network → the files of a format, which answer as the run does. Needs TensorFlow."""

from __future__ import annotations

import shutil
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ox_classifier.devices import stderr_held_back
from ox_classifier.errors import OxError
from ox_classifier.export.formats import Format

QUANTIZED = ["Conv", "MatMul", "Gemm"]  # where nearly all weights and all the time are


@dataclass(frozen=True)
class Source:
    """What a format is made of: the run's own model.onnx, its Keras network, and what must be true of both.

    `model` answers as the run does; `samples` are training images, float32 of shape (n, height, width,
    channels), from which 8-bit values between layers take their scales.
    """

    onnx_file: Path
    model: keras.Model
    classes: Sequence[str]
    samples: np.ndarray


def convert(source: Source, form: Format, folder: Path, *, int8: bool) -> None:
    """Write the model of a format into a folder."""
    with _quiet():
        (WRITERS_INT8 if int8 else WRITERS)[form.name](source, folder / form.file)


def answering(model: keras.Model, temperature: float, axes: Sequence[Sequence[int]] = ()) -> keras.Model:
    """The network as the run answers: from its raw form, which is used up.

    Its last scores are divided by a temperature, and averaged over each picture and its mirror images along `axes`
    (1 top to bottom, 2 left to right), as `networks.answering` has it in model.onnx.

    Raises:
        OxError: If its last layer is no Dense layer that ends in probabilities, and no Softmax.
    """
    last = model.layers[-1]
    if isinstance(last, keras.layers.Softmax):
        tempered = keras.layers.Rescaling(1 / temperature, dtype="float32", name="tempered")(last.input)
        if not axes:
            return keras.Model(model.input, keras.layers.Softmax(dtype="float32")(tempered), name=model.name)
        return _averaged(keras.Model(model.input, tempered, name=model.name), keras.activations.softmax, axes)
    if not isinstance(last, keras.layers.Dense) or last.activation.__name__ not in ("sigmoid", "softmax"):
        raise OxError(f"the last layer, {last.name}, is no Dense layer with sigmoid or softmax: it has no scores")
    if temperature != 1:
        last.set_weights([weight / temperature for weight in last.get_weights()])
    if not axes:
        return model
    activation, last.activation = last.activation, keras.activations.linear
    return _averaged(model, activation, axes)


def _averaged(scoring: keras.Model, activation: Callable, axes: Sequence[Sequence[int]]) -> keras.Model:
    """From a network that gives scores to one that gives probabilities, of their mean over mirror images."""
    pixels = keras.Input(scoring.input_shape[1:], name="pixels")
    looks = keras.ops.concatenate([pixels, *(keras.ops.flip(pixels, along) for along in axes)], axis=0)
    scores = keras.ops.reshape(scoring(looks), (1 + len(axes), -1, scoring.output_shape[-1]))
    answer = keras.layers.Activation(activation, dtype="float32")(keras.ops.mean(scores, axis=0))
    return keras.Model(pixels, answer, name=scoring.name)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the log lines of converters, which are shown if one fails."""
    with stderr_held_back(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _onnx(source: Source, path: Path) -> None:
    shutil.copyfile(source.onnx_file, path)


def _onnx_int8(source: Source, path: Path) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Samples(CalibrationDataReader):
        rows = iter(source.samples)

        def get_next(self) -> dict | None:
            row = next(self.rows, None)
            return None if row is None else {"pixels": row[None]}

    quantize_static(
        source.onnx_file,
        path,
        Samples(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        reduce_range=True,  # 7 bits of weights, so that processors without VNNI can't overflow and answer otherwise
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=QUANTIZED,
    )


def _saved_model(source: Source, path: Path) -> None:
    source.model.export(path, format="tf_saved_model", verbose=False)


def _litert(source: Source, path: Path) -> None:
    _write_litert(source, path, int8=False)


def _litert_int8(source: Source, path: Path) -> None:
    _write_litert(source, path, int8=True)


def _write_litert(source: Source, path: Path, *, int8: bool) -> None:
    """Through a SavedModel, and with labels.txt in a zip behind the network, which is where LiteRT's tools look."""
    with tempfile.TemporaryDirectory() as folder:
        _saved_model(source, Path(folder) / "saved_model")
        converter = tf.lite.TFLiteConverter.from_saved_model(str(Path(folder) / "saved_model"))
        if int8:  # of weights alone: in 8 bits the values of a LeNet that standardizes its pixels lose their meaning
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        path.write_bytes(converter.convert())
    with zipfile.ZipFile(path, "a") as behind:
        behind.writestr("labels.txt", "".join(f"{name}\n" for name in source.classes))


def _openvino(source: Source, path: Path) -> None:
    _write_openvino(source.onnx_file, path)


def _openvino_int8(source: Source, path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _onnx_int8(source, Path(folder) / "model.onnx")
        _write_openvino(Path(folder) / "model.onnx", path)


def _write_openvino(onnx_file: Path, path: Path) -> None:
    import openvino

    network = openvino.Core().read_model(onnx_file)  # convert_model would do the same and report it to Intel
    openvino.save_model(network, path, compress_to_fp16=False)


WRITERS = {"onnx": _onnx, "litert": _litert, "saved-model": _saved_model, "openvino": _openvino}
WRITERS_INT8 = {"onnx": _onnx_int8, "litert": _litert_int8, "openvino": _openvino_int8}
