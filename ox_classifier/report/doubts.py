"""Labels in doubt: who may judge which images of a run, and what they say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ox_classifier.report.label_issues import FOLDS, Issues, label_issues, narrowed, out_of_fold
from ox_classifier.report.predictions import Predictions
from ox_classifier.report.table import HELD_OUT, held_out
from ox_classifier.report.training_images import Stored
from ox_classifier.runs import Run

HEADER = ("path", "split", "label", "suggested", "p_label", "p_suggested", "suspect")
MOST_SHOWN = 200
FEWEST = 2 * FOLDS  # images of a class, for each fold to have some


@dataclass(frozen=True)
class Doubts:
    """Images whose labels were judged, by networks that had not learned from them, with what these answered."""

    judged: Predictions
    issues: Issues
    by: str  # who judged, in a sentence

    @property
    def suspects(self) -> list[int]:
        """Rows whose label is probably wrong, the least credible first."""
        return [int(i) for i in self.issues.order if self.issues.suspect[i]]

    def shown(self) -> dict[str, tuple[int, int]]:
        """Rank and suggested class of each suspect that a page has room for, by path."""
        some = self.suspects[:MOST_SHOWN]
        return {self.judged.paths[i]: (rank, int(self.issues.suggested[i])) for rank, i in enumerate(some, start=1)}

    def rows(self) -> Iterator[tuple]:
        """Rows of label_issues.csv, the least credible label first."""
        judged, issues = self.judged, self.issues
        for i in issues.order:
            suggested = issues.suggested[i]
            yield (
                judged.paths[i],
                judged.splits[i],
                judged.classes[judged.truth[i]],
                judged.classes[suggested],
                f"{judged.probabilities[i, judged.truth[i]]:.6f}",
                f"{judged.probabilities[i, suggested]:.6f}",
                "yes" if issues.suspect[i] else "no",
            )

    def sentences(self) -> list[str]:
        """What was judged, by whom, and how many labels are in doubt."""
        found, total = len(self.suspects), len(self.judged.paths)
        said = f"{found:,} of {total:,} labels" if found else f"None of {total:,} labels"
        verb = "is" if found < 2 else "are"
        shown = f" The first {MOST_SHOWN} are shown here." if found > MOST_SHOWN else ""
        return [
            f"{said} {verb} in doubt.{shown} {self.by}",
            "label_issues.csv has every label that was judged, the least credible first.",
        ]


def doubts(
    run: Run, table: Predictions, stored: Stored | None, copies: Mapping[str, Sequence[tuple[str, str, str]]]
) -> Doubts | None:
    """Judge what can be judged: everything whose features are stored, else what was held out; None if nothing can."""
    if stored:
        judged = _by_heads(run, stored, copies)
        if judged:
            by = f"Each was judged by one of {FOLDS} heads on the base's features that had not learned from it."
            return Doubts(judged, label_issues(judged.probabilities, judged.truth), by)
    own = table.take([i for i, split in enumerate(table.splits) if split not in ("train", HELD_OUT)])
    judged = held_out(run).merged(own) if run.folds else own
    if not judged.paths:
        return None
    by = "Each was judged by a network that had not learned from it."
    if not run.folds:
        by += " Training images are judged, too, after ox train --folds 5."
    return Doubts(judged, label_issues(judged.probabilities, judged.truth), by)


def _by_heads(run: Run, stored: Stored, copies: Mapping[str, Sequence[tuple[str, str, str]]]) -> Predictions | None:
    known = set(stored.paths)
    rows = sorted((row for row in run.read_table("split.csv") if row["path"] in known), key=lambda row: row["path"])
    paths = [row["path"] for row in rows]
    truth = np.array([run.classes.index(row["label"]) for row in rows])
    if len(rows) == 0 or np.bincount(truth, minlength=len(run.classes)).min() < FEWEST:
        return None
    features = narrowed(len(paths), lambda part: stored.rows(paths[part]))
    probabilities = out_of_fold(features, truth, _together(paths, copies))
    return Predictions(run.classes, tuple(paths), tuple(row["split"] for row in rows), truth, probabilities)


def _together(paths: Sequence[str], copies: Mapping[str, Sequence[tuple[str, str, str]]]) -> list[int]:
    """One number for all copies of a picture."""
    number: dict[str, int] = {}
    for i, path in enumerate(paths):
        if path in number:
            continue
        waiting = [path]
        while waiting:
            one = waiting.pop()
            if one not in number:
                number[one] = i
                waiting += [other for other, _, _ in copies.get(one, ())]
    return [number[path] for path in paths]
