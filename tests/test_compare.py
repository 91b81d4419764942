"""`ox compare`: which images several runs share, what they fixed and broke, and whether that can be chance."""

from __future__ import annotations

import csv
import html.parser
import io
import json
import shutil

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper
from PIL import Image
from scipy import stats
from sklearn import metrics as sk
from typer.testing import CliRunner

from ox_classifier import runs
from ox_classifier.cli import app
from ox_classifier.data import digests
from ox_classifier.pixels import INK_CROPPED, PixelRule
from ox_classifier.report.comparison import Change, aligned, holm, mcnemar, sentence
from ox_classifier.report.differing_settings import differing
from ox_classifier.report.predictions import Predictions
from tests import hand_made
from tests.test_page import in_page

CHANNEL = {"red": "zero", "green": "one"}
HARD = ("<script>alert(1)</script>", 'ㅇ "&\n😀')


@pytest.fixture(autouse=True)
def in_a_fresh_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def ox(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def draw(root, answers, classes=("o", "x"), split="test"):
    """Images whose red says what the first network answers, green what the second; `answers`: (label, red, green)."""
    names = []
    for number, (label, red, green) in enumerate(answers):
        path = root / split / classes[label] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (200 if red else 40, 210 if green else 60, number)).save(path)
        names.append(path.relative_to(root).as_posix())
    return names


def judge(root, names, channel, *, classes=("o", "x"), split="test", **settings):
    """A run whose probability of the second class is the mean of one channel."""
    ends = {"red": ("zero", "one"), "green": ("one", "two")}[channel]
    nodes = [
        helper.make_node("ReduceMean", ["pixels", "axes"], ["mean"], keepdims=0),
        helper.make_node("Slice", ["mean", *ends, "one"], ["red"]),
    ]
    two = helper.make_tensor("two", onnx.TensorProto.INT64, [1], [2])
    made = hand_made.run(model=hand_made.network(nodes, constants=[two]))
    made.update(classes=list(classes), data={"root": str(root)}, results={}, **settings)
    made.write_table("split.csv", ("path", "label", "split"), [(n, n.split("/")[1], split) for n in names])
    return made


def changed(folder):
    return list(csv.DictReader(io.StringIO((folder / "changed.csv").read_bytes().decode(), newline="")))


FIXED, BROKEN, RIGHT, WRONG = (1, False, True), (1, True, False), (0, False, False), (0, True, True)


def test_what_was_fixed_and_broken_is_counted_listed_and_shown(tmp_path):
    answers = [FIXED] * 9 + [BROKEN] * 4 + [RIGHT] * 20 + [WRONG] * 3
    names = draw(tmp_path / "marks", answers)
    judge(tmp_path / "marks", names, "red", dropout=0.5)
    second = judge(tmp_path / "marks", names, "green", dropout=0.25, augmentation={"zoom": 0.1})
    result = ox("compare", "lenet-1", "lenet-2")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert "lenet-2 fixed 9 images of lenet-1 and broke 4: that can be chance, p = 0.27" in lines
    assert "compared on 36 images of test" in lines
    folder = second.path / "compare-lenet-1"
    assert lines[-1] == str(folder)
    settings = [line.split() for line in lines[lines.index("settings that differ") + 1 : -1]]
    assert settings == [["lenet-1", "lenet-2"], ["dropout", "0.5", "0.25"], ["augmentation.zoom", "-", "0.1"]]

    rows = changed(folder)
    columns = ("lenet-1 predicted", "lenet-2 predicted", "lenet-2 change")
    assert {row["path"]: tuple(row[column] for column in columns) for row in rows} == {
        name: ("o", "x", "fixed") if number < 9 else ("x", "o", "broke") for number, name in enumerate(names[:13])
    }
    text = (folder / "compare.html").read_text(encoding="utf-8")
    assert Page(text).kinds == {"fixed": ["9", "9"], "broke": ["4", "4"], "both": ["3"]}  # of all, and of class x
    data = in_page(text)
    wrong = sorted(name for name, (label, *said) in zip(names, answers, strict=True) if said != [label, label])
    assert data["path"] == wrong and [data["labels"][i] for i in data["truth"]] == [n.split("/")[1] for n in wrong]
    assert all(picture.startswith("data:image/webp") for picture in data["picture"])
    assert data["digest"] == [digests.content(tmp_path / "marks" / name).hex() for name in wrong]
    listed = [row["path"] for row in rows]
    for run in data["runs"]:
        said = {path: data["labels"][i] for path, i in zip(data["path"], run["predicted"], strict=True)}
        assert [said[p] for p in listed] == [row[f"{run['name']} predicted"] for row in rows]
        sure = {path: max(p) for path, p in zip(data["path"], run["p"], strict=True)}
        assert [sure[p] for p in listed] == pytest.approx(
            [float(row[f"{run['name']} probability"]) for row in rows], abs=1e-6
        )


def test_metrics_are_scikit_learn_s_on_the_reports_tables(tmp_path):
    rng = np.random.default_rng(5)
    names = draw(tmp_path / "marks", rng.integers(0, 2, (30, 3)).tolist())
    for channel in CHANNEL:
        judge(tmp_path / "marks", names, channel)
    lines = ox("compare", "lenet-1", "lenet-2").stdout.splitlines()
    for name in ("lenet-1", "lenet-2"):
        run = runs.find(name)
        (run.path / "history.csv").write_text(hand_made.HISTORY + "1,1,1,1,1,1,1\n")
        run.update(best_epoch=1)
        assert ox("report", name, "--split", "test").exit_code == 0
        rows = run.read_table("report/predictions.csv")
        truth, given = [row["label"] for row in rows], np.array([float(row["x"]) for row in rows])
        accuracy = sk.accuracy_score(truth, [row["predicted"] for row in rows])
        area = sk.roc_auc_score([label == "x" for label in truth], given)
        loss = sk.log_loss(truth, np.stack([1 - given, given], axis=1), labels=["o", "x"])
        (line,) = (line for line in lines if line.startswith(f"{name}  0"))
        assert [line.split()[1], *line.split()[-2:]] == [f"{value:.4f}" for value in (accuracy, area, loss)]
    assert ox("compare", "lenet-1", "lenet-2").stdout.splitlines() == lines  # now from the reports' tables


def test_runs_are_compared_on_the_files_they_share(tmp_path):
    names = draw(tmp_path / "marks", [FIXED] * 6 + [RIGHT] * 6)
    judge(tmp_path / "marks", names[:10], "red")
    judge(tmp_path / "marks", names[4:], "green")
    lines = ox("compare", "lenet-1", "lenet-2").stdout.splitlines()
    assert lines[0] == ("compared on 6 images of test, which all were tested on: lenet-1 on 10, lenet-2 on 8")
    assert any(line.startswith("lenet-2 fixed 2 images of lenet-1 and broke 0") for line in lines)


def test_none_shared_is_refused(tmp_path):
    names = draw(tmp_path / "marks", [RIGHT] * 6)
    judge(tmp_path / "marks", names[:3], "red")
    judge(tmp_path / "marks", names[3:], "green")
    result = ox("compare", "lenet-1", "lenet-2")
    assert result.exit_code == 2 and "tested on other images each (lenet-1 on 3, lenet-2 on 3)" in result.stderr
    judge(tmp_path / "marks", names[3:], "green", split="val")
    result = ox("compare", "lenet-1", "lenet-3")
    assert result.exit_code == 2 and "no split in common" in result.stderr


def test_in_another_folder_bytes_tell_what_is_the_same_picture(tmp_path):
    """There 0.png is another picture, 1.png has another name, 2.png another label, and 3.png is gone."""
    here, there = tmp_path / "here", tmp_path / "there"
    names = draw(here, [FIXED] * 6)
    judge(here, names, "red")
    shutil.copytree(here, there)
    draw(there, [(1, True, False)])
    (there / names[1]).rename(there / "test/x/renamed.png")
    (there / "test/o").mkdir()
    (there / names[2]).rename(there / "test/o/2.png")
    moved = [names[0], "test/x/renamed.png", "test/o/2.png", *names[3:]]
    judge(there, moved, "green")
    run = runs.find("lenet-2")
    (run.path / "history.csv").write_text(hand_made.HISTORY + "1,1,1,1,1,1,1\n")
    run.update(best_epoch=1)
    assert ox("report", "lenet-2", "--split", "test").exit_code == 0  # its table outlives the file
    (there / names[3]).unlink()
    lines = ox("compare", "lenet-1", "lenet-2").stdout.splitlines()
    assert lines[0].startswith("compared on 4 images of test")  # 1, 3, 4, 5
    assert "left out, as another picture has the same name: 1" in lines
    assert "left out, as the runs have different labels for it: 1" in lines
    assert "told by its name alone, as the file is not there to look at: 1" in lines
    assert {row["path"] for row in changed(run.path / "compare-lenet-1")} == {names[i] for i in (1, 3, 4, 5)}


def test_three_runs_are_each_compared_with_the_first(tmp_path):
    names = draw(tmp_path / "marks", [FIXED] * 6 + [RIGHT] * 6)
    for channel in ("red", "green", "green"):
        judge(tmp_path / "marks", names, channel)
    lines = ox("compare", "lenet-1", "lenet-2", "lenet-3").stdout.splitlines()
    said = "fixed 6 images of lenet-1 and broke 0: that can be chance, p = 0.062, adjusted for 2 comparisons"
    assert [line for line in lines if "fixed" in line] == [f"lenet-2 {said}", f"lenet-3 {said}"]


@pytest.mark.parametrize("words", [("lenet-1",), ("lenet-1", "lenet-1"), ("lenet-1", "runs/lenet-1"), ("lenet-1", "x")])
def test_fewer_than_two_runs_are_refused(tmp_path, words):
    judge(tmp_path, draw(tmp_path / "marks", [RIGHT]), "red")
    result = ox("compare", *words)
    assert result.exit_code == 2 and [line[:4] for line in result.stderr.splitlines()][-1] == "ox: "


def test_hostile_names_are_shown_and_never_run(tmp_path):
    classes = tuple(name.replace("/", "") for name in HARD)
    root = tmp_path / "marks"
    names = draw(root, [FIXED, BROKEN, RIGHT], classes)
    for channel in CHANNEL:
        judge(root, names, channel, classes=classes, weights="<img src=x onerror=alert(1)>" + channel)
    result = ox("compare", "lenet-1", "lenet-2")
    assert result.exit_code == 0, result.stderr
    text = (runs.find("lenet-2").path / "compare-lenet-1" / "compare.html").read_text(encoding="utf-8")
    page = Page(text)
    assert "<script>alert(1)<script>" in page.text and "\\n😀" in page.text
    assert not page.tags & {"img", "iframe", "object"} and not page.handlers and text.count("<script") == 2
    assert all(address.startswith("#") for address in page.addresses)
    assert "default-src 'none'" in page.policy and "script-src 'sha256-" in page.policy
    assert in_page(text)["classes"] == [classes[0], 'ㅇ "&\\n😀']


def test_runs_that_know_other_classes_or_see_otherwise_have_one_page(tmp_path):
    """What the second sees is embedded, too, and what the first does not know has probability 0 there."""
    names = draw(tmp_path / "marks", [FIXED, BROKEN, RIGHT, WRONG])
    judge(tmp_path / "marks", names, "red")
    second = judge(tmp_path / "marks", names, "green")
    second.update(pixels=PixelRule(8, 8, resize=INK_CROPPED).as_dict())
    assert ox("compare", "lenet-1", "lenet-2").exit_code == 0
    data = in_page((second.path / "compare-lenet-1" / "compare.html").read_text(encoding="utf-8"))
    assert "seen" not in data["runs"][0] and all(data["runs"][1]["seen"])
    rows = [
        Predictions(("o", "x"), ("a",), ("test",), np.array([1]), np.array([[0.3, 0.7]])),
        Predictions(("z", "x", "o"), ("b",), ("test",), np.array([1]), np.array([[0.5, 0.4, 0.1]])),
    ]
    first, other = aligned(rows)
    assert first.classes == other.classes == ("o", "x", "z") and other.paths == ("a",)
    assert first.truth.tolist() == other.truth.tolist() == [1]
    assert first.probabilities.tolist() == [[0.3, 0.7, 0]] and other.probabilities.tolist() == [[0.1, 0.4, 0.5]]


class Page(html.parser.HTMLParser):
    """What a page shows and what it would load or run; `kinds` are the counts on buttons that choose images."""

    def __init__(self, text):
        super().__init__()
        self.text, self.tags, self.handlers, self.addresses, self.policy = "", set(), [], [], ""
        self.kinds, self.kind = {}, None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.kind = dict(attrs).get("data-kind", self.kind)
        for name, value in attrs:
            if name.startswith("on"):
                self.handlers.append(value)
            if name in ("src", "href"):
                self.addresses.append(value)
            if tag == "meta" and "default-src" in (value or ""):
                self.policy = value

    def handle_data(self, data):
        self.text += data
        if self.kind and data.strip():
            self.kinds.setdefault(self.kind, []).append(data)
            self.kind = None


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_scipy_s_and_the_textbook_s(fixed, broke):
    """statsmodels' mcnemar(exact=True) is twice the binomial tail, at most 1."""
    found = mcnemar(fixed, broke)
    total, least = fixed + broke, min(fixed, broke)
    assert found == pytest.approx(min(1.0, 2 * stats.binom.cdf(least, total, 0.5)), rel=1e-9)
    if total:
        assert found == pytest.approx(stats.binomtest(least, total, 0.5).pvalue, rel=1e-9)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0] and holm([0.2]) == [0.2]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Change("b", 9, 4, 0.267), "b fixed 9 images of a and broke 4: that can be chance, p = 0.27"),
        (Change("b", 1, 0, 1.0), "b fixed 1 image of a and broke 0: that can be chance, p = 1.00"),
        (Change("b", 12, 1, 0.0034), "b fixed 12 images of a and broke 1: that is hardly chance, p = 0.0034"),
        (Change("b", 90, 1, 1e-9), "b fixed 90 images of a and broke 1: that is hardly chance, p < 0.001"),
        (Change("b", 0, 0, 1.0), "b has right and wrong what a has right and wrong"),
    ],
)
def test_a_change_in_words(change, said):
    assert sentence("a", change) == said


def test_only_settings_are_compared_not_what_came_of_them():
    first = {"epochs": 5, "pixels": {"width": 8}, "seconds": 3, "results": {"val": 1}, "data": {"root": "/a"}}
    first["unsure"] = {"threshold": 0.9}
    second = json.loads(json.dumps(first)) | {
        "seconds": 4,
        "results": {},
        "data": {"root": "/b"},
        "unsure": {},
        "balance": True,
    }
    second["pixels"]["width"] = 9
    assert differing([first, second]) == [("pixels.width", ("8", "9")), ("balance", ("-", "true"))]
