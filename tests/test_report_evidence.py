"""What a report finds out beside its table: neighbours, slices, ink, labels in doubt; against scikit-learn."""

from __future__ import annotations

import base64
import csv
import shutil
from dataclasses import replace

import numpy as np
import onnx
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.metrics.pairwise import cosine_distances
from typer.testing import CliRunner

from ox_classifier import runs
from ox_classifier.architectures import ARCHITECTURES
from ox_classifier.classifier import Classifier
from ox_classifier.cli import app
from ox_classifier.data import images
from ox_classifier.report import explanations, label_issues, slices
from ox_classifier.report.data_check import data_check
from ox_classifier.report.ink import Ink, ink
from ox_classifier.report.neighbours import MOST, Neighbours
from ox_classifier.report.watch import Watch
from tests import hand_made
from tests.conftest import draw_folder
from tests.test_page import in_page

tensorflow = pytest.mark.tensorflow  # for the shared run's training


def copied(run, place):
    """A copy of the shared run without a report."""
    shutil.copytree(run.path, place / "tiny", ignore=shutil.ignore_patterns("report"))
    return runs.find(place / "tiny")


def test_neighbours_are_scikit_learns():
    rng = np.random.default_rng(0)
    training, asked = rng.normal(size=(40, 7)), rng.normal(size=(6, 7))
    near = Neighbours([str(i) for i in range(40)], training)
    found = [near.others("a", row) for row in near.of(asked)]
    distances = cosine_distances(asked, training)
    assert [[i for i, _ in row] for row in found] == np.argsort(distances, axis=1)[:, :MOST].tolist()
    np.testing.assert_allclose([[d for _, d in row] for row in found], np.sort(distances, axis=1)[:, :MOST], atol=1e-6)


def test_an_image_is_not_its_own_neighbour():
    rows = np.eye(3)
    near = Neighbours(["a", "b", "c"], rows)
    ((first, _), *rest) = near.others("b", near.of(rows[1:2] + 0.1)[0])
    assert first != 1 and len(rest) == 1


def test_ink_is_seen_on_light_and_on_dark_paper():
    page = np.full((3, 20, 20, 1), 0.9, np.float32)
    page[0, 8:12, 5:15] = 0.1
    page[1] = 1 - page[0]
    found = ink(page)
    assert [(round(one.share, 3), one.dark) for one in found] == [(0.1, True), (0.1, False), (0.0, False)]
    assert found[0].brightness == pytest.approx(0.82, abs=1e-6)


def test_only_a_slice_that_is_surely_worse_is_named():
    right = np.ones(200, bool)
    right[:20] = np.arange(20) % 2 == 0  # a: 10 of 20; the rest 180 of 180
    right[150] = False  # c: 4 of 5, which may be chance
    members = {"a": np.arange(20), "b": np.arange(20, 150), "c": np.arange(150, 155), "few": np.arange(4)}
    (worst,) = slices.worse(members, right)
    assert (worst.name, worst.accuracy) == ("a", 0.5) and worst.rest == pytest.approx(179 / 180)
    assert worst.interval[1] < worst.rest


def test_slices_divide_images_by_what_they_have_in_common():
    inks = [Ink(0.1 * i, 0.05, i < 4) for i in range(8)]
    found = slices.members(["s", "s", "t", "", "", "", "", ""], [32] * 8, inks)
    assert found["source s"].tolist() == [0, 1] and found["source t"].tolist() == [2]
    bright = {name: rows.tolist() for name, rows in found.items() if "brightness" in name}
    assert sorted(i for rows in bright.values() for i in rows) == list(range(8)) and len(bright) == 4
    assert found["dark ink on light"].tolist() == [0, 1, 2, 3]
    assert not any(
        "longest side" in name or "of the area" in name for name in found
    )  # all the same: nothing to compare


@pytest.mark.parametrize(
    ("path", "group", "source"),
    [
        ("train/o/scan1/3.png", None, "scan1"),
        ("valid/o/3.png", None, ""),
        ("o/3.png", None, ""),
        ("berlin/o/3.png", None, "berlin"),
        ("train/o/w12-3.png", r"w(\d+)", "12"),
        ("train/o/w12-3.png", r"w\d+", "w12"),
        ("train/o/3.png", r"w\d+", ""),
    ],
)
def test_a_source_is_a_group_or_a_folder(path, group, source):
    assert slices.source_of(path, "o", group) == source


@pytest.mark.parametrize("seed", [0, 1])
def test_flipped_labels_come_first(seed):
    """Of 3 % wrong labels among scikit-learn's digits, at least 90 % are in the first 6 %."""
    digits, rng = load_digits(), np.random.default_rng(seed)
    labels = digits.target.copy()
    flipped = rng.choice(len(labels), round(0.03 * len(labels)), replace=False)
    labels[flipped] = (labels[flipped] + rng.integers(1, 10, len(flipped))) % 10
    pixels = digits.data.astype(np.float32)
    features = label_issues.narrowed(len(pixels), lambda part: pixels[part])
    found = label_issues.label_issues(label_issues.out_of_fold(features, labels, np.arange(len(labels))), labels)
    first = found.order[: round(0.06 * len(labels))]
    assert np.isin(flipped, first).mean() >= 0.9
    assert (found.suggested[flipped] == digits.target[flipped]).mean() > 0.8
    suspects = np.flatnonzero(found.suspect)
    assert np.isin(suspects, flipped).mean() > 0.8 and np.isin(flipped, suspects).mean() > 0.6


def test_confident_learning_by_hand():
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.55, 0.45], [0.2, 0.8]])
    found = label_issues.label_issues(probabilities, np.array([0, 0, 0, 1, 1]))
    # usual: class 0 (0.9 + 0.8 + 0.1) / 3 = 0.6, class 1 (0.45 + 0.8) / 2 = 0.625
    assert found.suspect.tolist() == [False, False, True, False, False]
    assert found.order.tolist() == [2, 3, 1, 4, 0]  # margins -0.8, -0.1, 0.6, 0.6, 0.8


def test_wide_features_keep_their_distances_when_narrowed():
    rows = np.random.default_rng(0).normal(size=(30, 5000)).astype(np.float32)
    narrow = label_issues.narrowed(len(rows), lambda part: rows[part])
    assert narrow.shape == (30, label_issues.WIDTH)
    np.testing.assert_allclose(cosine_distances(narrow), cosine_distances(rows), atol=0.15)


def test_the_data_check_finds_digests_sides_copies_and_what_is_gone(tmp_path):
    for name, level in (("a.png", 10), ("b.png", 10), ("c.png", 200)):
        Image.fromarray(np.random.default_rng(level).integers(0, 255, (30, 40, 3), dtype=np.uint8)).save(
            tmp_path / name
        )
    rows = [("a.png", "o", "train"), ("b.png", "x", "test"), ("c.png", "x", "test"), ("gone.png", "x", "test")]
    found = data_check(rows, tmp_path, ("o", "x"))
    assert found.sides == {"a.png": 40, "b.png": 40, "c.png": 40} and found.gone == 1
    assert found.copies == {"a.png": [("b.png", "x", "test")], "b.png": [("a.png", "o", "train")]}
    assert found.digests["a.png"] == found.digests["b.png"] and "gone.png" not in found.digests
    assert {one.kind for one in found.findings} == {"leak", "two-labels"}


def small_network(seed: int) -> onnx.ModelProto:
    """A convolution, a ReLU and a dense layer to a softmax over two classes, of drawn weights."""
    rng = np.random.default_rng(seed)
    weights = {
        "kernel": rng.normal(size=(4, 3, 3, 3)),
        "dense": rng.normal(size=(4 * 6 * 6, 2)),
    }
    nodes = [
        onnx.helper.make_node("Transpose", ["pixels"], ["first"], perm=[0, 3, 1, 2]),
        onnx.helper.make_node("Conv", ["first", "kernel"], ["conv"]),
        onnx.helper.make_node("Relu", ["conv"], ["relu"]),
        onnx.helper.make_node("Flatten", ["relu"], ["flat"]),
        onnx.helper.make_node("MatMul", ["flat", "dense"], ["scores"]),
        onnx.helper.make_node("Softmax", ["scores"], ["answer"]),
    ]
    constants = [onnx.numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    return hand_made.network(nodes, outputs={"answer": ["n", 2]}, constants=constants)


def test_each_image_of_a_cross_validation_is_explained_by_the_fold_that_answered_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    last, *folds = (hand_made.run(model=small_network(seed)) for seed in range(3))
    pixels = np.random.default_rng(0).integers(0, 255, (2, 8, 8, 3), dtype=np.uint8)
    for name, image in zip("ab", pixels, strict=True):
        Image.fromarray(image).save(tmp_path / f"{name}.png")
    files = {f"{name}.png": tmp_path / f"{name}.png" for name in "ab"}
    answered = dict(zip(files, (fold.name for fold in folds), strict=True))
    watch = Watch(explanations.network_end(last))
    maps = explanations.explain(last, list(files), files, watch, answered)
    ends = [explanations.network_end(run) for run in (last, *folds)]
    for i, path in enumerate(files):
        own, others = ends[i + 1], [end for end in ends if end is not ends[i + 1]]
        image = images.as_float(pixels[i : i + 1])
        np.testing.assert_array_equal(maps[path], own.grad_cam(image)[0])
        assert all(np.abs(maps[path] - other.grad_cam(image)[0]).max() > 0.1 for other in others)
    assert explanations.explain(last, ["a.png"], files, watch, {"a.png": "gone"}) == {}


@tensorflow
def test_the_page_of_a_trained_run_says_why(tiny_run, tmp_path):
    from ox_classifier.networks import saved  # not above: TensorFlow comes with it
    from tests.test_network_end import map_over_looks

    run = copied(tiny_run, tmp_path)
    result = CliRunner().invoke(app, ["report", str(run.path)])
    assert result.exit_code == 0, result.output
    data = in_page((run.path / "report" / "report.html").read_text(encoding="utf-8"))
    rows = len(data["path"])
    assert rows == 48 and len(data["near"]) == rows and all(len(near) == MOST for near in data["near"].values())
    pixels = np.stack([images.as_float(images.read(run.source(path), run.rule)) for path in data["path"]])
    answers = Classifier(run).session.answer(pixels)
    np.testing.assert_allclose(data["p"], answers, atol=1e-6)  # watching changes no answer
    model, looks = saved.load(run.keras_file), explanations.network_end(run).looks
    assert looks == ((1,), (2,), (1, 2))
    for i, (width, height, packed) in list(data["map"].items())[::6]:
        found = np.frombuffer(base64.b64decode(packed), np.uint8).reshape(height, width) / 255
        expected = map_over_looks(model, pixels[int(i)], answers[int(i)].argmax(), looks)
        np.testing.assert_allclose(found, expected, atol=0.01)
    assert len(data["map"]) == rows
    with (run.path / "report" / "label_issues.csv").open(newline="") as file:
        judged = list(csv.DictReader(file))
    assert sorted(row["path"] for row in judged) == sorted(data["path"])
    margins = [float(row["p_label"]) - float(row["p_suggested"]) for row in judged]
    assert margins == sorted(margins)
    before = (run.path / "report" / "report.html").read_bytes()
    assert CliRunner().invoke(app, ["report", str(run.path)]).exit_code == 0
    assert (run.path / "report" / "report.html").read_bytes() == before  # from the features kept


@tensorflow
def test_still_pictures_come_in_the_formats_asked_for(tiny_run, tmp_path):
    run = copied(tiny_run, tmp_path)
    words = ["report", str(run.path), "--split", "test", "--format", "svg", "--format", "pdf"]
    assert CliRunner().invoke(app, words).exit_code == 0
    names = {path.name for path in (run.path / "report").iterdir() if path.suffix in (".png", ".svg", ".pdf")}
    assert names == {
        f"{stem}.{form}" for stem in ("confusion_matrix_test", "mistakes_test", "curves") for form in ("svg", "pdf")
    }
    assert (run.path / "report" / "curves.pdf").read_bytes().startswith(b"%PDF")
    result = CliRunner().invoke(app, [*words, "--format", "gif"])
    assert result.exit_code == 2 and "give png, pdf, svg" in result.stderr


@tensorflow
def test_flipped_labels_of_a_run_on_a_frozen_base_come_first_in_its_list(tmp_path, monkeypatch):
    """From the features that training left: 3 % are flipped, 90 % of these stand in the first 6 % of the list."""
    from ox_classifier.networks import bases
    from ox_classifier.training import job
    from ox_classifier.training.recipe import Recipe
    from tests import tiny_base

    monkeypatch.chdir(tmp_path)
    tiny_base.install(monkeypatch)
    network = ARCHITECTURES["vgg16"]
    settings = network.settings | {"image_size": 32, "weights": "none", "epochs": 1, "views": 1, "augmentation": {}}
    monkeypatch.setitem(ARCHITECTURES, "tiny", replace(network, settings=settings, smallest=8))
    monkeypatch.setitem(bases.BUILDERS, "tiny", lambda *args, **options: bases.build("tiny", *args, **options)[0])
    data = draw_folder(tmp_path / "marks", {"train": 160, "val": 20, "test": 20})
    flipped = set()
    for number, (split, other) in enumerate(
        [*[("train", "o")] * 5, *[("train", "x")] * 5, ("val", "o"), ("test", "x")]
    ):
        label = "xo"["ox".index(other)]
        name = f"{split}/{label}/flipped-{number}.png"
        (data / split / other / f"{number:03}.png").rename(data / name)
        flipped.add(name)
    run = runs.Run(job.start(Recipe.of("tiny", {}), data, name="flipped").path)
    result = CliRunner().invoke(app, ["report", "flipped"])
    assert result.exit_code == 0, result.output
    with (run.path / "report" / "label_issues.csv").open(newline="") as file:
        judged = [row["path"] for row in csv.DictReader(file)]
    assert len(judged) == 400 and len(flipped) == 12
    assert len(flipped & set(judged[:24])) >= 0.9 * 12
