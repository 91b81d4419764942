"""The page of one run: its table of predictions, and what was found out beside it, image by image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ox_classifier.names import printable
from ox_classifier.report import explanations, headline, page, shots, split_plots
from ox_classifier.report.data_check import DataCheck
from ox_classifier.report.doubts import Doubts
from ox_classifier.report.gallery import Beside, answers, gallery, sight
from ox_classifier.report.page import Content
from ox_classifier.report.predictions import Predictions
from ox_classifier.report.robustness_page import RobustnessSection
from ox_classifier.report.shots import TINY, Shot
from ox_classifier.report.split_slices import SplitSlices, split_slices
from ox_classifier.report.watch import Watch
from ox_classifier.runs import Run

PREFERRED = ("test", "held-out", "val", "train")  # the split shown first
EMBEDDED_BYTES = 8_000_000  # of pictures in the page, a third more as text
BESIDE_BYTES = 1_000_000  # the same of training images
MOST_EMBEDDED, LEAST_CERTAIN = 2_000, 500  # images; of more, the wrong ones and so many of the least certain
MOST_EXPLAINED, LEAST_EXPLAINED = 300, 60  # with Grad-CAM: the wrong, and the least certain where these are few
OUTSIDE = "A training image: judged by a network that had not learned from it, and no part of the figures above."


@dataclass(frozen=True)
class Evidence:
    """What was found out while a table was made: by the watch, the look at the files, about the labels, and by
    changing images on purpose."""

    watch: Watch
    check: DataCheck
    doubts: Doubts | None = None
    robustness: RobustnessSection | None = None


def html(
    run: Run,
    table: Predictions,
    results: dict[str, dict],
    evidence: Evidence,
    *,
    fingerprint: str,
    root: Path,
    folder: Path,
) -> str:
    """The page of a run, to be written into `folder`; paths of the table start at `root`."""
    rows = _with_doubts(table, evidence.doubts)
    files = {path: root / path for path in rows.paths}
    interest = [table.paths[i] for i in by_interest(table)]
    doubted = list(rows.paths[len(table.paths) :])
    wrong = int((table.predicted != table.truth).sum())
    most = MOST_EMBEDDED if len(table.paths) <= MOST_EMBEDDED else min(MOST_EMBEDDED, wrong + LEAST_CERTAIN)
    watch = evidence.watch
    embedded = _pictures([*interest[:most], *doubted], files, run, watch)
    explained = interest[: min(MOST_EXPLAINED, max(LEAST_EXPLAINED, wrong))]
    maps = explanations.explain(run, explained, files, watch, explanations.fold_of(run))
    explanations.look_at_the_rest(run, {path: files[path] for path in table.paths}, watch)
    training = _training(run, watch, [*interest, *doubted])
    shown_doubts = evidence.doubts.shown() if evidence.doubts else {}
    beside = Beside(evidence.check.digests, embedded, watch.nearest, training, evidence.check.copies, shown_doubts)
    slices = {split: split_slices(run, table, split, evidence.check.sides, watch.inks) for split in results}
    data = gallery(rows, beside, shown=len(table.paths), root=root, folder=folder)
    data |= answers(rows, maps) | sight(run.rule, watch.end)
    data |= {
        "fingerprint": fingerprint,
        "views": list(results),
        "show": "wrong",
        "counted": "images",
        "nothing": {"wrong": "Every image here is named right.", "marked": "Nothing is marked yet."},
        "start": next(split for split in PREFERRED if split in results),
        "nearness": _nearness(run, watch),
        "outside": OUTSIDE,
        "root": printable(root),
        "tiny": max(run.rule.width, run.rule.height) <= TINY,
        "slices": [one.as_data() for found in slices.values() for one in found.named],
    }
    findings = _findings(run, evidence.check)
    content = Content(
        name=printable(run.name),
        kicker=headline.kicker(run),
        views=_views(table, results, slices),
        data=data,
        curves=split_plots.of_training(run.history(), run.best_epoch),
        notes=_notes(table, embedded, maps),
        brief=[*headline.brief(run), ("data check", _summary(findings))],
        about=headline.about(run),
        findings=findings,
        folds=[{"name": name, "accuracy": right / n, "right": right, "images": n} for name, right, n in run.folds],
        settings=headline.settings(run),
        slices=True,
        issues={"sentences": evidence.doubts.sentences(), "count": len(shown_doubts)} if evidence.doubts else None,
        robustness=evidence.robustness,
    )
    return page.html(content, run.classes)


def by_interest(table: Predictions) -> np.ndarray:
    """Rows in the order they are worth showing: the wrong ones, the worst first, then the least certain."""
    wrong = table.predicted != table.truth
    return np.lexsort((np.where(wrong, -table.losses, table.probabilities.max(axis=1)), ~wrong))


def _with_doubts(table: Predictions, doubts: Doubts | None) -> Predictions:
    """The table, and after it the suspects that are not in it."""
    if not doubts:
        return table
    there = set(table.paths)
    shown = doubts.shown()
    others = doubts.judged.take([i for i in doubts.suspects if doubts.judged.paths[i] in shown.keys() - there])
    return Predictions(
        table.classes,
        table.paths + others.paths,
        table.splits + others.splits,
        np.concatenate([table.truth, others.truth]),
        np.concatenate([table.probabilities, others.probabilities]),
        table.why + others.why,
    )


def _pictures(chosen: Sequence[str], files: Mapping[str, Path], run: Run, watch: Watch) -> dict[str, Shot]:
    seen = {files[path]: pixels for path, pixels in watch.kept.items()}
    found = shots.shots([files[path] for path in chosen], run.rule, most_bytes=EMBEDDED_BYTES, seen=seen)
    return {path: shot for path, shot in zip(chosen, found, strict=False) if shot}


def _training(run: Run, watch: Watch, interest: Sequence[str]) -> list[tuple[str, str, bytes | None]]:
    """The training images that are near another one, with a picture each as far as there is room."""
    if not watch.neighbours:
        return []
    labels = {row["path"]: row["label"] for row in run.read_table("split.csv")}
    paths = watch.neighbours.paths
    wanted = list(dict.fromkeys(i for path in interest for i, _ in watch.nearest.get(path, ())))
    small = dict(
        zip(wanted, shots.small([run.source(paths[i]) for i in wanted], most_bytes=BESIDE_BYTES), strict=False)
    )
    return [(path, labels.get(path, ""), small.get(i)) for i, path in enumerate(paths)]


def _views(table: Predictions, results: dict[str, dict], slices: dict[str, SplitSlices]) -> list[dict]:
    views, number = [], 0
    for split, result in results.items():
        view = page.view(split, table.of(split), result)
        view["slices"] = slices[split].as_rows(first=number)
        view["slices_sentence"] = slices[split].sentence
        number += len(slices[split].named)
        views.append(view)
    return views


def _nearness(run: Run, watch: Watch) -> str:
    if not watch.neighbours:
        return ""
    total = sum(run.counts.get("train", {}).values())
    count = len(watch.neighbours.paths)
    among = f" among {count:,} of {total:,} training images" if count < total else ""
    return f"Label and cosine distance of the network's own features{among}; 0 is the same, 1 has nothing in common."


def _findings(run: Run, check: DataCheck) -> list[dict]:
    """What the data check says today, and what training set aside."""
    found = [{"level": one.level, "sentence": one.sentence} for one in check.findings]
    bad = len(run.read_table("bad_files.csv")) if (run.path / "bad_files.csv").is_file() else 0
    if bad:
        found.append({"level": "warning", "sentence": f"{bad:,} files could not be read and were set aside."})
    if check.gone:
        found.append({"level": "warning", "sentence": f"{check.gone:,} of the files are no longer there."})
    return found


def _summary(findings: Sequence[dict]) -> str:
    """The data check in a line."""
    counts = Counter(one["level"] for one in findings)
    said = ", ".join(f"{n} {level}{'s' if n > 1 else ''}" for level, n in counts.items())
    return f"{said}: see Settings" if said else "no picture in two splits or under two labels"


def _notes(table: Predictions, embedded: dict[str, Shot], maps: dict[str, np.ndarray]) -> list[str]:
    found = []
    inside = sum(path in embedded for path in table.paths)
    if inside < len(table.paths):
        found.append(
            f"The pictures of {inside:,} of {len(table.paths):,} images are in this page: the wrong and the least "
            "certain ones. The others are shown from disk, where they are still there."
        )
    if maps and len(maps) < len(table.paths):
        found.append(f"The {len(maps):,} worst and least certain images show, once opened, which places decided.")
    return found
