"""A folder that `ox export` wrote, read with suspicion: it may come from anywhere."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from hashlib import file_digest
from pathlib import Path

from ox_classifier import limits, runs
from ox_classifier.errors import UsageError
from ox_classifier.pixels import PixelRule
from ox_classifier.runs import Run, schema
from ox_classifier.runs.assurance import Assurance

SCHEMA = 1
MODEL, GOLDEN, PARITY, LABELS = "model.json", "golden.json", "parity.json", "labels.txt"
NOT_OURS = "the folder is damaged or not written by ox export"
MOST_FILES = 50  # each of which may take long to read, as may each golden image
CHECK = schema.fields(
    {
        "format": schema.text(40, least=1),
        "int8": schema.boolean,
        "classes": schema.KEYS["classes"],
        "pixels": schema.KEYS["pixels"],
        "calibration": schema.KEYS["calibration"],
        "unsure": schema.KEYS["unsure"],
        "outliers": schema.boolean,
        "average_flips": schema.KEYS["average_flips"],
        "files": schema.table(schema.text(64, least=64), most=MOST_FILES),
    },
    needed=("format", "int8", "classes", "pixels", "files"),
)
CHECK_GOLDEN = schema.table(schema.table(schema.number(0, 1)), most=MOST_FILES)


class Exported:
    """What an exported folder says of itself. It gives what a `Classifier` asks of a run; its network is not opened.

    Raises:
        UsageError: If it is no exported folder, or says what ox would not write.
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        self.config = _json(self.path / MODEL)
        found = self.config.get("schema") if isinstance(self.config, dict) else None
        if found != SCHEMA or isinstance(found, bool):
            raise UsageError(
                f"{self.path / MODEL} is of schema {found!r:.40}, this ox reads {SCHEMA}: use the ox that made it"
            )
        _refuse(self.path / MODEL, CHECK(self.config))
        if not self.rule.crop:
            raise UsageError(
                f"{self.path} resizes by {self.rule.resize!r}: this ox can't; train and export again, "
                "or use the ox that made it"
            )
        self._refuse_outside(self.config["files"])

    @property
    def name(self) -> str:
        return self.path.absolute().name

    @property
    def format(self) -> str:
        """The name of one of `export.formats`, or of one that a later ox knows."""
        return self.config["format"]

    @property
    def int8(self) -> bool:
        return self.config["int8"]

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in the order of the network's outputs."""
        return tuple(self.config["classes"])

    @property
    def rule(self) -> PixelRule:
        return PixelRule(**self.config["pixels"])

    @property
    def assurance(self) -> Assurance:
        """How far its answers can be trusted, as of the run."""
        return Assurance.of(self.config)

    @property
    def onnx_file(self) -> Path:
        """The network, there or not.

        Raises:
            UsageError: If it is in another format.
        """
        if self.format != "onnx":
            raise UsageError(f"{self.path} holds {self.format}, ox predicts by onnx: export the run with --format onnx")
        return self.path / "model.onnx"

    def labels(self) -> list[str]:
        """The lines of labels.txt."""
        return _text(self.path / LABELS).splitlines()

    def golden(self) -> dict[str, dict[str, float]]:
        """The probability of each class by name, of each golden image.

        Raises:
            UsageError: If golden.json is missing or says what ox would not write.
        """
        golden = _json(self.path / GOLDEN)
        _refuse(self.path / GOLDEN, CHECK_GOLDEN(golden))
        if not golden or any(set(row) != set(self.classes) for row in golden.values()):
            raise UsageError(f"{self.path / GOLDEN} has other classes than {MODEL}, or no images; {NOT_OURS}")
        self._refuse_outside(golden)
        return golden

    def has_digest(self, name: str) -> bool:
        """Whether it says what a file of that name, or a file in a folder of that name, was."""
        return any(file == name or file.startswith(f"{name}/") for file in self.config["files"])

    def changed(self) -> list[str]:
        """The files that are not those that were exported, or are gone."""
        return [name for name, digest in self.config["files"].items() if _digest(self.path, name) != digest]

    def _refuse_outside(self, names: Iterable[str]) -> None:
        for name in names:
            if not limits.stays_below(name):
                raise UsageError(f"{self.path} names {name[:80]!r}, which is not below it; {NOT_OURS}")


def find(network: str | os.PathLike | None = None) -> Run | Exported:
    """The run of that name or path, or the exported folder; without one, the run whose training ended last.

    Raises:
        UsageError: If there is none.
    """
    if network is None:
        return runs.find()
    path = Path(network)
    if path.is_dir() and not (path / "run.json").exists() and os.path.lexists(path / MODEL):
        return Exported(path)
    return runs.find(path)


def digests(folder: Path, *names: str) -> dict[str, str]:
    """SHA-256 of the files of those names, and of the files below those folders."""
    places = [folder / name for name in names]
    found = [path for place in places for path in (sorted(place.rglob("*")) if place.is_dir() else [place])]
    files = [path.relative_to(folder).as_posix() for path in found if path.is_file()]
    return {name: _digest(folder, name) for name in files}


def _digest(folder: Path, name: str) -> str:
    try:
        limits.check_file(folder / name, limits.MOST_NETWORK)
    except FileNotFoundError:
        return ""
    with (folder / name).open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _refuse(path: Path, wrong: str) -> None:
    if wrong:
        raise UsageError(f"{path}{': ' + wrong[1:] if wrong.startswith('.') else wrong}; {NOT_OURS}")


def _json(path: Path) -> object:
    try:
        return json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} can't be read ({error}): {NOT_OURS}") from None


def _text(path: Path) -> str:
    try:
        limits.check_file(path, limits.MOST_JSON)
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        raise UsageError(f"{path} is not there: give a run, or a folder that ox export wrote") from None
    except OSError as error:
        raise UsageError(f"{path} can't be read ({error.strerror or error}): {NOT_OURS}") from None
