"""What `ox export` writes answers as the run does, says all of itself, and is refused when anything is planted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from PIL import Image
from typer.testing import CliRunner

from ox_classifier import runs
from ox_classifier.classifier import Classifier
from ox_classifier.cli import app
from ox_classifier.export import convert, operators, runtimes, write
from ox_classifier.export.formats import FORMATS
from ox_classifier.export.pixel_source import pixel_source
from ox_classifier.pixels import INK_CROPPED, STRETCHED, PixelRule
from ox_classifier.session import open_session

pytestmark = pytest.mark.tensorflow
BESIDE = {"README.md", "example.py", "golden", "golden.json", "labels.txt", "model.json", "parity.json", "pixels.py"}


def ox(*words: object):
    return CliRunner().invoke(app, [*map(str, words)])


def needed(name: str) -> None:
    """Skip where the runtime of a format is not installed; CI has them all."""
    if not os.environ.get("CI"):
        pytest.importorskip(FORMATS[name].module)


@pytest.fixture(scope="module")
def exported(tiny_run, tmp_path_factory) -> Path:
    """The tiny run as ONNX, by the command."""
    place = tmp_path_factory.mktemp("export") / "onnx"
    result = ox("export", tiny_run.path, "--out", place, "--license", "mit")
    assert (result.exit_code, result.stdout) == (0, f"{place}\n"), result.stderr
    return place


@pytest.fixture
def copy(exported, tmp_path) -> Path:
    return shutil.copytree(exported, tmp_path / "copy")


def perturb(path: Path) -> None:
    """Change the weights of one layer of an ONNX file, and nothing else."""
    model = onnx.load(path)
    kernel = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    kernel.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(kernel), kernel.name))
    onnx.save(model, path)


def run_example(folder: Path, *pictures: object) -> subprocess.CompletedProcess:
    """Run example.py where neither ox nor TensorFlow nor Keras can be imported."""
    away = folder.parent / "away"
    for name in ("ox_classifier", "keras", *(["tensorflow"] if not (folder / "saved_model").exists() else [])):
        away.mkdir(exist_ok=True)
        (away / f"{name}.py").write_text("raise ImportError('not here')")
    path = os.pathsep.join([str(away), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, folder / "example.py", *pictures]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path})


def test_the_folder_holds_all_that_is_needed(exported, tiny_run):
    assert {path.name for path in exported.iterdir()} == BESIDE | {"model.onnx"}
    told = json.loads((exported / "model.json").read_text("utf-8"))
    assert told["classes"] == (exported / "labels.txt").read_text("utf-8").splitlines() == ["o", "x"]
    assert PixelRule(**told["pixels"]) == tiny_run.rule
    assert told["output"]["meaning"] == "the probability of x; that of o is 1 minus it"
    assert (told["licence"], told["data_fingerprint"]) == ("mit", tiny_run.fingerprint)
    assert len(list((exported / "golden").iterdir())) == 5


def test_golden_answers_are_those_of_the_run(exported, tiny_run):
    golden = json.loads((exported / "golden.json").read_text("utf-8"))
    answers = Classifier(tiny_run).predict([exported / "golden" / name for name in golden])
    for row, answer in zip(golden.values(), answers, strict=True):
        assert row == pytest.approx(answer.by_class, abs=1e-5)
    assert {answer.label for answer in Classifier(tiny_run).predict(sorted((exported / "golden").iterdir()))} == {*"ox"}


def test_parity_says_by_how_much(exported, tiny_run):
    parity = json.loads((exported / "parity.json").read_text("utf-8"))
    assert parity["run"]["images"] == tiny_run.results["val"]["images"] == 24
    assert parity["accuracy"]["run"]["correct"] == tiny_run.results["val"]["correct"]
    assert parity["run"]["answers_changed"] == 0 and parity["run"]["max_difference"] <= 1e-3
    assert 0 < parity["keras"]["max_difference"] <= 1e-3


def test_the_example_needs_nothing_of_ours(exported, tmp_path):
    lines = len((exported / "example.py").read_text("utf-8").splitlines())
    assert 20 <= lines <= 30
    done = run_example(exported)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 5
    one = run_example(exported, exported / "golden" / "1.png")
    assert one.stdout.splitlines() == done.stdout.splitlines()[:1]


def test_nothing_is_written_over(exported, tiny_run):
    before = (exported / "model.json").stat().st_mtime_ns
    result = ox("export", tiny_run.path, "--out", exported)
    assert result.exit_code == 2 and "not empty" in result.stderr
    assert (exported / "model.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("line", ["litert", "saved-model", "openvino", "onnx --int8", "litert --int8"])
def test_every_format_answers_as_the_run(line, tiny_run, tmp_path):
    name = line.split()[0]
    needed(name)
    result = ox("export", tiny_run.path, "--out", tmp_path / "out", "--format", *line.split())
    assert result.exit_code == 0, result.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == BESIDE | {*FORMATS[name].files}
    checked = ox("export", "--verify", tmp_path / "out")
    assert checked.exit_code == 0 and checked.stdout.startswith("5 golden images"), checked.stderr
    done = run_example(tmp_path / "out")
    assert done.returncode == 0, done.stderr
    if name == "litert":
        with zipfile.ZipFile(tmp_path / "out" / "model.tflite") as behind:
            assert behind.read("labels.txt").decode() == "o\nx\n"


def plant_weights(patch):
    def planted(source, path):
        shutil.copyfile(source.onnx_file, path)
        perturb(path)

    patch.setitem(convert.WRITERS, "onnx", planted)


def plant_classes(patch):
    """Both files that name the classes have them in the wrong order, and so has the ONNX file."""
    classes = property(lambda run: ("x", "o"))
    true_write, true_about, true_describe = write.write_text, write.about, write._describe
    patch.setattr(write, "about", lambda *given, **named: true_about(*given, **named) | {"classes": ["x", "o"]})
    patch.setattr(
        write, "write_text", lambda path, text: true_write(path, "x\no\n" if path.name == "labels.txt" else text)
    )

    def describe(run, path):
        with pytest.MonkeyPatch.context() as swapped:
            swapped.setattr(type(run), "classes", classes)
            true_describe(run, path)

    patch.setattr(write, "_describe", describe)


def plant_one_order(patch):
    true = write.write_text
    patch.setattr(write, "write_text", lambda path, text: true(path, "x\no\n" if path.name == "labels.txt" else text))


def plant_resize(patch):
    patch.setattr(write, "pixel_source", lambda rule: pixel_source(PixelRule(rule.height, rule.width, rule.color)))


@pytest.mark.parametrize("plant", [plant_weights, plant_classes, plant_one_order, plant_resize])
def test_an_error_on_the_way_is_caught(plant, tiny_run, tmp_path, monkeypatch):
    plant(monkeypatch)
    result = ox("export", tiny_run.path, "--out", tmp_path / "out")
    assert result.exit_code == 3 and "nothing was exported" in result.stderr, result.output
    assert list(tmp_path.iterdir()) == []


def test_a_run_whose_own_network_changed_is_caught(tiny_run, tmp_path):
    run = runs.Run(shutil.copytree(tiny_run.path, tmp_path / "run"))
    perturb(run.onnx_file)
    result = ox("export", run.path, "--out", tmp_path / "out")
    assert result.exit_code == 3 and "model.keras of the run" in result.stderr
    assert not (tmp_path / "out").exists()


def rewrite(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | values), "utf-8")


def sign(folder: Path) -> None:
    """Let model.json take the files for the right ones, so that only the answers can tell."""
    write_digests = write.digests(folder, "model.onnx", "labels.txt", "pixels.py")
    rewrite(folder / "model.json", files=write_digests)


def change_weights(folder: Path) -> None:
    perturb(folder / "model.onnx")


def swap_classes(folder: Path) -> None:
    rewrite(folder / "model.json", classes=["x", "o"])
    (folder / "labels.txt").write_text("x\no\n")
    model = onnx.load(folder / "model.onnx")
    onnx.helper.set_model_props(
        model, {entry.key: entry.value for entry in model.metadata_props} | {"classes": '["x", "o"]'}
    )
    onnx.save(model, folder / "model.onnx")


def change_resize(folder: Path) -> None:
    pixels = json.loads((folder / "model.json").read_text("utf-8"))["pixels"]
    changed = pixels | {"resize": STRETCHED}
    rewrite(folder / "model.json", pixels=changed)
    model = onnx.load(folder / "model.onnx")
    told = {entry.key: entry.value for entry in model.metadata_props}
    onnx.helper.set_model_props(model, told | {"pixels": json.dumps(changed)})
    onnx.save(model, folder / "model.onnx")


@pytest.mark.parametrize("change", [change_weights, swap_classes, change_resize])
def test_verify_catches_a_planted_error_by_its_answers(change, copy):
    assert ox("export", "--verify", copy).exit_code == 0
    change(copy)
    sign(copy)
    result = ox("export", "--verify", copy)
    assert result.exit_code == 3 and "probabilities move by" in result.stderr, result.output


@pytest.mark.parametrize("name", ["model.onnx", "labels.txt", "pixels.py"])
def test_verify_tells_a_file_that_is_another(name, copy):
    with (copy / name).open("ab") as file:
        file.write(b"\n")
    result = ox("export", "--verify", copy)
    assert result.exit_code in (2, 3) and name in result.stderr


def test_the_example_knows_when_it_is_unsure(copy):
    rewrite(copy / "model.json", unsure={"threshold": 1.1})
    assert [line.split(": ")[1][:6] for line in run_example(copy).stdout.splitlines()] == ["unsure"] * 5


def test_the_example_refuses_another_network(copy):
    change_weights(copy)
    done = run_example(copy)
    assert done.returncode == 1 and "not the model that was exported" in done.stderr


def test_a_pixel_rule_of_its_own(copy, tiny_run):
    """Each other image kind goes through pixels.py as through the run, which the drawn marks alone would not show."""
    assert tiny_run.rule.resize == INK_CROPPED
    assert (copy / "pixels.py").read_text("utf-8") == pixel_source(tiny_run.rule)
    Image.fromarray(np.zeros((30, 20), np.uint16) + 4000).save(copy / "deep.png")
    assert run_example(copy, copy / "deep.png").returncode == 0


def test_a_temperature_divides_the_scores():
    import keras

    for units, activation in ((1, "sigmoid"), (4, "softmax")):
        last = keras.layers.Dense(units, activation=activation)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(5, activation="relu"), last])
        pixels = np.random.default_rng(0).random((6, 3)).astype(np.float32)
        scores = keras.Model(model.inputs[0], last.input)(pixels) @ last.kernel + last.bias
        expected = np.asarray(getattr(keras.ops, activation)(scores / 1.7))
        np.testing.assert_allclose(convert.answering(model, 1.7)(pixels), expected, atol=1e-6)


def with_evidence(classes):
    """The end of a head that learned from outliers, on two small layers."""
    import keras

    pixels = keras.Input((12, 10, 3), name="pixels")
    x = keras.layers.Flatten()(keras.layers.Conv2D(4, 3, activation="relu")(pixels))
    x = keras.layers.LeakyReLU(0.1, name="evidence")(keras.layers.Dense(classes, name="scores")(x))
    return keras.Model(pixels, keras.layers.Softmax(name="probabilities")(x), name="evident")


@pytest.mark.parametrize("axes", [(), ((1,), (2,))], ids=["one look", "mirrored"])
@pytest.mark.parametrize("form", ["saved-model", "litert", "openvino"])
def test_evidence_is_exported_as_model_onnx_has_it(form, axes, tmp_path):
    """The oracle is ONNX Runtime; the scores are large enough for a runtime without limits to overflow."""
    import keras

    from ox_classifier.networks import answering, onnx_export

    needed(form)
    keras.utils.set_random_seed(4)
    model = with_evidence(3)
    layer, pixels = model.get_layer("scores"), np.random.default_rng(1).random((40, 12, 10, 3)).astype(np.float32)
    kernel = 3000 * layer.get_weights()[0]
    raw = keras.ops.convert_to_numpy(keras.Model(model.input, layer.input)(pixels)) @ kernel
    layer.set_weights([kernel, -raw.mean(axis=0)])  # so that every class is answered, and sometimes none has evidence
    onnx_export.write(model, tmp_path / "model.onnx")
    answering.average_mirrored(tmp_path / "model.onnx", axes)
    answering.temper(tmp_path / "model.onnx", 6.5)
    expected = open_session(tmp_path / "model.onnx").run(None, {"pixels": pixels})[0]
    assert onnx_export.logits(model, pixels).max() > 100 and len(set(expected.argmax(axis=1))) == 3
    source = convert.Source(tmp_path / "model.onnx", convert.answering(model, 6.5, axes), "abc", pixels[:0])
    convert.convert(source, FORMATS[form], tmp_path, int8=False)
    operators.check(tmp_path / FORMATS[form].file, form)
    ask = runtimes.OPENERS[form](tmp_path / FORMATS[form].file, pixels.shape[1:], 3)
    found = np.concatenate([ask(pixels[i : i + 1]) for i in range(len(pixels))])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_network_of_keras_looks_at_mirror_images_as_model_onnx_does(tmp_path):
    """The oracle is ONNX Runtime on what training writes."""
    import keras

    from ox_classifier.networks import answering, builders, onnx_export

    for classes in (2, 3):
        model = builders.cnn((12, 10, 1), classes)
        onnx_export.write(model, tmp_path / "model.onnx")
        axes = ((1,), (2,), (1, 2))
        answering.average_mirrored(tmp_path / "model.onnx", axes)
        answering.temper(tmp_path / "model.onnx", 0.6)
        pixels = np.random.default_rng(0).random((5, 12, 10, 1)).astype(np.float32)
        expected = open_session(tmp_path / "model.onnx").run(None, {"pixels": pixels})[0]
        once = keras.ops.convert_to_numpy(model(pixels))
        found = keras.ops.convert_to_numpy(convert.answering(model, 0.6, axes)(pixels))
        np.testing.assert_allclose(found, expected, atol=1e-6)
        assert np.abs(found - once).max() > 1e-4
