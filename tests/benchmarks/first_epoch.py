"""How long `ox train` takes from the command to its first epoch, against the code of an earlier revision.

The clock stops where Keras begins the first epoch, whatever either code has said or put off until then.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tests.conftest import REPOSITORY

REVISION = "f1c4404"
WARM = 5
PROGRAM = """
import importlib.util, os, runpy, sys, time

told = int(sys.argv.pop(1))

def stop(*_):
    os.write(told, str(time.time()).encode())
    raise KeyboardInterrupt  # the program ends as it always does, so that what it keeps for the next time is kept

class Stopwatch:  # Keras' list of callbacks, once it is imported, ends the process at the first epoch
    name = "keras.src.callbacks.callback_list"

    def find_spec(self, name, path=None, target=None):
        if name != self.name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            module.CallbackList.on_epoch_begin = stop

        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Stopwatch())
runpy.run_module("ox_classifier", run_name="__main__")
"""


def figures() -> list[tuple[str, str, str, float, str]]:
    """(figure, measured, reference, ratio, limit) on the bundled dataset, nothing in the cache and everything."""
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        earlier = place / "earlier"
        subprocess.run(["git", "clone", "--quiet", REPOSITORY, earlier], check=True)
        subprocess.run(["git", "checkout", "--quiet", REVISION], cwd=earlier, check=True)
        shutil.copytree(REPOSITORY / "dataset", place / "dataset")
        time.sleep(2.1)  # files of this moment would be too fresh to be believed
        trees = {"ours": REPOSITORY, "earlier": earlier}
        cold = {name: seconds(tree, place / name, place / "dataset") for name, tree in trees.items()}
        found = {name: [] for name in trees}
        for _ in range(WARM):  # in turn, so that a busy minute hits both
            for name, tree in trees.items():
                found[name].append(seconds(tree, place / name, place / "dataset"))
        warm = {name: float(np.median(some)) for name, some in found.items()}
    return [
        (
            f"ox train --arch lenet to its first epoch, {which} / {REVISION}",
            f"{times['ours']:.1f} s",
            f"{times['earlier']:.1f} s",
            times["ours"] / times["earlier"],
            limit,
        )
        for which, times, limit in (("cold", cold, "<=0.8"), ("second time", warm, "<=0.6"))
    ]


def seconds(tree: Path, place: Path, data: Path) -> float:
    """Seconds that the code in `tree` takes, with its cache in `place`."""
    place.mkdir(exist_ok=True)
    environment = os.environ | {"PYTHONPATH": str(tree), "OX_CACHE": str(place / "cache")}
    with tempfile.TemporaryFile() as told:  # standard output may be turned away while TensorFlow is imported
        number = told.fileno()
        command = [sys.executable, "-c", PROGRAM, str(number), "train", "--arch", "lenet", "--data", str(data)]
        start = time.time()
        done = subprocess.run(
            command, cwd=place, env=environment, pass_fds=(number,), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        told.seek(0)
        end = told.read()
    shutil.rmtree(place / "runs", ignore_errors=True)
    if done.returncode not in (0, 130) or not end:
        raise RuntimeError(f"{tree}: ox train ended with {done.returncode}\n{done.stderr.decode()}")
    return float(end) - start


if __name__ == "__main__":
    for row in figures():
        print(row)
