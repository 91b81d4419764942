"""How long `ox sheet read` takes for a class: python -m tests.benchmarks.sheet_speed RUN [SHEETS]

Fills so many sheets of 40 boxes, photographs each once, and times the command as a user runs it: start, opening the
photographs, reading, and writing the tables, pictures and the page of unsure boxes.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from ox_classifier.console import track
from tests import sheet_marks, sheet_pages, sheet_photos

LEAST = 100 / 60  # photographs a second that two cores are to read with lenet
FIRST = 9000  # seed of the first sheet


def photographed(folder: Path, count: int) -> None:
    """Write photographs of `count` sheets, each of a person of their own, and the sheet's layout."""
    layout = sheet_pages.layout(people=[f"Pupil {number}" for number in range(1, count + 1)])
    layout.write(folder / "sheet.json")
    inks, size = sheet_marks.inks(), (layout.width, layout.height)
    for copy in track(range(1, count + 1), label="sheets", total=count):
        page, _ = sheet_pages.filled(sheet_pages.drawn(layout, 1, copy), layout.boxes, (FIRST, copy), inks)
        photo = sheet_photos.photograph(page, size, (FIRST, copy))
        (folder / f"IMG_{copy:04}.jpg").write_bytes(photo.jpeg(80))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print photographs a second; 1 if they are too few."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.sheet_speed", description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("sheets", type=int, nargs="?", default=100)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as place:
        photographed(Path(place), options.sheets)
        command = [sys.executable, "-m", "ox_classifier", "sheet", "read", place, "--run", str(options.run.absolute())]
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run([*command, "--out", f"{place}/answers"], stdout=subprocess.DEVNULL, check=False)
        seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 3):  # 3: something was wrong with a photograph
        return 2
    cores = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    rate = options.sheets / seconds
    print(f"{options.sheets} sheets in {seconds:.1f} s, {rate:.2f} photographs a second (>={LEAST:.2f})")
    print(f"{cores:.0f} s of processor time, {cores / options.sheets:.2f} s a photograph")
    return 1 if rate < LEAST else 0


if __name__ == "__main__":
    sys.exit(main())
