"""Classifier from Python: whatever form an image comes in, the answer is the same, and names its class."""

from __future__ import annotations

import copy
import io
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from ox_classifier import runs
from ox_classifier.classifier import Classifier, Prediction
from ox_classifier.data import images
from ox_classifier.data.images import ImageError
from ox_classifier.errors import UsageError
from ox_classifier.pixels import PixelRule
from tests import hand_made


@pytest.fixture
def classifier(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Classifier.load(hand_made.run())


def noise(*shape, seed=0):
    """Colours that differ from place to place, so that a turn or another resizing shows."""
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def turned(path):
    """A JPEG whose EXIF asks for a quarter turn, red on top as shown."""
    image = Image.fromarray(noise(13, 17, 3))
    exif = image.getexif()
    exif[images.EXIF_ORIENTATION] = 6
    image.save(path.with_suffix(".jpg"), exif=exif, quality=95)
    return path.with_suffix(".jpg")


def see_through(path):
    Image.fromarray(noise(12, 9, 4), "RGBA").save(path.with_suffix(".png"))
    return path.with_suffix(".png")


def deep(path):
    values = np.random.default_rng(2).integers(0, 65536, (11, 14), dtype=np.uint16)
    Image.fromarray(values).save(path.with_suffix(".png"))
    return path.with_suffix(".png")


def palette(path):
    image = Image.fromarray(noise(10, 10, 3)).quantize(16)
    image.info["transparency"] = 3
    image.save(path.with_suffix(".gif"), transparency=3)
    return path.with_suffix(".gif")


def grey(path):
    Image.fromarray(noise(20, 20)).save(path.with_suffix(".bmp"))
    return path.with_suffix(".bmp")


def tiff(path):
    image = Image.fromarray(noise(9, 21, 3))
    exif = image.getexif()
    exif[images.EXIF_ORIENTATION] = 8
    image.save(path.with_suffix(".tif"), exif=exif)
    return path.with_suffix(".tif")


@pytest.mark.parametrize("make", [turned, see_through, deep, palette, grey, tiff])
def test_file_bytes_pil_and_array_are_one_image(classifier, tmp_path, make):
    path = make(tmp_path / "image")
    with Image.open(path) as opened, Image.open(path) as loaded:
        loaded.load()
        decoded = np.asarray(images.open_picture(path).image)
        content = path.read_bytes()
        buffers = [content, bytearray(content), memoryview(content)]
        forms = [path, str(path), *buffers, opened, loaded, decoded]
        answers = [classifier.predict(form).probabilities for form in forms]
        assert opened.size == loaded.size and opened.mode == loaded.mode  # the caller's image stays as it was
    expected = images.read(path, classifier.rule)[..., 0].mean() / 255
    assert answers[0][1] == pytest.approx(expected, abs=1e-6) and 0.02 < expected < 0.98
    for answer in answers[1:]:
        np.testing.assert_array_equal(answer, answers[0])


def test_the_picture_is_upright_and_on_white_in_every_form(classifier):
    half = np.zeros((8, 8, 4), np.uint8)
    half[:4] = (255, 0, 0, 255)  # below: transparent black, which is white
    assert classifier.predict(half).by_class["x"] == pytest.approx(1)
    assert classifier.predict(Image.fromarray(half, "RGBA")).by_class["x"] == pytest.approx(1)
    assert classifier.predict(half[..., :3]).by_class["x"] == pytest.approx(0.5)


def test_a_large_jpeg_is_the_same_as_file_and_bytes_and_nearly_so_as_array(classifier, tmp_path):
    path = tmp_path / "large.jpg"
    Image.fromarray(noise(40, 30, 3)).resize((300, 400), Image.Resampling.BICUBIC).save(path, quality=95)
    file, data = classifier.predict(path).probabilities, classifier.predict(path.read_bytes()).probabilities
    np.testing.assert_array_equal(file, data)  # both decode it at an eighth of its size
    with Image.open(path) as image:
        assert classifier.predict(image).probabilities == pytest.approx(file, abs=0.01)
        array = np.asarray(ImageOps.exif_transpose(image))
    assert classifier.predict(array).probabilities == pytest.approx(file, abs=0.01)


def test_a_prediction_names_its_class(classifier):
    red = np.zeros((5, 5, 3), np.uint8)
    red[..., 0] = 204
    answer = classifier.predict(red)
    assert (answer.label, answer.path, answer.error) == ("x", None, None)
    assert answer.probability == pytest.approx(0.8, abs=1e-5) and list(answer.by_class) == ["o", "x"]
    assert answer.by_class["o"] == pytest.approx(0.2, abs=1e-5)
    assert repr(answer) == "Prediction('x', 0.8000)"
    path, probabilities, error = answer
    assert path is None and error is None and probabilities is answer.probabilities


def test_one_gives_one_and_many_give_many_in_order(classifier, tmp_path):
    paths = [grey(tmp_path / str(number)) for number in range(40)]  # more than a batch
    one = classifier.predict(str(paths[0]))
    assert isinstance(one, Prediction) and one.path == paths[0]  # and not one for each letter
    mixed = [*paths, paths[0].read_bytes(), "nowhere.png", noise(4, 4)]
    many = classifier.predict(mixed)
    assert next(many).path == paths[0]  # an iterator, which answers as it goes
    rest = list(many)
    assert [answer.path for answer in rest] == [*paths[1:], None, Path("nowhere.png"), None]
    lost = rest[-2]
    assert (lost.label, lost.probability, lost.by_class) == (None, None, {}) and "no such file" in str(lost.error)
    assert "nowhere.png" in repr(lost)
    stack = noise(3, 8, 8, 3)
    expected = classifier.probabilities(stack)
    np.testing.assert_array_equal([answer.probabilities for answer in classifier.predict(stack)], expected)
    assert list(classifier.predict([])) == []


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("nowhere.png", "no such file"),
        (".", "a folder: give the files in it"),
        (b"", r"empty \(0 bytes\)"),
        (b"hello, I am text", "begins with the text"),
        (noise(8, 8).astype(float) / 255, r"float64 of shape \(8, 8\): expected uint8 .*255 \* array"),
        (noise(8, 8).astype(np.uint16), "uint16 of shape"),
        (noise(3, 8, 8), r"uint8 of shape \(3, 8, 8\): expected"),
        (noise(8), r"of shape \(8,\)"),
        (noise(0, 8, 3), r"of shape \(0, 8, 3\)"),
        (noise(2, 2, 2, 2, 2), "of shape"),
        (Image.new("RGB", (0, 5)), "0x5 pixels: expected one or more each way"),
        (Image.new("L", (0, 0)), "0x0 pixels"),
        (bytearray(b"hello, I am text"), "begins with the text"),
        (io.BytesIO(b"one\ntwo"), r"BytesIO is an open file: give its path, or the bytes that its read\(\) gives"),
        (None, "NoneType is no image"),
        (7, "int is no image: give a path"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,  # an address would differ each time
)
def test_what_is_no_image_is_one_sentence(classifier, wrong, sentence):
    with pytest.raises(UsageError, match=sentence) as raised:
        classifier.predict(wrong)
    assert "\n" not in str(raised.value)


def test_what_is_no_image_among_many_is_said_in_its_place(classifier):
    answers = list(classifier.predict([noise(4, 4), None, noise(4, 4, 2), io.BytesIO(b"a")]))
    assert [answer.label is None for answer in answers] == [False, True, True, True]
    assert "BytesIO is an open file" in answers[3].error.reason
    assert "NoneType is no image" in answers[1].error.reason and "(4, 4, 2)" in answers[2].error.reason


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))], ids=["copy", "pickle"])
def test_answers_errors_and_the_classifier_itself_can_go_to_another_process(classifier, copied, tmp_path, monkeypatch):
    good, lost = classifier.predict([noise(4, 4, 3), "nowhere.png"])
    again, lost_again = copied([good, lost])
    np.testing.assert_array_equal(again.probabilities, good.probabilities)
    assert again.label == good.label and lost_again.path == lost.path
    assert type(lost_again.error) is ImageError and str(lost_again.error) == str(lost.error)
    assert (lost_again.error.path, lost_again.error.reason) == (lost.error.path, lost.error.reason)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    other = copied(classifier)
    assert other.classes == classifier.classes and other.session is not classifier.session
    np.testing.assert_array_equal(other.predict(noise(4, 4, 3)).probabilities, good.probabilities)


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ({"state": "finished"}, "has no model.onnx, though its training finished: the run is damaged; train again"),
        ({"state": "training"}, "has no model.onnx: its training did not get that far; train again"),
        ({"state": "interrupted", "data": {}}, "isn't finished; go on with ox train --resume lenet-1"),
        ({"state": "training", "data": {}, "fold_of": "a-cv"}, "isn't finished; go on with ox train --resume a-cv"),
    ],
)
def test_without_a_network_the_sentence_says_how_to_go_on(classifier, state, sentence):
    run = runs.find("lenet-1")
    run.onnx_file.unlink()
    run.update(**state)
    with pytest.raises(UsageError, match=sentence):
        Classifier(run)


def test_a_run_is_found_by_name_path_or_as_the_latest(classifier, tmp_path):
    run = runs.find("lenet-1")
    for given in (None, "lenet-1", tmp_path / "runs" / "lenet-1", run):
        assert Classifier.load(given).classes == ("o", "x")
    with pytest.raises(UsageError, match="no run 'nope'"):
        Classifier.load("nope")


def test_a_truncated_image_from_pil_is_a_sentence(classifier):
    stream = io.BytesIO()
    Image.fromarray(noise(64, 64, 3)).save(stream, "JPEG")
    half = Image.open(io.BytesIO(stream.getvalue()[:900]))
    with pytest.raises(ImageError, match="JpegImageFile given: damaged or truncated"):
        classifier.predict(half)


def test_large_images_go_in_small_batches(classifier, tmp_path, monkeypatch):
    assert classifier.batch == 32
    large = Classifier.load(hand_made.run(PixelRule(4096, 4096)))
    assert large.batch == 1
    monkeypatch.setattr("ox_classifier.classifier.MOST_BATCH_BYTES", 3 * 4 * (8 * 8 * 3 + 1 * 1 * 3))  # three images
    three, seen = Classifier.load("lenet-1"), []
    monkeypatch.setattr(
        three, "probabilities", lambda pixels: seen.append(len(pixels)) or classifier.probabilities(pixels)
    )
    assert len(list(three.predict(noise(7, 8, 8, 3)))) == 7 and seen == [3, 3, 1]


def test_a_run_of_a_rule_that_is_no_more_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    old = hand_made.run(PixelRule(28, 28, resize="ink-by-rules"))
    with pytest.raises(UsageError, match="resizes by 'ink-by-rules': this ox can't; train again, or use the ox"):
        Classifier(old)
