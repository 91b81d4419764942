"""model.keras, looked through before Keras opens it: a small zip of known members, known layers and plain weights."""

from __future__ import annotations

import io
import json
import math
import zipfile
from pathlib import Path
from typing import BinaryIO

import h5py

from ox_classifier import limits
from ox_classifier.errors import UsageError

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
MEMBERS = {"metadata.json": limits.MEGABYTE, CONFIG: limits.MOST_JSON, WEIGHTS: limits.MOST_NETWORK}
GROWTH = 4  # Keras stores without compression: what unpacks to far more than its size is a bomb
DEPTH = 100
MOST_GROUPS = 20_000
LAYERS = frozenset(  # those that only compute; none that runs code, loads a file or calls another framework
    "Activation Add Average AveragePooling2D BatchNormalization Conv2D Dense DepthwiseConv2D Dropout ELU Flatten "
    "GaussianNoise GlobalAveragePooling2D GlobalMaxPooling2D GroupNormalization Identity InputLayer "
    "LayerNormalization LeakyReLU MaxPooling2D Multiply Normalization PReLU ReLU Rescaling Reshape SeparableConv2D "
    "Softmax SpatialDropout2D UnitNormalization ZeroPadding2D".split()
)
KNOWN = {
    "keras": ("DTypePolicy", "Sequential"),
    "keras.layers": LAYERS,
    "keras.src.models.functional": ("Functional",),
    "keras.src.ops.numpy": ("Sqrt", "Take"),
}
HARMLESS = ("keras.initializers", "keras.regularizers", "keras.constraints")


class _RefusedError(Exception):
    """What the archive has and should not have."""


def check(path: Path) -> tuple[dict, int]:
    """The network's configuration and how many numbers its weights are, once both are known to be harmless.

    Raises:
        FileNotFoundError: If there is no such file.
        UsageError: If it is truncated, or holds anything that ox does not write; the sentence says what.
    """
    size = limits.check_file(path, limits.MOST_NETWORK)
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(archive, size)
            config = json.loads(archive.read(CONFIG))
            _check_objects({key: value for key, value in config.items() if key != "compile_config"})
            weights = archive.read(WEIGHTS)
            return config, _count(io.BytesIO(weights), len(weights))
    except _RefusedError as refused:
        sentence = f"{path} can't be opened, as it has {refused}: the run is damaged or not made by ox"
        raise UsageError(sentence) from None
    except (
        OSError,
        ValueError,
        AttributeError,
        KeyError,
        RuntimeError,
        NotImplementedError,
        zipfile.BadZipFile,
    ) as error:
        reason = " ".join(str(error).split())[:100]  # zipfile, json and h5py raise many kinds for damaged bytes
        raise UsageError(f"{path} is truncated or no Keras model ({reason}): train again") from None


def check_weights(path: Path) -> None:
    """Refuse a file of weights (.h5) that refers to anything outside it, or says that it is far larger than it is.

    Raises:
        UsageError: With what it has.
        OSError: If it is no such file or damaged.
    """
    size = limits.check_file(path, limits.MOST_NETWORK)
    try:
        with path.open("rb") as file:
            _count(file, size)
    except _RefusedError as refused:
        raise UsageError(f"{path} can't be opened, as it has {refused}: give another file of weights") from None


def _check_members(archive: zipfile.ZipFile, size: int) -> None:
    members = archive.infolist()
    names = [member.filename for member in members]
    if len(set(names)) < len(names) or set(names) != set(MEMBERS):
        strange = sorted(set(names) - set(MEMBERS)) or sorted(set(MEMBERS) - set(names)) or names
        raise _RefusedError(f"other members than {', '.join(MEMBERS)} (such as {strange[0][:80]!r})")
    for member in members:
        if member.file_size > MEMBERS[member.filename]:
            raise _RefusedError(f"{member.file_size / limits.MEGABYTE:,.0f} MB of {member.filename}")
    if sum(member.file_size for member in members) > GROWTH * size:
        raise _RefusedError("members that unpack to many times its size")


def _check_objects(value: object, depth: int = 0) -> None:
    """Refuse every object that is not of a known class; a dictionary with a class_name becomes one."""
    if depth > DEPTH:
        raise _RefusedError(f"a configuration nested deeper than {DEPTH}")
    if isinstance(value, dict):
        if "class_name" in value and not _is_known(value):
            shown = f"{value.get('module')}.{value['class_name']}"
            raise _RefusedError(f"an object of the class {shown[:80]!r}, which no network of ox uses")
        for item in value.values():
            _check_objects(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check_objects(item, depth + 1)


def _is_known(value: dict) -> bool:
    name, module, registered = value["class_name"], value.get("module"), value.get("registered_name")
    if not isinstance(name, str) or not isinstance(module, str | None) or registered not in (None, name):
        return False
    if name == "__keras_tensor__":
        return module is None
    return name in KNOWN.get(module, ()) or (module in HARMLESS and name.isidentifier())


def _count(file: BinaryIO, size: int) -> int:
    """How many numbers are in a file of weights of `size` bytes that refers to nothing outside it."""
    total, groups = 0, 0
    with h5py.File(file, "r") as weights:
        waiting = [weights]
        while waiting:
            group = waiting.pop()
            for name in group:
                if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    raise _RefusedError("weights that are a link to elsewhere")
                item = group[name]
                if isinstance(item, h5py.Group):
                    waiting.append(item)
                    groups += 1
                    if groups > MOST_GROUPS:  # or they hold one another in a circle
                        raise _RefusedError("weights in too many groups")
                    continue
                if not _is_plain(item):
                    raise _RefusedError("weights that are no plain numbers in the file itself")
                total += math.prod(item.shape or ())
                if total * item.dtype.itemsize > GROWTH * size:
                    raise _RefusedError("weights that say they are many times as large as the file")
    return total


def _is_plain(item: h5py.HLObject) -> bool:
    return isinstance(item, h5py.Dataset) and not item.external and not item.is_virtual and item.dtype.kind in "fiub"
