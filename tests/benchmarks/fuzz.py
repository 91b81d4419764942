"""Whether any file can crash, hang or bloat the decoder: `make fuzz`, or `python -m tests.benchmarks.fuzz --help`.

Mutated files of every format go through what training, prediction and `ox dataset check` do with a file, in processes
of limited memory. A file may be read or be refused with an ImageError; anything else is a finding, is written to
the folder of findings, and makes the exit code 1. Numbered files of one seed are always the same.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from ox_classifier.audit.measurements import measure
from ox_classifier.console import track
from ox_classifier.data import images, memory, workers
from ox_classifier.data.images import ImageError
from ox_classifier.data.workers import WorkerLostError, Workers
from ox_classifier.pixels import PixelRule
from tests.benchmarks.mutations import mutated, originals

COUNT = 20_000
TASK = 50  # files that a process gets together
SECONDS = 10.0  # that one file may take
MEGABYTES = 2048  # of address space that a process may have beside what Python and the libraries take
RULE = PixelRule(16, 16)


@dataclass(frozen=True)
class Outcome:
    """What came of one file: "read", "refused", or what must not be; seconds, and the process's peak in megabytes."""

    number: int
    form: str
    what: str
    seconds: float = 0.0
    megabytes: float = 0.0


@cache
def _files() -> dict[str, list[bytes]]:
    return originals()


@cache
def _place() -> Path:
    """This process's own folder, its memory limited from now on."""
    memory.DECODING.refuse_over(1 << 30)  # as much as a command has
    _files()
    with open("/proc/self/statm", encoding="ascii") as sizes:  # noqa: PTH123
        there = int(sizes.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (there + MEGABYTES * 2**20, resource.RLIM_INFINITY))
    return Path(tempfile.mkdtemp(prefix="ox-fuzz-"))


def attempt(seed: int, numbers: list[int]) -> list[Outcome]:
    """Try some files in this process."""
    outcomes = []
    for number in numbers:
        path = _place() / "file.png"
        form, data = mutated(_files(), seed, number)
        path.write_bytes(data)
        start = time.perf_counter()
        what = judged(path)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        outcomes.append(Outcome(number, form, what, time.perf_counter() - start, peak))
        path.unlink()
    return outcomes


def judged(path: Path) -> str:
    """ "read" or "refused", else what is wrong with how a file was taken."""
    try:
        first = images.read(path, RULE)
    except ImageError as error:
        first, reason = None, error.reason
        if len(reason) > 300 or not reason.isprintable():
            return f"a reason that can't be printed: {reason!r:.80}"
    except Exception as error:
        return f"read raised {type(error).__name__}: {error!s:.80}"
    try:
        picture, again = images.open_and_read(path, RULE)
        measure(picture, path.stat().st_size)
    except ImageError:
        return "refused" if first is None else "read for training, refused by the check"
    except Exception as error:
        return f"open_and_read raised {type(error).__name__}: {error!s:.80}"
    if first is None:
        return "refused for training, read by the check"
    if first.shape != RULE.shape or first.dtype != np.uint8:
        return f"pixels of shape {first.shape}"
    return "read" if np.array_equal(first, again) else "other pixels the second time"


def run(count: int, seed: int) -> list[Outcome]:
    """The outcome of each file; a process that crashes or takes too long costs the file that did it."""
    workers.PATIENCE = SECONDS * 3
    found = []
    with Workers(2) as pool:
        tasks = [list(range(start, min(start + TASK, count))) for start in range(0, count, TASK)]
        begun = [(numbers, pool.submit(attempt, seed, numbers)) for numbers in tasks]
        for numbers, future in track(begun, label="fuzzing"):
            try:
                found += future.result()
            except WorkerLostError:
                for number in numbers:
                    try:
                        found += pool.submit(attempt, seed, [number]).result()
                    except WorkerLostError as error:
                        found.append(Outcome(number, mutated(_files(), seed, number)[0], f"crashed or hung: {error}"))
    return found


def table(outcomes: list[Outcome]) -> str:
    """Counts by format, the slowest file and the most memory."""
    lines = [f"{'format':<8} {'files':>7} {'read':>7} {'refused':>8} {'wrong':>6} {'slowest':>9} {'peak':>8}"]
    for form in [*sorted({o.form for o in outcomes}), "all"]:
        some = [o for o in outcomes if form in ("all", o.form)]
        kinds = Counter(o.what for o in some)
        wrong = len(some) - kinds["read"] - kinds["refused"]
        slowest, peak = max(o.seconds for o in some), max(o.megabytes for o in some)
        lines.append(
            f"{form:<8} {len(some):>7,} {kinds['read']:>7,} {kinds['refused']:>8,} {wrong:>6,} {slowest:>7.2f} s "
            f"{peak:>5.0f} MB"
        )
    return "\n".join(lines)


def main() -> int:
    """Fuzz, print the table and every finding; 1 if there is any."""
    options = argparse.ArgumentParser(prog="python -m tests.benchmarks.fuzz", description=__doc__.splitlines()[0])
    options.add_argument("--count", type=int, default=COUNT, help="files to try")
    options.add_argument("--seed", type=int, default=0, help="which files")
    options.add_argument("--findings", type=Path, default=Path("fuzz"), help="folder for files that are taken wrongly")
    given = options.parse_args()
    outcomes = run(given.count, given.seed)
    print(f"seed {given.seed}, {given.count:,} files, {sum(map(len, _files().values()))} originals")
    print(table(outcomes))
    wrong = [o for o in outcomes if o.what not in ("read", "refused") or o.seconds > SECONDS]
    for outcome in wrong:
        form, data = mutated(_files(), given.seed, outcome.number)
        given.findings.mkdir(parents=True, exist_ok=True)
        path = given.findings / f"{given.seed}-{outcome.number}.{form.lower()}"
        path.write_bytes(data)
        print(f"{path} ({len(data):,} bytes): {outcome.what}, {outcome.seconds:.1f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    from tests.benchmarks import fuzz  # under the name by which the processes find it

    sys.exit(fuzz.main())
