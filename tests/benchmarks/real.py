"""How well a run reads marks of strangers: python -m tests.benchmarks.real RUN FOLDER

FOLDER holds <source>/<class>/*, a source being one writer or one project. Prints accuracy per source and their macro
average; the interval is a bootstrap over sources, as marks within a source resemble each other. The worst images, by
the probability of their true class, go to RUN/report/real.png. Predictions come from `ox predict`'s own code.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ox_classifier import runs
from ox_classifier.classifier import Classifier
from ox_classifier.console import say, track
from ox_classifier.data import images
from ox_classifier.data.folders import images_below
from ox_classifier.errors import OxError, UsageError
from ox_classifier.pixels import PixelRule
from ox_classifier.report import figures as drawing
from tests.conftest import REAL

RESAMPLES = 10_000
WORST = 48
LIMITS = {"lenet": ">=0.97", "vgg16": ">=0.99"}  # macro accuracy after training on the bundled dataset
THUMBNAIL = PixelRule(160, 160)


class Answer(NamedTuple):
    """One image: whose it is, what it is, the probability of each class, and why the run is unsure of it."""

    path: Path
    source: str
    truth: int
    probabilities: np.ndarray
    reason: str | None = None

    @property
    def right(self) -> bool:
        return int(self.probabilities.argmax()) == self.truth


def figures() -> list[tuple[str, str, str, float, str]]:
    """(figure, measured, reference, ratio, limit) of the latest run of each network in runs/, trained before."""
    if not REAL.is_dir():
        say(f"real marks left out: {REAL} is not here")
        return []
    rows = []
    for arch, limit in LIMITS.items():
        trained = sorted(runs.ROOT.glob(f"{arch}-*/model.onnx"), key=lambda path: path.stat().st_mtime_ns)
        if not trained:
            say(f"real marks left out for {arch}: train it first with ox train --arch {arch}")
            continue
        counts = by_source(answers(Classifier(runs.find(trained[-1].parent)), REAL))
        mean = macro([right / total for right, total in counts.values()])[0]
        rows.append((f"macro accuracy on real marks, {trained[-1].parent.name}", f"{mean:.4f}", "1", mean, limit))
    return rows


def answers(classifier: Classifier, folder: Path) -> list[Answer]:
    """Predict every image of FOLDER/<source>/<class>/; folders of no class of the run are left out.

    Raises:
        UsageError: If there is no such image, or one can't be read.
    """
    index = {name.lower(): place for place, name in enumerate(classifier.classes)}
    known = [
        (path, source.name, index[label.name.lower()])
        for source in sorted(folder.iterdir())
        if source.is_dir()
        for label in sorted(source.iterdir())
        if label.is_dir() and label.name.lower() in index
        for path in images_below(label)
    ]
    if not known:
        raise UsageError(
            f"{folder}: no images found; expected <source>/<class>/* with classes {', '.join(classifier.classes)}"
        )
    predicted = track(classifier.predict([path for path, _, _ in known]), label="predicting", total=len(known))
    found = []
    for (path, source, truth), prediction in zip(known, predicted, strict=True):
        if prediction.error:
            raise prediction.error
        found.append(Answer(path, source, truth, prediction.probabilities, prediction.reason))
    return found


def by_source(found: Sequence[Answer]) -> dict[str, tuple[int, int]]:
    """Right answers and images of each source."""
    counts: dict[str, tuple[int, int]] = {}
    for answer in found:
        right, total = counts.get(answer.source, (0, 0))
        counts[answer.source] = (right + answer.right, total + 1)
    return counts


def macro(shares: Sequence[float], seed: int = 0) -> tuple[float, float, float]:
    """Mean of the sources' accuracies and its 95 % bootstrap interval over sources."""
    shares = np.asarray(shares, dtype=float)
    drawn = np.random.default_rng(seed).integers(0, len(shares), (RESAMPLES, len(shares)))
    low, high = np.percentile(shares[drawn].mean(axis=1), (2.5, 97.5))
    return float(shares.mean()), float(low), float(high)


def table(counts: dict[str, tuple[int, int]]) -> str:
    """One line a source, worst first, then the macro average."""
    rows = sorted(counts.items(), key=lambda row: row[1][0] / row[1][1])
    width = max(map(len, counts))
    lines = [f"{name:{width}}  {right:4} of {total:4}  {right / total:.3f}" for name, (right, total) in rows]
    mean, low, high = macro([right / total for right, total in counts.values()])
    right, total = (sum(column) for column in zip(*counts.values(), strict=True))
    lines.append(
        f"{'macro average':{width}}  {right:4} of {total:4}  {mean:.4f}  (95 % over sources: {low:.3f} to {high:.3f})"
    )
    return "\n".join(lines)


def sureness(found: Sequence[Answer]) -> str:
    """How many images the run answers at its own threshold, and how many of those answers are wrong."""
    sure = [answer for answer in found if answer.reason is None]
    wrong = sum(not answer.right for answer in sure)
    share = wrong / max(1, len(sure))
    return f"answered {len(sure) / len(found):.4f}, wrong {wrong} of {len(sure):,} answered ({100 * share:.2f} %)"


def picture(found: Sequence[Answer], classes: Sequence[str], *, title: str):
    """The wrongly read images, least probable truth first, as the report's own grid."""
    wrong = sorted((answer for answer in found if not answer.right), key=lambda a: a.probabilities[a.truth])
    shown = [
        drawing.Mistake(
            images.read(answer.path, THUMBNAIL),
            f"{answer.source}/{answer.path.name}",
            classes[answer.truth],
            classes[int(answer.probabilities.argmax())],
            float(answer.probabilities.max()),
        )
        for answer in wrong[:WORST]
    ]
    return drawing.mistakes(shown, title=title, total=len(wrong))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, write the grid; 0, or 2 if RUN or FOLDER is unusable."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.real", description=__doc__.splitlines()[0])
    parser.add_argument("run", help="name or path of a run")
    parser.add_argument("folder", type=Path, help="folder of <source>/<class>/*")
    options = parser.parse_args(arguments)
    try:
        if not options.folder.is_dir():
            raise UsageError(f"{options.folder}: no such folder; give one that holds <source>/<class>/*")
        run = runs.find(options.run)
        found = answers(Classifier(run), options.folder)
    except OxError as error:
        say(f"real: {error}")
        return error.exit_code
    print(table(by_source(found)))
    print(sureness(found))
    file = run.path / "report" / "real.png"
    file.parent.mkdir(exist_ok=True)
    picture(found, run.classes, title=f"{run.name} on {options.folder}").savefig(file)
    say(f"worst images: {file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
