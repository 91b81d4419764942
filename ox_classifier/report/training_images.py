"""The training images of a run by the network's features, for what lies nearest to an image."""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Sequence
from itertools import islice
from typing import Protocol

import numpy as np

from ox_classifier.console import track
from ox_classifier.data import images
from ox_classifier.data.images import ImageError
from ox_classifier.files import replacing
from ox_classifier.report.neighbours import Neighbours
from ox_classifier.report.network_end import NetworkEnd
from ox_classifier.report.read_ahead import read_ahead
from ox_classifier.runs import Run

MOST = 2_000  # training images compared
MOST_SLOW = 200  # of these computed by a network on a large base, which takes a tenth of a second an image
MOST_BYTES = 256 << 20
KEPT = "report/.training_features.npz"


class Stored(Protocol):
    """Features that training left in the cache: `training.stored_features.StoredFeatures`, not imported."""

    paths: Sequence[str]
    plain: Collection[str]

    def rows(self, paths: Sequence[str]) -> np.ndarray: ...

    def pixels(self, path: str) -> np.ndarray: ...

    def samples(self, count: int) -> list[str]: ...


def neighbours(run: Run, end: NetworkEnd, *, fingerprint: str, stored: Stored | None) -> Neighbours | None:
    """The training images to compare with; of very many some of each class, always the same ones.

    Features that are stored are read, others computed and kept in the run. None if no image can be read.
    """
    rows = sorted((row["path"], row["label"]) for row in run.read_table("split.csv") if row["split"] == "train")
    if stored:
        known = set(stored.paths)
        chosen = _chosen([row for row in rows if row[0] in known], end)
        return Neighbours(chosen, stored.rows(chosen)) if chosen else None
    chosen = _chosen(rows, end)[: MOST_SLOW if run.weights else MOST]
    found = _kept(run, fingerprint, chosen) or _computed(run, end, chosen)
    if found is None:
        return None
    paths, values = found
    with replacing(run.folder("report") / KEPT.rpartition("/")[2]) as beside, beside.open("wb") as file:
        np.savez(file, fingerprint=fingerprint, chosen=_joined(chosen), paths=_joined(paths), values=values)
    return Neighbours(paths, values)


def _chosen(rows: Sequence[tuple[str, str]], end: NetworkEnd) -> list[str]:
    """Paths, at most so many that their features fit into memory, taken from each class in turn, seeded."""
    order = np.random.default_rng(0).permutation(len(rows))
    turn: dict[str, int] = {}
    place = {}
    for i in order:
        path, label = rows[i]
        place[path] = turn[label] = turn.get(label, 0) + 1
    most = min(MOST, max(1, MOST_BYTES // (4 * end.width)))
    return sorted(place, key=lambda path: (place[path], path))[:most]


def _kept(run: Run, fingerprint: str, chosen: Sequence[str]) -> tuple[list[str], np.ndarray] | None:
    """What the last report computed of the same images by the same network."""
    try:
        with np.load(run.path / KEPT, allow_pickle=False) as found:
            if str(found["fingerprint"]) != fingerprint or found["chosen"].tobytes() != _joined(chosen).tobytes():
                return None
            paths = found["paths"].tobytes().decode("utf-8", "surrogateescape").split("\0")
            values = found["values"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return (paths, values) if values.ndim == 2 and len(values) == len(paths) else None


def _computed(run: Run, end: NetworkEnd, chosen: Sequence[str]) -> tuple[list[str], np.ndarray] | None:
    paths: list[str] = []
    parts = []
    decoded = zip(chosen, read_ahead(lambda path: _read(run, path), chosen), strict=True)
    tracked = track(decoded, label="looking at training images", total=len(chosen))
    there = ((path, pixels) for path, pixels in tracked if pixels is not None)
    while batch := list(islice(there, end.batch(run.rule.shape))):
        paths += [path for path, _ in batch]
        parts.append(end.features(images.as_float(np.stack([pixels for _, pixels in batch]))))
    return (paths, np.concatenate(parts)) if parts else None


def _read(run: Run, path: str) -> np.ndarray | None:
    """The pixels of an image; None if it is gone since the training."""
    try:
        return images.read(run.source(path), run.rule)
    except ImageError:
        return None


def _joined(paths: Sequence[str]) -> np.ndarray:
    return np.frombuffer("\0".join(paths).encode("utf-8", "surrogateescape"), np.uint8)
