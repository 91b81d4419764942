"""One answer of a loaded `ox serve` over a connection that stays open, against a loaded `Classifier` alone."""

from __future__ import annotations

import http.client
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from ox_classifier import Classifier
from tests.conftest import draw_folder

SINGLE = 400  # answers


def figures() -> list[tuple[str, str, str, float, str]]:
    """(figure, measured, reference, ratio, limit) for one image file in memory, on one core."""
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        image = (draw_folder(place / "marks", {"": 20}) / "o" / "000.png").read_bytes()
        ox = [sys.executable, "-m", "ox_classifier"]
        train = [*ox, "train", "--data", "marks", "--epochs", "1", "--no-augment", "--name", "lenet"]
        subprocess.run(train, cwd=place, check=True, capture_output=True)
        command = [*ox, "serve", "lenet", "--port", "0", "--threads", "1"]
        with subprocess.Popen(
            command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as server:
            try:
                url = server.stdout.readline()
                return [_single(Classifier.load(place / "runs" / "lenet", threads=1), url, image)]
            finally:
                server.terminate()


def _single(classifier: Classifier, url: str, image: bytes) -> tuple[str, str, str, float, str]:
    connection = http.client.HTTPConnection(urlsplit(url.strip()).netloc)

    def ask() -> None:
        connection.request("POST", "/predict", image, {"Content-Type": "image/png"})
        response = connection.getresponse()
        if response.status != 200:
            raise RuntimeError(response.read())
        response.read()

    ours, floor = [], []
    for _ in range(SINGLE):  # in turn, so that both meet the same load
        floor.append(_timed(lambda: classifier.predict(image)))
        ours.append(_timed(ask))
    measured, reference = float(np.median(ours)), float(np.median(floor))
    figure = "lenet, one answer of ox serve / of a Classifier"
    return figure, f"{measured * 1e3:.2f} ms", f"{reference * 1e3:.2f} ms", measured / reference, "<=1.5"


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
