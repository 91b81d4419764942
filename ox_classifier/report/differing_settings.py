"""Settings in which runs differ, as run.json has them. Imports nothing heavy."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

OUTCOMES = set(  # what a training found out, not what it was told
    "schema state process class_weights views_computed fine_tuned_from cross_validation best_epoch epochs_trained "
    "interrupted results onnx weights_digest seconds fold_of calibration unsure".split()
)
NO_CHOICE = {"data.root", "data.counts", "device.reason", "device.count"}  # follow from other settings


def differing(settings: Sequence[Mapping]) -> list[tuple[str, tuple[str, ...]]]:
    """The name of each setting in which runs differ, with its value in every run; "-" where a run has none.

    Settings inside others are named like `pixels.width`.
    """
    flat = [dict(_flat(each)) for each in settings]
    names = dict.fromkeys(name for each in flat for name in each)
    rows = ((name, tuple(each.get(name, "-") for each in flat)) for name in names)
    return [(name, values) for name, values in rows if len(set(values)) > 1]


def _flat(values: Mapping, before: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        name = f"{before}{key}"
        if name in NO_CHOICE or (not before and key in OUTCOMES):
            continue
        if isinstance(value, dict):
            yield from _flat(value, f"{name}.")
        elif value is not None:
            yield name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
