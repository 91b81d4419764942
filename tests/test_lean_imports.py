"""A command's Keras imports neither matplotlib nor pandas nor scikit-learn; our own code still does."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ox_classifier.cli.lean_imports import UNUSED

PROGRAM = f"""
import sys
from ox_classifier import cli
sys.argv = ["ox", "--version"]
try:
    cli.main()
except SystemExit:
    pass
import keras
print([name for name in {UNUSED} if name in sys.modules])
keras.Sequential([keras.layers.Dense(1)]).build((None, 3))
import importlib, matplotlib.pyplot, sklearn.metrics
importlib.import_module("pandas")
"""


@pytest.mark.tensorflow
def test_keras_goes_without_them_and_we_do_not():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
