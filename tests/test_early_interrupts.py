"""Ctrl-C while the program is still being imported: it ends by the signal or with a sentence, never in a traceback."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

# Presses Ctrl-C when the given number of modules has been asked for, counted from the program's own first one.
PRESS = """
import os, signal, sys
left = int(sys.argv.pop(1))
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is begun with Ctrl-C ignored

class Press:
    def find_spec(self, name, path=None, target=None):
        global left
        if left == 0:
            os.kill(os.getpid(), signal.SIGINT)
        left -= 1

import ox_classifier
sys.meta_path.insert(0, Press())
from ox_classifier.__main__ import main
sys.argv[0] = "ox"
main()
"""


def pressed(number: int, place):
    words = [sys.executable, "-c", PRESS, str(number), "runs"]
    return subprocess.run(words, capture_output=True, text=True, cwd=place, timeout=60)


def test_without_a_press_the_command_answers(tmp_path):
    done = pressed(10**6, tmp_path)
    assert done.returncode in (0, 2) and "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 10, 20, 40, 80])
def test_ctrl_c_among_the_first_imports_is_no_traceback(number, tmp_path):
    done = pressed(number, tmp_path)
    silently = (done.returncode, done.stderr) == (-signal.SIGINT, "")
    assert silently or (done.returncode, done.stderr) == (130, "ox: interrupted\n"), done.stderr[-500:]
