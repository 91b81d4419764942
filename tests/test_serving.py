"""Classifier in a service: threads, processes, batches and exported folders give the answers of one after another."""

from __future__ import annotations

import csv
import json
import multiprocessing
import shutil
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

from ox_classifier import Classifier
from ox_classifier.errors import UsageError
from tests.conftest import REPOSITORY

RUN = REPOSITORY / "tests" / "data" / "lenet-22"
IMAGES = sorted((REPOSITORY / "dataset" / "test" / "x").iterdir())[:48]


@pytest.fixture(scope="module")
def serial():
    """The answers of one image after the other, on one core."""
    classifier = Classifier.load(RUN, threads=1, batch_size=1)
    return np.stack([classifier.predict(path).probabilities for path in IMAGES])


def test_threads_that_share_a_classifier_get_the_answers_of_one(serial):
    classifier = Classifier.load(RUN)

    def single(place):
        return place, classifier.predict(IMAGES[place]).probabilities

    def many(start):
        chosen = IMAGES[start:] + IMAGES[:start]
        return [answer.probabilities for answer in classifier.predict(iter(chosen))]

    with ThreadPoolExecutor(8) as pool:
        singles = [pool.submit(single, place % len(IMAGES)) for place in range(200)]
        lists = [pool.submit(many, start) for start in range(0, 48, 6)]
        for place, probabilities in (future.result() for future in singles):
            np.testing.assert_allclose(probabilities, serial[place], atol=1e-6)
        for start, future in zip(range(0, 48, 6), lists, strict=True):
            np.testing.assert_allclose(future.result(), np.roll(serial, -start, axis=0), atol=1e-6)


@pytest.mark.parametrize(("threads", "batch_size"), [(None, None), (1, None), (2, 7), (None, 1000)])
def test_neither_threads_nor_batches_change_an_answer(serial, threads, batch_size):
    classifier = Classifier.load(RUN, threads=threads, batch_size=batch_size)
    assert classifier.batch == (batch_size or 32)
    answers = [answer.probabilities for answer in classifier.predict(IMAGES)]
    np.testing.assert_allclose(answers, serial, atol=1e-6)


def ask(classifier, path):
    return classifier.threads, classifier.batch, classifier.predict(path).probabilities


def test_worker_processes_get_a_classifier_and_answer_alike(serial):
    classifier = Classifier.load(RUN, threads=1, batch_size=5)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        for place, (threads, batch, found) in enumerate(pool.map(ask, [classifier] * 4, IMAGES[:4])):
            assert (threads, batch) == (1, 5)
            np.testing.assert_allclose(found, serial[place], atol=1e-6)


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "4", True, 10**9])
@pytest.mark.parametrize("setting", ["threads", "batch_size"])
def test_a_setting_that_is_none_is_a_sentence(setting, wrong):
    with pytest.raises(UsageError, match=f"{setting}=.*expected a whole number from 1 to"):
        Classifier.load(RUN, **{setting: wrong})


@pytest.fixture
def folder(tmp_path):
    """The run as `ox export --format onnx` leaves it."""
    config = json.loads((RUN / "run.json").read_text(encoding="utf-8"))
    exported = tmp_path / "exported"
    exported.mkdir()
    shutil.copy(RUN / "model.onnx", exported / "model.onnx")
    describe(exported, classes=config["classes"], pixels=config["pixels"])
    return exported


def describe(exported, **what):
    """model.json with what every one holds, and this."""
    told = {"schema": 1, "format": "onnx", "int8": False, "files": {}} | what
    (exported / "model.json").write_text(json.dumps(told), encoding="utf-8")


def test_an_exported_folder_answers_as_its_run(folder, serial, monkeypatch):
    classifier = Classifier.load(folder)
    assert repr(classifier) == f"Classifier({str(folder)!r}, classes=('o', 'x'))"
    assert classifier.classes == ("o", "x") and classifier.rule == Classifier.load(RUN).rule
    np.testing.assert_allclose([answer.probabilities for answer in classifier.predict(IMAGES)], serial, atol=1e-6)
    monkeypatch.chdir(folder.parent)
    relative = Classifier.load("exported", threads=1)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        threads, _, found = pool.submit(ask, relative, IMAGES[0]).result()
    assert threads == 1
    np.testing.assert_allclose(found, serial[0], atol=1e-6)


PIXELS = {"height": 22, "width": 22, "color": "rgb", "resize": "stretch-bilinear-antialiased"}


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"schema": 2}, "is of schema 2, this ox reads 1: use the ox that made it"),
        ({"files": {"../run.json": "0" * 64}}, "names '../run.json', which is not below it"),
        ({"format": "litert"}, "holds litert, ox predicts by onnx: export the run with --format onnx"),
        ({"classes": ["o", "o"]}, r"model\.json: classes is a list: expected names that all differ; the folder is dam"),
        ({"classes": ["a", "b", "c"]}, "expected images of shape .* and probabilities of 3 classes out"),
        ({"pixels": PIXELS | {"height": "9"}}, "model.json: pixels.height is '9': expected a whole number"),
        ({"pixels": PIXELS | {"height": 23}}, "expected images of shape"),
        ({"pixels": PIXELS | {"resize": "other"}}, "resizes by 'other': this ox can't; train and export again"),
        ({"pixels": None}, "model.json: pixels is None"),
    ],
)
def test_a_folder_that_ox_did_not_export_is_a_sentence(folder, changed, sentence):
    describe(folder, **({"classes": ["o", "x"], "pixels": PIXELS} | changed))
    with pytest.raises(UsageError, match=sentence):
        Classifier.load(folder)


def test_a_folder_without_its_network_or_with_no_json_is_a_sentence(folder):
    (folder / "model.onnx").unlink()
    with pytest.raises(UsageError, match=r"exported has no model\.onnx: the folder is damaged"):
        Classifier.load(folder)
    (folder / "model.json").write_text("{")
    with pytest.raises(UsageError, match="can't be read"):
        Classifier.load(folder)
    (folder / "model.json").unlink()
    with pytest.raises(UsageError, match="no run"):
        Classifier.load(folder)


def test_a_run_that_this_version_wrote_answers_as_it_did():
    """Every later version loads it; make test-predict asks the small install the same."""
    expected = list(csv.DictReader((RUN / "answers.csv").read_text(encoding="utf-8").splitlines()))
    answers = Classifier.load(RUN).predict([REPOSITORY / row["path"] for row in expected])
    for row, answer in zip(expected, answers, strict=True):
        assert answer.label == row["predicted"] and answer.by_class["x"] == pytest.approx(float(row["x"]), abs=1e-4)


def test_an_export_that_this_version_wrote_answers_with_its_golden_probabilities():
    folder = REPOSITORY / "tests" / "data" / "export-1"
    golden = json.loads((folder / "golden.json").read_text(encoding="utf-8"))
    answers = Classifier.load(folder).predict([folder / "golden" / name for name in golden])
    for expected, answer in zip(golden.values(), answers, strict=True):
        assert answer.by_class == pytest.approx(expected, abs=0.02)  # int8: another processor rounds otherwise
