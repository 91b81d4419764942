"""How fast `ox --help`, `ox dataset preview` and one cold prediction are, against their rival: importing Keras."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tests.conftest import REPOSITORY, draw_folder

REPEATS = 5
KERAS = """
import sys
import keras, numpy as np
from PIL import Image
model = keras.models.load_model(sys.argv[1], compile=False)
pixels = np.asarray(Image.open(sys.argv[2]).convert("RGB").resize((150, 150)), np.float32)[None] / 255
print(model.predict(pixels, verbose=0))
"""


def figures() -> list[tuple[str, str, str, float, str]]:
    """(figure, measured, reference, ratio, limit) for start-up."""
    with tempfile.TemporaryDirectory() as place:
        data = draw_folder(Path(place) / "marks", {"": 20})
        ox = [sys.executable, "-m", "ox_classifier"]
        train = [*ox, "train", "--data", str(data), "--epochs", "1", "--no-augment", "--name", "bench"]
        subprocess.run(train, cwd=place, check=True, capture_output=True)
        image, run = str(data / "o" / "000.png"), Path(place) / "runs" / "bench"
        help_seconds = seconds([*ox, "--help"], place)
        picture = Path(place) / "preview.png"
        preview = [*ox, "dataset", "preview", str(REPOSITORY / "dataset"), "--out", str(picture)]
        preview_seconds = seconds(preview, place, makes=picture)
        ours = seconds([*ox, "predict", image], place)
        keras = seconds([sys.executable, "-c", KERAS, str(run / "model.keras"), image], place)
    return [
        ("ox --help, seconds of wall time (reference: 1 s)", f"{help_seconds:.3f} s", "1 s", help_seconds, "<=0.35"),
        ("ox dataset preview, seconds of wall time", f"{preview_seconds:.2f} s", "1 s", preview_seconds, "<=2"),
        ("ox predict, one image, cold / Keras script", f"{ours:.2f} s", f"{keras:.2f} s", ours / keras, "<=0.2"),
    ]


def seconds(command: list[str], place: str, *, makes: Path | None = None) -> float:
    """Median wall time of a command, after one run to warm the disk's cache; the file it `makes` is removed before."""
    found = []
    for _ in range(REPEATS + 1):
        if makes:
            makes.unlink(missing_ok=True)
        start = time.perf_counter()
        subprocess.run(command, cwd=place, check=True, capture_output=True)
        found.append(time.perf_counter() - start)
    return float(np.median(found[1:]))
