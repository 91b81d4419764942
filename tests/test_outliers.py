"""Images of no class: where they are looked for, how they join a training, and what is learned from them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from ox_classifier import runs
from ox_classifier.classifier import Classifier
from ox_classifier.cli import app
from ox_classifier.data import folders, outliers
from ox_classifier.pixels import PixelRule
from ox_classifier.training import exposure, preparation, promise, train
from ox_classifier.training.exposure import (
    frozen_most,
)
from ox_classifier.training.recipe import Recipe
from tests.conftest import draw_folder, draw_noise


def ox(line: str):
    return CliRunner().invoke(app, line.split())


def layout(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).mkdir(parents=True)
        (root / name / "1.png").write_bytes(b"")
    return root


@pytest.mark.parametrize(
    ("names", "classes", "found"),
    [
        (("train/o", "train/x", "val/o", "val/x", "outliers"), "o x", True),
        (("train/o", "train/x", "outliers/deep/down"), "o x", True),
        (("o", "x", "Outliers"), "o x", True),
        (("inliers", "outliers"), "inliers outliers", False),  # a class like another, as nothing else is beside it
        (("train/o", "train/outliers"), "o outliers", False),
        (("train", "test", "outliers"), "test train", True),  # no class folders in them: they are classes
    ],
)
def test_a_folder_of_outliers_is_no_class_beside_splits_or_two_classes(tmp_path, names, classes, found):
    data = layout(tmp_path / "data", *names)
    assert folders.find(data).classes == tuple(classes.split())
    there = outliers.find("auto", data)
    assert (there is not None) is found
    if found:
        assert there.root == data / names[-1].split("/")[0] and len(there.paths) == 1
    assert outliers.find("none", data) is None


def test_an_empty_class_folder_makes_no_outliers_of_the_other_class(tmp_path):
    data = layout(tmp_path / "data", "inliers", "outliers")
    (data / "empty").mkdir()
    assert folders.find(data).classes == ("inliers", "outliers")


def test_the_check_of_a_dataset_says_that_they_are_no_class(tmp_path):
    data = draw_folder(tmp_path / "data", {"": 4})
    draw_noise(data / "outliers", 3)
    said = ox(f"dataset check {data}")
    text = " ".join((said.stdout + said.stderr).split())
    assert "outliers is taken for images of no class" in text and "8 images" in text, text


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ("nowhere", "--outliers 'nowhere' is no folder: give a folder of images of no class, none to train without"),
        ("data/train/o/000.png", "is no folder"),
        ("", "--outliers is empty"),
        ("empty", "--outliers empty holds no images (looked for ."),
        ("data", "16 of its images are in a class of the data, too, such as data/train/o/000.png"),
        ("data/train/x", "4 of its images are in a class"),
        ("broken", "none of the 2 images in broken can be read: broken/"),
    ],
)
def test_a_wrong_folder_is_one_sentence(tmp_path, monkeypatch, asked, sentence):
    monkeypatch.chdir(tmp_path)
    draw_folder(Path("data"), {"train": 4, "val": 4})
    Path("empty").mkdir()
    layout(Path("broken"), "a", "b")
    said = CliRunner().invoke(app, ["train", "--data", "data", "--arch", "mlp1", "--outliers", asked])
    assert said.exit_code == 2 and sentence in " ".join(said.stderr.split()), said.stderr
    assert not Path("runs").exists()


def test_those_that_can_not_be_read_are_left_out_and_frozen_bases_take_some_by_seed(tmp_path, capsys):
    data = draw_folder(tmp_path / "data", {"train": 4, "val": 4})
    draw_noise(data / "outliers", 5, size=8)
    (data / "outliers" / "002.png").write_bytes(b"no image")
    prepared = preparation.prepare(data, val_fraction=0.2, test_fraction=0, seed=0)
    with_them = prepared.with_outliers(outliers.find("auto", data))
    for on_demand in (False, True):
        dataset = with_them.dataset(PixelRule(8, 8, "grayscale"), on_demand=on_demand)
        assert len(dataset.outliers) == 4 and [error.path.name for error in dataset.outliers.bad] == ["002.png"]
        assert dataset.outliers.pixels[0:4].shape == (4, 8, 8, 1)
        assert dataset.fingerprint() == prepared.dataset(PixelRule(8, 8, "grayscale")).fingerprint()
    assert "set aside: " in capsys.readouterr().err
    many = outliers.OutlierFiles(data, tuple(Path(f"{i}.png") for i in range(900)))
    some = many.at_most(600, 3)
    assert len(set(some.paths)) == 600 and some == many.at_most(600, 3) != many.at_most(600, 4)
    assert set(some.paths) < set(many.at_most(800, 3).paths)  # so that the features that are kept serve for more, too
    assert list(some.paths) == [path for path in many.paths if path in set(some.paths)]


def test_a_frozen_base_learns_from_half_as_many_outliers_as_images(tmp_path, monkeypatch):
    assert [frozen_most(images) for images in (0, 8, 1200, 1300, 5900)] == [600, 600, 600, 650, 2000]
    monkeypatch.setattr(exposure, "FROZEN", 2)
    data = draw_folder(tmp_path / "data", {"train": 4, "val": 4})
    draw_noise(data / "outliers", 15, size=8)
    prepared = preparation.prepare(data, val_fraction=0.2, test_fraction=0, seed=0)
    with_them = prepared.with_outliers(outliers.find("auto", data))
    learned = [len(with_them.dataset(PixelRule(8, 8), on_demand=frozen).outliers) for frozen in (False, True)]
    assert learned == [15, len(prepared.images) // 2] and len(prepared.images) < 30


def test_a_tenth_is_held_out_and_not_learned_from(tmp_path):
    files = outliers.OutlierFiles(tmp_path, tuple(Path(f"{i}.png") for i in range(900)))
    learned, held_out = files.divided(3)
    assert len(held_out.paths) == 90 and sorted(learned.paths + held_out.paths) == sorted(files.paths)
    assert files.divided(3) == (learned, held_out) != files.divided(4)
    few = outliers.OutlierFiles(tmp_path, files.paths[:499])
    assert few.divided(3) == (few, None)
    many = outliers.OutlierFiles(tmp_path, tuple(Path(f"{i}.png") for i in range(9000)))
    assert len(many.divided(3)[1].paths) == outliers.MOST_HELD_OUT


def test_run_json_says_what_the_held_out_were_answered(tmp_path, monkeypatch):
    data = draw_folder(tmp_path / "data", {"train": 8, "val": 30})
    draw_noise(data / "outliers", 500, size=8)
    monkeypatch.chdir(tmp_path)
    done = ox(f"train --arch mlp1 --image-size 8 --epochs 1 --data {data} --device cpu --max-error 0.3")
    assert done.exit_code == 0, done.output
    run = runs.find()
    assert run.settings["outliers"]["images"] == 450 and run.settings["outliers"]["held_out"] == 50
    unsure = run.assurance.unsure
    assert unsure.outliers == 50
    sure = [answer.sure for answer in Classifier(run).predict(held_out_of(data))]
    assert unsure.outliers_refused == 50 - sum(sure)


def held_out_of(data: Path) -> list[Path]:
    return list(outliers.find("auto", data).divided(0)[1].paths)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with marks and noise, and runs with and without the noise."""
    place = tmp_path_factory.mktemp("exposed")
    before = Path.cwd()
    os.chdir(place)
    draw_folder(Path("marks"), {"train": 24, "val": 12})
    line = (
        "train --arch lenet --data marks --image-size 32 --epochs 12 --batch-size 8 --learning-rate 0.003 --average 0 "
    )
    try:
        said = {"before": ox(line + "--name before --epochs 1")}
        draw_noise(Path("marks/outliers"), 40)
        said["none"] = ox(line + "--name none --outliers none --epochs 1")
        said["exposed"] = ox(line + "--name exposed")
    finally:
        os.chdir(before)
    for result in said.values():
        assert result.exit_code == 0, result.stderr
    return place, said


@pytest.mark.tensorflow
def test_without_outliers_nothing_changes(place):
    folder, _ = place
    before, none = (runs.find(folder / "runs" / name) for name in ("before", "none"))
    assert before.weights_digest == none.weights_digest
    assert before.settings["outliers"] is None is none.settings["outliers"]


@pytest.mark.tensorflow
def test_outliers_end_undecided_and_marks_do_not(place):
    folder, said = place
    run = runs.find(folder / "runs" / "exposed")
    assert run.settings["outliers"]["images"] == 40 and run.settings["outliers"]["root"] == str(
        folder / "marks/outliers"
    )
    line = "outliers: 40 images of no class in marks/outliers, 16 an epoch, to be undecided on"
    assert len(re.findall(re.escape(line), said["exposed"].stderr)) == 1
    assert run.results["val"]["correct"] >= 22
    classifier = Classifier(run)
    noise = draw_noise(folder / "unseen", 30, seed=9)
    surest = {
        what: np.array([max(answer.by_class.values()) for answer in classifier.predict(sorted(files))])
        for what, files in {"marks": (folder / "marks/val").glob("*/*.png"), "noise": noise.glob("*.png")}.items()
    }
    assert np.median(surest["marks"]) > 0.9
    assert np.median(surest["noise"]) < 0.65, surest["noise"]


@pytest.mark.tensorflow
def test_plain_keras_loads_the_network(place):
    model = keras.models.load_model(place[0] / "runs" / "exposed" / "model.keras")
    assert model.loss == "binary_crossentropy" and model.optimizer.iterations > 0


@pytest.mark.parametrize(
    ("arch", "most", "all_of_it"),
    [("lenet", promise.MOST_GIVEN_UP, False), ("vgg16", promise.GIVEN_UP_FROZEN, True)],
)
def test_a_head_on_a_frozen_base_gives_up_less_for_refusing_but_all_of_it(arch, most, all_of_it, monkeypatch):
    pictures = np.zeros((3, 8, 8, 3), np.uint8)
    outliers_ = SimpleNamespace(held_out=pictures)
    dataset = SimpleNamespace(labels=lambda split: np.arange(3) % 2, images=lambda split: pictures, outliers=outliers_)
    run = SimpleNamespace(classes=("o", "x"), assurance=SimpleNamespace(taught_outliers=True))
    monkeypatch.setattr(train, "answers_of", lambda network, pixels: np.full((len(pixels), 2), 0.5))
    monkeypatch.setattr(train, "Trust", SimpleNamespace(from_answers=lambda *_, strangers, **__: strangers))
    told = train._trust(run, dataset, {"val": np.zeros((3, 2))}, None, Recipe.of(arch))
    assert (told.most_given_up, told.all_of_it) == (most, all_of_it)
