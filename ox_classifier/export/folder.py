"""An exported folder, read with suspicion: it may come from anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import file_digest
from pathlib import Path

from ox_classifier import limits
from ox_classifier.errors import UsageError
from ox_classifier.export.formats import FORMATS, Format
from ox_classifier.pixels import PixelRule
from ox_classifier.runs import schema

SCHEMA = 1
MODEL, GOLDEN, PARITY, LABELS = "model.json", "golden.json", "parity.json", "labels.txt"
NOT_OURS = "it is damaged or not made by ox export"
MOST_FILES = 50  # each of which may take long to read, as may each golden image
CHECK = schema.fields(
    {
        "format": schema.choice(*FORMATS),
        "int8": schema.boolean,
        "classes": schema.items(schema.text(255, least=1), least=1, most=schema.MOST_CLASSES),
        "pixels": schema.fields(schema.PIXELS, needed=tuple(schema.PIXELS), closed=True),
        "files": schema.table(schema.text(64, least=64), most=MOST_FILES),
    },
    needed=("format", "int8", "classes", "pixels", "files"),
)
CHECK_GOLDEN = schema.table(schema.table(schema.number(0, 1)), most=MOST_FILES)


@dataclass(frozen=True)
class Exported:
    """What an exported folder says of itself; `golden` is the probability of each class by name, of each picture."""

    path: Path
    config: Mapping
    golden: Mapping[str, Mapping[str, float]]

    @property
    def format(self) -> Format:
        return FORMATS[self.config["format"]]

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
    def labels(self) -> list[str]:
        """The lines of labels.txt."""
        return _text(self.path / LABELS).splitlines()

    def has_digest(self, name: str) -> bool:
        """Whether it says what a file of that name, or a file in a folder of that name, was."""
        return any(file == name or file.startswith(f"{name}/") for file in self.config["files"])

    def changed(self) -> list[str]:
        """The files that are not those that were exported, or are gone."""
        return [name for name, digest in self.config["files"].items() if _digest(self.path, name) != digest]


def read(path: Path) -> Exported:
    """What a folder holds.

    Raises:
        UsageError: If it is no exported folder, or says what ox would not write.
    """
    exported = read_model(path)
    golden = _json(path / GOLDEN)
    wrong = CHECK_GOLDEN(golden)
    if wrong:
        raise UsageError(f"{path / GOLDEN}{wrong}; {NOT_OURS}")
    if not golden or any(set(row) != set(exported.classes) for row in golden.values()):
        raise UsageError(f"{path / GOLDEN} has other classes than {MODEL}, or no images; {NOT_OURS}")
    _refuse_outside(path, golden)
    return replace(exported, golden=golden)


def read_model(path: Path) -> Exported:
    """What model.json says, where there are no golden images yet.

    Raises:
        UsageError: As in `read`.
    """
    config = _json(path / MODEL)
    found = config.get("schema") if isinstance(config, dict) else None
    if found != SCHEMA or isinstance(found, bool):
        raise UsageError(f"{path / MODEL} is of schema {found!r:.40}, this ox reads {SCHEMA}: use the ox that made it")
    wrong = CHECK(config)
    if wrong:
        raise UsageError(f"{path / MODEL}{wrong}; {NOT_OURS}")
    exported = Exported(path, config, {})
    if not exported.rule.crop:
        raise UsageError(f"{path} resizes by {exported.rule.resize!r}: this ox can't; use the ox that made it")
    _refuse_outside(path, config["files"])
    return exported


def _refuse_outside(path: Path, names: Iterable[str]) -> None:
    for name in names:
        if not limits.stays_below(name):
            raise UsageError(f"{path} names {name[:80]!r}, which is not below it; {NOT_OURS}")


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


def _json(path: Path) -> object:
    try:
        return json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} can't be read ({error}); {NOT_OURS}") from None


def _text(path: Path) -> str:
    try:
        limits.check_file(path, limits.MOST_JSON)
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        raise UsageError(f"{path} is not there: give a folder that ox export wrote") from None
