"""A run → the table of its predictions: some splits predicted now, the others kept from the last report."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from ox_classifier import limits
from ox_classifier.classifier import Classifier
from ox_classifier.console import say, track
from ox_classifier.errors import UsageError
from ox_classifier.report.from_features import FromFeatures
from ox_classifier.report.predictions import Predictions
from ox_classifier.report.watch import Watch
from ox_classifier.runs import Run

HELD_OUT = "held-out"  # in place of "val" in a run that was trained on everything after its folds
FILE, METRICS = "report/predictions.csv", "report/metrics.json"


def table(
    run: Run, splits: Sequence[str], watch: Watch | None = None, known: FromFeatures | None = None
) -> Predictions:
    """Predictions of the given splits, made now, and of those the last report has of the same model and split.

    `watch` looks on while images are predicted. What is `known` of an image need not go through the whole network.

    Raises:
        UsageError: As in `predict`.
    """
    if run.folds:
        splits = [HELD_OUT if split == "val" else split for split in splits]
    earlier = kept(run, splits)
    now = held_out(run) if HELD_OUT in splits else None
    rest = [split for split in splits if split != HELD_OUT]
    if now is None or set(rest) & set(run.splits().values()):
        predicted = predict(run, rest, watch, known)
        now = predicted if now is None else now.merged(predicted)
    if not earlier.paths:
        return now
    say(f"kept from the last report, which was of the same model: {', '.join(sorted(set(earlier.splits)))}")
    return now.merged(earlier)


def predict(
    run: Run, splits: Sequence[str], watch: Watch | None = None, known: FromFeatures | None = None
) -> Predictions:
    """What the run's network says of every image of its splits, sorted by path.

    Raises:
        UsageError: If the run has none of the splits or their images are gone.
    """
    used = sorted((row for row in run.read_table("split.csv") if row["split"] in splits), key=lambda row: row["path"])
    if not used:
        raise UsageError(f"run {run.name} has no images in {', '.join(splits)}: give another --split")
    return answers(run, used, run.source, watch, known)


def answers(
    run: Run,
    used: Sequence[Mapping[str, str]],
    source: Callable[[str], Path],
    watch: Watch | None = None,
    known: FromFeatures | None = None,
) -> Predictions:
    """What the run's network says of images, each with its path, label and split; `source` says where a path lies.

    Raises:
        UsageError: If none of them can be read.
    """
    classifier = Classifier(run)
    if watch:
        watch.attach(classifier)
    first, used = _divided(used, known)
    if first:
        say(f"{len(first):,} of {len(used):,} images are answered from the features that training left of them")
    answered = chain(
        known.predictions(classifier, [row["path"] for row in first], watch) if first else (),
        classifier.predict(source(row["path"]) for row in used[len(first) :]),
    )
    rows, truth, probabilities, reasons, lost = [], [], [], [], []
    for row, answer in track(zip(used, answered, strict=True), label="predicting", total=len(used)):
        if answer.error:
            lost.append(answer.error)
            continue
        rows.append(row)
        truth.append(run.classes.index(row["label"]))
        probabilities.append(answer.probabilities)
        reasons.append(answer.reason or "")
        if watch:
            watch.take(row["path"], interest(answer.probabilities, truth[-1]))
    if not rows:
        raise UsageError(f"none of the {len(used)} images can be read; the first: {lost[0]}")
    for error in lost:
        say(f"left out, as it can't be read: {error}")
    paths, names = tuple(row["path"] for row in rows), tuple(row["split"] for row in rows)
    found = Predictions(run.classes, paths, names, np.array(truth), np.stack(probabilities), tuple(reasons))
    return found.take(sorted(range(len(paths)), key=paths.__getitem__)) if first else found


def _divided(
    used: Sequence[Mapping[str, str]], known: FromFeatures | None
) -> tuple[list[Mapping[str, str]], Sequence[Mapping[str, str]]]:
    """The images of which features are known, and all, these first."""
    there = known.paths if known else frozenset()
    first = [row for row in used if row["path"] in there]
    return first, [*first, *(row for row in used if row["path"] not in there)]


def interest(probabilities: np.ndarray, truth: int) -> float:
    """How much an image is worth looking at: one that is wrong by its loss, any other less, the less certain the more.

    `run_page.by_interest` has the same order.
    """
    wrong = int(probabilities.argmax()) != truth
    return 1 - float(probabilities[truth]) if wrong else -float(probabilities.max())


def held_out(run: Run) -> Predictions:
    """Of a cross-validation: what each image was answered by the fold that had not learned from it."""
    rows = [row | {"split": HELD_OUT} for row in run.read_table("held_out.csv")]
    return Predictions.from_rows(run.classes, rows)


def kept(run: Run, splits: Sequence[str]) -> Predictions:
    """The rows of the last report in other splits than these; none if it was of another model, or is damaged."""
    none = Predictions(run.classes, (), (), np.array([], dtype=int), np.empty((0, len(run.classes)), np.float32))
    found, same = reported(run)
    earlier = none if found is None else found.take([i for i, name in enumerate(found.splits) if name not in splits])
    if earlier.paths and not same:
        left = ", ".join(sorted(set(earlier.splits)))
        say(f"no longer in the report, as another model or ox predicted it: {left} (--split adds it again)")
    return earlier if same else none


def reported(run: Run) -> tuple[Predictions | None, bool]:
    """The last report's table, None if there is none or it is damaged; and whether the run's model is what made it."""
    try:
        limits.check_file(run.path / METRICS, limits.MOST_JSON)
        told = json.loads((run.path / METRICS).read_text(encoding="utf-8"))
        rows = run.read_table(FILE)
        same = told.get("fingerprint") == fingerprint(run)
        return (Predictions.from_rows(run.classes, rows) if rows else None), same
    except (UsageError, OSError, AttributeError, ValueError, KeyError, TypeError, RecursionError):
        return None, False


def fingerprint(run: Run) -> str:
    """What predictions follow from: the network, the classes, the pixel rule and the split."""
    digest = hashlib.sha256(json.dumps([run.classes, run.rule.as_dict()]).encode())
    for path in (run.onnx_file, run.path / "split.csv"):
        limits.check_file(path, limits.MOST_NETWORK)
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
