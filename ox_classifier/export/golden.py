"""Golden images: five pictures that travel with the model, with the probabilities that it must give for them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ox_classifier.data import images

FOLDER = "golden"
COUNT = 5
SIDE = 400  # pixels at most, so that the folder stays small
PLACES = (0.5, 0.05, 0.95, 0.25, 0.75)  # among a class' answers from the least to the most certain


def choose(probabilities: np.ndarray, truth: np.ndarray) -> list[int]:
    """Which images to take: each class in turn, first one of middling certainty, then doubtful and certain ones."""
    certainty = probabilities.max(axis=1)
    rows = {label: np.flatnonzero(truth == label) for label in dict.fromkeys(truth.tolist())}
    orders = [held[np.argsort(certainty[held], kind="stable")].tolist() for held in rows.values()]
    chosen: list[int] = []
    for place in PLACES * COUNT:
        for order in orders:
            left = [row for row in order if row not in chosen]
            if left and len(chosen) < COUNT:
                chosen.append(left[round(place * (len(left) - 1))])
    return chosen


def write(paths: Sequence[Path], folder: Path) -> list[Path]:
    """Write pictures as `1.png` ... into `folder`/golden: upright, on white, 8 bits, at most SIDE pixels a side.

    What else the files hold, such as the place where a photo was taken, stays behind.
    """
    place = folder / FOLDER
    place.mkdir()
    written = []
    for number, path in enumerate(paths, start=1):
        picture = images.open_picture(path).image
        picture.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
        clean = Image.frombytes(picture.mode, picture.size, picture.tobytes())
        clean.save(place / f"{number}.png", optimize=True)
        written.append(place / f"{number}.png")
    return written
