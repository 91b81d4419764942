"""What the page of a comparison knows of single images: those that any of the runs has wrong, as plain values."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ox_classifier.names import printable
from ox_classifier.pixels import PixelRule
from ox_classifier.report import explanations, shots
from ox_classifier.report.comparison import Comparison, aligned
from ox_classifier.report.gallery import Beside, answers, gallery, sight
from ox_classifier.report.predictions import Predictions
from ox_classifier.report.shared_files import Shared, Tested
from ox_classifier.report.shots import TINY, Shot
from ox_classifier.report.table import fingerprint
from ox_classifier.report.watch import Watch

EMBEDDED_BYTES = 8_000_000  # of pictures in the page, for each rule by which networks see them
MOST_EMBEDDED = 2_000  # images; of more, those that changed the most
MOST_EXPLAINED = 60  # with a map of each run, which takes a tenth of a second on a large base


def images(found: Comparison, each: Sequence[Tested], common: Shared, *, folder: Path) -> dict:
    """Plain values for the page's script, whose place is `folder`: as a report has them, and `runs` with the answers
    of each.

    Paths are those of the first run; a file that is no longer there is looked for where the other runs have it.
    """
    missed = found.missed()
    rows = [one.take(missed) for one in aligned(found.answers)]
    own_paths = [[one.rows.paths[at[row]] for row in missed] for one, at in zip(each, common.rows, strict=True)]
    files = _files(each, own_paths)
    interest = [rows[0].paths[i] for i in _by_change(rows)]
    chosen = interest[:MOST_EMBEDDED]
    rules = dict.fromkeys(one.run.rule for one in each)
    pictures = {rule: _pictures(chosen, files, rule) for rule in rules}
    first = each[0].run.rule
    digests = {
        path: digest.hex()
        for path, row in zip(rows[0].paths, missed, strict=True)
        if (digest := each[0].digest(common.rows[0][row]))
    }
    beside = Beside(digests, pictures[first])
    data = gallery(rows[0], beside, shown=len(missed), root=each[0].run.data_root, folder=folder)
    told = zip(found.names, each, rows, own_paths, strict=True)
    return data | {
        "fingerprint": hashlib.sha256("".join(fingerprint(one.run) for one in each).encode()).hexdigest(),
        "views": [printable(name) for name in found.names[1:]],
        "start": printable(found.names[-1]),
        "show": "changed",
        "counted": "images that a run has wrong",
        "nothing": {
            "changed": "Every image has the same answer in both runs.",
            "fixed": "None was fixed.",
            "broke": "None broke.",
            "both": "None is wrong in both.",
            "marked": "Nothing is marked yet.",
        },
        "root": printable(each[0].run.data_root),
        "tiny": max(first.width, first.height) <= TINY,
        "slices": [],
        "nearness": "",
        "outside": "",
        "runs": [
            {"name": printable(name)}
            | _run(one, answer, paths, interest[:MOST_EXPLAINED], files)
            | _seen(answer.paths, pictures[one.run.rule], one.run.rule != first)
            for name, one, answer, paths in told
        ],
    }


def _run(
    one: Tested, rows: Predictions, own_paths: Sequence[str], explained: Sequence[str], files: Mapping[str, Path]
) -> dict:
    """What one run answers, and what in the images to be explained speaks for it."""
    end = explanations.network_end(one.run)
    folds = explanations.fold_of(one.run)
    by_path = {path: folds[own] for path, own in zip(rows.paths, own_paths, strict=True) if own in folds}
    maps = explanations.explain(one.run, explained, files, Watch(end), by_path)
    return answers(rows, maps) | sight(one.run.rule, end)


def _seen(paths: Sequence[str], pictures: Mapping[str, Shot], of_its_own: bool) -> dict:
    """Images as a run's network sees them, where that is another rule than the first run's."""
    return {"seen": [shots.data_uri(pictures[p].seen if p in pictures else None) for p in paths]} if of_its_own else {}


def _files(each: Sequence[Tested], own_paths: Sequence[Sequence[str]]) -> dict[str, Path]:
    """Where each image lies, by its path in the first run."""
    sources = ([one.run.source(path) for path in paths] for one, paths in zip(each, own_paths, strict=True))
    places = zip(own_paths[0], zip(*sources, strict=True), strict=True)
    return {path: next((p for p in there if p.is_file()), there[0]) for path, there in places}


def _by_change(rows: Sequence[Predictions]) -> np.ndarray:
    """Rows in the order they are worth showing: those with different answers, then by how far the answers are apart."""
    chances = np.stack([np.take_along_axis(one.probabilities, one.truth[:, None], axis=1)[:, 0] for one in rows])
    alike = np.all([one.predicted == rows[0].predicted for one in rows], axis=0)
    return np.lexsort((chances.min(axis=0) - chances.max(axis=0), alike))


def _pictures(chosen: Sequence[str], files: Mapping[str, Path], rule: PixelRule) -> dict[str, Shot]:
    found = shots.shots([files[path] for path in chosen], rule, most_bytes=EMBEDDED_BYTES)
    return {path: shot for path, shot in zip(chosen, found, strict=False) if shot}
