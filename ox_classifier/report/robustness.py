"""Where a run starts to fail: its own test images, changed on purpose, answered as files of users are."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image

from ox_classifier.classifier import Classifier
from ox_classifier.console import duration, say, track
from ox_classifier.data import images
from ox_classifier.data.images import ImageError
from ox_classifier.errors import UsageError
from ox_classifier.report.comparison import mcnemar
from ox_classifier.report.predictions import Predictions
from ox_classifier.report.read_ahead import read_ahead
from ox_classifier.report.robustness_card import Card, Step
from ox_classifier.report.robustness_changes import KINDS, SEED, Kind, Original
from ox_classifier.runs import Run
from ox_classifier.wording import counted

SPLITS = ("test", "val", "train")  # the first that there is; train only where it is of other data
MOST = 120  # images: 45 levels of so many take about a minute with lenet on two cores
ALPHA = 0.05  # the chance that anything at all is called worse that isn't; each change has an equal part of it
FEWEST_MISTAKEN = 3  # images, for a pair of classes to be named
VISIBLE, SHARE = 120, 0.1  # grey levels and ink's part of the area, of an image that shows the changes well
CELLS = [(kind, level) for kind in KINDS for level in kind.levels]


@dataclass(frozen=True)
class Answers:
    """Of n images: index of the class answered, and whether the answer is sure; both of shape (n,)."""

    predicted: np.ndarray
    sure: np.ndarray


def refuse(run: Run, splits: Sequence[str]) -> None:
    """Refuse a run of whose images in these splits none are new to it.

    Raises:
        UsageError: If there are none; a cross-validation's last network has learned from all but the test images.
    """
    fit = ("test",) if run.folds else ("test", "val")
    there = set(run.splits().values())
    if not any(split in splits and split in there for split in fit):
        having = [split for split in fit if split in there]
        how = f"give --split {having[0]} too" if having else "give labelled images of a folder with --data"
        raise UsageError(f"--robustness changes images that run {run.name} has not learned from, in {fit[0]}: {how}")


def measure(run: Run, table: Predictions, source: Callable[[str], Path]) -> Card:
    """Change a sample of the images of a table in all ways and levels, and ask the run about each.

    The unchanged images count as the table has them; `source` says where a path lies.

    Raises:
        UsageError: If none of the images can be read any more.
    """
    split = next(name for name in SPLITS if name in table.splits)
    rows = table.of(split)
    chosen = sample(rows.truth, MOST)
    classifier = Classifier(run)
    least = min(run.rule.height, run.rule.width)
    found = zip(chosen, read_ahead(lambda i: _original(source(rows.paths[i]), int(i), least), chosen), strict=True)
    originals = {int(i): original for i, original in found if original}
    if not originals:
        raise UsageError(f"--robustness: none of the images of {split} can be read any more")
    rows = rows.take(list(originals))
    _announce(classifier, list(originals.values()), split)
    before = Answers(rows.predicted, rows.sure)
    after = _ask(classifier, list(originals.values()))
    steps: dict[str, tuple[Step, ...]] = {}
    for kind in KINDS:
        own = [answers for (one, _), answers in zip(CELLS, after, strict=True) if one is kind]
        chances = [lost_by_chance(before.predicted == rows.truth, answers.predicted == rows.truth) for answers in own]
        first = worse_from(chances)
        steps[kind.name] = tuple(
            _step(level, rows, answers, (chances[i], i >= first))
            for i, (level, answers) in enumerate(zip(kind.levels, own, strict=True))
        )
    return Card(
        split,
        _step(None, rows, before),
        steps,
        _example(rows, before, list(originals.values())),
        classifier.decision.always,
    )


def sample(truth: np.ndarray, most: int) -> np.ndarray:
    """Rows of at most so many images, drawn by a fixed seed, of every class as equally many as there are; sorted."""
    rng = np.random.default_rng(SEED)
    shuffled = rng.permutation(len(truth))
    turn = np.empty(len(truth), dtype=int)  # the how-manieth of its class each row is
    for label in np.unique(truth):
        own = shuffled[truth[shuffled] == label]
        turn[own] = np.arange(len(own))
    return np.sort(shuffled[np.argsort(turn[shuffled], kind="stable")][:most])


def lost_by_chance(before: np.ndarray, after: np.ndarray) -> float:
    """How probable it is that as many images or more are lost, if change is as likely to mend one as to spoil it.

    Both say of each image whether it was right, bool of shape (n,). One-sided exact test of McNemar; 1 where no more
    are lost than mended.
    """
    lost, mended = int((before & ~after).sum()), int((~before & after).sum())
    return mcnemar(mended, lost) / 2 if lost > mended else 1.0


def worse_from(chances: Sequence[float], alpha: float = ALPHA / len(KINDS)) -> int:
    """The first level of one change from which on accuracy is significantly worse; their count if none is.

    `chances` are of the levels from mild to strong. They are tested from the strongest down until one isn't
    significant, so that with probability 1 - alpha none is called worse by chance: a fixed sequence of tests needs no
    further correction (Maurer, Hothorn and Lehmacher 1995). What gets worse and then better again isn't found.
    """
    first = len(chances)
    while first and chances[first - 1] <= alpha:
        first -= 1
    return first


def _original(path: Path, number: int, least: int) -> Original | None:
    try:
        return Original.of(images.open_picture(path).image, number=number, least=least)
    except ImageError as error:  # gone since it was predicted
        say(f"left out, as it can't be read: {error}")
        return None


def _announce(classifier: Classifier, originals: list[Original], split: str) -> None:
    """Say what is going to be done, and how long that takes, by the time of a few answers."""
    some = [original.image for original in originals[: classifier.batch]]
    for _ in range(2):  # the first time, all is slower
        start = time.monotonic()
        list(classifier.predict(some))
    seconds = (time.monotonic() - start) / len(some) * len(CELLS) * len(originals)
    say(
        f"robustness: {counted(len(originals), 'image')} of {split}, each changed in {len(CELLS)} ways, about "
        f"{duration(seconds)}"
    )


def _ask(classifier: Classifier, originals: list[Original]) -> list[Answers]:
    """The answers to all images at each of CELLS; pictures are changed by threads while others are answered."""
    jobs = product(originals, CELLS)
    answers = classifier.predict(read_ahead(_changed, jobs))
    total = len(originals) * len(CELLS)
    predicted, sure = np.empty(total, dtype=int), np.empty(total, dtype=bool)
    for place, answer in enumerate(track(answers, label="robustness", total=total)):
        predicted[place], sure[place] = answer.probabilities.argmax(), answer.sure
    shape = len(originals), len(CELLS)
    return [Answers(*pair) for pair in zip(predicted.reshape(shape).T, sure.reshape(shape).T, strict=True)]


def _changed(job: tuple[Original, tuple[Kind, float]]) -> Image.Image:
    original, (kind, level) = job
    return kind.change(original, level)


def _step(
    level: float | None, rows: Predictions, answers: Answers, test: tuple[float | None, bool] = (None, False)
) -> Step:
    right = answers.predicted == rows.truth
    counts = len(right), int(right.sum()), int(answers.sure.sum()), int((answers.sure & ~right).sum())
    return Step(level, *counts, *test, mostly=_mostly(rows, answers.predicted))


def _mostly(rows: Predictions, predicted: np.ndarray) -> tuple[str, str] | None:
    """The class that is mistaken most often, and for which, if that makes up at least half of the mistakes."""
    wrong = np.flatnonzero(predicted != rows.truth)
    pairs, counts = np.unique(np.stack([rows.truth[wrong], predicted[wrong]]), axis=1, return_counts=True)
    if not len(wrong) or counts.max() < max(FEWEST_MISTAKEN, len(wrong) / 2):
        return None
    truth, taken = pairs[:, counts.argmax()]
    return rows.classes[truth], rows.classes[taken]


def _example(rows: Predictions, before: Answers, originals: Sequence[Original]) -> str:
    """The path of an image that shows changes well: read right, surely, and with strokes that can be seen."""
    right = before.predicted == rows.truth

    def fit(i: int) -> tuple:
        one = originals[i]
        return right[i] and before.sure[i], one.contrast >= VISIBLE, -abs(one.share - SHARE)

    return rows.paths[max(range(len(originals)), key=fit)]
