"""`from ox_classifier import ...`: light to import, and its examples, in docstrings and README, run as they stand."""

from __future__ import annotations

import copy
import doctest
import json
import pickle
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ox_classifier
from ox_classifier import Run, runs, train
from ox_classifier.errors import UsageError
from ox_classifier.training.recipe import Recipe
from tests import hand_made
from tests.conftest import REPOSITORY, draw_folder

README = (REPOSITORY / "README.md").read_text(encoding="utf-8").partition("## In Python")[2].partition("\n## ")[0]


def test_importing_takes_no_time_and_nothing_heavy():
    code = (
        "import sys, time\nstart = time.perf_counter()\nimport ox_classifier\nprint(time.perf_counter() - start)\n"
        "own = [name for name in sys.modules if name.startswith('ox_classifier.')]\n"
        "print(len(own), dir(ox_classifier), 'numpy' in sys.modules)"
    )
    done = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(3)]
    names = done[0].stdout.splitlines()[1]
    assert min(float(run.stdout.splitlines()[0]) for run in done) < 0.05
    assert names.startswith("0 ") and names.endswith("False")
    assert all(f"'{name}'" in names for name in ox_classifier.__all__)


@pytest.mark.tensorflow
def test_every_name_is_there_and_no_other():
    for name in ox_classifier.__all__:
        assert getattr(ox_classifier, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        ox_classifier.nothing  # noqa: B018
    with pytest.raises(ImportError):
        from ox_classifier import nothing  # noqa: F401


def test_type_checkers_are_told_the_same_names():
    source = files("ox_classifier").joinpath("__init__.py").read_text()
    told = re.findall(r"^    from (\S+) import (.+)$", source.partition("__getattr__")[0], re.MULTILINE)
    homes = {name: module.removeprefix("ox_classifier.") for module, names in told for name in names.split(", ")}
    assert homes == ox_classifier._HOMES and sorted(homes) == ox_classifier.__all__
    assert files("ox_classifier").joinpath("py.typed").is_file()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder as the examples find it: marks/, photo.jpg and the run lenet-1."""
    monkeypatch.chdir(tmp_path)
    folder = draw_folder(tmp_path / "marks", {"train": 8, "val": 2})
    hand_made.judged_run(folder)
    Image.new("RGB", (40, 30), (90, 160, 200)).save("photo.jpg")
    return tmp_path


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", ["Classifier", "ImageDataGenerator", "Run", "train"])
def test_the_example_of_each_docstring(place, name):
    (example,) = [
        found
        for found in doctest.DocTestFinder(recurse=False).find(getattr(ox_classifier, name), name, globs={})
        if found.examples
    ]
    told = []
    doctest.DocTestRunner().run(example, out=told.append)
    assert not told, "".join(told)


@pytest.mark.tensorflow
def test_the_readme_runs_from_top_to_bottom(place, capsys):
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 4
    known = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), known)
    told = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"cnn-1 [123] \{'correct': [0-4], 'images': 4\}", told[0])
    assert told[1].startswith("runs/cnn-1/report ") and (place / "runs" / "cnn-1" / "report" / "metrics.json").is_file()
    assert told[2][0] in "ox" and told[3].startswith("photo.jpg ") and "no such file" in told[4]
    assert next(known["batches"])[0].shape == (20, 150, 150, 3)


def test_a_run_is_loaded_by_name_path_or_as_the_latest(place):
    for given in (None, "lenet-1", "runs/lenet-1", place / "runs" / "lenet-1"):
        run = Run.load(given)
        assert isinstance(run, runs.Run) and run.name == "lenet-1"
    assert run.classifier is run.classifier
    assert [answer.label for answer in run.predict(["photo.jpg", "photo.jpg"])] == ["o", "o"]
    with pytest.raises(UsageError, match="no run 'nope'"):
        Run.load("nope")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"arch": "nope"}, "'nope' is unknown"),
        ({"arch": ""}, "'' is unknown"),
        ({"arch": ["cnn"]}, r"arch=\['cnn'\]: expected text"),
        ({"name": 5}, "name=5: expected text"),
        ({"name": Path("mine")}, r"name=PosixPath\('mine'\): expected text"),
        ({"color": ["rgb"]}, "color=.*: expected text"),
        ({"weights": 5, "arch": "vgg16"}, "weights=5: expected a path"),
        ({"recipe": {"epochs": 3}}, r"recipe=\{'epochs': 3\}: expected a training.recipe.Recipe"),
        ({"augmentation": 5}, "augmentation=5: expected a dictionary"),
        ({"augmentation": 1}, "augmentation=1: expected a dictionary"),
        ({"augmentation": ["invert"]}, "augmentation=.*: expected a dictionary"),
        ({"augmentation": {1: 2, "a": 3}}, "augmentation has 'a', 1: expected rotation_range"),
        ({"augmentation": {"zoom_range": "wide"}}, "zoom_range"),
        ({"augmentation": {"zoom_range": None}}, "zoom_range"),
        ({"augmentation": {"width_shift_range": {"a": 1}}}, "width_shift_range"),
        ({"augmentation": {"width_shift_range": "ab"}}, "width_shift_range"),
        ({"augmentation": {"fill_mode": ["nearest"]}}, "fill_mode"),
        ({"augmentation": {"brightness_range": "ab"}}, "brightness_range"),
        ({"epochs": 1.5}, "epochs=1.5: expected a whole number"),
        ({"epochs": True}, "epochs=True: expected a whole number"),
        ({"epochs": "3"}, "epochs='3': expected a whole number"),
        ({"folds": float("inf")}, "folds=inf: expected a whole number"),
        ({"seed": np.bool_(True)}, "seed=.*: expected a whole number"),
        ({"dropout": False}, "dropout=False: expected a number"),
        ({"learning_rate": "0.1"}, "learning_rate='0.1': expected a number"),
        ({"device": ["cpu"]}, "device=.*: expected text"),
        ({"epochs": 0}, "--epochs 0"),
        ({"learning_rate": float("nan")}, "--learning-rate nan"),
        ({"image_size": 3}, "can't take images of so few pixels"),
        ({"folds": 1}, "--folds 1"),
        ({"augmentation": {"rotate": 4}}, "augmentation has 'rotate': expected rotation_range"),
        ({"augmentation": {"rescale": 2}}, "augmentation has 'rescale'"),
        ({"augmentation": {"invert": 7}}, "invert"),
        ({"recipe": Recipe.of("cnn"), "epochs": 3, "arch": "cnn"}, "recipe was given together with arch, epochs"),
        ({"device": "tpu"}, "tpu"),
        ({"name": "a/b"}, "is no folder name"),
        ({"outliers": 5}, "outliers=5: expected a path"),
        ({"outliers": "none/there"}, "--outliers 'none/there' is no folder"),
    ],
)
def test_a_wrong_setting_is_refused_before_anything_is_read(place, settings, sentence):
    with pytest.raises(UsageError, match=sentence):
        train("nowhere", **settings)
    assert [path.name for path in (place / "runs").iterdir()] == ["lenet-1"]


@pytest.mark.parametrize("data", [5, None, ["marks"], b"marks", "", "a\0b"], ids=repr)
def test_data_that_are_no_path_are_refused(place, data):
    with pytest.raises(UsageError, match=r"data=.*: expected a path"):
        train(data)


def test_numbers_of_numpy_are_taken_as_pythons_own(place, monkeypatch):
    asked = []
    monkeypatch.setattr("ox_classifier.training.job.start", lambda recipe, *_, **__: asked.append(recipe) or Run.load())
    train("marks", epochs=np.int64(3), image_size=64.0, seed=np.uint8(7), dropout=np.float32(0.5), folds=np.float64(3))
    (recipe,) = asked
    values = [recipe.epochs, recipe.image_size, recipe.seed, recipe.dropout, recipe.folds]
    assert [(value, type(value)) for value in values] == [(3, int), (64, int), (7, int), (0.5, float), (3, int)]
    json.dumps(recipe.as_config())


@pytest.mark.tensorflow
def test_a_split_and_an_image_are_no_sequences_of_letters(place):
    run = Run.load("lenet-1")
    assert list(run.report("val").metrics) == ["val"]
    for image in ("nowhere.jpg", Path("nowhere.jpg")):
        with pytest.raises(UsageError, match=r"nowhere\.jpg: no such file"):
            run.inspect(image)


def test_a_run_that_has_answered_can_go_to_another_process(place):
    run = Run.load("lenet-1")
    answer = run.predict("photo.jpg")
    for other in (copy.deepcopy(run), pickle.loads(pickle.dumps(run))):
        assert other.config == run.config and other.predict("photo.jpg").by_class == answer.by_class


@pytest.mark.tensorflow
def test_a_recipe_holds_every_setting(place):
    recipe = Recipe.of("mlp1", {"epochs": 1, "seed": 5, "patience": 3, "augmentation": {"invert": 0.5}})
    run = train(place / "marks", recipe=recipe, name="mine")
    assert isinstance(run, Run) and (run.name, run.seed, run.state) == ("mine", 5, "finished")
    assert run.augmentation == {"invert": 0.5} and run.settings["patience"] == 3
    page = run.inspect(["photo.jpg"])
    assert page.name == "index.html" and "photo.jpg" in page.read_text()
