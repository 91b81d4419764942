"""`make bench`, or `make bench ONLY=start`: every figure with its reference, ratio and limit; exit 1 if one fails."""

from __future__ import annotations

import importlib
import sys

MODULES = (
    "start",
    "first_epoch",
    "augment",
    "predict",
    "small",
    "serve",
    "transfer",
    "check",
    "course",
    "state",
    "report",
    "labels",
    "real",
)


def main(names: list[str]) -> int:
    """Run the named parts (all of them without names) and print a table; give the exit code."""
    failed = 0
    print(f"{'figure':<62} {'measured':>12} {'reference':>12} {'ratio':>8} {'limit':>8}")
    for name in names or MODULES:
        for figure, measured, reference, ratio, limit in importlib.import_module(f"tests.benchmarks.{name}").figures():
            least = limit.startswith(">")
            held = ratio >= float(limit[2:]) if least else ratio <= float(limit[2:])
            failed += not held
            print(
                f"{figure:<62} {measured:>12} {reference:>12} {ratio:8.3f} {limit:>8} {'' if held else '  MISSED'}",
                flush=True,
            )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
