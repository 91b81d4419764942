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
    FROZEN_WEIGHT,
    SHARE,
    WEIGHT,
    ExposedBatches,
    SoftTargets,
    frozen_most,
    outliers_an_epoch,
    patchworks,
)
from ox_classifier.training.fit import Schedule, compile_for_classes, fit
from ox_classifier.training.recipe import Recipe
from tests.conftest import draw_folder, draw_noise

CLASSES = np.array([0, 1, 2, 1, 0], np.int64)


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


class Marks:
    """Batches of `n` class images, each image a number."""

    def __init__(self, n: int, size: int):
        self.n, self.size = n, size

    def __len__(self):
        return -(-self.n // self.size)

    def batch(self, index, epoch):
        rows = np.arange(self.n)[index * self.size : (index + 1) * self.size]
        return rows[:, None].astype(np.float32), rows % 3


@pytest.mark.parametrize(
    ("images", "size", "count"), [(50, 8, 100), (50, 8, 7), (50, 50, 100), (2, 2, 5), (33, 32, 40)]
)
def test_each_batch_has_its_share_of_outliers_and_an_epoch_none_twice(images, size, count):
    marks = Marks(images, size)

    def look(epoch, rows):
        return 1000.0 + rows[:, None].astype(np.float32)

    batches = ExposedBatches(
        marks,
        look,
        SoftTargets(3, False),
        images=images,
        outliers=count,
        batch_size=size,
        class_weight={1: 4.0},
        seed=5,
    )
    expected = outliers_an_epoch(count, images)
    assert expected == min(count, int(SHARE * images)) and len(batches) == len(marks)
    epochs = []
    for epoch in (0, 1):
        seen = []
        for index in range(len(batches)):
            x, y, w = batches.batch(index, epoch)
            alone, labels = marks.batch(index, epoch)
            n = len(labels)
            np.testing.assert_array_equal(x[:n], alone)
            np.testing.assert_array_equal(y[:n].argmax(axis=1), labels)
            np.testing.assert_array_equal(y[n:], np.full((len(x) - n, 3), 1 / 3, np.float32))
            np.testing.assert_array_equal(w, [4.0 if label == 1 else 1.0 for label in labels] + [WEIGHT] * (len(x) - n))
            assert abs(len(x) - n - expected * n / images) < 1
            seen += (x[n:, 0] - 1000).astype(int).tolist()
        assert len(seen) == len(set(seen)) == expected and set(seen) <= set(range(count))
        epochs.append(seen)
    assert expected < 3 or epochs[0] != epochs[1]


def places_of(maps: np.ndarray) -> np.ndarray:
    return maps.reshape(-1, maps.shape[-1])


def test_a_patchwork_is_made_of_the_places_of_many_maps_of_a_few_or_of_one():
    rng = np.random.default_rng(0)
    maps = rng.random((9, 4, 5, 3), np.float32)
    found = patchworks(maps, 400, np.random.default_rng(1))
    assert found.shape == (400, 4, 5, 3) and found.dtype == np.float32
    known = {place.tobytes(): number for number, place in enumerate(places_of(maps))}
    assert all(place.tobytes() in known for place in places_of(found))
    kinds = [len({place.tobytes() for place in places_of(one)}) for one in found]
    assert min(kinds) == 1 and max(kinds) >= 12  # a texture, and a picture without an order
    assert len({known[place.tobytes()] for place in places_of(found)}) > 150  # of 180
    kept = [(one == found[i]).all() for i, one in enumerate(patchworks(maps, 400, np.random.default_rng(1)))]
    assert all(kept)
    other = patchworks(maps, 400, np.random.default_rng(2))
    assert (other != found).any(axis=(1, 2, 3)).mean() > 0.9


@pytest.mark.parametrize(("shape", "patched"), [((7,), False), ((2, 9, 4), False), ((3, 3, 4), True)])
def test_a_head_on_a_frozen_base_gets_every_outlier_and_as_many_patchworks(shape, patched):
    """None of vectors, and none of maps so small that a patchwork may be a mark, turned."""
    rng, images, size, count = np.random.default_rng(0), 50, 8, 40
    seen_as = rng.random((images + count, *shape), np.float32)

    class Maps(Marks):
        def batch(self, index, epoch):
            x, labels = super().batch(index, epoch)
            return seen_as[x[:, 0].astype(int)], labels

    batches = ExposedBatches(
        Maps(images, size),
        lambda epoch, rows: seen_as[images + rows],
        SoftTargets(3, False),
        images=images,
        outliers=count,
        batch_size=size,
        seed=5,
        frozen=True,
    )
    rows = 0
    for index in range(len(batches)):
        x, y, w = batches.batch(index, 3)
        n, own = len(Marks(images, size).batch(index, 3)[1]), len(batches.rows(index, 3))
        rows += own
        assert len(x) == len(y) == len(w) == n + own * (1 + patched)
        np.testing.assert_array_equal(x[n : n + own], seen_as[images + batches.rows(index, 3)])
        np.testing.assert_array_equal(y[n:], np.full((len(x) - n, 3), 1 / 3, np.float32))
        np.testing.assert_array_equal(w[n:], np.full(len(x) - n, FROZEN_WEIGHT, np.float32))
        if patched:
            known = {place.tobytes() for place in places_of(x[: n + own])}
            assert {place.tobytes() for place in places_of(x[n + own :])} <= known
        again, other = batches.batch(index, 3)[0], batches.batch(index, 4)[0]
        np.testing.assert_array_equal(again, x)
        assert not patched or (other[n + own :] != x[n + own :]).any()
    assert rows == count == outliers_an_epoch(count, images, frozen=True) > outliers_an_epoch(count, images)


def made(logits: bool, classes: int) -> keras.Model:
    """A network that answers as its input says: one probability, or a softmax of its input."""
    inputs = keras.Input((1 if not logits else classes,))
    layer = keras.layers.Dense(
        inputs.shape[-1],
        activation="softmax" if logits else "sigmoid",
        use_bias=False,
        kernel_initializer=keras.initializers.Identity() if logits else "ones",
    )
    return keras.Model(inputs, layer(inputs))


@pytest.mark.tensorflow
@pytest.mark.parametrize("classes", [2, 3])
def test_loss_and_accuracy_of_a_batch_are_those_of_numpy(classes):
    rng = np.random.default_rng(classes)
    single = classes == 2
    labels = CLASSES % classes
    x = rng.normal(size=(len(labels), 1 if single else classes)).astype(np.float32)
    others = rng.normal(size=(4, x.shape[1])).astype(np.float32)

    class One:
        def __len__(self):
            return 1

        def batch(self, index, epoch):
            return x, labels

    weights = {0: 0.7, 1: 1.6, 2: 1.1}
    batches = ExposedBatches(
        One(),
        lambda epoch, rows: others[rows],
        SoftTargets(classes, single),
        images=len(labels),
        outliers=4,
        batch_size=8,
        class_weight=weights,
    )
    model = made(not single, classes)
    compile_for_classes(model, 1e-3, soft=True)
    loss, accuracy = model.test_on_batch(*batches.batch(0, 0))

    everything = np.concatenate([x, others[batches.rows(0, 0)]]).astype(np.float64)
    if single:
        positive = 1 / (1 + np.exp(-everything))
        answer = np.concatenate([1 - positive, positive], axis=1)
    else:
        answer = np.exp(everything) / np.exp(everything).sum(axis=1, keepdims=True)
    n = len(labels)
    of_marks = [-weights[label] * np.log(answer[i, label]) for i, label in enumerate(labels)]
    of_outliers = -WEIGHT * np.log(answer[n:]).mean(axis=1)
    assert len(of_outliers) == 1
    assert loss == pytest.approx((sum(of_marks) + sum(of_outliers)) / (n + 1), rel=1e-5)
    assert accuracy == pytest.approx((answer[:n].argmax(axis=1) == labels).mean(), abs=1e-6)


@pytest.mark.tensorflow
@pytest.mark.parametrize("classes", [2, 3])
def test_validation_is_measured_as_without_outliers(classes):
    rng = np.random.default_rng(1)
    labels = rng.integers(0, classes, 50)
    x = rng.normal(size=(50, 1 if classes == 2 else classes)).astype(np.float32)
    plain, soft = made(classes > 2, classes), made(classes > 2, classes)
    compile_for_classes(plain, 1e-3)
    compile_for_classes(soft, 1e-3, soft=True)
    expected = plain.test_on_batch(x, labels)
    assert soft.test_on_batch(x, SoftTargets(classes, classes == 2).of(labels)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.tensorflow
def test_over_an_epoch_accuracy_counts_every_class_image_once(tmp_path):
    """Batches of unequal size, outliers unequally among them: the mean over images, not over batches."""
    labels = np.arange(11) % 2
    x = np.where(np.arange(11) < 8, 2 * labels - 1, 1 - 2 * labels).astype(np.float32)[:, None]  # 8 of 11 right

    class Some:
        def __len__(self):
            return 3

        def batch(self, index, epoch):
            return x[4 * index : 4 * index + 4], labels[4 * index : 4 * index + 4]

    batches = ExposedBatches(
        Some(),
        lambda _, rows: np.ones((len(rows), 1), np.float32),
        SoftTargets(2, True),
        images=11,
        outliers=9,
        batch_size=4,
    )
    model = made(False, 2)
    schedule = Schedule(1, learning_rate=1e-12, monitor="accuracy", soft=True)
    history = fit(model, batches, None, schedule, checkpoint=tmp_path / "m.keras", state_file=tmp_path / "m.state.npz")
    assert history.rows[0]["accuracy"] == pytest.approx(8 / 11)


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
