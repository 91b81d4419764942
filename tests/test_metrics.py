"""Figures of a split, against scikit-learn and hand-made numbers."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from ox_classifier.report import metrics
from ox_classifier.report.predictions import Predictions


@pytest.fixture
def three_classes():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 3, 200)
    logits = rng.normal(size=(200, 3)) + 1.5 * np.eye(3)[truth]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return probabilities, truth


def test_wilson_of_published_values():
    """Newcombe 1998, table I: 81 of 263 and 0 of 20."""
    assert metrics.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert metrics.wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert metrics.wilson(0, 0) == (0.0, 1.0)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_share_and_stays_in_range(case):
    correct, total = case
    low, high = metrics.wilson(correct, total)
    assert 0 <= low <= correct / total + 1e-12 and correct / total - 1e-12 <= high <= 1


def test_summary_agrees_with_scikit_learn(three_classes):
    probabilities, truth = three_classes
    predicted = probabilities.argmax(axis=1)
    figures = metrics.summary(probabilities, truth, ("a", "b", "c"))
    assert figures["accuracy"] == pytest.approx(sk.accuracy_score(truth, predicted))
    assert figures["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(truth, predicted))
    assert figures["log_loss"] == pytest.approx(sk.log_loss(truth, probabilities))
    assert figures["roc_auc"] == pytest.approx(sk.roc_auc_score(truth, probabilities, multi_class="ovr"))
    assert figures["confusion_matrix"] == sk.confusion_matrix(truth, predicted).tolist()
    expected = sk.classification_report(truth, predicted, output_dict=True)
    for index, name in enumerate("abc"):
        row = figures["classes"][name]
        assert row["f1"] == pytest.approx(expected[str(index)]["f1-score"])
        assert row["precision"] == pytest.approx(expected[str(index)]["precision"])
        assert row["recall"] == pytest.approx(expected[str(index)]["recall"])
        assert row["support"] == expected[str(index)]["support"]


def test_one_class_in_a_split_has_no_auc():
    figures = metrics.summary(np.array([[0.9, 0.1], [0.4, 0.6]]), np.array([0, 0]), ("o", "x"))
    assert figures["roc_auc"] is None
    assert figures["confusion_matrix"] == [[1, 1], [0, 0]]
    assert "ROC AUC -" in metrics.table({"val": figures})


def test_predictions_views_agree():
    table = Predictions(
        classes=("o", "x"),
        paths=("a", "b", "c", "d"),
        splits=("test", "val", "test", "test"),
        truth=np.array([0, 1, 1, 0]),
        probabilities=np.array([[0.4, 0.6], [0.1, 0.9], [0.99, 0.01], [0.8, 0.2]]),
        reasons=("between o and x", "", "", ""),
    )
    test = table.of("test")
    assert test.paths == ("a", "c", "d")
    assert test.worst().paths == ("c", "a")  # c is wrong with 0.99, a with 0.6
    assert table.header() == ("path", "split", "label", "predicted", "o", "x", "loss", "answer", "reason")
    assert table.rows()[2] == ("c", "test", "x", "o", "0.990000", "0.010000", f"{-np.log(0.01):.6f}", "o", "")
    assert table.rows()[0][-2:] == ("unsure", "between o and x")
    again = Predictions.from_rows(("o", "x"), [dict(zip(table.header(), row, strict=True)) for row in table.rows()])
    assert again.reasons == table.reasons
    assert table.of("val").merged(test).reasons == table.reasons
    figures = metrics.summary(test.probabilities, test.truth, test.classes, test.sure)
    assert figures["images"] - figures["correct"] == len(test.worst().paths)


def test_answers_that_are_sure_are_judged_by_themselves():
    truth = np.array([0, 0, 1, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.1, 0.9], [0.7, 0.3]])
    figures = metrics.summary(probabilities, truth, ("o", "x"), np.array([True, False, True, True, True]))
    found = figures["answered"]
    assert (found["images"], found["wrong"], found["coverage"], found["accuracy"]) == (4, 1, 0.8, 0.75)
    expected = binomtest(3, 4).proportion_ci(0.95, method="wilson")
    assert found["accuracy_interval_95"] == pytest.approx([expected.low, expected.high])
    assert figures["accuracy"] == 0.6  # of all five
    assert "unsure of 1 image: 80.0 % answered, 1 of these 4 wrong" in metrics.table({"test": figures})
    none = metrics.summary(probabilities, truth, ("o", "x"), np.zeros(5, bool))["answered"]
    assert none["coverage"] == 0 and none["accuracy"] is None
    every = metrics.summary(probabilities, truth, ("o", "x"))
    assert every["answered"]["coverage"] == 1 and "unsure" not in metrics.table({"test": every})
