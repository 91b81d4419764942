"""What a command costs, measured from outside."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# Linux counts what the parent holds when it starts a child as the child's peak, so the parent is a small one.
LAUNCHER = """
import os, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(time.perf_counter() - start, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def cost(command: Sequence[object], *, cwd: Path | None = None, **environment: object) -> tuple[float, float]:
    """Wall seconds and peak megabytes of one command; see `usage`."""
    return usage(command, cwd=cwd, **environment)[:2]


def usage(command: Sequence[object], *, cwd: Path | None = None, **environment: object) -> tuple[float, float, float]:
    """Wall seconds, peak megabytes and processor seconds (its children's, too) of one command with these variables of
    environment, its stdout thrown away.

    Raises:
        RuntimeError: If it ends with another exit code than 0; what it said on stderr went to ours.
    """
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", LAUNCHER, *map(str, command)],
        cwd=cwd,
        env=os.environ | {name: str(value) for name, value in environment.items()},
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {done.returncode}")
    seconds, megabytes, processor = map(float, done.stdout.split())
    return seconds, megabytes, processor
