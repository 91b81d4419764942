"""From probabilities to a class or `unsure`, and whether a picture is blank."""

import numpy as np
import pytest
from PIL import Image

from ox_classifier.blank import are_blank, is_blank
from ox_classifier.data import images
from ox_classifier.data.folders import images_below
from ox_classifier.decision import BLANK, UNLIKE, Decision, uncertainty, word
from ox_classifier.pixels import INK_CROPPED, PixelRule
from tests.conftest import REAL

RULES = {
    "lenet": PixelRule(150, 150, "rgb", INK_CROPPED),
    "cnn": PixelRule(28, 28, "grayscale"),
    "vgg": PixelRule(112, 112),
}


def reasons(decision, *rows, blank=False):
    return decision.reasons(np.array(rows), np.full(len(rows), blank))


def test_an_answer_counts_from_the_threshold_on():
    decision = Decision(("o", "x"), 0.9)
    assert reasons(decision, [0.1, 0.9], [0.95, 0.05], [0.2, 0.8]) == [None, None, "between o and x"]
    assert reasons(decision, [0.0, 1.0], blank=True) == [None]  # where a class may be of blank pictures
    assert reasons(Decision(("o", "x")), [0.5, 0.5], blank=True) == [None] and Decision(("o", "x")).always


def test_reasons_go_from_the_plainest_to_the_last():
    decision = Decision(("cat", "dog", "ox"), 0.9, outliers=True, blank=True)
    rows = [0.01, 0.95, 0.04], [0.33, 0.34, 0.33], [0.6, 0.1, 0.3]
    assert reasons(decision, *rows) == [None, UNLIKE, "between cat and ox"]
    assert reasons(decision, *rows, blank=True) == [BLANK] * 3
    assert reasons(Decision(decision.classes, 0.9), *rows)[1] == "between cat and dog"
    assert reasons(Decision(decision.classes, 0.0, outliers=True), *rows) == [None, UNLIKE, None]
    np.testing.assert_array_equal(decision.refused(np.array(rows), np.array([True, False, False])), [True, True, False])


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_uncertainty_is_1_where_all_classes_are_alike_and_0_where_one_is_certain(classes):
    alike, certain = np.full(classes, 1 / classes), np.eye(classes)[0]
    np.testing.assert_allclose(uncertainty(np.stack([alike, certain])), [1, 0], atol=1e-9)
    assert uncertainty(np.array([[0.8, 0.2]]))[0] == pytest.approx(0.721928, abs=1e-6)  # bits of a coin of 0.8


def test_a_class_named_unsure_is_told_from_what_is_unsure():
    assert word(("o", "x")) == "unsure"
    assert word(("o", "unsure")) == "unsure_"
    assert Decision(("unsure", "unsure_")).unsure == "unsure__"


@pytest.mark.parametrize("size", [64, 150, 400])
@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_flat_paper_with_noise_and_a_soft_shade_is_blank_and_a_faint_stroke_is_not(rule, size):
    rng = np.random.default_rng(size)
    y, x = np.mgrid[0:size, 0:size] / size - 0.5
    for noise in (0, 2, 5, 8):
        for shade in (0, 60):
            turn = rng.uniform(0, 2 * np.pi)
            across = np.cos(turn) * x + np.sin(turn) * y
            sheet = rng.uniform(90, 180) + shade * across + rng.uniform(-30, 30) * across**2
            sheet = sheet + rng.normal(0, noise, (size, size))
            assert is_blank(images.read(pixels(sheet), rule)), (noise, shade)
            ink = np.abs(x - y) < 0.03  # one stroke, 40 grey levels darker
            assert not is_blank(images.read(pixels(sheet - 40 * ink), rule)), (noise, shade)


def pixels(sheet):
    return Image.fromarray(np.clip(sheet, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 9, 3), (22, 22, 1), (5, 64, 3)])
def test_pictures_of_any_size_have_an_answer(shape):
    assert are_blank(np.full((2, *shape), 77, np.uint8)).tolist() == [True, True]
    assert are_blank(np.empty((0, *shape), np.uint8)).shape == (0,)


def test_no_mark_of_a_stranger_is_called_blank():
    if not REAL.is_dir():
        pytest.skip(f"{REAL} is not here")
    paths = [path for source in sorted(REAL.iterdir()) if source.is_dir() for path in images_below(source)]
    assert len(paths) > 2000
    faint = [path for path in paths[::4] if is_blank(images.read(path, RULES["cnn"]))]
    assert not faint
