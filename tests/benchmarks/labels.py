"""Whether flipped labels are found: 3 % of the bundled dataset's, by heads on VGG16's stored features."""

from __future__ import annotations

import csv
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.processes import cost

DATASET = Path(__file__).parents[2] / "dataset"
SIDE, VIEWS = 64, 1  # smaller than the default, whose features take ten times as long to compute
FLIPPED, LOOKED_AT, FOUND = 0.03, 0.06, 0.9  # shares: of all labels, of the list, and of the flipped ones therein
SECONDS = 60


def figures() -> list[tuple[str, str, str, float, str]]:
    """(figure, measured, reference, ratio, limit): flipped labels among the first of the list, and seconds for it."""
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        flipped, total = flip(place / "flipped.csv")
        ox = [sys.executable, "-m", "ox_classifier"]
        words = ["--image-size", str(SIDE), "--views", str(VIEWS), "--name", "bench"]
        train = [*ox, "train", "--arch", "vgg16", "--data", "flipped.csv", *words]
        subprocess.run(train, cwd=place, check=True, capture_output=True)
        seconds, _ = cost([*ox, "report", "bench"], cwd=place)
        with (place / "runs" / "bench" / "report" / "label_issues.csv").open(newline="") as file:
            judged = [Path(row["path"]).parts[-3:] for row in csv.DictReader(file)]
    first = judged[: round(LOOKED_AT * len(judged))]
    found = len(flipped & set(first))
    what = f"vgg16 at {SIDE} pixels"
    return [
        (
            f"{what}: flipped labels among the first {len(first)} of {len(judged):,} (of {total:,})",
            str(found),
            str(len(flipped)),
            found / len(flipped),
            f">={FOUND}",
        ),
        (
            f"{what}: ox report with its list, features stored",
            f"{seconds:.0f} s",
            f"{SECONDS} s",
            seconds / SECONDS,
            "<=1",
        ),
    ]


def flip(file: Path) -> tuple[set[tuple[str, ...]], int]:
    """List the dataset with some labels flipped; gives their (split, class, name), and how many images there are."""
    images = sorted(path for path in DATASET.glob("*/[ox]/*") if path.is_file())
    flipped = set(random.Random(0).sample(images, round(FLIPPED * len(images))))
    with file.open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(("path", "label", "split"))
        for path in images:
            split, label = path.parts[-3:-1]
            table.writerow((path, "xo"["ox".index(label)] if path in flipped else label, split))
    return {path.parts[-3:] for path in flipped}, len(images)
