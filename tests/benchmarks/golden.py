"""Whether a change of the code left training as it was: `python -m tests.benchmarks.golden REVISION [OTHER_TREE]`.

The same small trainings by the code of an earlier revision and by today's, on one machine (another processor
gives other bits): the rows of history.csv but for seconds, and a digest of every weight.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.conftest import REPOSITORY, draw_folder

TRAININGS = {
    "lenet": "--arch lenet --image-size 32 --epochs 3 --batch-size 8",
    "cnn": "--arch cnn --epochs 3 --batch-size 8 --augment --balance none",
    "vgg16": "--arch vgg16 --weights none --image-size 32 --epochs 3 --batch-size 8 --views 2",
    "tuned": "--arch vgg16 --weights none --image-size 32 --epochs 2 --batch-size 8 --views 1 --fine-tune 1",
    "undivided": "--arch cnn-dense --epochs 2 --batch-size 8 --val-fraction 0.3 --seed 3",
}
DIGEST = """
import hashlib, sys, keras
digest = hashlib.blake2b(digest_size=16)
for weight in keras.models.load_model(sys.argv[1], compile=False).get_weights():
    digest.update(weight.tobytes())
print(digest.hexdigest())
"""


def trained(tree: Path) -> dict[str, dict]:
    """What the trainings come to with the code in `tree`: rows and digest by name."""
    found = {}
    with tempfile.TemporaryDirectory() as place:
        draw_folder(Path(place) / "marks", {"train": 20, "val": 8, "test": 8})
        draw_folder(Path(place) / "flat", {"": 20}, seed=1)
        environment = os.environ | {"PYTHONPATH": str(tree), "OX_CACHE": f"{place}/cache"}
        for name, options in TRAININGS.items():
            data = "flat" if name == "undivided" else "marks"
            command = [sys.executable, "-m", "ox_classifier", "train", "--data", data, "--name", name, *options.split()]
            done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(f"{tree}: {' '.join(command[2:])} ended with {done.returncode}\n{done.stderr}")
            run = Path(place) / "runs" / name
            with (run / "history.csv").open(newline="") as file:
                rows = [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]
            digest = [sys.executable, "-c", DIGEST, str(run / "model.keras")]
            weights = subprocess.run(digest, capture_output=True, text=True, check=True).stdout.split()[-1]
            split = (run / "split.csv").read_text().splitlines()
            found[name] = {"history": rows, "weights": weights, "split": split}
    return found


def main(revision: str, tree: Path = REPOSITORY) -> int:
    """Print each training with `equal` or `DIFFERENT`; 1 if any differs."""
    with tempfile.TemporaryDirectory() as place:
        earlier = Path(place) / "earlier"
        subprocess.run(["git", "clone", "--quiet", REPOSITORY, earlier], check=True)
        subprocess.run(["git", "checkout", "--quiet", revision], cwd=earlier, check=True)
        before = trained(earlier)
    after = trained(tree)
    for name in TRAININGS:
        same = before[name] == after[name]
        print(f"{name:<10} {'equal' if same else 'DIFFERENT'}  weights {after[name]['weights']}")
        if not same:
            print(json.dumps({"before": before[name], "after": after[name]}, indent=1))
    return 0 if before == after else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(Path, sys.argv[2:])))
