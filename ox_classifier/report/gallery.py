"""What a page knows of single images: the table's rows and all that was found out beside them, as plain values."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import numpy as np
from PIL import Image

from ox_classifier.names import printable
from ox_classifier.pixels import PixelRule
from ox_classifier.report.network_end import NetworkEnd
from ox_classifier.report.predictions import Predictions
from ox_classifier.report.shots import Shot, data_uri

MOST_CLASSES = 24  # whose every probability stands in the page; of more, the likeliest ones
LIKELIEST = 8
MOST_PLACES = 64  # a side of Grad-CAM's map in a page, or those of large networks would be most of it


@dataclass(frozen=True)
class Beside:
    """What was found out about images beside the table, by their paths; each may lack any image.

    `digests` are of the files' bytes, hexadecimal; `nearest` holds indices into `training` with cosine distances, the
    nearest first; `copies` other paths of the same picture, with their labels and splits; `doubts` rank and suggested
    class of a label that is probably wrong.
    """

    digests: Mapping[str, str] = field(default_factory=dict)
    shots: Mapping[str, Shot] = field(default_factory=dict)
    nearest: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)
    training: Sequence[tuple[str, str, bytes | None]] = ()
    copies: Mapping[str, Sequence[tuple[str, str, str]]] = field(default_factory=dict)
    doubts: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def gallery(rows: Predictions, beside: Beside, *, shown: int, root: Path, folder: Path) -> dict:
    """Plain values for the page's script, one list for each column; `answers` are those that a run adds.

    The first `shown` rows are those of the table; the rest are training images whose label is in doubt, with the
    probabilities of a network that had not learned from them. `root` is where paths start, `folder` the page's place.
    """
    shots = [beside.shots.get(path) for path in rows.paths]
    splits = tuple(dict.fromkeys(rows.splits))
    return {
        "classes": [printable(name) for name in rows.classes],
        "labels": list(rows.classes),
        "splits": list(splits),
        "table": shown,
        "base": base(root, folder),
        "path": list(rows.paths),
        "name": {i: printable(path) for i, path in enumerate(rows.paths) if printable(path) != path},
        "split": [splits.index(split) for split in rows.splits],
        "truth": rows.truth.tolist(),
        "digest": [beside.digests.get(path, "") for path in rows.paths],
        "picture": [data_uri(shot and shot.decoded) for shot in shots],
        "seen": [data_uri(shot and shot.seen) for shot in shots],
        "near": _by_row(
            rows.paths, {path: [[i, round(d, 4)] for i, d in found] for path, found in beside.nearest.items()}
        ),
        "training": [
            [printable(path), printable(label), data_uri(picture)] for path, label, picture in beside.training
        ],
        "copies": _by_row(
            rows.paths, {path: [list(map(printable, copy)) for copy in found] for path, found in beside.copies.items()}
        ),
        "doubt": _by_row(rows.paths, {path: list(found) for path, found in beside.doubts.items()}),
    }


def answers(rows: Predictions, maps: Mapping[str, np.ndarray]) -> dict:
    """Plain values of what one run answers to the images, and of Grad-CAM's maps that explain it, by path."""
    return {
        "predicted": rows.predicted.tolist(),
        "loss": [round(float(loss), 6) for loss in rows.losses],
        "p": _probabilities(rows.probabilities, rows.truth),
        "reason": {i: printable(reason) for i, reason in enumerate(rows.why) if reason},
        "map": _by_row(rows.paths, {path: _packed(found) for path, found in maps.items()}),
    }


def sight(rule: PixelRule, end: NetworkEnd | None) -> dict:
    """How a page names what a run's network sees, and what explains its answers."""
    return {
        "rule": f"{rule.width} × {rule.height}, {rule.color}",
        "explained": "pixel times gradient" if end and end.end.of_input else "Grad-CAM",
    }


def base(root: Path, folder: Path) -> str:
    """What stands before a path to make it a link from a page in `folder`."""
    try:
        text = Path(os.path.relpath(root, folder)).as_posix()
    except ValueError:  # another drive of Windows
        return root.absolute().as_uri() + "/"
    return quote(os.fsencode(text)) + "/"


def _by_row(paths: Sequence[str], found: Mapping[str, object]) -> dict[int, object]:
    return {i: found[path] for i, path in enumerate(paths) if path in found}


def _probabilities(probabilities: np.ndarray, truth: np.ndarray) -> list:
    """Each row's probabilities to the last bit; of many classes [class, probability], the likeliest first, and the
    label's.
    """
    if probabilities.shape[1] <= MOST_CLASSES:
        return [list(map(_number, row)) for row in probabilities]
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :LIKELIEST]
    return [
        [[int(i), _number(row[i])] for i in dict.fromkeys([*likeliest, label])]
        for row, likeliest, label in zip(probabilities, order, truth, strict=True)
    ]


def _number(value: np.floating) -> float:
    return float(np.format_float_positional(value))


def _packed(values: np.ndarray) -> list:
    """Width, height and a byte for each place; of more than `MOST_PLACES` a side, the means of some together."""
    levels = Image.fromarray(np.rint(255 * values).astype(np.uint8))
    levels.thumbnail((MOST_PLACES, MOST_PLACES), Image.Resampling.BOX)
    return [*levels.size, base64.b64encode(levels.tobytes()).decode("ascii")]
