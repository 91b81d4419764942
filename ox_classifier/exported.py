"""A folder that `ox export` wrote: what its model.json says, read with the same suspicion as a run."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ox_classifier import limits, runs
from ox_classifier.errors import UsageError
from ox_classifier.pixels import PixelRule
from ox_classifier.runs import Run, schema
from ox_classifier.runs.assurance import Assurance

DESCRIPTION = "model.json"
NOT_OURS = "the folder is damaged or not written by ox export"
MODEL_JSON = schema.fields(
    {"format": schema.text(40, least=1)}
    | {key: schema.KEYS[key] for key in ("classes", "pixels", "calibration", "unsure", "average_flips")}
    | {"outliers": schema.boolean},
    needed=("format", "classes", "pixels"),
)


class Exported:
    """An exported network as ONNX. It gives what a `Classifier` asks of a run.

    Raises:
        UsageError: If model.json is missing or damaged, or the network is in another format.
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        description = self.path / DESCRIPTION
        try:
            limits.check_file(description, limits.MOST_JSON)
            self.config = json.loads(description.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UsageError(
                f"{self.path} has no {DESCRIPTION}: give a run, or a folder that ox export wrote"
            ) from None
        except (OSError, ValueError, RecursionError) as error:
            raise UsageError(f"{description} can't be read ({error}): {NOT_OURS}") from None
        wrong = MODEL_JSON(self.config)
        if wrong:
            raise UsageError(f"{description}{': ' + wrong[1:] if wrong.startswith('.') else wrong}; {NOT_OURS}")
        if self.config["format"] != "onnx":
            kind = self.config["format"]
            raise UsageError(f"{self.path} holds {kind}, ox predicts by onnx: export the run with --format onnx")
        self.classes = tuple(self.config["classes"])
        self.rule = PixelRule(**self.config["pixels"])

    @property
    def assurance(self) -> Assurance:
        """How far its answers can be trusted, as of the run."""
        return Assurance.of(self.config)

    @property
    def name(self) -> str:
        return self.path.absolute().name

    @property
    def onnx_file(self) -> Path:
        return self.path / "model.onnx"


def find(network: str | os.PathLike | None = None) -> Run | Exported:
    """The run of that name or path, or the exported folder; without one, the run whose training ended last.

    Raises:
        UsageError: If there is none.
    """
    if network is None:
        return runs.find()
    path = Path(network)
    if path.is_dir() and not (path / "run.json").exists() and os.path.lexists(path / DESCRIPTION):
        return Exported(path)
    return runs.find(path)
