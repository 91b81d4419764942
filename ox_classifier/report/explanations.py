"""Why single images were answered as they were: Grad-CAM of the wrong and the least certain ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

import numpy as np

from ox_classifier import onnx_file
from ox_classifier.console import track
from ox_classifier.data import images
from ox_classifier.data.images import ImageError
from ox_classifier.errors import UsageError
from ox_classifier.report.gradients import NotKnownError
from ox_classifier.report.ink import ink
from ox_classifier.report.network_end import NetworkEnd
from ox_classifier.report.read_ahead import read_ahead
from ox_classifier.report.watch import Watch
from ox_classifier.runs import Run


def network_end(run: Run) -> NetworkEnd | None:
    """The end of a run's network; None where it is missing or ends in another way than those that ox trains.

    None, too, where it takes images of another shape than run.json says, which `Classifier` refuses.
    """
    try:
        onnx_file.check(run.onnx_file)
        end = NetworkEnd(run.onnx_file)
        return end if end.takes(run.rule.shape) else None
    except (NotKnownError, UsageError, OSError):
        return None


def fold_of(run: Run) -> dict[str, str]:
    """Of a cross-validation: the name of the fold that answered each image."""
    if not run.folds:
        return {}
    names = [name for name, _, _ in run.folds]
    rows = ((row["path"], row["fold"]) for row in run.read_table("held_out.csv"))
    return {path: names[int(fold) - 1] for path, fold in rows if fold.isdecimal() and 0 < int(fold) <= len(names)}


def explain(
    run: Run, paths: Sequence[str], files: Mapping[str, Path], watch: Watch, folds: Mapping[str, str]
) -> dict[str, np.ndarray]:
    """Grad-CAM's map of each image, by the network that answered it: that of its fold, else the run's own.

    Whatever the watch has not seen of these images, it is told. Images that can't be read have no map.
    """
    by_network = defaultdict(list)
    for path in paths:
        by_network[folds.get(path)].append(path)
    maps: dict[str, np.ndarray] = {}
    todo = iter(track(range(len(paths)), label="looking for what decided", total=len(paths)))
    for fold, some in by_network.items():
        end = watch.end if fold is None else _end_of(run.path.parent / fold)
        size = end.batch(run.rule.shape) if end else 1
        decoded = zip(some, read_ahead(lambda path: _pixels(run, path, files, watch), some), strict=True)
        while batch := list(islice(decoded, size)):
            there = {path: pixels for (path, pixels), _ in zip(batch, todo, strict=False) if pixels is not None}
            if there:
                _look(list(there), np.stack(list(there.values())), end, watch, maps)
    return maps


def look_at_the_rest(run: Run, files: Mapping[str, Path], watch: Watch) -> None:
    """Tell the watch of images that were predicted earlier what their ink is like, or slices would lack them."""
    missing = [path for path in files if path not in watch.inks]
    pixels = read_ahead(lambda path: _pixels(run, path, files, watch), missing)
    todo = track(zip(missing, pixels, strict=True), label="looking at images again", total=len(missing))
    for path, image in todo:
        if image is not None:
            watch.inks[path] = ink(image[None])[0]


def _look(paths: list[str], pixels: np.ndarray, end: NetworkEnd | None, watch: Watch, maps: dict) -> None:
    if end:
        with suppress(NotKnownError):
            maps |= zip(paths, end.grad_cam(pixels), strict=True)
    seen = watch.nearest if watch.neighbours else watch.inks
    missing = [i for i, path in enumerate(paths) if path not in seen]
    if missing:
        watch.look([paths[i] for i in missing], pixels[missing])


def _end_of(folder: Path) -> NetworkEnd | None:
    try:
        return network_end(Run(folder))
    except UsageError:
        return None


def _pixels(run: Run, path: str, files: Mapping[str, Path], watch: Watch) -> np.ndarray | None:
    """What the network sees of an image, as the watch kept it or decoded again; None if it can't be read."""
    try:
        return images.as_float(watch.kept[path] if path in watch.kept else images.read(files[path], run.rule))
    except ImageError:
        return None
