"""Writes report/ of a run: the table of predictions, and the page, metrics and pictures made from it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from ox_classifier.classifier import no_network
from ox_classifier.console import say
from ox_classifier.files import write_text
from ox_classifier.report import (
    doubts,
    explanations,
    metrics,
    robustness_files,
    robustness_page,
    robustness_shots,
    run_page,
    stills,
    training_images,
)
from ox_classifier.report import robustness as measuring
from ox_classifier.report.data_check import DataCheck, data_check
from ox_classifier.report.elsewhere import Elsewhere
from ox_classifier.report.from_features import FromFeatures
from ox_classifier.report.robustness_card import kept
from ox_classifier.report.run_page import Evidence
from ox_classifier.report.table import FILE, METRICS, fingerprint, table
from ox_classifier.report.training_images import Stored
from ox_classifier.report.watch import Watch
from ox_classifier.runs import Run

PAGE, ISSUES = "report.html", "label_issues.csv"


def write(
    run: Run,
    splits: Sequence[str] = ("val", "test"),
    *,
    formats: Sequence[str] = ("png",),
    stored: Callable[[Run, int], Stored | None] | None = None,
    elsewhere: Elsewhere | None = None,
    robustness: bool = False,
) -> tuple[Path, dict[str, dict]]:
    """Predict every image of the splits and write what there is to see; gives the folder and the metrics by split.

    Splits that the last report has, of the same model, stay. Every file is made from the one table, and what the
    table no longer has goes. `formats` are those of the still pictures. `stored` gives the features, so many an image,
    that training left of a run. Images that lie `elsewhere` have a folder of their own, with nothing of an earlier
    report. With `robustness`, images are changed on purpose to see where the run starts to fail; without, what the
    last report of the same model found out about that stays.

    Raises:
        UsageError: If the run lacks a network or the splits, their images are gone, the folder leads elsewhere, or
            none of the images are new to the run, which robustness asks for.
    """
    if not run.onnx_file.exists():
        raise no_network(run)
    if robustness and not elsewhere:
        measuring.refuse(run, splits)
    folder = run.folder(elsewhere.folder if elsewhere else "report")
    root = elsewhere.root if elsewhere else run.data_root
    mark = elsewhere.fingerprint(run) if elsewhere else fingerprint(run)
    end = explanations.network_end(run)
    left = stored(run, end.width) if stored and end else None
    known = FromFeatures(end, left) if left else None
    if known and known.foreign:
        say("features in the cache do not fit the network, so they are not used: training again computes them")
        left = known = None
    near = training_images.neighbours(run, end, fingerprint=mark, stored=left) if end else None
    watch = Watch(end, near)
    found = elsewhere.table(run, watch) if elsewhere else table(run, splits, watch, known)
    parts = {split: rows for split in stills.SPLITS if (rows := found.of(split)).paths}
    results = {
        split: metrics.summary(rows.probabilities, rows.truth, run.classes, rows.sure) for split, rows in parts.items()
    }
    source = elsewhere.source if elsewhere else run.source
    card = measuring.measure(run, found, source) if robustness else kept(folder / Path(METRICS).name, mark)
    shown = robustness_shots.shown(source(card.example), min(run.rule.shape[:2])) if card else {}
    run.write_table(f"{folder.name}/{Path(FILE).name}", found.header(), found.rows())
    told = {"run": run.name, "fingerprint": mark, **(elsewhere.told if elsewhere else {}), **results}
    told |= {"robustness": card.as_data()} if card else {}
    write_text(folder / Path(METRICS).name, json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    stills.draw(run, parts, results, root=root, folder=folder, formats=formats)
    if card:
        robustness_files.write(run, card, shown, folder=folder, formats=formats)
    else:
        robustness_files.remove(folder)
    check = _checked(run)
    section = robustness_page.section(card, shown) if card else None
    evidence = Evidence(watch, check, doubts.doubts(run, found, left, check.copies), section)
    _write_issues(run, folder, evidence)
    page = run_page.html(run, found, results, evidence, fingerprint=mark, root=root, folder=folder)
    write_text(folder / PAGE, page)
    return folder, results


def _checked(run: Run) -> DataCheck:
    rows = ((row["path"], row["label"], row["split"]) for row in run.read_table("split.csv"))
    return data_check(rows, run.data_root, run.classes)


def _write_issues(run: Run, folder: Path, evidence: Evidence) -> None:
    if evidence.doubts:
        run.write_table(f"{folder.name}/{ISSUES}", doubts.HEADER, evidence.doubts.rows())
    else:
        (folder / ISSUES).unlink(missing_ok=True)
