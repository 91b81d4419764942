"""A model from a stranger, in any format of `ox export`: what could do more than compute an answer is not opened."""

from __future__ import annotations

import json
import os
import random
import shutil

import pytest
from typer.testing import CliRunner

from ox_classifier.cli import app
from ox_classifier.devices import quiet_tensorflow, stderr_held_back
from ox_classifier.errors import UsageError
from ox_classifier.export import operators
from ox_classifier.exported import Exported, digests

pytestmark = pytest.mark.tensorflow
XML = '<net name="red" version="11"><layers><layer id="0" name="pixels" type="{}"/></layers></net>'


def mean(tf, pixels):
    return tf.reduce_mean(pixels, axis=[1, 2, 3])[:, None]


def loop(tf, pixels):
    """Goes on for ever."""
    (more,) = tf.while_loop(lambda v: v > -1.0, lambda v: (tf.sqrt(v) * 0.5,), (tf.reduce_mean(pixels),))
    return mean(tf, pixels) * more


def module(tf, answer):
    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 3], tf.float32, name="pixels")])
        def serve(self, pixels):
            return answer(tf, pixels)

    return Module()


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A function that writes a SavedModel whose `serve` answers as it is told; gives its folder."""
    tf = quiet_tensorflow()
    place, count = tmp_path_factory.mktemp("saved"), iter(range(100))

    def write(answer, **more):
        made = module(tf, answer)
        for name, value in more.items():
            setattr(made, name, value(tf))
        with stderr_held_back():
            tf.saved_model.save(made, place / (name := str(next(count))))
        return place / name

    return write


def test_a_plain_model_passes(saved):
    operators.check(saved(mean), "saved-model")


def hands(file):
    def answer(tf, pixels):
        tf.io.write_file(str(file), "taken")
        return mean(tf, pixels)

    return answer


def reads(tf, pixels):
    return mean(tf, pixels) + tf.cast(tf.strings.length(tf.io.read_file("/etc/passwd")), tf.float32)


def calls_python(tf, pixels):
    return mean(tf, pixels) + tf.numpy_function(lambda: 1.0, [], tf.float32)


@pytest.mark.parametrize(
    ("answer", "operator"), [(reads, "ReadFile"), (calls_python, "PyFunc"), (loop, "While"), (hands("x"), "WriteFile")]
)
def test_what_does_more_than_compute_is_refused(saved, answer, operator):
    with pytest.raises(UsageError, match=operator) as raised:
        operators.check(saved(answer), "saved-model")
    assert "\n" not in str(raised.value)


def test_what_runs_when_it_is_opened_is_refused(saved, tmp_path):
    """A table that is filled from a file of the stranger's choice."""
    words = tmp_path / "words.txt"
    words.write_text("a 1\n")

    def table(tf):
        entries = tf.lookup.TextFileInitializer(str(words), tf.string, 0, tf.int64, 1, delimiter=" ")
        return tf.lookup.StaticHashTable(entries, -1)

    with pytest.raises(UsageError, match="holds"):
        operators.check(saved(mean, table=table), "saved-model")


def test_a_function_that_calls_itself_is_refused(saved):
    """TensorFlow's own programs can't write one; a file can hold it."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    place = saved(mean)
    told = SavedModel.FromString((place / "saved_model.pb").read_bytes())
    library = told.meta_graphs[0].graph_def.library.function
    wrapper = next(f for f in library if any(node.op in operators.CALLS for node in f.node_def))
    call = next(node for node in wrapper.node_def if node.op in operators.CALLS)
    call.attr["f"].func.name = wrapper.signature.name
    (place / "saved_model.pb").write_bytes(told.SerializeToString())
    with pytest.raises(UsageError, match="calls itself"):
        operators.check(place, "saved-model")


@pytest.mark.parametrize("name", ["saved_model.pbtxt", "assets/words.txt", "assets.extra/x", "variables/other"])
def test_files_that_ox_does_not_write_are_refused(saved, name):
    place = saved(mean)
    (place / name).parent.mkdir(exist_ok=True)
    (place / name).write_text("x")
    with pytest.raises(UsageError, match="holds"):
        operators.check(place, "saved-model")


def test_what_is_no_saved_model_is_one_sentence(saved):
    place = saved(mean)
    whole = (place / "saved_model.pb").read_bytes()
    for content in (b"", b"junk", whole[: len(whole) // 2], b"\n" * 1000):
        (place / "saved_model.pb").write_bytes(content)
        with pytest.raises(UsageError) as raised:
            operators.check(place, "saved-model")
        assert "\n" not in str(raised.value)
    (place / "saved_model.pb").unlink()
    os.mkfifo(place / "saved_model.pb")
    with pytest.raises(UsageError, match="no plain file"):
        operators.check(place, "saved-model")


def litert(answer, path):
    tf = quiet_tensorflow()
    made = module(tf, answer)
    with stderr_held_back():
        concrete = [made.serve.get_concrete_function()]
        path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions(concrete, made).convert())
    return path


def test_a_loop_for_litert_is_refused_and_junk_too(tmp_path):
    operators.check(litert(mean, tmp_path / "plain.tflite"), "litert")
    path = litert(loop, tmp_path / "loop.tflite")
    with pytest.raises(UsageError, match="WHILE"):
        operators.check(path, "litert")
    whole, rng = path.read_bytes(), random.Random(0)
    for number in range(500):
        changed = bytearray(whole)
        changed[rng.randrange(len(changed))] = rng.randrange(256)
        path.write_bytes(changed if number % 2 else whole[: rng.randrange(len(whole))])
        try:
            operators.check(path, "litert")
        except UsageError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (XML.format("Convolution"), ""),
        (XML.format("TensorIterator"), "operator 'TensorIterator'"),
        (XML.format("&#76;oop"), "operator 'Loop'"),
        ("<other/>", "describes no network"),
        ("\x08\x07", "is no XML"),
        ('<!DOCTYPE net [<!ENTITY a "aaaa">]><net>&b;</net>', "is no XML"),
    ],
)
def test_an_openvino_network_that_loops_is_refused(tmp_path, text, sentence):
    (tmp_path / "model.xml").write_text(text)
    (tmp_path / "model.bin").write_bytes(b"")
    if not sentence:
        operators.check(tmp_path / "model.xml", "openvino")
        return
    with pytest.raises(UsageError, match=sentence):
        operators.check(tmp_path / "model.xml", "openvino")


def test_verify_does_what_no_stranger_says(tiny_run, saved, tmp_path, monkeypatch):
    """The folder's own digests are those of the hostile model, as a stranger would write them."""
    monkeypatch.chdir(tmp_path)
    exported = CliRunner().invoke(app, ["export", str(tiny_run.path), "--format", "saved-model", "--out", "theirs"])
    assert exported.exit_code == 0, exported.stderr
    place, taken = tmp_path / "theirs", tmp_path / "taken"
    shutil.rmtree(place / "saved_model")
    shutil.copytree(saved(hands(taken)), place / "saved_model")
    told = Exported(place)
    files = dict(told.config["files"]) | digests(place, "saved_model")
    kept = {name: digest for name, digest in files.items() if (place / name).is_file()}
    (place / "model.json").write_text(json.dumps(dict(told.config) | {"files": kept}))
    done = CliRunner().invoke(app, ["export", "--verify", "theirs"])
    assert done.exit_code == 2 and "WriteFile" in done.stderr and not taken.exists()


def test_verify_wants_a_digest_of_the_model_and_few_images(tiny_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["export", str(tiny_run.path), "--out", "theirs"]).exit_code == 0
    told = json.loads((tmp_path / "theirs" / "model.json").read_text())
    for changed, code, sentence in (
        ({}, 0, ""),
        ({"files": {}}, 3, "no digest of model.onnx"),
        ({"files": {f"{n}.txt": "0" * 64 for n in range(99)}}, 2, "files has more than 50 names"),
    ):
        (tmp_path / "theirs" / "model.json").write_text(json.dumps(told | changed))
        done = CliRunner().invoke(app, ["export", "--verify", "theirs"])
        assert done.exit_code == code and sentence in done.stderr
    (tmp_path / "theirs" / "model.json").write_text(json.dumps(told))
    (tmp_path / "theirs" / "model.onnx").unlink()
    done = CliRunner().invoke(app, ["export", "--verify", "theirs"])
    assert done.exit_code == 2 and "model.onnx is not there" in done.stderr
