"""A report of a run on a frozen base answers from stored features: the same answers, whatever became of these."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from typer.testing import CliRunner

from ox_classifier import caches, runs
from ox_classifier.architectures import ARCHITECTURES
from ox_classifier.classifier import Classifier
from ox_classifier.cli import app
from ox_classifier.networks.feature_store import KEY_BYTES
from ox_classifier.session import Session
from tests.conftest import REPOSITORY, draw_folder

pytestmark = pytest.mark.tensorflow
SETTINGS = ARCHITECTURES["vgg16"].settings | {"image_size": 32, "weights": "none", "epochs": 2, "views": 1}
TINY = replace(ARCHITECTURES["vgg16"], settings=SETTINGS, smallest=8)
WIDTH = 8 * 8 * 6  # of what the stand-in leaves of 32 x 32 pixels
NOT_USED = "features in the cache do not fit the network, so they are not used"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a run on the stand-in base, its images and its cache of features."""
    from ox_classifier.networks import bases
    from ox_classifier.training import job
    from ox_classifier.training.recipe import Recipe
    from tests import tiny_base

    place = tmp_path_factory.mktemp("frozen")
    data = draw_folder(place / "marks", {"train": 20, "val": 8, "test": 6})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("OX_CACHE", str(place / "cache"))
        tiny_base.install(patch)
        patch.setitem(ARCHITECTURES, "tiny", TINY)
        patch.setitem(bases.BUILDERS, "tiny", lambda *args, **options: bases.build("tiny", *args, **options)[0])
        job.start(Recipe.of("tiny", {}), data, name="frozen")
    return place


@pytest.fixture
def place(trained, tmp_path, monkeypatch):
    """A copy of that folder, and `tiny` known again; run.json says where the images of the copy are."""
    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    monkeypatch.chdir(copy)
    monkeypatch.setenv("OX_CACHE", str(copy / "cache"))
    monkeypatch.setitem(ARCHITECTURES, "tiny", TINY)
    run = runs.find("frozen")
    run.update(data=run.config["data"] | {"root": str(copy / "marks")})
    return copy


def report(*words: str) -> tuple[dict[str, dict[str, str]], str]:
    """Rows of predictions.csv by path, and what was said on stderr."""
    result = CliRunner().invoke(app, ["report", "frozen", *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    with Path("runs/frozen/report/predictions.csv").open(newline="", encoding="utf-8") as file:
        return {row["path"]: row for row in csv.DictReader(file)}, result.stderr


def assert_as_the_whole_network_says(rows: dict[str, dict[str, str]], count: int = 28) -> None:
    """The oracle: each file decoded and answered by all of model.onnx."""
    run = runs.find("frozen")
    paths = list(rows)
    assert paths == sorted(paths) and len(paths) == count
    for path, answer in zip(paths, Classifier(run).predict(run.source(path) for path in paths), strict=True):
        row = rows[path]
        np.testing.assert_allclose([float(row[name]) for name in "ox"], answer.probabilities, atol=1e-4)
        assert (row["answer"], row["reason"]) == (answer.answer, answer.reason or "")


def shard() -> Path:
    (found,) = caches.folder().rglob("*.features")
    return found


def records() -> np.ndarray:
    return np.fromfile(shard(), np.dtype([("key", "u1", KEY_BYTES), ("row", "<f4", (WIDTH,)), ("crc", "<u4")]))


def write(file: Path, found: np.ndarray) -> None:
    """Records with the right checksums, so that nothing but the features tells that they are foreign."""
    for record in found:
        record["crc"] = zlib.crc32(record["row"], zlib.crc32(record["key"]))
    found.tofile(file)


@pytest.fixture
def whole(monkeypatch):
    """How many images went through the whole network for their answers."""
    counted, original = [], Session.answer

    def answer(self, pixels):
        counted.extend(pixels)
        return original(self, pixels)

    monkeypatch.setattr(Session, "answer", answer)
    return counted


def test_only_the_last_layers_are_asked(place, whole):
    rows, said = report()
    assert not whole
    assert "28 of 28 images are answered from the features that training left of them" in said
    assert_as_the_whole_network_says(rows)
    assert len({row["o"] for row in rows.values()}) > 20  # not one answer for all


def test_training_images_whose_features_are_of_other_views_are_looked_at(place, whole):
    rows, said = report("--split", "train", "--split", "test")
    assert len(whole) == 40 and "12 of 52 images" in said
    assert_as_the_whole_network_says(rows, count=52)


@pytest.mark.parametrize("change", ["cut off", "damaged", "rewritten image", "no cache"])
def test_what_is_missing_goes_through_the_whole_network(place, whole, change):
    file = place / "marks" / "test" / "o" / "001.png"
    if change == "cut off":
        with shard().open("r+b") as cut:
            cut.truncate(cut.seek(0, 2) - 3 * records().itemsize - 5)
    elif change == "damaged":
        data = bytearray(shard().read_bytes())
        data[-2 * records().itemsize + 100] ^= 1
        shard().write_bytes(data)
    elif change == "rewritten image":
        ImageOps.invert(Image.open(file)).save(file)
    else:
        shutil.rmtree(place / "cache")
    rows, said = report()
    missing = {"cut off": 4, "damaged": 1, "rewritten image": 1, "no cache": 28}[change]
    assert len(whole) == missing
    assert (f"{28 - missing} of 28 images" in said) == (missing < 28)
    assert ("1 damaged entries" in said) == (change == "damaged")
    assert_as_the_whole_network_says(rows)


@pytest.mark.parametrize("kind", ["other images'", "another base's", "no numbers"])
def test_features_of_another_network_are_told_and_not_used(place, whole, kind):
    """Every record is whole and in its place, by key and checksum; only the features are none of this network's."""
    found = records()
    if kind == "other images'":
        found["row"] = np.roll(found["row"], 1, axis=0)
    elif kind == "another base's":
        found["row"] = np.random.default_rng(0).random(found["row"].shape)
    else:
        found["row"] = np.nan
    write(shard(), found)
    rows, said = report()
    assert NOT_USED in said and len(whole) == 28
    assert_as_the_whole_network_says(rows)


def test_a_foreign_file_among_good_ones_is_noticed(place, whole):
    found = records()[-3:]
    found["row"] *= 2
    write(shard().with_name("99999999999999999999-1.features"), found)  # its name is the latest, so it counts
    rows, said = report()
    assert NOT_USED in said and len(whole) == 28
    assert_as_the_whole_network_says(rows)


def test_a_run_that_looks_at_mirror_images_is_asked_whole(place, whole):
    from ox_classifier.networks import answering

    answering.average_mirrored(runs.find("frozen").onnx_file, ((1,), (2,)))
    rows, said = report()
    assert len(whole) == 28 and "are answered from" not in said and NOT_USED not in said
    assert_as_the_whole_network_says(rows)


def test_a_head_that_answers_otherwise_is_asked_whole(place, whole):
    """As after fine-tuning or on a graphics card: features nearly the same, answers too far off."""
    found = records()
    found["row"] *= 1.01
    write(shard(), found)
    rows, said = report()
    assert len(whole) == 28 and "are answered from" not in said and NOT_USED not in said
    assert_as_the_whole_network_says(rows)


def test_no_tensorflow_is_started(place):
    code = (
        "import sys\nfrom tests.test_from_features import TINY\nfrom ox_classifier.architectures import ARCHITECTURES\n"
        "ARCHITECTURES['tiny'] = TINY\nfrom ox_classifier.cli import app\n"
        "try:\n    app(['report', 'frozen'])\nexcept SystemExit as end:\n    assert not end.code\n"
        "print(sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    with_tests = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=with_tests)
    assert done.stdout.splitlines()[-1] == "[]" and "28 of 28 images" in done.stderr
