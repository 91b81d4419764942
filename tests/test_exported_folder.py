"""The parts of an export that need no training: pixels.py, golden images, limits, the card, folders from elsewhere."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from ox_classifier.cli import app
from ox_classifier.data import images
from ox_classifier.errors import GateError, UsageError
from ox_classifier.export import card, formats, golden, parity
from ox_classifier.export.pixel_source import packages, pixel_source
from ox_classifier.export.verify import verify
from ox_classifier.exported import Exported
from ox_classifier.pixels import INK_CROPPED, STRETCHED, PixelRule
from ox_classifier.runs import Run

FIXTURE = Path(__file__).parent / "data" / "export-1"


def pictures() -> dict[str, bytes]:
    """Files of every kind that the decoder treats in its own way."""
    rng = np.random.default_rng(0)
    drawn = Image.new("RGB", (90, 60), (240, 230, 220))
    ImageDraw.Draw(drawn).ellipse((50, 12, 80, 40), outline=(20, 30, 60), width=4)
    noise = Image.fromarray(rng.integers(0, 256, (70, 50, 3), np.uint8))
    seen = drawn.convert("RGBA")
    seen.putalpha(Image.fromarray(rng.integers(0, 256, (60, 90), np.uint8)))
    turned = Image.Exif()
    turned[images.EXIF_ORIENTATION] = 6
    large = drawn.resize((2600, 1800))
    clear = drawn.convert("P")
    found = {}
    for name, image, kind, options in (
        ("plain", drawn, "PNG", {}),
        ("noise", noise, "PNG", {}),
        ("alpha", seen, "PNG", {}),
        ("transparent colour", clear, "PNG", {"transparency": 3}),
        ("palette", clear, "GIF", {}),
        ("grey", drawn.convert("L"), "PNG", {}),
        ("one bit", drawn.convert("1"), "PNG", {}),
        ("16 bits", Image.fromarray(rng.integers(0, 65536, (40, 30)).astype(np.uint16)), "PNG", {}),
        ("floats", Image.fromarray(rng.random((40, 30)).astype(np.float32)), "TIFF", {}),
        ("cmyk", drawn.convert("CMYK"), "JPEG", {}),
        ("turned", drawn, "JPEG", {"exif": turned}),
        ("large", large, "JPEG", {}),
        ("blank", Image.new("RGB", (40, 40), "white"), "WEBP", {}),
        ("a pixel", Image.new("L", (1, 1), 7), "BMP", {}),
    ):
        stream = io.BytesIO()
        image.save(stream, kind, **options)
        found[name] = stream.getvalue()
    return found


@pytest.mark.parametrize("resize", [STRETCHED, INK_CROPPED])
@pytest.mark.parametrize("color", ["rgb", "grayscale"])
def test_pixels_py_reads_as_the_decoder(resize, color):
    rule = PixelRule(31, 44, color, resize)
    own: dict = {"__name__": "pixels"}
    text = pixel_source(rule)
    exec(compile(text, "pixels.py", "exec"), own)
    assert "ox_classifier" not in text and "import cv2" not in text
    assert packages(text) == ["numpy", "pillow"]
    for name, data in pictures().items():
        expected = images.as_float(images.read(data, rule))
        found = own["read"](io.BytesIO(data))
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected, err_msg=name)


def test_golden_images_are_of_every_class_and_of_all_degrees():
    certain = np.linspace(0.5, 1, 40)
    truth = np.arange(40) % 2
    probabilities = np.stack([np.where(truth, 1 - certain, certain), np.where(truth, certain, 1 - certain)], axis=1)
    chosen = golden.choose(probabilities, truth)
    assert len(set(chosen)) == 5 and set(truth[chosen]) == {0, 1}
    assert certain[chosen].min() < 0.6 and certain[chosen].max() > 0.9
    assert len(golden.choose(probabilities[:3], truth[:3])) == 3


def test_golden_images_leave_behind_what_a_photo_tells(tmp_path):
    told = Image.Exif()
    told[0x8825], told[images.EXIF_ORIENTATION] = {1: "N", 2: (37.0, 33.0, 0.0)}, 6
    Image.new("RGB", (1200, 600), "red").save(tmp_path / "photo.jpg", exif=told)
    (written,) = golden.write([tmp_path / "photo.jpg"], tmp_path)
    with Image.open(written) as clean:
        assert clean.size == (200, 400) and not clean.getexif() and not clean.info


def test_limits_let_pass_and_refuse():
    expected = np.array([[0.2, 0.8], [0.9, 0.1]])
    same = parity.agreement(expected, expected + np.array([[5e-4, -5e-4], [0, 0]]))
    parity.gate(same, parity.limits(2, int8=False), what="a", against="b")
    assert same.max_difference == pytest.approx(5e-4) and same.mean_difference == pytest.approx(2.5e-4)
    for found in (expected[:, ::-1], expected + 2e-3, np.full((2, 2), np.nan)):
        with pytest.raises(GateError, match="probabilities move by"):
            parity.gate(parity.agreement(expected, found), parity.limits(2, int8=False), what="a", against="b")
    moved = parity.agreement(expected, expected + np.array([[0.015, -0.015], [0, 0]]))
    parity.gate(moved, parity.limits(2, int8=True), what="a", against="b")
    assert parity.limits(1200, int8=True).answers_changed == 12
    with pytest.raises(GateError, match=r"0\.02 on average"):
        parity.gate(parity.agreement(expected, expected + 0.05), parity.limits(2, int8=True), what="a", against="b")


def test_a_missing_runtime_names_what_to_install(monkeypatch):
    monkeypatch.setattr(formats.importlib.util, "find_spec", lambda name: None)
    for name, form in formats.FORMATS.items():
        with pytest.raises(UsageError, match=f"pip install {form.package}$"):
            formats.find(name).need()
    with pytest.raises(UsageError, match="the extra litert of ox"):
        formats.find("litert").need()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--format onxn", "did you mean onnx?"),
        ("--format saved-model --int8", "give one of onnx, litert, openvino"),
        ("--verify nowhere", "is no folder"),
        ("--verify tests --format onnx", "were both given"),
        ("--verify tests", "model.json is not there"),
    ],
)
def test_what_nobody_means_is_a_sentence(words, said):
    result = CliRunner().invoke(app, ["export", *words.split()])
    assert result.exit_code == 2 and said in result.stderr


def test_an_artifact_of_the_first_version_is_read_and_answers():
    """It was written by `ox export --format onnx --int8` of version 0.1.0; every later version must read it."""
    assert sum(path.stat().st_size for path in FIXTURE.rglob("*") if path.is_file()) < 60_000
    exported = Exported(FIXTURE)
    assert exported.config["versions"]["ox"] == "0.1.0" and exported.classes == ("o", "x")
    assert "5 golden images answered as exported" in verify(FIXTURE)


def test_the_artifact_s_golden_answers_tell_o_from_x():
    labels = [max(row, key=row.get) for row in Exported(FIXTURE).golden().values()]
    assert {*labels} == {"o", "x"}


def test_the_card_s_head_is_what_hubs_read():
    _, head, body = (FIXTURE / "README.md").read_text("utf-8").split("---\n", 2)
    values = {key: json.loads(value) for key, _, value in (line.partition(": ") for line in head.splitlines())}
    assert values["library_name"] == "onnx" and values["pipeline_tag"] == "image-classification"
    assert {"ox", "cnn", "int8"} <= set(values["tags"]) and values["license"] == "mit"
    told = {row["dataset"]["split"]: row["metrics"][0]["value"] for row in values["model-index"][0]["results"]}
    right = json.loads((FIXTURE / "parity.json").read_text("utf-8"))["accuracy"]["exported"]
    assert told["validation"] == pytest.approx(right["correct"] / right["images"], abs=1e-4)
    for part in ("How good it is", "95 % interval", "When it is unsure", "must not be used for", "Trained on"):
        assert part in body


def recorded(**values: object) -> Run:
    """A run that says what a card tells of."""
    told = {
        "schema": 1,
        "arch": "lenet",
        "classes": ["o", "a|b <i>*x*"],
        "pixels": PixelRule(28, 28).as_dict(),
        "parameters": 1234,
        "data": {"root": "/home/ann/marks", "counts": {"train": {"o": 3, "a|b <i>*x*": 4}}, "fingerprint": "f" * 32},
        "results": {"val": {"correct": 90, "images": 100}, "test": {"correct": 45, "images": 50}},
    }
    return Run(Path("runs/lenet-1"), told | values)


def written_card(run: Run, **sources: tuple[int, int]) -> str:
    accuracy = {"correct": 91, "images": 100, "interval": [0.838, 0.952]}
    seen = {"images": 100, "answers_changed": 0, "max_difference": 2e-6}
    told = {"split": "val", "run": seen, "accuracy": {"run": accuracy, "exported": accuracy}}
    told["runtime"] = {"package": "onnxruntime", "version": "1.32.0"}
    form = formats.FORMATS["onnx"]
    return card.card(run, form, card.Measured(told, sources), int8=False, licence="mit")


def test_the_card_tells_what_was_measured_of_this_file_and_by_source():
    text = written_card(recorded(), phone=(40, 50), scanner=(51, 52), one=(1, 1))
    assert "validation accuracy 0.9100 (91 of 100 right; 95 % interval 0.838 to 0.952)" in text
    assert "test accuracy 0.9000 (45 of 50 right" in text
    assert text.index("| phone | 0.8000 |") < text.index("| scanner | 0.9808 |") and "| one |" not in text
    assert "/home/ann" not in text  # the folder's name is enough
    assert "o and a|b \\<i\\>\\*x\\*" in text and "| a\\|b \\<i\\>\\*x\\* | 4 |" in text


def test_the_card_tells_when_it_is_unsure():
    assert "has no threshold" in written_card(recorded())
    unsure = {"threshold": 0.913, "max_error": 0.01, "promise": 0.01, "confidence": 0.95}
    unsure |= {"accepted": 950, "images": 1000, "wrong": 3, "coverage": 0.95, "images_needed": None}
    calibration = {"temperature": 1.31, "split": "val", "images": 1000, "ece_before": 0.03, "ece_after": 0.01}
    text = written_card(recorded(unsure=unsure, calibration=calibration))
    assert "a blank picture for unsure" in text
    blank_class = unsure | {"refuses_blank": False}
    assert "a blank picture" not in written_card(recorded(unsure=blank_class, calibration=calibration))
    assert "under 0.913 counts as *unsure*" in text and "temperature 1.31" in text
    assert "at most 1 % are wrong, with 95 % confidence" in text and "950 of 1,000 were answered, 3 of them" in text


@pytest.fixture
def copy(tmp_path) -> Path:
    return shutil.copytree(FIXTURE, tmp_path / "copy")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("model.json", {"schema": 2}),
        ("model.json", {"format": "pickle"}),
        ("model.json", {"format": ""}),
        ("model.json", {"calibration": {"temperature": 0}}),
        ("model.json", {"classes": ["o", "o"]}),
        ("model.json", {"classes": "ox"}),
        ("model.json", {"pixels": {"height": 28, "width": 28, "color": "rgb", "resize": "nearest"}}),
        ("model.json", {"files": {"../../secret": "0" * 64}}),
        ("golden.json", {"../1.png": {"o": 1.0, "x": 0.0}}),
        ("golden.json", {"1.png": {"o": 1.0}}),
        ("golden.json", {"1.png": {"o": 2.0, "x": 0.0}}),
    ],
)
def test_a_folder_that_ox_would_not_write_is_refused(name, change, copy):
    path = copy / name
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | change), "utf-8")
    with pytest.raises(UsageError):
        verify(copy)


@pytest.mark.parametrize("name", ["model.json", "golden.json", "labels.txt", "golden/1.png"])
def test_a_damaged_folder_is_refused(name, copy):
    (copy / name).write_bytes(b"{")
    with pytest.raises((UsageError, GateError)):
        verify(copy)
    (copy / name).unlink()
    with pytest.raises((UsageError, GateError)):
        verify(copy)
