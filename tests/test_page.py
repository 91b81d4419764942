"""The report page as text: its numbers are scikit-learn's on predictions.csv, and names in it stay names."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
import sklearn.metrics as sk
from PIL import Image
from sklearn.calibration import calibration_curve
from typer.testing import CliRunner

from ox_classifier.cli import app
from ox_classifier.data import digests
from ox_classifier.report import calibration, gallery, page, plots, run_page
from ox_classifier.report.predictions import Predictions
from tests import hand_made

CLASSES = ["<script>alert(1)</script>", 'x "y" & 동그라미 😀\nz']
NAMES = [
    "plain.png",
    "a b.png",
    "comma, \"quoted\" 'single'.png",
    "<script>alert(2)<script>.png",
    "<img src=x onerror=alert(3)>.png",
    "동그라미.png",
    "😀.png",
    "two\nlines.png",
    "{{ 7 * 7 }}%23#.png",
    "odd-\udcff.png",
]


def red(path, level: int) -> None:
    """A picture whose network answer, the mean of red, is level / 255."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 16), (level, 60, 60)).save(path)


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """A run over files and classes of dangerous names; every third image is predicted wrongly."""
    monkeypatch.chdir(tmp_path)
    data, rows = tmp_path / "data", []
    for split in ("val", "test"):
        for number, name in enumerate(NAMES * 2):
            label = number % 2
            wrong = number % 3 == 0
            file = f"{split}/{number} {name}"
            red(data / file, 40 + 3 * number if (label == 0) != wrong else 250 - 3 * number)
            rows.append((file, CLASSES[label], split))
    for label in (0, 1):
        red(data / f"train/{label}.png", 250 * label)
        rows.append((f"train/{label}.png", CLASSES[label], "train"))
    (data / "empty").mkdir()
    red(data / "val" / "val" / "0.png", 0)
    run = hand_made.judged_run(data)
    run.update(classes=CLASSES)
    run.write_table("split.csv", ("path", "label", "split"), rows)
    return run


def report(run, *words) -> str:
    result = CliRunner().invoke(app, ["report", str(run.path), *words])
    assert result.exit_code == 0, result.output
    return (run.path / "report" / "report.html").read_text(encoding="utf-8")


def table(run) -> list[dict]:
    file = run.path / "report" / "predictions.csv"
    with file.open(newline="", encoding="utf-8", errors="surrogateescape") as stream:
        return list(csv.DictReader(stream))


class Elements(HTMLParser):
    """What a page shows, as a browser would split it: figures by (split, class, metric), cells, tags and attributes."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.attributes, self.figures, self.cells = set(), set(), {}, {}
        self.split, self.row, self.metric, self.cell, self.depth, self.skip = None, None, None, None, [], 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.add(tag)
        self.attributes |= given.keys()
        self.split = given.get("data-split", self.split)
        self.row = given.get("data-class", None if tag in ("dl", "section") else self.row)
        self.metric = given.get("data-metric")
        if tag == "button" and "data-true" in given and "aria-label" in given:
            self.cell = self.split, int(given["data-true"]), int(given["data-predicted"])

    def handle_endtag(self, tag):
        self.metric = None
        self.row = None if tag == "tr" else self.row

    def handle_data(self, data):
        if self.metric:
            self.figures[self.split, self.row, self.metric] = data
        elif self.cell and data.strip():
            self.cells[self.cell] = int(data)
            self.cell = None


def in_page(text: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1])


def test_every_number_is_scikit_learns_on_predictions_csv(hostile):
    text = report(hostile)
    rows, found, data = table(hostile), Elements(text), in_page(text)
    for split in ("val", "test"):
        part = [row for row in rows if row["split"] == split]
        truth = np.array([CLASSES.index(row["label"]) for row in part])
        chances = np.array([[float(row[name]) for name in CLASSES] for row in part])
        predicted = np.array([CLASSES.index(row["predicted"]) for row in part])
        assert (predicted == chances.argmax(axis=1)).all() and 0 < (predicted != truth).sum() < len(truth)
        right = predicted == truth
        parts = sk.precision_recall_fscore_support(truth, predicted, labels=[0, 1])
        expected = {
            (split, str(c), name): f"{parts[i][c]:.4f}"
            for c in (0, 1)
            for i, name in enumerate(("precision", "recall", "f1"))
        } | {(split, str(c), "support"): str(parts[3][c]) for c in (0, 1)}
        expected |= {
            (split, None, "accuracy"): f"{100 * sk.accuracy_score(truth, predicted):.1f} %",
            (split, None, "balanced_accuracy"): f"{sk.balanced_accuracy_score(truth, predicted):.4f}",
            (split, None, "roc_auc"): f"{sk.roc_auc_score(truth, chances[:, 1]):.4f}",
            (split, None, "average_precision"): f"{sk.average_precision_score(truth, chances[:, 1]):.4f}",
            (split, None, "log_loss"): f"{sk.log_loss(truth, chances[:, 1]):.4f}",
            (split, None, "expected_calibration_error"): f"{calibration_error(chances.max(axis=1), right):.4f}",
        }
        assert {key: found.figures.get(key) for key in expected} == expected
        counts = sk.confusion_matrix(truth, predicted)
        assert {key[1:]: n for key, n in found.cells.items() if key[0] == split} == {
            (t, p): counts[t, p] for t in (0, 1) for p in (0, 1) if counts[t, p]
        }
    assert data["path"] == [row["path"] for row in rows]
    assert data["p"] == [[float(row[name]) for name in CLASSES] for row in rows]
    assert data["loss"] == [float(row["loss"]) for row in rows]
    assert [data["labels"][i] for i in data["predicted"]] == [row["predicted"] for row in rows]
    assert [data["labels"][i] for i in data["truth"]] == [row["label"] for row in rows]
    assert data["digest"] == [digests.content(hostile.data_root / row["path"]).hex() for row in rows]
    assert all(data["picture"]) and all(data["seen"])


def calibration_error(confidence, right) -> float:
    """By scikit-learn's bins, which hold their upper edge, too."""
    share, mean = calibration_curve(right, confidence, n_bins=10, strategy="uniform")
    counts = np.histogram(confidence, np.linspace(0, 1, 11))[0]
    return float((np.abs(share - mean) * counts[counts > 0]).sum() / len(right))


def test_names_are_shown_and_never_run(hostile):
    text = report(hostile)
    found = Elements(text)
    assert text.count("<script") == 2 and "alert(2)<" not in text
    assert "img" not in found.tags and not any(name.startswith("on") or name == "style" for name in found.attributes)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text and "{{ 7 * 7 }}" in text
    assert "x &#34;y&#34; &amp; 동그라미 😀\\nz" in text
    data = in_page(text)
    assert data["name"][str(data["path"].index("val/7 two\nlines.png"))] == "val/7 two\\nlines.png"


def test_the_page_forbids_the_network_and_every_other_script(hostile):
    text = report(hostile)
    rules = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)[1].replace("&#39;", "'")
    allowed = dict(part.strip().split(" ", 1) for part in rules.split(";"))
    assert allowed["default-src"] == "'none'" and allowed["img-src"] == "data: file:"
    for tag, rule in (("style", "style-src"), ("script", "script-src")):
        body = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)[1]
        assert allowed[rule] == f"'sha256-{base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()}'"
    assert not re.search(r'(?:src|href)="(?!#|data:)', text) and "url(" not in text


def test_an_image_that_is_gone_has_no_picture_and_no_digest(hostile):
    report(hostile, "--split", "val")
    shutil.rmtree(hostile.data_root / "val")
    data = in_page(report(hostile, "--split", "test"))
    gone = [i for i, path in enumerate(data["path"]) if path.startswith("val/")]
    assert gone and not any(data["picture"][i] or data["digest"][i] for i in gone)


def test_slices_know_every_image_of_a_split_kept_from_the_last_report(hostile, monkeypatch):
    """Not only those looked at again because they are wrong, among which every slice would look bad."""
    seen = []
    real = run_page.split_slices
    monkeypatch.setattr(run_page, "split_slices", lambda *all_of: (seen.append(set(all_of[-1])), real(*all_of))[1])
    monkeypatch.setattr(run_page, "LEAST_EXPLAINED", 1)
    report(hostile, "--split", "val")
    report(hostile, "--split", "test")
    assert seen[-1] == {row["path"] for row in table(hostile)} and len(seen[-1]) == 40


def test_pictures_past_the_budget_are_shown_from_disk(hostile, monkeypatch):
    monkeypatch.setattr("ox_classifier.report.run_page.MOST_EMBEDDED", 16)
    text = report(hostile)
    data = in_page(text)
    embedded = [i for i, picture in enumerate(data["picture"]) if picture]
    wrong = [i for i in range(len(data["path"])) if data["truth"][i] != data["predicted"][i]]
    assert len(embedded) == 16 and set(wrong) < set(embedded)
    assert "The pictures of 16 of 40 images are in this page" in text
    page_folder = hostile.path / "report"
    assert (page_folder / data["base"]).resolve() == hostile.data_root.resolve()


def test_a_large_map_is_made_smaller_and_keeps_its_mean():
    """Maps of every pixel would be most of a page."""
    values = np.random.default_rng(0).random((1, 300, 150)).astype(np.float32)
    table = Predictions(("o", "x"), ("a.png",), ("test",), np.array([0]), np.array([[0.2, 0.8]]))
    data = gallery.answers(table, {"a.png": values[0]})
    width, height, packed = data["map"][0]
    levels = np.frombuffer(base64.b64decode(packed), np.uint8)
    assert (width, height) == (32, 64) and levels.size == width * height
    assert levels.mean() / 255 == pytest.approx(values.mean(), abs=0.01)


def test_of_many_classes_the_likeliest_and_the_labels_own_probability_are_told():
    chances = np.linspace(1, 2, 30, dtype=np.float32)[None].repeat(2, axis=0) / 45
    table = Predictions(tuple(f"{i:02}" for i in range(30)), ("a", "b"), ("test",) * 2, np.array([3, 28]), chances)
    first, second = gallery.answers(table, {})["p"]
    assert [c for c, _ in first] == [29, 28, 27, 26, 25, 24, 23, 22, 3] and first[-1][1] == pytest.approx(chances[0, 3])
    assert [c for c, _ in second] == [29, 28, 27, 26, 25, 24, 23, 22]


def test_a_held_out_split_stands_for_all_folds(hostile):
    """Each image once, by the fold that had not learned from it."""
    rows = [(f"train/{i}.png", CLASSES[i], i + 1, f"{1 - 0.8 * i:.6f}", f"{0.8 * i:.6f}") for i in (0, 1)]
    hostile.write_table("held_out.csv", ("path", "label", "fold", *CLASSES), rows)
    hostile.update(cross_validation=[["a-fold1", 1, 1], ["a-fold2", 1, 1]])
    data = in_page(text := report(hostile))
    assert data["views"] == ["held-out", "test"]
    assert [data["path"][i] for i, s in enumerate(data["split"]) if data["splits"][s] == "held-out"] == [
        "train/0.png",
        "train/1.png",
    ]
    assert "a-fold2" in text


def test_confused_pairs_come_most_often_first():
    pairs = page.confused_pairs(np.array([[5, 2, 0], [7, 1, 0], [0, 3, 9]]))
    assert [(pair["true"], pair["predicted"], pair["count"], pair["of"]) for pair in pairs] == [
        (1, 0, 7, 8),
        (2, 1, 3, 12),
        (0, 1, 2, 7),
    ]


def test_coverage_ends_at_the_accuracy_and_begins_with_the_surest():
    coverage, accuracy = calibration.accuracy_by_coverage(
        np.array([0.6, 0.9, 0.9, 0.7]), np.array([False, True, False, True])
    )
    assert coverage.tolist() == [0.5, 0.75, 1.0]
    assert accuracy.tolist() == pytest.approx([0.5, 2 / 3, 0.5])


def test_ticks_of_an_axis_are_round_and_inside():
    assert [label for _, label in plots.Axis("a", 0.913, 1.0, percent=True).ticks()] == [
        "92 %",
        "94 %",
        "96 %",
        "98 %",
        "100 %",
    ]
    assert [value for value, _ in plots.Axis("epoch", 1, 3, whole=True).ticks()] == [1, 2, 3]
