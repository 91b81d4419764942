"""Connected pieces without OpenCV are OpenCV's, whatever the picture; and so is the part of it that holds the ink."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from ox_classifier.data import connected, hulls, ink_crop
from tests.conftest import draw_mark


def same(marked):
    ours, theirs = connected.by_runs(marked), connected.pieces(marked)
    np.testing.assert_array_equal(ours[0] > 0, marked)
    renamed = dict(zip(theirs[0][marked].tolist(), ours[0][marked].tolist(), strict=True))
    np.testing.assert_array_equal([renamed[label] for label in theirs[0][marked].tolist()], ours[0][marked])
    assert len(set(renamed.values())) == len(renamed) == len(ours[1]) == len(theirs[1])
    assert {ours[1][renamed[label] - 1] for label in renamed} == set(theirs[1])
    for label, found in renamed.items():
        assert ours[1][found - 1] == theirs[1][label - 1]


@given(arrays.arrays(bool, st.tuples(st.integers(1, 20), st.integers(1, 20))))
def test_pieces_are_opencvs(marked):
    same(marked)


def test_pieces_of_noise_of_any_density_are_opencvs():
    rng = np.random.default_rng(0)
    for density in np.linspace(0, 1, 60):
        same(rng.random((64, 64)) < density)


def test_the_part_that_holds_the_ink_is_the_same(monkeypatch):
    rng = np.random.default_rng(1)
    pictures = [Image.fromarray(rng.integers(0, 256, (6, 6), np.uint8)).resize((90, 70), 0) for _ in range(30)]
    pictures += [draw_mark("ox"[number % 2], rng) for number in range(20)]
    pictures += [Image.fromarray(np.kron(rng.random((16, 16)) < 0.3, np.full((5, 5), 200)).astype(np.uint8))] * 10
    with_opencv = [ink_crop.region(picture) for picture in pictures]
    monkeypatch.setattr(connected, "cv2", None)
    monkeypatch.setattr(hulls, "cv2", None)
    assert [ink_crop.region(picture) for picture in pictures] == with_opencv
    assert len(set(with_opencv)) > 10


@given(arrays.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_hull_and_rectangle_are_opencvs(marked):
    for label in range(1, connected.pieces(marked)[0].max() + 1):
        own = connected.pieces(marked)[0] == label
        theirs = hulls.measured(own)
        hull = hulls._by_opencv(own).astype(np.float32)
        area, (width, height) = max(cv2.contourArea(hull), 1), cv2.minAreaRect(hull)[1]
        assert theirs.square == pytest.approx(area / max(width * height, 1), abs=2e-4)
        assert theirs.solid == pytest.approx(own.sum() / area, abs=2e-4)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(hulls, "cv2", None)
            assert hulls.measured(own) == theirs


def test_a_line_is_not_broad_and_a_square_is():
    line, square = np.eye(30, dtype=bool), np.ones((9, 9), bool)
    assert hulls.measured(line).broad == pytest.approx(1 / 30, abs=0.02)  # of corners of cells: 1.4 by 42.4
    assert hulls.measured(square) == (1, 1, 1)
