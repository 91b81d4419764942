"""Writes report/ of a run: the table of predictions, and the page, metrics and pictures made from it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from ox_classifier.classifier import no_network
from ox_classifier.files import write_text
from ox_classifier.report import doubts, explanations, metrics, run_page, stills, training_images
from ox_classifier.report.data_check import DataCheck, data_check
from ox_classifier.report.elsewhere import Elsewhere
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
) -> tuple[Path, dict[str, dict]]:
    """Predict every image of the splits and write what there is to see; gives the folder and the metrics by split.

    Splits that the last report has, of the same model, stay. Every file is made from the one table, and what the
    table no longer has goes. `formats` are those of the still pictures. `stored` gives the features, so many an image,
    that training left of a run. Images that lie `elsewhere` have a folder of their own, with nothing of an earlier
    report.

    Raises:
        UsageError: If the run lacks a network or the splits, their images are gone, or the folder leads elsewhere.
    """
    if not run.onnx_file.exists():
        raise no_network(run)
    folder = run.folder(elsewhere.folder if elsewhere else "report")
    root = elsewhere.root if elsewhere else run.data_root
    mark = elsewhere.fingerprint(run) if elsewhere else fingerprint(run)
    end = explanations.network_end(run)
    left = stored(run, end.width) if stored and end else None
    near = training_images.neighbours(run, end, fingerprint=mark, stored=left) if end else None
    watch = Watch(end, near)
    found = elsewhere.table(run, watch) if elsewhere else table(run, splits, watch)
    parts = {split: rows for split in stills.SPLITS if (rows := found.of(split)).paths}
    results = {
        split: metrics.summary(rows.probabilities, rows.truth, run.classes, rows.sure) for split, rows in parts.items()
    }
    run.write_table(f"{folder.name}/{Path(FILE).name}", found.header(), found.rows())
    told = {"run": run.name, "fingerprint": mark, **(elsewhere.told if elsewhere else {}), **results}
    write_text(folder / Path(METRICS).name, json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    stills.draw(run, parts, results, root=root, folder=folder, formats=formats)
    check = _checked(run)
    evidence = Evidence(watch, check, doubts.doubts(run, found, left, check.copies))
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
