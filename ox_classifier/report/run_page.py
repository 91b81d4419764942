"""The page of one run: its table of predictions, and what is found out beside it, image by image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ox_classifier.data import digests
from ox_classifier.names import printable
from ox_classifier.report import headline, page, shots, split_plots
from ox_classifier.report.gallery import Beside, gallery
from ox_classifier.report.page import Content
from ox_classifier.report.predictions import Predictions
from ox_classifier.report.shots import TINY, Shot
from ox_classifier.runs import Run

PREFERRED = ("test", "held-out", "val", "train")  # the split shown first
EMBEDDED_BYTES = 9_000_000  # of pictures in the page, a third more as text
MOST_EMBEDDED = 2_000  # images; of more, the wrong and the least certain


def html(run: Run, table: Predictions, results: dict[str, dict], *, fingerprint: str, root: Path, folder: Path) -> str:
    """The page of a run, to be written into `folder`; paths of the table start at `root`."""
    files = {path: root / path for path in table.paths}
    embedded = _pictures(table, files, run)
    beside = Beside(digests=_digests(files), shots=embedded)
    data = gallery(table, beside, shown=len(table.paths), root=root, folder=folder)
    views = [page.view(split, table.of(split), result) for split, result in results.items()]
    data |= {
        "fingerprint": fingerprint,
        "views": list(results),
        "start": next(split for split in PREFERRED if split in results),
        "rule": f"{run.rule.width} × {run.rule.height}, {run.rule.color}",
        "explained": "",
        "nearness": "",
        "outside": "",
        "root": printable(root),
        "tiny": max(run.rule.width, run.rule.height) <= TINY,
        "slices": [],
    }
    content = Content(
        name=printable(run.name),
        kicker=headline.kicker(run),
        views=views,
        data=data,
        curves=split_plots.of_training(run.history(), run.best_epoch),
        notes=_notes(table, embedded),
        about=headline.about(run),
        folds=[{"name": name, "accuracy": right / n, "right": right, "images": n} for name, right, n in run.folds],
        settings=headline.settings(run),
    )
    return page.html(content, run.classes)


def by_interest(table: Predictions) -> np.ndarray:
    """Rows in the order they are worth showing: the wrong ones, the worst first, then the least certain."""
    wrong = table.predicted != table.truth
    return np.lexsort((np.where(wrong, -table.losses, table.probabilities.max(axis=1)), ~wrong))


def _pictures(table: Predictions, files: dict[str, Path], run: Run) -> dict[str, Shot]:
    chosen = [table.paths[i] for i in by_interest(table)[:MOST_EMBEDDED]]
    found = shots.shots([files[path] for path in chosen], run.rule, most_bytes=EMBEDDED_BYTES)
    return {path: shot for path, shot in zip(chosen, found, strict=False) if shot}


def _digests(files: dict[str, Path]) -> dict[str, str]:
    found = {}
    for path, file in files.items():
        try:
            found[path] = digests.content(file).hex()
        except OSError:
            continue
    return found


def _notes(table: Predictions, embedded: dict[str, Shot]) -> Sequence[str]:
    if len(embedded) >= len(table.paths):
        return ()
    return (
        f"The pictures of {len(embedded):,} of {len(table.paths):,} images are in this page: the wrong and the least "
        "certain ones. The others are shown from disk, where they are still there.",
    )
