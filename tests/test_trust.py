"""Calibration and the promise behind `unsure`: oracles SciPy, brute force and simulation."""

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import binom

from ox_classifier.decision import BLANK, UNLIKE, Decision, is_blank
from ox_classifier.training import promise
from ox_classifier.training.calibration import calibrate, expected_error, tempered
from ox_classifier.training.trust import Trust
from tests.conftest import REPOSITORY

TABLE = REPOSITORY / "tests" / "data" / "real_answers.csv"


def answers(rng, images, classes, *, heat=1.0):
    """Answers and truths of a network whose logits are `heat` times what they should be."""
    logits = rng.standard_normal((images, classes)) * 3
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = np.array([rng.choice(classes, p=row) for row in shares])
    hot = np.exp(logits * heat)
    return (hot / hot.sum(axis=1, keepdims=True)).astype(np.float32), truth


@pytest.mark.parametrize("classes", [2, 10])
@pytest.mark.parametrize("heat", [0.6, 1.0, 2.5])
def test_the_temperature_is_found(classes, heat):
    probabilities, truth = answers(np.random.default_rng(0), 4000, classes, heat=heat)
    found = calibrate(probabilities, truth, split="val")
    assert found.temperature == pytest.approx(heat, rel=0.08)
    assert found.ece_after < 0.02 and found.ece_after <= found.ece_before + 0.005

    def loss(heat):
        scaled = np.log(np.clip(probabilities, 1e-7, 1)) / heat[0]
        return -(scaled - np.logaddexp.reduce(scaled, axis=1, keepdims=True))[np.arange(len(truth)), truth].sum()

    oracle = minimize(loss, [1.0], bounds=[(0.25, 8)]).x[0]
    assert found.temperature == pytest.approx(oracle, rel=0.01)


def test_the_temperature_stays_finite_where_every_answer_is_right():
    probabilities = np.tile(np.float32([0.1, 0.9]), (50, 1))
    assert 0.25 < calibrate(probabilities, np.ones(50, int), split="val").temperature <= 1
    assert calibrate(probabilities, np.zeros(50, int), split="val").temperature > 1


@given(st.integers(2, 6), st.floats(0.3, 6), st.integers(0, 2**32 - 1))
def test_a_temperature_changes_no_answer(classes, heat, seed):
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(classes), 20).astype(np.float32)
    after = tempered(probabilities, heat)
    np.testing.assert_allclose(after.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(after.argmax(axis=1), probabilities.argmax(axis=1))
    if classes == 2:
        np.testing.assert_array_equal(*(np.argsort(p.max(axis=1), kind="stable") for p in (after, probabilities)))


def test_expected_calibration_error_by_brute_force():
    probabilities, truth = answers(np.random.default_rng(3), 500, 3, heat=2)
    certainty, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    total = 0.0
    for low in range(15):
        own = (certainty >= low / 15) & ((certainty < (low + 1) / 15) | (low == 14))
        if own.any():
            total += abs(certainty[own].mean() - right[own].mean()) * own.mean()
    assert expected_error(probabilities, truth) == pytest.approx(total, abs=1e-6)


@given(st.integers(1, 400), st.integers(0, 20))
def test_the_bound_is_clopper_and_pearsons(accepted, wrong):
    bound = promise.upper_bound(min(wrong, accepted), accepted, 0.95)
    if wrong >= accepted:
        assert bound == 1
    else:  # the share with which so few errors come up in 5 % of the draws
        assert binom.cdf(wrong, accepted, bound) == pytest.approx(0.05, abs=1e-6)


def test_the_promise_holds_in_95_of_100_draws():
    """Validation sets of a network that errs the more, the less certain it is; the true error is known."""
    rng, broken = np.random.default_rng(1), 0
    for _ in range(400):
        certainty = 1 - 0.5 * rng.random(1200) ** 3
        right = rng.random(1200) < certainty
        found = promise.choose(certainty, right, 0.02)
        grid = 1 - 0.5 * np.linspace(0, 1, 20_001) ** 3
        answered = grid >= found.threshold
        broken += float((1 - grid[answered]).mean()) > found.promise
    assert broken <= 400 * 0.05, broken


def test_too_few_images_are_told_what_would_do():
    found = promise.choose(np.full(64, 0.9), np.ones(64, bool), 0.01)
    assert found.promise == pytest.approx(promise.upper_bound(0, 64, 1 - 0.05 / len(promise.COVERAGES)))
    assert found.images_needed > 400
    assert promise.upper_bound(0, found.images_needed, 1 - 0.05 / len(promise.COVERAGES)) <= 0.01
    said = promise.in_words(found)
    assert "64 validation images" in said and "to promise 1 %, it takes about" in said
    enough = promise.choose(np.linspace(0.5, 1, 2000), np.ones(2000, bool), 0.01)
    assert enough.images_needed is None and enough.coverage == 1 and "at most 1 %" in promise.in_words(enough)


def test_nothing_held_out_promises_nothing():
    trust = Trust.of_validation(None, np.array([], int), 0.01)
    assert trust.as_config() == {"calibration": None, "unsure": None} and trust.temperature == 1
    assert "nothing is promised" in trust.in_words()


@pytest.mark.skipif(not TABLE.exists(), reason=f"{TABLE} is not there")
def test_on_strangers_marks_the_promise_is_kept_in_200_random_halves():
    """One half of the real marks chooses the threshold, the other is answered.

    The table has source, truth and the probability of x: what LeNet, trained on the bundled dataset, answers to
    ../shared/real (python -m tests.benchmarks.real_answers RUN makes it). A promise of at most 1 % is broken where
    more than 1 % of the answers to the other half are wrong.
    """
    with TABLE.open() as file:
        rows = [(int(row["truth"]), float(row["p_x"])) for row in csv.DictReader(file)]
    truth, p = (np.array(column) for column in zip(*rows, strict=True))
    certainty, right = np.maximum(p, 1 - p), (p > 0.5) == truth
    rng, broken, coverage = np.random.default_rng(0), 0, []
    for _ in range(200):
        mine = rng.random(len(p)) < 0.5
        found = promise.choose(certainty[mine], right[mine], 0.01)
        answered = certainty[~mine] >= found.threshold
        coverage.append(answered.mean())
        broken += (~right[~mine][answered]).mean() > max(found.promise, 0.01)
    assert broken <= 10, broken
    assert np.mean(coverage) > 0.9


def test_reasons_in_words():
    decision = Decision(0.9, outliers=True)
    classes = ("cat", "dog", "ox")
    assert decision.reason(np.array([0.01, 0.95, 0.04]), classes) == ""
    assert decision.reason(np.array([0.01, 0.95, 0.04]), classes, blank=True) == BLANK
    assert decision.reason(np.array([0.33, 0.34, 0.33]), classes) == UNLIKE
    assert decision.reason(np.array([0.1, 0.3, 0.6]), classes) == "between dog and ox"
    assert Decision(0.9).reason(np.array([0.5, 0.5]), ("o", "x")) == "between o and x"
    assert Decision().reason(np.array([0.5, 0.5]), ("o", "x"), blank=True) == ""


@pytest.mark.parametrize("level", [0, 30, 128, 255])
@pytest.mark.parametrize("noise", [0, 2, 8])
def test_blank_paper_is_blank_with_noise_and_shade(level, noise):
    rng = np.random.default_rng(level)
    y, x = np.mgrid[0:150, 0:150] / 150
    sheet = level + rng.normal(0, noise, (150, 150)) + 40 * x * (0.3 + 0.5 * y)
    pixels = np.repeat(np.clip(sheet, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
    assert is_blank(pixels) or level == 255  # the part that is over-exposed has an edge of its own
    pixels[60:66, 40:110] = np.where(pixels[60:66, 40:110] > 127, 0, 255)
    assert not is_blank(pixels)


def test_no_real_mark_is_called_blank():
    from ox_classifier.data import images
    from ox_classifier.pixels import INK_CROPPED, PixelRule
    from tests.conftest import REAL

    if not REAL.is_dir():
        pytest.skip(f"{REAL} is not here")
    paths = sorted(path for path in REAL.rglob("*.*") if path.suffix in (".png", ".jpg", ".jpeg", ".bmp"))
    rule = PixelRule(150, 150, "rgb", INK_CROPPED)
    assert not [path for path in paths[:: 1 + len(paths) // 600] if is_blank(images.read(path, rule))]
    assert len(paths) > 100
