"""README.md of an exported folder: the model card, with the head that hubs read."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ox_classifier import __version__
from ox_classifier.export.formats import Format
from ox_classifier.intervals import accuracy_text, wilson
from ox_classifier.names import printable
from ox_classifier.runs import Run

SPLITS = {"val": "validation", "test": "test"}
MOST_SOURCES = 20
LEAST_SOURCE = 5  # images: of fewer, an accuracy says nothing
NOT_FOR = """## What it must not be used for

- Decisions about people (marks of an examination, votes, contracts, health) without a person who looks at each
  doubtful answer.
- Pictures of anything but its classes: it names one of them all the same, sometimes with a high probability.
- Pictures from other sources than those it was trained on, until its accuracy there was measured
  (`ox report RUN --data FOLDER`).
- To tell who wrote something, or whether it is genuine.
"""


@dataclass(frozen=True)
class Measured:
    """What the card tells of the exported model: parity.json, and for each source its right answers and images."""

    parity: Mapping
    sources: Mapping[str, tuple[int, int]]


def card(run: Run, form: Format, measured: Measured, *, int8: bool, licence: str) -> str:
    """The card as Markdown."""
    parts = [
        head(run, form, measured, int8=int8, licence=licence),
        _what(run, form, int8=int8),
        _use(run, form),
        _training(run),
        _measured(run, measured),
        _unsure(run),
        NOT_FOR,
        _equal(measured.parity),
    ]
    return "\n".join(parts)


def head(run: Run, form: Format, measured: Measured, *, int8: bool, licence: str) -> str:
    """The lines between `---` that hubs read: YAML, each value of which is also JSON."""
    tags = ["image-classification", "ox", run.arch, form.name, *(["int8"] if int8 else [])]
    results = [
        {
            "task": {"type": "image-classification"},
            "dataset": {"type": "imagefolder", "name": run.data_source.name, "split": SPLITS[split]},
            "metrics": [{"type": "accuracy", "value": round(row["correct"] / row["images"], 4)}],
        }
        for split, row in _results(run, measured).items()
        if split in SPLITS
    ]
    values = {
        "license": licence,
        "library_name": form.library,
        "pipeline_tag": "image-classification",
        "tags": tags,
        "metrics": ["accuracy"],
        **({"model-index": [{"name": run.name, "results": results}]} if results else {}),
    }
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return "\n".join(["---", *lines, "---", ""])


def _what(run: Run, form: Format, *, int8: bool) -> str:
    classes = [_plain(name) for name in run.classes]
    shown = ", ".join(classes[:-1]) + f" and {classes[-1]}" if len(classes) > 1 else classes[0]
    kind = f"{form.name}, 8-bit weights" if int8 else form.name
    return (
        f"# {_plain(run.name)}\n\n"
        f"Tells apart pictures of {len(classes)} classes: {shown}. A `{run.arch}` network of "
        f"{run.settings.get('parameters', 0):,} parameters, trained with ox {run.versions.get('ox', __version__)}, "
        f"here as {kind}.\n"
    )


def _use(run: Run, form: Format) -> str:
    return (
        "## How to ask it\n\n"
        "`python example.py photo.jpg` names a picture; without a picture it checks the five of `golden/`. Its first "
        "lines say what to install. It uses nothing of ox.\n\n"
        f"- `{form.file}` takes float32 pixels in [0, 1] of shape (batch, {run.rule.height}, {run.rule.width}, "
        f"{run.rule.shape[2]}), {run.rule.color}. `pixels.py` makes them of a picture ({_crop(run)}). Another way "
        "of resizing gives other answers.\n"
        "- `labels.txt` has the classes in order, one a line; `model.json` has all there is to know for a program.\n"
        "- `ox export --verify FOLDER` says whether the folder is still what was exported.\n"
    )


def _crop(run: Run) -> str:
    whole = "stretched to that size with an antialiased bilinear filter"
    if run.rule.crop == "ink":
        return f"the part that holds the ink is found, cut out and {whole}"
    return f"the whole picture, {whole}"


def _training(run: Run) -> str:
    counts = run.counts.get("train", {})
    rows = [f"| {_cell(name)} | {counts.get(name, 0):,} |" for name in run.classes]
    base = f" Its base has the weights `{_plain(run.weights)}` and stayed as it was." if run.weights else ""
    outliers = run.settings.get("outliers")
    beside = f" Beside them {outliers['images']:,} images of no class, to be undecided on." if outliers else ""
    return (
        "## Trained on\n\n"
        f"The folder `{_plain(run.data_source.name)}`, {sum(counts.values()):,} images (fingerprint of all files, "
        f"labels and splits: `{run.fingerprint}`).{beside}{base}\n\n"
        "| class | training images |\n|---|---:|\n" + "\n".join(rows) + "\n"
    )


def _measured(run: Run, measured: Measured) -> str:
    lines = ["## How good it is\n"]
    for split, row in _results(run, measured).items():
        lines.append(f"- {SPLITS.get(split, split)} accuracy {accuracy_text(row['correct'], row['images'])}")
    if not run.results:
        lines.append("- Nothing was held out, so no accuracy is known.")
    if run.folds:
        correct, images = (sum(fold[i] for fold in run.folds) for i in (1, 2))
        lines.append(f"- cross-validated accuracy {accuracy_text(correct, images)}, in {len(run.folds)} parts")
    elif "val" in run.results:
        lines.append("\nThe validation images chose the best epoch, so their accuracy is a little too high.")
    lines.append(
        "\nThe interval holds for pictures like those it was measured on; other pens, papers, cameras and hands may "
        "give another accuracy."
    )
    named = {name: row for name, row in measured.sources.items() if row[1] >= LEAST_SOURCE}
    if len(named) > 1:
        worst = sorted(named.items(), key=lambda item: item[1][0] / item[1][1])
        lines.append(f"\nBy source, the {measured.parity['split']} images of this file, the worst first:\n")
        lines.append("| source | accuracy | 95 % interval | images |\n|---|---:|---|---:|")
        lines += [_source_row(name, *row) for name, row in worst[:MOST_SOURCES]]
        if len(worst) > MOST_SOURCES:
            lines.append(f"\n{len(worst) - MOST_SOURCES} better ones are left out.")
    return "\n".join(lines) + "\n"


def _results(run: Run, measured: Measured) -> dict[str, Mapping]:
    """Right answers by split: as training measured them, but those of this file where the export measured them."""
    split = measured.parity["split"]
    return {
        name: measured.parity["accuracy"]["exported"] if name == split else row for name, row in run.results.items()
    }


def _source_row(name: str, correct: int, images: int) -> str:
    low, high = wilson(correct, images)
    return f"| {_cell(name)} | {correct / images:.4f} | {low:.3f} to {high:.3f} | {images:,} |"


def _unsure(run: Run) -> str:
    unsure, calibration = run.assurance.unsure, run.assurance.calibration
    lines = ["## When it is unsure\n"]
    if calibration:
        lines.append(
            f"Its probabilities are calibrated on the images of {calibration.split} (temperature "
            f"{calibration.temperature:.4g}, which is in the model)."
        )
    if unsure is None:
        lines.append(
            "It has no threshold: it always names one of its classes, also for a blank sheet, a letter or a face. "
            "Show answers of low probability to a person."
        )
        return "\n".join(lines) + "\n"
    lines.append(
        f"An answer whose probability is under {unsure.threshold:.4g} counts as *unsure*: show it to a person."
    )
    lines.append(
        f"Of the others at most {_percent(unsure.promise)} are wrong, with {_percent(unsure.confidence)} "
        f"confidence, on pictures like those it was measured on: {unsure.accepted:,} of {unsure.images:,} "
        f"were answered, {unsure.wrong:,} of them wrongly."
    )
    if unsure.refuses_blank:
        lines.append("ox takes a blank picture for unsure, too; the model alone does not.")
    return "\n".join(lines) + "\n"


def _percent(share: float) -> str:
    """A bound with one digit, rounded up."""
    return f"{math.ceil(round(share * 1000, 6)) / 10:g} %"


def _equal(parity: Mapping) -> str:
    run, exported = parity["accuracy"]["run"], parity["accuracy"]["exported"]
    seen = parity["run"]
    moved = f"no probability moves by more than {seen['max_difference']:.1e}"
    if seen["max_difference"] == 0:
        moved = "every probability is the same"
    return (
        "## Is this file the network that was trained?\n\n"
        f"All {seen['images']:,} {parity['split']} images went through this file in its own runtime "
        f"({parity['runtime']['package']} {parity['runtime']['version']}): {seen['answers_changed']} answers differ "
        f"from those of the run, and {moved}. It names {exported['correct']:,} right (95 % interval "
        f"{_span(exported)}), the run {run['correct']:,} ({_span(run)}). "
        "`parity.json` has it all.\n"
    )


def _span(row: Mapping) -> str:
    low, high = row["interval"]
    return f"{low:.3f} to {high:.3f}"


def _plain(text: Sequence[str] | str) -> str:
    """A name with nothing that Markdown would act on."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>#" else c for c in printable(text))


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")
