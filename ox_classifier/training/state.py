"""Everything a stopped training needs to go on as if it had never stopped, kept in one file at every epoch's end."""

from __future__ import annotations

import json
import math
import zipfile
import zlib
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import keras
import numpy as np

from ox_classifier import limits
from ox_classifier.errors import UsageError
from ox_classifier.files import replacing
from ox_classifier.training.history import COLUMNS, History

FORMAT = 3
SUFFIX = ".state.npz"
MOST = 16 * 1024 * limits.MEGABYTE
MOST_EPOCHS = 200_000
# what Keras' own callbacks remember between epochs, and forget when `fit` begins
COUNTERS = {
    "ReduceLROnPlateau": ("best", "wait", "cooldown_counter"),
    "EarlyStopping": ("best", "wait", "best_epoch", "stopped_epoch"),
    "SwapEMAWeights": ("_ema_weights_in_model",),
}
DAMAGE = (OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class State:
    """A training at the end of an epoch: `history` so far, the counters of Keras' callbacks by callback, and arrays.

    `model` and `optimizer` are the values of every variable (random states among them). `finished` means that no
    epoch is left to train, `checkpoint` is a digest of the best epoch's weights.
    """

    history: History
    counters: dict[str, dict]
    finished: bool
    checkpoint: str
    model: list[np.ndarray]
    optimizer: list[np.ndarray]


def write(
    path: Path,
    model: keras.Model,
    history: History,
    counters: dict[str, dict],
    *,
    finished: bool,
    checkpoint: str,
    identity: str,
) -> None:
    """Keep the state of a training, whole or not at all; `identity` tells the training from every other one."""
    about = {"format": FORMAT, "identity": identity, "history": vars(history), "counters": counters}
    about |= {"finished": finished, "checkpoint": checkpoint}
    arrays = {f"model_{i}": variable.numpy() for i, variable in enumerate(model.variables)}
    arrays |= {f"optimizer_{i}": variable.numpy() for i, variable in enumerate(model.optimizer.variables)}
    with replacing(path) as beside:
        np.savez(beside, about=np.frombuffer(json.dumps(about).encode(), np.uint8), **arrays)


def read(path: Path, identity: str) -> State | None:
    """The state that was kept of this training, None if there is none yet.

    Raises:
        UsageError: If the file is damaged, of another training, or none that ox writes.
    """
    try:
        limits.check_file(path, MOST)
    except FileNotFoundError:
        return None
    try:
        with path.open("rb") as file:
            with zipfile.ZipFile(file) as archive:  # stored as they are, so that no array is larger than the file
                if any(
                    member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1 for member in archive.infolist()
                ):
                    raise ValueError("its parts are packed")
            file.seek(0)
            with np.load(file, allow_pickle=False) as kept:
                about = json.loads(kept["about"].tobytes())
                if (about["format"], about["identity"]) != (FORMAT, identity):
                    raise UsageError(f"{path} is the state of another training or of another ox: train again")
                parts = {
                    part: [kept[f"{part}_{i}"] for i in range(sum(name.startswith(f"{part}_") for name in kept.files))]
                    for part in ("model", "optimizer")
                }
        history, counters = _history(about["history"]), _counters(about["counters"])
        return State(history, counters, bool(about["finished"]), str(about["checkpoint"]), **parts)
    except DAMAGE as error:
        raise UsageError(f"{path} is damaged ({error}), so the run can't go on: train again") from None


def restore(model: keras.Model, state: State) -> None:
    """Put the kept values into a compiled network of the same kind.

    Raises:
        UsageError: If the network has other variables.
    """
    model.optimizer.build(model.trainable_variables)
    for variables, values in ((model.variables, state.model), (model.optimizer.variables, state.optimizer)):
        if [tuple(v.shape) for v in variables] != [value.shape for value in values] or any(
            value.dtype.kind not in "fiub" for value in values
        ):
            raise UsageError("the state of the run is that of another network, so it can't go on: train again")
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)


def digest(model: keras.Model) -> str:
    """One digest of every weight, equal for equal networks."""
    digest = blake2b(digest_size=16)
    for weight in model.get_weights():
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()


def _history(values: dict) -> History:
    history = History(**values)
    rows = history.rows
    whole = isinstance(rows, list) and 0 < len(rows) <= MOST_EPOCHS and isinstance(history.best, int)
    if not whole or not 0 <= history.best < len(rows):
        raise ValueError("its history is none")
    for row in rows:
        numbers = [row[name] for name in COLUMNS if row[name] is not None]
        if set(row) != set(COLUMNS) or not all(isinstance(value, int | float) for value in numbers):
            raise ValueError("its history is none")
    return history


def _counters(values: dict) -> dict[str, dict]:
    for name, counters in values.items():
        if set(counters) != set(COUNTERS[name]):
            raise ValueError(f"{name} counts otherwise")
        if not all(
            value is None or (isinstance(value, int | float) and not math.isnan(value)) for value in counters.values()
        ):
            raise ValueError(f"{name} counts otherwise")
    return values
