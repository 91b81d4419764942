"""How well photographs of filled sheets are read: python -m tests.benchmarks.sheets RUN [PHOTOS] [--first SEED]

Sheets of 40 boxes are filled with strangers' real marks where they are at hand, and photographed askew, bent, in bad
light. Prints what the issue asks for, each with its limit, and the milliseconds a sheet took.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ox_classifier import runs
from ox_classifier.classifier import Classifier
from ox_classifier.console import say, track
from ox_classifier.errors import OxError
from ox_classifier.sheets import reading, straighten
from ox_classifier.sheets.layout import Layout
from tests import sheet_marks, sheet_pages, sheet_photos

EXACT = 0.03  # of a box's size, by which its corners may be off
LEAST = {"vgg16": (0.995, 0.02), "lenet": (0.99, 0.04)}  # accuracy where answered, share unsure


def read(
    classifier: Classifier, layout: Layout, count: int, first: int
) -> tuple[Counter, list[float], list[float], list]:
    """Read so many photographs: how often each kind was taken for each answer, errors of corners, seconds, mistakes."""
    inks, pages = sheet_marks.inks(), {copy: sheet_pages.drawn(layout, 1, copy) for copy in (1, 2, 3)}
    found, errors, seconds, mistakes = Counter(), [], [], []
    boxes, size = layout.boxes_of(1), (layout.width, layout.height)
    for seed in track(range(first, first + count), label="sheets", total=count):
        page, truth = sheet_pages.filled(pages[seed % 3 + 1], boxes, (seed,), inks)
        photo = sheet_photos.photograph(page, size, (seed,))
        pixels = np.asarray(Image.open(io.BytesIO(photo.jpeg())))
        start = time.perf_counter()
        result = reading.read_photo(pixels, str(seed), layout, classifier)
        seconds.append(time.perf_counter() - start)
        read_boxes = {box.question: box for one in result.pages if one.copy == seed % 3 + 1 for box in one.boxes}
        errors += _errors(photo, pixels, layout, read_boxes)
        for question, kind in truth.items():
            answer = read_boxes[question].answer if question in read_boxes else None
            said = answer.answer if answer else "not found"
            found[kind, said] += 1
            if said != kind and not (kind in ("struck", "doubled") and said == "unsure"):
                mistakes.append((seed, question, kind, said, answer.reason if answer else ""))
    return found, errors, seconds, mistakes


def _errors(photo: sheet_photos.Photo, pixels: np.ndarray, layout: Layout, boxes: dict) -> list[float]:
    """How far the worst corner of each box is from where it lies in the photograph, as a share of its size."""
    views = straighten.views(
        straighten.markers(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)), straighten.printed_corners(layout.page(1))
    )
    errors = []
    for printed in layout.boxes:
        left, top, width, height = printed.x, printed.y, printed.width, printed.height
        corners = np.array([(left, top), (left + width, top), (left + width, top + height), (left, top + height)])
        if str(printed.number) not in boxes or not views:
            errors.append(np.inf)
            continue
        cut = views[0].places(boxes[str(printed.number)].corners)
        far = np.linalg.norm(cut - photo.places(corners), axis=1).max()
        errors.append(float(far / views[0].detail((layout.width, layout.height)) / min(width, height)))
    return errors


def figures(found: Counter, errors: Sequence[float], arch: str) -> list[tuple[str, float, str]]:
    """(figure, value, limit)."""
    accuracy, unsure = LEAST.get(arch, LEAST["lenet"])
    answered = [(kind, said, count) for (kind, said), count in found.items() if kind in ("o", "x")]
    total = sum(count for *_, count in answered)
    given = [row for row in answered if row[1] in ("o", "x")]
    blank = sum(count for (kind, _), count in found.items() if kind == "blank")
    spoilt = [(said, count) for (kind, said), count in found.items() if kind in ("struck", "doubled")]
    return [
        ("boxes cut within 3 % of their size", float((np.array(errors) <= EXACT).mean()), ">=0.995"),
        (
            "right where a marked box was answered",
            sum(c for k, s, c in given if k == s) / max(sum(c for *_, c in given), 1),
            f">={accuracy}",
        ),
        (
            "marked boxes left unsure",
            sum(c for _, s, c in answered if s not in ("o", "x", "blank")) / total,
            f"<={unsure}",
        ),
        ("marked boxes called blank", sum(c for _, s, c in answered if s == "blank") / total, "<=0.001"),
        ("blank boxes called blank", found["blank", "blank"] / max(blank, 1), ">=0.995"),
        (
            "struck out or doubled, and guessed",
            sum(c for s, c in spoilt if s in ("o", "x", "blank")) / max(sum(c for _, c in spoilt), 1),
            "<=0.02",
        ),
        (
            "boxes cut nearer to another question's",
            float(((np.array(errors) > 0.5) & np.isfinite(errors)).sum()),
            "<=0",
        ),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures; 1 if one misses its limit, 2 if RUN is unusable."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.sheets", description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("photos", type=int, nargs="?", default=200)
    parser.add_argument("--first", type=int, default=0, help="the first photograph's seed")
    options = parser.parse_args(arguments)
    try:
        run = runs.find(options.run)
        classifier = Classifier(run)
    except OxError as error:
        say(f"{error}")
        return 2
    found, errors, seconds, mistakes = read(classifier, sheet_pages.layout(), options.photos, options.first)
    for mistake in mistakes:
        print("  ".join(mistake[:1].__repr__().strip("(,)").split() + [str(part) for part in mistake[1:]]))
    missed = 0
    for name, value, limit in figures(found, errors, run.arch):
        fine = value >= float(limit[2:]) if limit[0] == ">" else value <= float(limit[2:])
        missed += not fine
        print(f"{'' if fine else 'MISSED '}{name}: {value:.4f} ({limit})")
    print(f"{1000 * float(np.median(seconds)):.0f} ms a sheet in one thread, {sum(found.values()):,} boxes")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
