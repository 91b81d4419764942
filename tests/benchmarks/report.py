"""`ox report` over 10,000 test images, against their predictions alone; and its page, opened in chromium."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from tests.browser import FILTER_TIME, address, chromium
from tests.conftest import draw_mark
from tests.processes import cost

TRAIN, TEST = 2_400, 10_000
SIDE = 150  # pixels, which are lenet's
TIMES, SECONDS = 1.3, 20  # what a report may take: so many times the predictions alone, and so many seconds more
TWO_THOUSAND = 15  # megabytes of a page that has as many pictures in it as there may be


def figures() -> list[tuple[str, str, str, float, str]]:
    """(figure, measured, reference, ratio, limit) for the report: seconds, megabytes and, in a browser, its page."""
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        data = draw(place / "data")
        ox = [sys.executable, "-m", "ox_classifier"]
        train = [*ox, "train", "--data", data, "--epochs", "1", "--no-augment", "--name", "bench"]
        subprocess.run(train, cwd=place, check=True, capture_output=True)
        alone, _ = cost([*ox, "predict", data / "test", "--run", "bench", "--csv"], cwd=place)
        shutil.rmtree(place / "runs" / "bench" / "report", ignore_errors=True)
        (place / "cache").mkdir()
        seconds, _ = cost([*ox, "report", "bench", "--split", "test"], cwd=place, OX_CACHE=place / "cache")
        allowed = TIMES * alone + SECONDS
        page = place / "runs" / "bench" / "report" / "report.html"
        megabytes = page.stat().st_size / 1e6
        return [
            (
                f"ox report, {TEST:,} images / {TIMES} x predictions alone ({alone:.1f} s) + {SECONDS} s",
                f"{seconds:.1f} s",
                f"{allowed:.1f} s",
                seconds / allowed,
                "<=1",
            ),
            (
                f"report.html, {TEST:,} images",
                f"{megabytes:.1f} MB",
                f"{TWO_THOUSAND} MB",
                megabytes / TWO_THOUSAND,
                "<=1",
            ),
            *in_browser(page),
        ]


def draw(root: Path) -> Path:
    """Marks for training and test, no two alike; every tenth of the test lies in the other class's folder."""
    rng = np.random.default_rng(0)
    for split, count in {"train": TRAIN, "test": TEST}.items():
        for number in range(count):
            path = root / split / "ox"[number % 2] / f"{number:05}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            other = split == "test" and number % 10 == 0
            draw_mark("ox"[(number + other) % 2], rng, SIDE).save(path, compress_level=1)
    return root


def in_browser(page: Path) -> list[tuple[str, str, str, float, str]]:
    """Seconds until the page has opened, and until a cell of its matrix has filtered the images."""
    try:
        with chromium() as browser:
            shown = browser.new_page()
            shown.goto(address(page))
            shown.wait_for_selector("#grid .card")
            opened = shown.evaluate("performance.getEntriesByType('navigation')[0].domComplete") / 1000
            filtered = shown.evaluate(FILTER_TIME) / 1000
    except pytest.skip.Exception as reason:
        print(f"the page was not opened: {reason}", file=sys.stderr)
        return []
    return [
        (f"{what} in chromium, {TEST:,} images", f"{taken:.2f} s", "1 s", taken, "<=1")
        for what, taken in (("report.html opened", opened), ("filtered by a cell", filtered))
    ]
