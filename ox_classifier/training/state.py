"""Everything a stopped training needs to go on as if it had never stopped, kept in one file at every epoch's end."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np

from ox_classifier.errors import UsageError
from ox_classifier.files import replacing
from ox_classifier.training.history import History

FORMAT = 1
SUFFIX = ".state.npz"


@dataclass(frozen=True)
class State:
    """A training at the end of an epoch: `history` so far, the counters of Keras' callbacks by callback, and arrays.

    `arrays` are the values of every variable of the network (its random states among them) and of the optimizer.
    `finished` means that no epoch is left to train.
    """

    history: History
    counters: dict[str, dict]
    finished: bool
    model: list[np.ndarray]
    optimizer: list[np.ndarray]


def write(path: Path, model: keras.Model, history: History, counters: dict[str, dict], *, finished: bool) -> None:
    """Keep the state of a training, whole or not at all."""
    about = {"format": FORMAT, "history": asdict(history), "counters": counters, "finished": finished}
    arrays = {f"model_{i}": variable.numpy() for i, variable in enumerate(model.variables)}
    arrays |= {f"optimizer_{i}": variable.numpy() for i, variable in enumerate(model.optimizer.variables)}
    with replacing(path) as beside:
        np.savez(beside, about=np.frombuffer(json.dumps(about).encode(), np.uint8), **arrays)


def read(path: Path) -> State | None:
    """The state that was kept, None if there is none yet.

    Raises:
        UsageError: If the file is damaged or was written by an ox that kept it otherwise.
    """
    if not path.exists():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            about = json.loads(kept["about"].tobytes())
            if about["format"] != FORMAT:
                raise UsageError(f"{path} was kept by another version of ox: train again")
            parts = {
                part: [kept[f"{part}_{i}"] for i in range(sum(name.startswith(f"{part}_") for name in kept.files))]
                for part in ("model", "optimizer")
            }
            return State(History(**about["history"]), about["counters"], about["finished"], **parts)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise UsageError(f"{path} is damaged ({error}), so the run can't go on: train again") from None


def restore(model: keras.Model, state: State) -> None:
    """Put the kept values into a compiled network of the same kind.

    Raises:
        UsageError: If the network has other variables.
    """
    model.optimizer.build(model.trainable_variables)
    for variables, values in ((model.variables, state.model), (model.optimizer.variables, state.optimizer)):
        if [tuple(v.shape) for v in variables] != [value.shape for value in values]:
            raise UsageError("the state of the run is that of another network, so it can't go on: train again")
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
