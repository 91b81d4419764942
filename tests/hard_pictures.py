"""The report's, the audit's and the inspection's pictures with names and numbers that are hard to draw.

`python -m tests.hard_pictures FOLDER` writes them all as PNG files, to be looked at.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ox_classifier.audit.contact_sheet import Section, Tile, check_sheet
from ox_classifier.augmentation.preview import Example, preview
from ox_classifier.inspection import figures as inside
from ox_classifier.report import figures
from ox_classifier.report.confusion_figure import confusion_matrix
from ox_classifier.report.figures import Mistake
from ox_classifier.report.robustness_card import Card, Step
from ox_classifier.report.robustness_changes import KINDS, Kind
from ox_classifier.report.robustness_figure import card_figure

FILES = [
    "IMG_20261125_183207_HDR (1).jpg",
    "KakaoTalk_Photo_2026-11-25-18-32-07 001.jpeg",
    "test/o/00013.jpg",
    "a/rather/deep/folder/of/somebody/else/on/a/disk/test/round mark/IMG_20261125_183207_HDR (1).jpg",
    r"test/o/$\frac{$.png",
    "price_$5_and_$6^.jpg",
    "two\nlines\tand\x07 a bell.png",
    "bytes \udcff\udcfe.png",
    "시험/동그라미/사진 001.jpg",
    "テスト/丸/写真 (2).png",
    "测试/圆圈/图片.png",
    "😀🦑 emoji ❤️ 👩‍🔬.png",
    "x" * 200 + ".png",
    "हिन्दी का नाम.jpg",
    "صورة.jpg",
    "Übung/ß/Ωμέγα/Кружок.png",
]
LONG = [
    "a class whose name has about sixty letters, all of them to read",
    "the_other_class_with_a_name_of_sixty_letters_and_no_spaces_1",
]
SCRIPTS = ["동그라미", "가위표", "丸", "バツ", "圆圈", "叉", "$x^2$", r"$\frac{$", "круг", "a\nb"]
MANY = [f"class {i}" for i in range(30)]
ALIKE = [f"{'the same beginning of a name ' * 2}{i:02} {'and the same end of it ' * 2}" for i in range(12)]
LEVELS = {kind.name: len(kind.levels) for kind in KINDS}


def cases() -> dict[str, Callable[[], Figure]]:
    """Name → a function that draws the figure."""
    short = ["o", "x"]
    found = {
        f"mistakes_{count}{name}": lambda count=count, classes=classes: mistakes(count, classes)
        for count in (0, 1, 3, 48)
        for name, classes in (("", short), ("_long", LONG), ("_scripts", SCRIPTS))
    }
    for name, classes in {
        "2": short,
        "3": ["circle", "cross", "neither"],
        "10": [str(i) for i in range(10)],
        "30": MANY,
        "2_long": LONG,
        "10_scripts": SCRIPTS,
        "12_alike": ALIKE,
        "30_long": [f"{name} {i}" for i, name in enumerate(LONG * 15)],
        "40": [f"class {i}" for i in range(40)],
    }.items():
        found[f"matrix_{name}"] = lambda classes=classes: matrix(classes)
    found |= {
        "curves_1": lambda: curves(1, 1),
        "curves_2": lambda: curves(2, 2),
        "curves_20": lambda: curves(20, 14),
        "curves_fine_tuned": lambda: curves(20, 18, fine_tuned_from=13),
        "curves_fine_tuned_last": lambda: curves(6, 6, fine_tuned_from=6),
        "curves_long": lambda: curves(150, 120, title=LONG[1] * 4 + r"-$\frac{$: accuracy and loss by epoch"),
        "sheet": sheet,
        "preview": lambda: examples(short, (3, 3)),
        "preview_scripts": lambda: examples(SCRIPTS, (1, 2)),
        "preview_long": lambda: examples(LONG, (2, 1)),
        "gradcam": lambda: inside.grad_cam(
            np.random.default_rng(0).random((40, 60, 3)), np.eye(4), title="o.png: o 1.0"
        ),
        "gradcam_long": lambda: inside.grad_cam(
            np.random.default_rng(0).random((60, 20, 1)), np.eye(4), title=f"{FILES[3]} {FILES[8]}: {LONG[1]} 0.9876"
        ),
        "kernels": lambda: inside.kernel_picture("conv1", np.random.default_rng(0).normal(size=(3, 3, 3, 32))),
        "kernels_deep": lambda: inside.kernel_picture(
            "block_1_expand_convolution_of_a_long_name_" * 2, np.random.default_rng(0).normal(size=(3, 3, 64, 128))
        ),
        "kernels_one": lambda: inside.kernel_picture("conv1", np.random.default_rng(0).normal(size=(5, 5, 1, 1))),
        "maps": lambda: inside.feature_maps("conv2", np.random.default_rng(0).random((14, 14, 40))),
        "histograms": lambda: inside.kernel_histograms(
            "block_1_expand_convolution_of_a_long_name_" * 2, *np.random.default_rng(0).normal(size=(2, 3, 3, 3, 32))
        ),
        "robustness": lambda: robustness({"thinner": 5, "blur": 4, "noise": 5}),
        "robustness_worst": lambda: robustness(dict.fromkeys(LEVELS, 1), title=LONG[1] * 4),
        "robustness_always": lambda: robustness({}, always=True, title=f"{SCRIPTS[0]} {ALIKE[0]}"),
    }
    return found


def robustness(worse: dict[str, int], *, always: bool = False, title: str = "lenet-1, 120 images of test") -> Figure:
    shown = {name: [mark(i, 96, 96) for i in range(1 + count)] for name, count in LEVELS.items()}
    return card_figure(robustness_card(worse, always=always), shown, title=f"{title}: where it starts to fail")


def robustness_card(worse: dict[str, int], *, always: bool = False, classes: tuple[str, str] = ("o", "x")) -> Card:
    """A card of 120 images that gets worse by the changes named, from the level (1 is the mildest) told of each."""

    def steps(kind: Kind) -> tuple[Step, ...]:
        first = worse.get(kind.name, 1 + len(kind.levels))
        bad = [max(0, 1 + place - first) for place in range(1, 1 + len(kind.levels))]
        lost = [12 * b + (10 if b else 0) for b in bad]
        answered = [120 if always else 110 - 20 * b for b in bad]
        return tuple(
            Step(level, 120, 118 - n, sure, b, 1e-4 if b else 0.5, b > 0, classes if b else None)
            for level, n, sure, b in zip(kind.levels, lost, answered, bad, strict=True)
        )

    return Card(
        "test", Step(None, 120, 118, 120 if always else 112, 1), {k.name: steps(k) for k in KINDS}, "o.png", always
    )


def mark(number: int, height: int = 90, width: int = 90) -> np.ndarray:
    """A ring on paper, uint8."""
    y, x = np.mgrid[:height, :width]
    away = np.hypot((y - height / 2) / height, (x - width / 2) / width)
    ring = np.abs(away - 0.3 - number % 5 / 100) < 0.04
    return np.where(ring[..., None], [40, 50, 90], [240, 236, 225]).astype(np.uint8)


def mistakes(count: int, classes: list[str]) -> Figure:
    shapes = [(90, 90), (60, 120), (120, 60), (28, 28), (300, 20)]
    wrong = [
        Mistake(
            mark(i, *shapes[i % 5]),
            FILES[i % len(FILES)],
            classes[i % len(classes)],
            classes[(i + 1) % len(classes)],
            0.999 - i / 100,
        )
        for i in range(count)
    ]
    title = "lenet-1, test: accuracy 0.9800 (294 of 300 right; 95 % interval 0.957 to 0.991)"
    return figures.mistakes(wrong, title=title, total=count * 3 if count > 3 else count)


def matrix(classes: list[str]) -> Figure:
    rng = np.random.default_rng(0)
    size = len(classes)
    counts = np.diag(rng.integers(90, 12_000, size)) + rng.integers(0, 40, (size, size)) * (
        rng.random((size, size)) < 0.3
    )
    return confusion_matrix(
        counts, classes, title="lenet-1, test: accuracy 0.9800\n(294 of 300 right; 95 % interval 0.957 to 0.991)"
    )


def curves(epochs: int, best: int, *, fine_tuned_from: int | None = None, title: str = "") -> Figure:
    t = np.arange(1, epochs + 1)
    rates = np.where(t > epochs * 0.7, 2.5e-4, np.where(t > epochs * 0.4, 5e-4, 1e-3))
    if fine_tuned_from:
        rates = np.where(t >= fine_tuned_from, 1e-5, rates)
    history = {
        "epoch": t.astype(float),
        "loss": 0.7 * np.exp(-t / 6),
        "val_loss": 0.7 * np.exp(-t / 7) + 0.03,
        "accuracy": 1 - 0.5 * np.exp(-t / 5),
        "val_accuracy": 0.98 - 0.5 * np.exp(-t / 6),
        "learning_rate": rates,
    }
    title = title or "lenet-1: accuracy and loss by epoch"
    return figures.curves(history, title=title, best_epoch=best, fine_tuned_from=fine_tuned_from)


def sheet() -> Figure:
    tiles = [Tile(mark(i, 90, 60 + 10 * i), "\n".join(name.rpartition("/")[::2])) for i, name in enumerate(FILES)]
    return check_sheet(
        [
            Section(
                "error", f"{FILES[3]} and {FILES[8]} are the same picture " * 2, [tiles[:2], tiles[2:4]], more=1234
            ),
            Section("warning", r"odd names $\frac{$ and $5", [[tile] for tile in tiles[4:]]),
            Section("note", "not readable", [[Tile(None, "train/o\na.png"), Tile(None, FILES[3])]]),
        ],
        title=r"시험 $\frac{$ " + "a long folder name " * 8 + ": what was found",
    )


def examples(classes: list[str], shape: tuple[int, int]) -> Figure:
    each, views = shape
    rows = [
        Example(
            label,
            FILES[(number * each + i) % len(FILES)],
            mark(i, 60 + 40 * i, 90),
            np.stack([mark(i, 50, 50) / 255] * views),
        )
        for number, label in enumerate(classes)
        for i in range(each)
    ]
    settings = "--horizontal-flip, --vertical-flip, --shift 0.2, --zoom 0.59 to 1.3 times as large, "
    return preview(rows, title=f"{FILES[3]}, as lenet is fed it", note=f"augmentation: {settings * 2}--invert 0.3")


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in cases().items():
        draw().savefig(folder / f"{name}.png")
