"""`ox train` and `ox report` from folder to pictures, on one tiny training that all tests share."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sklearn.metrics as sk
from PIL import Image
from typer.testing import CliRunner

from ox_classifier import runs
from ox_classifier.architectures import ARCHITECTURES
from ox_classifier.classifier import Classifier
from ox_classifier.cli import app
from ox_classifier.data import images
from ox_classifier.networks import bases
from ox_classifier.pixels import INK_CROPPED, STRETCHED
from ox_classifier.training import job
from ox_classifier.training.recipe import Recipe
from tests import tiny_base
from tests.conftest import calibrated, draw_folder, draw_mark, logits_of_looks

pytestmark = pytest.mark.tensorflow
FAST = "--image-size 22 --epochs 1 --batch-size 4"


def ox(*words):
    return CliRunner().invoke(app, " ".join(map(str, words)).split())


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def report(tiny_run):
    result = ox("report", tiny_run.path, "--split val --split test --split train")
    if result.exit_code:
        pytest.fail(result.output)
    return result


def test_run_folder_holds_what_the_design_says(tiny_run):
    names = {p.name for p in tiny_run.path.iterdir() if not p.name.startswith(".")}
    expected = {"run.json", "split.csv", "bad_files.csv", "history.csv", "model.keras", "model.onnx"}
    assert expected <= names <= expected | {"report", "inspect"}
    config = json.loads((tiny_run.path / "run.json").read_text())
    assert config["classes"] == ["o", "x"]
    assert config["pixels"] == {"height": 32, "width": 32, "color": "rgb", "resize": INK_CROPPED}
    assert config["device"]["kind"] in ("cpu", "gpu") and config["device"]["reason"]
    assert config["augmentation"]["horizontal_flip"] is True
    assert config["onnx"]["max_difference"] < 1e-4
    assert config["data"]["counts"]["train"] == {"o": 24, "x": 24}
    split = rows(tiny_run.path / "split.csv")
    assert len(split) == len({row["path"] for row in split}) == 96
    assert {row["path"].split("/")[0] for row in split if row["split"] == "val"} == {"val"}


def test_history_has_a_row_an_epoch_and_the_best_is_recorded(tiny_run):
    history = rows(tiny_run.path / "history.csv")
    assert list(history[0]) == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"]
    assert [row["epoch"] for row in history] == ["1", "2", "3"]
    best = max(history, key=lambda row: (float(row["val_accuracy"]), -float(row["val_loss"])))
    assert tiny_run.config["best_epoch"] == int(best["epoch"])
    result = tiny_run.config["results"]["val"]
    assert result["correct"] / result["images"] == pytest.approx(float(best["val_accuracy"]), abs=1e-6)


def test_first_and_last_lines_say_what_a_reader_needs(tiny_run):
    lines = tiny_run.log.splitlines()
    assert re.match(r"ox [\d.]+: training lenet on marks \(TensorFlow takes some seconds to start\)$", lines[0])
    device = 2 if lines[1].startswith("looking at images") else 1  # said where it takes more than a moment
    assert re.match(r"device: (CPU|GPU) \(.+\)$", lines[device])
    for words in ("train 48 images: o 24, x 24", "test  24 images", "pixels: 32x32 rgb", "epoch 3/3  loss"):
        assert words in tiny_run.log
    for words in ("best epoch", "val accuracy", "95 % interval"):
        assert words in tiny_run.log
    assert lines[-1] == "next: ox report tiny"


def test_the_temperature_is_the_one_that_suits_the_validation_images(tiny_run):
    import keras
    from scipy.optimize import minimize_scalar

    from ox_classifier.reliability import reliability

    held_out = [row for row in rows(tiny_run.path / "split.csv") if row["split"] == "val"]
    root, rule = tiny_run.path.parent.parent / "marks", tiny_run.rule
    pixels = images.as_float(np.stack([images.read(root / row["path"], rule) for row in held_out]))
    model = keras.models.load_model(tiny_run.keras_file, compile=False)
    logits, truth = logits_of_looks(model, pixels), np.array([row["label"] == "x" for row in held_out])
    p, target = 1 / (1 + np.exp(-logits)), np.where(truth, 25 / 26, 1 / 26)  # Platt's targets for 24 images

    def loss(heat):
        return (np.logaddexp(0, -logits / heat) * target + np.logaddexp(0, logits / heat) * (1 - target)).sum()

    found = tiny_run.config["calibration"]
    best = minimize_scalar(loss, bounds=(0.25, 8), method="bounded", options={"xatol": 1e-7}).x
    assert found["temperature"] == pytest.approx(best, rel=2e-3)
    certainty = np.maximum(p, 1 - p)
    assert found["ece_before"] == pytest.approx(reliability(certainty, (p > 0.5) == truth).error, abs=1e-4)
    assert (found["split"], found["images"]) == ("val", 24)


def test_training_says_what_it_promises(tiny_run):
    told = tiny_run.config["unsure"]
    assert told["images"] == 24 and told["max_error"] == 0.01 and told["confidence"] == 0.95
    assert told["promise"] > 0.01  # of so few images
    (line,) = [line for line in tiny_run.log.splitlines() if "with 95 % confidence at most" in line]
    assert "like the 24 validation images" in line
    assert f"to promise 1 %, it takes about {told['images_needed']:,} validation images" in line


def test_the_saved_network_is_the_best_epoch(tiny_run):
    import keras

    model = keras.models.load_model(tiny_run.keras_file, compile=False)
    classifier = Classifier(tiny_run)
    held_out = [row for row in rows(tiny_run.path / "split.csv") if row["split"] == "val"]
    root = tiny_run.path.parent.parent / "marks"
    pixels = np.stack([images.read(root / row["path"], classifier.rule) for row in held_out])
    answers = calibrated(tiny_run, model, images.as_float(pixels))
    np.testing.assert_allclose(classifier.probabilities(pixels)[:, 1], answers, atol=1e-5)
    truth = np.array([row["label"] == "x" for row in held_out])
    assert ((answers > 0.5) == truth).sum() == tiny_run.config["results"]["val"]["correct"]


def test_report_writes_every_view_of_one_table(tiny_run, report):
    folder = tiny_run.path / "report"
    assert report.stdout.splitlines()[-1] == str(folder)
    table = rows(folder / "predictions.csv")
    assert [row["path"] for row in table] == sorted(row["path"] for row in table)
    metrics = json.loads((folder / "metrics.json").read_text())
    for split in ("train", "val", "test"):
        part = [row for row in table if row["split"] == split]
        assert len(part) == metrics[split]["images"]
        truth, predicted = [r["label"] for r in part], [r["predicted"] for r in part]
        assert metrics[split]["accuracy"] == pytest.approx(sk.accuracy_score(truth, predicted))
        assert metrics[split]["confusion_matrix"] == sk.confusion_matrix(truth, predicted, labels=["o", "x"]).tolist()
        assert metrics[split]["log_loss"] == pytest.approx(np.mean([float(r["loss"]) for r in part]), abs=1e-5)
        for name in (f"confusion_matrix_{split}.png", f"mistakes_{split}.png", "curves.png"):
            with Image.open(folder / name) as picture:
                assert min(picture.size) > 200
        assert f"{split}: accuracy" in report.stdout
    assert metrics["val"]["correct"] == tiny_run.config["results"]["val"]["correct"]


def test_one_path_for_pixels_from_batch_to_report_to_predict(tiny_run, report):
    """You'd be surprised how much these two differ (big_vision)."""
    from ox_classifier.augmentation.generator import ImageDataGenerator

    root = tiny_run.path.parent.parent / "marks"
    batches = ImageDataGenerator(rescale=1 / 255).flow_from_directory(
        str(root / "test"), target_size=(32, 32), class_mode="binary", shuffle=False, batch_size=100
    )
    batch, truth = batches[0]
    rule = Classifier(tiny_run).rule
    for pixels, label, path in zip(batch, truth, batches.filepaths, strict=True):
        whole = replace(rule, resize=STRETCHED)  # the generator, as Keras', takes all of a picture
        np.testing.assert_allclose(pixels, images.as_float(images.read(path, whole)), atol=1e-6)
        assert label == float("/x/" in path.replace("\\", "/"))
    answer = CliRunner().invoke(app, ["predict", str(root / "test"), "--run", str(tiny_run.path), "--json"])
    answers = [json.loads(line) for line in answer.stdout.splitlines()]
    predicted = {row["path"]: row["probabilities"]["x"] for row in answers}
    reported = {
        str(root / row["path"]): float(row["x"])
        for row in rows(tiny_run.path / "report" / "predictions.csv")
        if row["split"] == "test"
    }
    assert predicted.keys() == reported.keys()
    import keras

    batch = images.as_float(np.stack([images.read(path, rule) for path in batches.filepaths]))
    trained = calibrated(tiny_run, keras.models.load_model(tiny_run.keras_file, compile=False), batch)
    for path, p in zip(batches.filepaths, trained, strict=True):
        assert predicted[path] == pytest.approx(p, abs=1e-5)
        assert reported[path] == pytest.approx(p, abs=1e-5)


def test_same_seed_same_history_and_weights(here):
    draw_folder(here / "marks", {"": 10})
    for name in "ab":
        assert ox("train --data marks --epochs 2 --image-size 22 --batch-size 4 --name", name).exit_code == 0
    first, second = (runs.find(name) for name in "ab")
    keep = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")
    assert [[r[k] for k in keep] for r in first.read_table("history.csv")] == [
        [r[k] for k in keep] for r in second.read_table("history.csv")
    ]
    assert first.read_table("split.csv") == second.read_table("split.csv")
    assert first.config["data"]["fingerprint"] == second.config["data"]["fingerprint"]
    import keras

    weights = [keras.models.load_model(run.keras_file, compile=False).get_weights() for run in (first, second)]
    assert all((a == b).all() for a, b in zip(*weights, strict=True))
    assert ox("train --data marks --epochs 2 --image-size 22 --batch-size 4 --seed 1 --name c").exit_code == 0
    assert runs.find("c").read_table("history.csv")[0]["loss"] != first.read_table("history.csv")[0]["loss"]


def test_salted_folder_trains_and_names_exactly_the_bad_files(here):
    root = draw_folder(here / "marks", {"train": 8, "val": 4})
    o, x = root / "train" / "o", root / "train" / "x"
    rng = np.random.default_rng(7)
    good = draw_mark("o", rng)
    (o / "zero.jpg").write_bytes(b"")
    (x / "text.png").write_text("I am no picture\n")
    good.resize((300, 300)).save(o / "cut.jpg")
    (o / "cut.jpg").write_bytes((o / "cut.jpg").read_bytes()[:1500])
    good.save(o / "webp.webp")
    (o / "webp.webp").rename(o / "webp.jpg")
    good.convert("RGBA").save(o / "rgba.png")
    good.convert("P").save(o / "palette.png")
    good.convert("CMYK").save(o / "cmyk.jpg")
    Image.fromarray(np.full((40, 40), 40000, np.uint16)).save(x / "sixteen.png")
    exif = Image.Exif()
    exif[images.EXIF_ORIENTATION] = 6
    good.save(x / "turned.jpg", exif=exif)
    for junk in (o / ".DS_Store", o / "._a.jpg", root / "train" / ".ipynb_checkpoints" / "a.png"):
        junk.parent.mkdir(exist_ok=True)
        junk.write_bytes(b"junk")
    (root / "train" / "empty").mkdir()
    before = {p: p.read_bytes() for p in root.rglob("*") if p.is_file()}
    result = ox("train --data marks --name salted", FAST)
    assert result.exit_code == 0, result.stderr
    run = runs.find("salted")
    bad = {row["path"]: row["reason"] for row in run.read_table("bad_files.csv")}
    assert bad.keys() == {"train/o/zero.jpg", "train/x/text.png", "train/o/cut.jpg"}
    assert "empty" in bad["train/o/zero.jpg"] and "text" in bad["train/x/text.png"]
    assert "truncated" in bad["train/o/cut.jpg"]
    used = {row["path"] for row in run.read_table("split.csv")}
    odd = ("o/webp.jpg", "o/rgba.png", "o/palette.png", "o/cmyk.jpg", "x/sixteen.png", "x/turned.jpg")
    assert {f"train/{name}" for name in odd} <= used
    assert not any(".DS_Store" in path or "._a" in path or "ipynb" in path for path in used)
    assert run.classes == ("o", "x")
    assert "skipped 3 hidden" in result.stderr and "empty class folders (empty)" in result.stderr
    assert {p: p.read_bytes() for p in root.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize(
    ("counts", "options", "sentence"),
    [
        (None, "", "does not exist"),
        ({"": 4}, "--image-size 8", "at least 22"),
        ({"": 4}, "--image-size 100000", "--image-size 100000: expected pixels a side from 1 to 4,096"),
        ({"": 4}, "--arch resnet", "ox: --arch: 'resnet' is not one of 'lenet'"),
        ({"": 4}, "--color blue", "ox: --color: 'blue' is not one of 'rgb', 'grayscale'"),
        ({"": 4}, "--monitor f1", "ox: --monitor: 'f1' is not one of"),
        ({"": 4}, "--device tpu", "ox: --device: 'tpu' is not one of"),
        ({"": 4}, "--device gpu", "--device gpu, but"),
        ({"": 4}, "--dropout 1.5", "--dropout 1.5: expected a rate from 0 to 0.99"),
        ({"": 4}, "--learning-rate 0", "--learning-rate 0: expected a learning rate above 0"),
        ({"": 4}, "--learning-rate nan", "--learning-rate nan: expected a learning rate above 0"),
        ({"": 4}, "--val-fraction 2", "--val-fraction"),
        ({"": 4}, "--shift 5", "--shift 5: expected a share of width and height from 0 to 0.9"),
        ({"": 4}, "--rotation 400", "--rotation 400: expected degrees from 0 to 180"),
        ({"": 4}, "--folds 1", "--folds 1: expected a number of folds from 2"),
        ({"": 4}, "--name a/b", "--name 'a/b' is no folder name"),
        ({"": 4}, "--group", "ox: option '--group' requires an argument"),
        ({"": 4}, "--epoch 3", "ox: no such option: --epoch (possible options: --arch, --epochs)"),
        ({"": 4}, "--views 2", "--views, --weights and --fine-tune are for networks on a frozen base"),
        ({"": 4}, "--arch vgg16 --weights nowhere.h5", "--weights 'nowhere.h5' is no file"),
        ({"": 4}, "--seed 4294967296", "--seed 4294967296: expected a whole number from 0 to 4,294,967,295"),
        ({"": 1}, "", "one image"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(here, counts, options, sentence):
    if counts:
        draw_folder(here / "marks", counts)
    result = ox("train --data marks", options)
    assert result.exit_code == 2, result.output
    assert sentence in result.stderr
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.stderr and len(result.stderr.splitlines()) <= 2
    assert not list((here / "runs").glob("*")), "no empty run is left behind"


def test_one_class_only_and_a_stranger_in_val(here):
    draw_folder(here / "marks", {"train": 2, "val": 2})
    (here / "marks" / "val" / "o").rename(here / "marks" / "val" / "circle")
    result = ox("train --data marks")
    assert result.exit_code == 2 and "'circle', which train lacks" in result.stderr
    draw_folder(here / "single", {"": 3})
    (here / "single" / "x").rename(here / "away")
    result = ox("train --data single")
    assert result.exit_code == 2 and "one class only" in result.stderr


def test_a_place_without_permission_is_exit_code_2(here):
    draw_folder(here / "marks", {"": 4})
    (here / "runs").write_text("in the way")
    result = ox("train --data marks", FAST)
    assert result.exit_code == 2 and "can't make a run" in result.stderr


def test_report_of_nothing_says_so(here, tiny_run):
    assert "no trained run" in ox("report").stderr
    result = ox("report", tiny_run.path, "--split dev")
    assert result.exit_code == 2 and "'dev' is unknown" in result.stderr
    assert ox("report nope").exit_code == 2


def test_three_classes_and_grayscale(here):
    draw_folder(here / "marks", {"": 6})
    third = here / "marks" / "blank"
    third.mkdir()
    for n in range(6):
        Image.new("L", (30, 30), 200 + n).save(third / f"{n}.png")
    result = ox("train --data marks --color grayscale --no-augment --name three", FAST)
    assert result.exit_code == 0, result.stderr
    run = runs.find("three")
    assert run.classes == ("blank", "o", "x") and run.config["augmentation"] == {}
    answer = Classifier(run).probabilities(np.zeros((2, 22, 22, 1), np.uint8))
    assert answer.shape == (2, 3) and answer.sum(axis=1) == pytest.approx([1, 1])
    assert run.config["unsure"]["refuses_blank"] is False  # a blank picture is of a class here
    assert run.config["calibration"]["images"] == sum(run.config["data"]["counts"]["val"].values())
    assert ox("report three --split val").exit_code == 0


def test_a_frozen_base_from_folder_to_answers_and_then_fine_tuned(here, monkeypatch, capsys):
    """The road of `ox train --arch vgg16`, on a base of two convolutions."""
    tiny_base.install(monkeypatch)
    monkeypatch.setenv("OX_CACHE", str(here / "cache"))
    network = ARCHITECTURES["vgg16"]
    settings = network.settings | {"image_size": 32, "weights": "none", "epochs": 8}
    monkeypatch.setitem(ARCHITECTURES, "tiny", replace(network, settings=settings, smallest=8))
    monkeypatch.setitem(bases.BUILDERS, "tiny", lambda *args, **options: bases.build("tiny", *args, **options)[0])
    draw_folder(here / "marks", {"train": 8, "val": 4, "test": 4})

    def train(name, **asked):
        return job.start(Recipe.of("tiny", asked), here / "marks", name=name)

    config = train("first").config
    assert config["views_computed"] == 16 + 8 + 8 and config["average"] == 2  # a quarter of the epochs, not five
    assert config["results"]["test"]["images"] == 8
    answers = ox("predict marks/test --run first --json").stdout.splitlines()
    right = sum(json.loads(line)["predicted"] == Path(json.loads(line)["path"]).parent.name for line in answers)
    assert right == config["results"]["test"]["correct"]  # what it was said to answer, from features
    seen, read = [], images.read
    monkeypatch.setattr(images, "read", lambda path, rule: seen.append(path) or read(path, rule))
    capsys.readouterr()
    train("again", dropout=0.3)
    assert "all 32 views are in the cache" in capsys.readouterr().err
    # nothing is decoded that has been looked at, but to compare Keras with ONNX Runtime, and to see what is blank
    assert len(seen) == 4 + 8
    tuned = train("tuned", fine_tune=1)
    assert "fine-tuning the last 1 convolutions" in capsys.readouterr().err
    assert tuned.config["results"]["test"]["images"] == 8
    assert tuned.fine_tuned_from == 9


def test_an_average_over_no_number_of_epochs_is_refused(here):
    result = ox("train --average inf")
    assert result.exit_code == 2 and "--average inf: expected epochs to average the weights over" in result.stderr
    assert ox("train --average nan").exit_code == ox("train --average -1").exit_code == 2
