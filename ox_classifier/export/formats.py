"""The formats of `ox export`: their files, the package that runs them, and how a program asks that package."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from ox_classifier.errors import UsageError
from ox_classifier.exported import Exported
from ox_classifier.wording import nearest


@dataclass(frozen=True)
class Format:
    """One of `--format`.

    `files` are what the model consists of, the first being what is opened; `package` is what pip calls the runtime,
    `module` what Python calls it, `extra` the extra of ox that brings it ("" if ox needs it anyway); `int8` says
    whether it can be written with 8-bit weights. The rest are lines of example.py: its `imports`, how it `opens` the
    model, and how it `asks` for the answer to a `batch`.
    """

    name: str
    files: tuple[str, ...]
    package: str
    module: str
    imports: str
    opens: str
    asks: str
    extra: str = ""
    int8: bool = True
    library: str = ""  # what hubs call it

    @property
    def file(self) -> str:
        return self.files[0]

    def need(self) -> None:
        """Refuse to go on without the runtime, before any work is done.

        Raises:
            UsageError: Naming what to install, in words that work when copied.
        """
        if importlib.util.find_spec(self.module.partition(".")[0]) is None:
            extra = f" (the extra {self.extra} of ox)" if self.extra else ""
            raise UsageError(f"{self.name} needs the package {self.package}{extra}: pip install {self.package}")


IMPORT_ONNX = """import os
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before its import, or it reports its use to Microsoft
import onnxruntime"""
FORMATS = {
    found.name: found
    for found in (
        Format(
            "onnx",
            ("model.onnx",),
            "onnxruntime",
            "onnxruntime",
            IMPORT_ONNX,
            'session = onnxruntime.InferenceSession(here / "model.onnx", providers=["CPUExecutionProvider"])',
            'session.run(None, {"pixels": batch})[0]',
            library="onnx",
        ),
        Format(
            "litert",
            ("model.tflite",),
            "ai-edge-litert",
            "ai_edge_litert",
            "from ai_edge_litert.interpreter import Interpreter",
            'run = Interpreter(str(here / "model.tflite")).get_signature_runner()',
            "next(iter(run(pixels=batch).values()))",
            extra="litert",
            library="tflite",
        ),
        Format(
            "saved-model",
            ("saved_model",),
            "tensorflow",
            "tensorflow",
            "import tensorflow",
            'model = tensorflow.saved_model.load(here / "saved_model")',
            "model.serve(batch).numpy()",
            int8=False,
            library="keras",
        ),
        Format(
            "openvino",
            ("model.xml", "model.bin"),
            "openvino",
            "openvino",
            "import openvino",
            'model = openvino.compile_model(here / "model.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})',
            "model(batch)[0]",
            extra="openvino",
            library="openvino",
        ),
    )
}


def find(name: str, *, int8: bool = False) -> Format:
    """The format of that name.

    Raises:
        UsageError: If there is none, or it can't be had with 8-bit weights.
    """
    if name not in FORMATS:
        meant = nearest(name, FORMATS)
        hint = f"did you mean {meant}?" if meant else f"give one of {', '.join(FORMATS)}"
        raise UsageError(f"--format {name!r} is unknown: {hint}")
    if int8 and not FORMATS[name].int8:
        able = ", ".join(one.name for one in FORMATS.values() if one.int8)
        raise UsageError(f"--format {name} can't be had with --int8: give one of {able}, or leave --int8 out")
    return FORMATS[name]


def of(exported: Exported) -> Format:
    """The format of an exported folder.

    Raises:
        UsageError: If it is none that this ox knows.
    """
    if exported.format not in FORMATS:
        known = ", ".join(FORMATS)
        raise UsageError(
            f"{exported.path} is of format {exported.format!r}, this ox knows {known}: use the ox that made it"
        )
    return FORMATS[exported.format]
