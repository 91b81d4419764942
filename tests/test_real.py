"""The benchmark on strangers' marks: its arithmetic, and what it does with folders that aren't as expected."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ox_classifier.classifier import Prediction
from ox_classifier.errors import UsageError
from tests.benchmarks import real


class Darkness:
    """Stands in for a Classifier: an image is an x as far as it is dark."""

    classes = ("o", "x")

    def predict(self, paths):
        for path in paths:
            with Image.open(path) as image:
                dark = 1 - np.asarray(image.convert("L")).mean() / 255
            yield Prediction(Path(path), np.array([1 - dark, dark]))


@pytest.fixture
def folder(tmp_path):
    """Source "good" is dark where it is an x; source "bad" has one of its three images the wrong way round."""
    for place, grey in {
        "good/o/1.png": 250,
        "good/X/1.png": 5,
        "bad/o/1.png": 240,
        "bad/o/2.png": 20,
        "bad/x/1.png": 10,
        "bad/unclear/1.png": 128,
    }.items():
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), grey).save(path)
    return tmp_path


def test_counts_by_source(folder):
    found = real.answers(Darkness(), folder)
    assert real.by_source(found) == {"bad": (2, 3), "good": (2, 2)}


def test_the_table_has_the_worst_source_first_and_the_mean_of_sources_last(folder):
    lines = real.table(real.by_source(real.answers(Darkness(), folder))).splitlines()
    assert [line.split()[0] for line in lines] == ["bad", "good", "macro"]
    assert "0.8333" in lines[-1]  # (2/3 + 1) / 2, where 4 of 5 images would be 0.8


def test_the_grid_shows_the_wrong_ones(folder):
    figure = real.picture(real.answers(Darkness(), folder), Darkness.classes, title="here")
    assert "o → x  0.922" in [text.get_text() for text in figure.texts]  # 1 - 20 / 255


def test_the_interval_of_equal_sources_is_a_point_and_grows_with_their_spread():
    assert real.macro([0.9, 0.9, 0.9]) == pytest.approx((0.9, 0.9, 0.9))
    mean, low, high = real.macro([0.5, 0.7, 0.9, 1.0] * 4)
    # oracle: the mean of 16 draws with standard deviation 0.192 has one of 0.048, and 95 % lie within 1.96 of it
    assert mean == pytest.approx(0.775)
    assert (high - low) / 2 == pytest.approx(1.96 * np.std([0.5, 0.7, 0.9, 1.0]) / 4, rel=0.1)


def test_a_folder_without_sources_is_refused(tmp_path):
    with pytest.raises(UsageError, match="<source>/<class>"):
        real.answers(Darkness(), tmp_path)
