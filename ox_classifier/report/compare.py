"""Runs → what differs between them: as text, as changed.csv and as compare.html in the last run's folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ox_classifier.errors import UsageError
from ox_classifier.files import write_text
from ox_classifier.intervals import wilson
from ox_classifier.report import comparison_gallery, comparison_page, metrics
from ox_classifier.report.compared import Compared
from ox_classifier.report.comparison import Comparison, sentence
from ox_classifier.report.differing_settings import differing
from ox_classifier.report.shared_files import Shared, Tested, common_split, shared, tested
from ox_classifier.runs import Run

MOST_NAME = 200  # bytes of a folder's name


def write(runs: Sequence[Run]) -> tuple[Path, str]:
    """Compare runs on the images that all were tested on; gives the folder of page and CSV, and the text.

    Raises:
        UsageError: If a run is given twice, or they share no tested image.
    """
    names = _names(runs)
    split = common_split(runs)
    each = [tested(run, split) for run in runs]
    common = shared(each)
    answers = tuple(one.rows.take(rows) for one, rows in zip(each, common.rows, strict=True))
    found = Comparison(names, answers)
    compared = Compared(
        _coverage(each, common, split),
        _metrics(found),
        [sentence(names[0], change, len(names) - 1) for change in found.changes()],
        _settings(names, runs),
    )
    folder = runs[-1].folder(_folder_name([run.name for run in runs[:-1]]))
    write_text(folder / "changed.csv", found.table())
    images = comparison_gallery.images(found, each, common, folder=folder)
    write_text(folder / "compare.html", comparison_page.html(found, compared, images))
    return folder, compared.text()


def _names(runs: Sequence[Run]) -> tuple[str, ...]:
    """What each run is called: its name, its path where two have one name."""
    paths = [run.path.resolve() for run in runs]
    twice = next((run for run, path in zip(runs, paths, strict=True) if paths.count(path) > 1), None)
    if twice:
        raise UsageError(f"run {twice.name} was given twice: give two or more different runs")
    names = [run.name for run in runs]
    return tuple(run.name if names.count(run.name) == 1 else str(run.path) for run in runs)


def _folder_name(others: Sequence[str]) -> str:
    name = f"compare-{'-'.join(others)}"
    return name if len(name.encode(errors="replace")) <= MOST_NAME else f"compare-{len(others)}-runs"


def _coverage(each: Sequence[Tested], common: Shared, split: str) -> list[str]:
    sizes = {one.run.name: len(one.rows.paths) for one in each}
    count = f"{len(common):,} image" if len(common) == 1 else f"{len(common):,} images"
    lines = [f"compared on {count} of {split}"]
    if any(size != len(common) for size in sizes.values()):
        lines[0] += ", which all were tested on: " + ", ".join(f"{name} on {n:,}" for name, n in sizes.items())
    if split == "val":
        lines.append(
            "each run's best epoch was chosen by its validation images, so all accuracies are a little too good"
        )
    if common.other_picture:
        lines.append(f"left out, as another picture has the same name: {common.other_picture:,}")
    if common.other_label:
        lines.append(f"left out, as the runs have different labels for it: {common.other_label:,}")
    if common.unseen:
        lines.append(f"told by its name alone, as the file is not there to look at: {common.unseen:,}")
    return lines


def _metrics(found: Comparison) -> list[tuple[str, ...]]:
    rows = [("", "accuracy", "95 % interval", "right", "ROC AUC", "log loss")]
    for run, (name, answer) in enumerate(zip(found.names, found.answers, strict=True)):
        right, total = int(found.right(run).sum()), len(found.paths)
        low, high = wilson(right, total)
        area = metrics.roc_auc(answer.probabilities, answer.truth)
        auc, loss = "-" if area is None else f"{area:.4f}", f"{answer.losses.mean():.4f}"
        counts = f"{right:,} of {total:,}"
        rows.append((name, f"{right / total:.4f}", f"{low:.3f} to {high:.3f}", counts, auc, loss))
    return rows


def _settings(names: Sequence[str], runs: Sequence[Run]) -> list[tuple[str, ...]]:
    rows = differing([run.settings for run in runs])
    return [("", *names), *((name, *values) for name, values in rows)] if rows else []
