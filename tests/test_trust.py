"""What held-out answers tell of a run: temperature, threshold and what is refused anyhow; in run.json and in words."""

import numpy as np
import pytest
from scipy.special import softmax

from ox_classifier.runs import schema
from ox_classifier.runs.assurance import Assurance
from ox_classifier.training.calibration import logits_of
from ox_classifier.training.promise import Promise, in_words, threshold_text
from ox_classifier.training.trust import HeldOut, Strangers, Trust


def held_out(images, classes, *, wrong=0, blank=(), seed=0):
    """Answers of which the least certain are wrong, as many as told; `blank` are the rows of blank pictures."""
    rng = np.random.default_rng(seed)
    truth = np.arange(images) % classes
    logits = rng.normal(0, 0.2, (images, classes))
    logits[np.arange(images), truth] += np.linspace(8, 2, images)
    logits[images - wrong :] = np.roll(logits[images - wrong :], 1, axis=1)
    flags = np.zeros(images, bool)
    flags[list(blank)] = True
    return HeldOut(logits, truth, flags)


def of(known, classes, *, max_error=0.01, outliers=False):
    return Trust.from_answers(known, tuple("abcdefghij"[:classes]), max_error=max_error, outliers=outliers)


@pytest.mark.parametrize("classes", [2, 10])
def test_what_run_json_says_is_read_back_as_it_was(classes):
    trust = of(held_out(1500, classes, wrong=30), classes)
    config = trust.as_config()
    for key in ("calibration", "unsure"):
        assert schema.KEYS[key](config[key]) == "" and schema.KEYS[key](None) == ""
    known = Assurance.of(config | {"outliers": None})
    assert known.temperature == trust.temperature == known.calibration.temperature
    assert known.unsure.threshold == trust.promise.threshold > 1 / classes
    assert known.unsure.promise == 0.01 and known.unsure.coverage == pytest.approx(
        trust.promise.accepted / 1500, abs=1e-6
    )
    assert not known.taught_outliers
    config["unsure"]["wrong"] = 1501
    assert "more wrong answers" in schema.KEYS["unsure"](config["unsure"])


def test_a_run_of_an_earlier_version_answers_always():
    assert Assurance.of({}) == Assurance() and Assurance().temperature == 1


def test_the_threshold_is_one_of_calibrated_answers():
    known = held_out(1500, 2, wrong=30)
    trust = of(known, 2)
    certainty = softmax(known.logits / trust.temperature, axis=1).max(axis=1)
    assert (certainty >= trust.promise.threshold).sum() == trust.promise.accepted
    hotter = of(HeldOut(4 * known.logits, known.truth, known.blank), 2)
    assert hotter.temperature == pytest.approx(4 * trust.temperature, rel=1e-2)
    assert hotter.promise.threshold == pytest.approx(trust.promise.threshold, abs=1e-3)


def test_blank_pictures_are_refused_unless_a_class_may_be_of_them():
    few = of(held_out(1000, 2, blank=range(0, 20, 2)), 2)
    assert few.refuses_blank and few.promise.accepted == 990
    whole_class = of(held_out(1000, 2, blank=range(0, 1000, 2)), 2)
    assert not whole_class.refuses_blank and whole_class.promise.accepted == 1000


def test_answers_near_to_undecided_are_refused_where_outliers_were_taught():
    known = held_out(1000, 2)
    known.logits[-5:] = 0
    assert of(known, 2, outliers=True).promise.accepted == 995
    assert of(known, 2).promise.accepted > 995


def test_answers_to_images_of_no_class_are_counted_calibrated_and_blank_ones_as_refused():
    known = held_out(1500, 2)
    blank = np.array([True] * 30 + [False] * 70)
    strangers = Strangers(np.stack([np.zeros(100), np.linspace(0, 8, 100)], axis=1), blank)
    found = Trust.from_answers(known, ("o", "x"), max_error=0.01, outliers=True, strangers=strangers)
    certainty = softmax(strangers.logits / found.temperature, axis=1).max(axis=1)
    assert found.promise.outliers == 100
    assert found.promise.outliers_refused == (blank | (certainty < found.promise.threshold)).sum()
    assert found.promise.threshold > of(known, 2, outliers=True).promise.threshold
    config = found.as_config()
    assert schema.KEYS["unsure"](config["unsure"]) == ""
    assert Assurance.of(config).unsure.outliers_refused == found.promise.outliers_refused


def test_refusing_images_of_no_class_costs_no_more_answers_than_it_may():
    known = held_out(1500, 2)
    logits = np.stack([np.zeros(100), np.linspace(0, 40, 100)], axis=1)  # half of them are surer than any mark
    accepted = {}
    for most in (0.0, 0.02, 0.2):
        strangers = Strangers(logits, np.zeros(100, bool), most)
        found = Trust.from_answers(known, ("o", "x"), max_error=0.01, outliers=True, strangers=strangers)
        accepted[most] = found.promise.accepted
    assert accepted[0.02] >= 0.98 * accepted[0.0] > accepted[0.2] >= 0.8 * accepted[0.0]


def test_all_that_may_be_given_up_is_where_that_is_asked_for():
    """Even where every image of no class is refused by the first threshold."""
    known = held_out(1500, 2)
    accepted = {}
    for all_of_it in (False, True):
        easy = Strangers(np.zeros((100, 2)), np.zeros(100, bool), 0.05, all_of_it)
        found = Trust.from_answers(known, ("o", "x"), max_error=0.01, outliers=True, strangers=easy).promise
        assert found.outliers_refused == 100 and found.promise == 0.01
        accepted[all_of_it] = found.accepted
    none = of(known, 2, outliers=True).promise.accepted
    assert accepted[False] == none and 0.95 * none <= accepted[True] < 0.96 * none


def test_nothing_held_out_promises_nothing():
    for known in (None, HeldOut(np.empty((0, 2)), np.empty(0, int), np.empty(0, bool))):
        trust = of(known, 2)
        assert trust.as_config() == {"calibration": None, "unsure": None} and trust.temperature == 1
        assert "nothing is promised" in trust.in_words()


def test_the_sentence_says_what_is_promised_of_which_images():
    enough = Promise(0.93, 0.01, 0.01, 0.95, 600, 577, 0)
    assert in_words(enough) == (
        "unsure below 0.930: with 95 % confidence at most 1 % of the other answers are wrong on images like the 600 "
        "validation images, of which 96.2 % are answered"
    )
    assert "like the 64 held-out images" in in_words(Promise(0.5, 0.01, 0.05, 0.95, 64, 64, 0, 321), "held-out")


@pytest.mark.parametrize(("value", "said"), [(0.93, "0.930"), (0.9987, "0.9987"), (0.99999, "0.999990")])
def test_a_threshold_has_the_digits_that_tell_it_from_1(value, said):
    assert threshold_text(value) == said


def test_what_is_refused_beforehand_counts_among_the_images_and_not_among_the_answered():
    found = Promise(0.9, 0.01, 0.04, 0.95, 90, 80, 0, 300).among(100)
    assert (found.images, found.accepted, found.coverage, found.images_needed) == (100, 80, 0.8, 334)


def test_logits_survive_a_round_trip_through_answers():
    known = held_out(20, 3)
    p = softmax(known.logits, axis=1)
    np.testing.assert_allclose(softmax(logits_of(p), axis=1), p, atol=1e-12)
