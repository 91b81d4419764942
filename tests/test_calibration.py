"""Temperature scaling; oracles: SciPy's general minimiser, brute force, and networks whose temperature is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from ox_classifier.reliability import reliability
from ox_classifier.training.calibration import calibrate, fitted_temperature, logits_of, probabilities


def answers(images, classes, *, heat=1.0, seed=0):
    """Logits and truths of a network whose logits are `heat` times what they should be."""
    rng = np.random.default_rng(seed)
    logits = 3 * rng.standard_normal((images, classes))
    truth = np.array([rng.choice(classes, p=row) for row in softmax(logits, axis=1)])
    return heat * logits, truth


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("heat", [0.5, 1.0, 2.5, 6.0])
def test_the_temperature_of_a_network_that_is_too_sure_or_not_sure_enough_is_found(classes, heat):
    logits, truth = answers(4000, classes, heat=heat)
    found = calibrate(logits, truth, split="val")
    assert found.temperature == pytest.approx(heat, rel=0.08)
    assert found.ece_after < 0.02
    assert heat == 1 or found.ece_after < found.ece_before
    assert (found.split, found.images) == ("val", 4000)


def test_the_temperature_is_where_scipy_finds_the_least_cross_entropy():
    logits, truth = answers(500, 3, heat=1.7)

    def loss(heat):  # with Platt's targets, written out
        own, others = (501 / 503), 1 / 503
        logs = log_softmax(logits / heat[0], axis=1)
        given_ = logs[np.arange(500), truth]
        return -(own * given_ + others * (logs.sum(axis=1) - given_)).sum()

    expected = minimize(loss, [1.0], bounds=[(0.25, 8)], tol=1e-10).x[0]
    assert fitted_temperature(logits, truth) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(("images", "classes"), [(1, 2), (20, 2), (64, 10), (3000, 2)])
def test_where_every_answer_is_right_it_stays_near_what_so_many_right_answers_tell(images, classes):
    logits = np.zeros((images, classes))
    logits[:, 1] = 6
    temperature = fitted_temperature(logits, np.ones(images, int))
    sure = probabilities(logits, temperature)[0, 1]
    assert 0.25 <= temperature <= 8
    assert sure == pytest.approx((images + 1) / (images + classes), abs=0.02)


def test_a_network_that_is_always_wrong_is_as_unsure_as_the_bound_allows():
    logits = np.tile([0.0, 9.0], (40, 1))
    assert fitted_temperature(logits, np.zeros(40, int)) == pytest.approx(8, rel=1e-3)


@given(st.integers(2, 6), st.floats(0.25, 8), st.integers(0, 2**32 - 1))
def test_a_temperature_changes_no_answer_and_of_two_classes_no_order(classes, heat, seed):
    before = np.random.default_rng(seed).dirichlet(np.ones(classes), 20)
    after = probabilities(logits_of(before), heat)
    np.testing.assert_allclose(after, softmax(np.log(before.clip(1e-37)) / heat, axis=1), atol=1e-12)
    np.testing.assert_array_equal(after.argmax(axis=1), before.argmax(axis=1))
    if classes == 2:
        np.testing.assert_array_equal(*(np.argsort(p.max(axis=1), kind="stable") for p in (after, before)))


def test_logits_are_read_back_from_answers_at_any_temperature():
    logits, _ = answers(50, 4, heat=5)
    found = logits_of(softmax(logits / 8, axis=1).astype(np.float32), 8)
    np.testing.assert_allclose(softmax(found, axis=1), softmax(logits, axis=1), atol=1e-5)


def test_the_expected_calibration_error_is_what_a_loop_over_bins_gives():
    logits, truth = answers(700, 3, heat=2)
    given_ = softmax(logits, axis=1)
    certainty, right = given_.max(axis=1), given_.argmax(axis=1) == truth
    total = 0.0
    for number in range(10):
        inside = [i for i in range(700) if number / 10 < certainty[i] <= (number + 1) / 10]
        if inside:
            total += abs(sum(certainty[i] for i in inside) - sum(bool(right[i]) for i in inside)) / 700
    assert reliability(certainty, right).error == pytest.approx(total, abs=1e-12)
    assert calibrate(logits, truth, split="val").ece_before == pytest.approx(total, abs=1e-6)
