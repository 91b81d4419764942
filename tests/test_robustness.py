"""`ox report --robustness`: the changes against other libraries, the counts by hand, and what is said of them."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper
from PIL import Image, ImageDraw
from scipy import ndimage, stats
from typer.testing import CliRunner

from ox_classifier import runs
from ox_classifier.classifier import Classifier
from ox_classifier.cli import app
from ox_classifier.errors import UsageError
from ox_classifier.report import robustness, robustness_changes, table
from ox_classifier.report import robustness_words as words
from ox_classifier.report.read_ahead import read_ahead
from ox_classifier.report.robustness_card import Card, kept
from ox_classifier.report.robustness_changes import KINDS, Original
from ox_classifier.report.robustness_figure import card_figure
from tests import hand_made
from tests.browser import Faults, address, chromium
from tests.hard_pictures import robustness_card
from tests.test_predict import UNSURE

PAPER, INK = (230, 220, 200), (20, 40, 90)
KOREAN = ["손으로 그린 아주 긴 이름의 동그라미 표시", "손으로 그린 아주 긴 이름의 가위표 표시"]


def cross(size: int = 120, *, paper=PAPER, ink=INK, width: int = 9) -> Image.Image:
    image = Image.new("RGB", (size, size), paper)
    pen, low, high = ImageDraw.Draw(image), size * 0.3, size * 0.7
    pen.line((low, low, high, high), fill=ink, width=width)
    pen.line((low, high, high, low), fill=ink, width=width)
    return image


def inked(image: Image.Image) -> np.ndarray:
    """Which pixels are nearer to the ink than to the paper."""
    return np.asarray(image.convert("L")) < 130


def extent(mask: np.ndarray) -> tuple[int, int]:
    """Breadth and height of what is True."""
    across, down = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    return int(np.ptp(across)) + 1, int(np.ptp(down)) + 1


def test_paper_ink_and_place_of_a_mark_are_found():
    for light in (False, True):
        found = Original.of(cross(paper=INK, ink=PAPER) if light else cross())
        assert (found.paper, found.ink, found.dark) == ((INK, PAPER, False) if light else (PAPER, INK, True))
        left, top, right, bottom = found.box
        assert left < 36 and top < 36 and right > 84 and bottom > 84


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_change_of_nothing_changes_nothing(mode):
    original = Original.of(cross().convert(mode))
    nothing = {"size": 1.0, "contrast": 1.0}
    for kind in KINDS:
        if kind.name not in ("jpeg", "frame"):
            changed = kind.change(original, nothing.get(kind.name, 0.0))
            np.testing.assert_array_equal(np.asarray(changed), np.asarray(original.image), err_msg=kind.name)


def test_size_is_that_of_the_mark_whatever_room_the_sheet_has():
    for size in (60, 120, 640):
        image = cross(size, width=size // 10)
        broad, tall = extent(inked(image))
        for part in (0.5, 0.2):
            changed = robustness_changes.shrunk(Original.of(image), part)
            found = extent(inked(changed))
            assert np.allclose(
                found, (broad * part / size * changed.width, tall * part / size * changed.height), atol=2
            )
            assert changed.getpixel((0, 0)) == PAPER
    spared = robustness_changes.shrunk(Original.of(cross(60)), 0.2)
    assert spared.size == (300, 300)
    np.testing.assert_array_equal(np.asarray(spared)[120:180, 120:180], np.asarray(cross(60)))


def test_a_quarter_turn_is_numpys():
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8))
    for number, turns in ((0, -1), (1, 1)):
        original = Original(image, PAPER, INK, True, 0.5, (0, 0, 40, 40), number, 1)
        np.testing.assert_array_equal(robustness_changes.turned(original, 90), np.rot90(image, turns))


def test_a_mark_at_the_edge_is_still_there_when_turned():
    image = Image.new("RGB", (200, 200), PAPER)
    image.paste(cross(80, width=7).crop((18, 18, 62, 62)), (156, 0))
    turned = inked(robustness_changes.turned(Original.of(image), 45))
    down, across = np.nonzero(turned)
    assert np.ptp(down) >= 44 and np.ptp(across) >= 44  # no arm is cut
    assert turned.sum() >= 0.94 * inked(image).sum()  # by where between the pixels the edges of its arms fall
    assert not (turned[0].any() or turned[:, -1].any())


@pytest.mark.parametrize("light", [False, True])
def test_thickness_is_scipys_grey_morphology(light):
    image = cross(100, paper=INK, ink=PAPER) if light else cross(100)
    for share, change in ((0.04, robustness_changes.thicker), (0.04, robustness_changes.thinner)):
        darker = (change is robustness_changes.thicker) != light
        filter_ = ndimage.grey_erosion if darker else ndimage.grey_dilation
        expected = filter_(np.asarray(image), footprint=_ellipse()[..., None], mode="nearest")
        np.testing.assert_array_equal(change(Original.of(image), share), expected)


def _ellipse() -> np.ndarray:
    """OpenCV's ellipse of radius 2."""
    rows = ("00100", "11111", "11111", "11111", "00100")
    return np.array([[cell == "1" for cell in row] for row in rows])


def test_thickness_between_whole_pixels_lies_between():
    original = Original.of(cross(100))
    widths = [(255 - np.asarray(robustness_changes.thicker(original, s).convert("L"), float)).sum() for s in SHARES]
    assert widths == sorted(set(widths))


SHARES = (0, 0.005, 0.01, 0.015, 0.02, 0.03)


def test_a_jpeg_is_pillows():
    for quality in (90, 30, 1):
        file = io.BytesIO()
        cross().save(file, "JPEG", quality=quality)
        expected = np.asarray(Image.open(io.BytesIO(file.getvalue())))
        np.testing.assert_array_equal(robustness_changes.compressed(Original.of(cross()), quality), expected)


def test_threads_do_not_disturb_each_other():
    original = Original.of(Image.effect_noise((200, 200), 60))
    jobs = [(original, (kind, level)) for kind in KINDS for level in kind.levels] * 2
    alone = [np.asarray(kind.change(original, level)) for _, (kind, level) in jobs]
    for expected, found in zip(alone, read_ahead(lambda job: job[1][0].change(job[0], job[1][1]), jobs), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_no_picture_that_threads_share_is_saved(monkeypatch):
    """Pillow keeps the quality of a JPEG in the image it saves, where another thread would change it."""
    original, save, saved = Original.of(cross()), Image.Image.save, []
    monkeypatch.setattr(
        Image.Image, "save", lambda self, *given, **named: [saved.append(self), save(self, *given, **named)]
    )
    for kind in KINDS:
        kind.change(original, kind.levels[0])
    assert saved and not any(one is original.image for one in saved)


def test_blur_is_gaussian_of_a_share_of_the_side():
    changed = np.asarray(robustness_changes.blurred(Original.of(cross(200)), 0.02), dtype=float)
    expected = ndimage.gaussian_filter(np.asarray(cross(200), dtype=float), (4, 4, 0), mode="nearest")
    assert np.abs(changed - expected).max() < 6  # Pillow's is made of three boxes


def test_contrast_is_a_share_of_the_distance_to_the_paper():
    changed = robustness_changes.paler(Original.of(cross()), 0.2)
    colors = {color for _, color in changed.getcolors()}
    assert colors == {PAPER, tuple(round(p + 0.2 * (i - p)) for p, i in zip(PAPER, INK, strict=True))}


def test_noise_has_its_deviation_and_is_the_same_again():
    original = Original.of(Image.new("RGB", (300, 300), (128, 128, 128)), number=3)
    changed = np.asarray(robustness_changes.noisy(original, 20), dtype=float)
    assert changed.std() == pytest.approx(20, rel=0.02) and changed.mean() == pytest.approx(128, abs=0.3)
    assert stats.kurtosis(changed[..., 0].ravel()) == pytest.approx(0, abs=0.06)
    np.testing.assert_array_equal(changed, robustness_changes.noisy(original, 20))
    other = Original.of(original.image, number=4)
    assert (np.asarray(robustness_changes.noisy(other, 20)) != changed).mean() > 0.9


@pytest.mark.parametrize("place", [(60, 60), (1, 119)])
@pytest.mark.parametrize("share", [0.01, 0.1])
def test_a_frame_is_closed_in_the_inks_colour_and_covers_nothing(place, share):
    image = Image.new("RGB", (200, 200), PAPER)
    image.paste(cross(80), place)
    changed = robustness_changes.framed(Original.of(image), share)
    pieces, count = ndimage.label(inked(changed), np.ones((3, 3)))
    sizes = sorted(np.bincount(pieces.ravel())[1:])
    assert count == 2 and inked(image).sum() in sizes  # the cross as it was, and one frame around it
    mark = inked(image).sum()
    frame = pieces == 1 + [int((pieces == p).sum()) for p in (1, 2)].index(next(s for s in sizes if s != mark))
    assert ndimage.binary_fill_holes(frame)[pieces > 0].all()
    assert {tuple(color) for color in np.asarray(changed)[frame]} == {INK}
    broad, _ = extent(frame)
    assert frame[:, frame.any(axis=0)].sum() == pytest.approx(4 * (broad - 200 * share) * 200 * share, rel=0.02)


@pytest.mark.parametrize("shape", [(1, 1), (3, 700), (5, 5), (2000, 900)])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_pictures_of_any_shape_can_be_changed(shape, mode):
    original = Original.of(Image.effect_noise(shape, 60).convert(mode), number=1, least=8)
    for kind in KINDS:
        for level in kind.levels:
            changed = kind.change(original, level)
            assert changed.mode == "RGB" and max(changed.size) <= 900


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.integers(1, 40))
def test_a_sample_has_every_class_as_often_as_there_is(truth, most):
    truth = np.array(truth)
    rows = robustness.sample(truth, most)
    assert len(rows) == min(most, len(truth)) == len(set(rows.tolist())) and (np.diff(rows) > 0).all()
    taken, there = np.bincount(truth[rows], minlength=6), np.bincount(truth, minlength=6)
    assert taken[taken < there].max(initial=0) - taken[taken < there].min(initial=99) <= 1
    if (taken < there).any():
        assert taken.max() - taken[taken < there].min() <= 1
    np.testing.assert_array_equal(rows, robustness.sample(truth, most))


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=80))
def test_lost_by_chance_is_scipys_binomial_test(pairs):
    before, after = np.array(pairs).T
    lost, mended = int((before & ~after).sum()), int((~before & after).sum())
    found = robustness.lost_by_chance(before, after)
    if lost > mended:
        assert found == pytest.approx(stats.binomtest(lost, lost + mended, alternative="greater").pvalue)
    else:
        assert found == 1


def test_worse_is_what_is_worse_from_there_to_the_end():
    assert robustness.worse_from([0.5, 0.001, 0.2, 0.004, 0.001]) == 3
    assert robustness.worse_from([0.001] * 5) == 0
    assert robustness.worse_from([0.001] * 4 + [0.006]) == 5


def test_chance_alone_is_seldom_called_worse():
    """400 cards of a network that guesses anew: in at most 5 % anything is called worse (41 or more: p < 0.00001)."""
    rng = np.random.default_rng(0)
    cards = 0
    for _ in range(400):
        before = rng.random(60) < 0.8
        chances = [robustness.lost_by_chance(before, rng.random(60) < 0.8) for _ in range(5 * len(KINDS))]
        cards += any(robustness.worse_from(chances[5 * i : 5 * i + 5]) < 5 for i in range(len(KINDS)))
    assert cards <= 40


def drawn_run(folder: Path, classes: list[str], **settings) -> runs.Run:
    """A run that goes by the mean of red: "x" is grey paper with one bar, which anything that adds ink makes an "o"."""
    rows = []
    for split in ("val", "test"):
        for number in range(10):
            for label, level in (("o", 70), ("x", 145)):
                image = Image.new("RGB", (100, 100), (level, 90, 90))
                ImageDraw.Draw(image).rectangle((44, 0, 49, 99), fill=(0, 0, number))
                file = folder / "data" / split / label / f"{number}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                image.save(file)
                rows.append((f"{split}/{label}/{number}.png", classes["ox".index(label)], split))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        found = hand_made.judged_run(folder / "data")
        found = runs.find(found.path.absolute())
    found.write_table("split.csv", ("path", "label", "split"), rows)
    found.update(classes=classes, **settings)
    return found


@pytest.fixture
def run(tmp_path):
    return drawn_run(tmp_path, ["o", "x"])


@pytest.fixture(scope="module")
def sure(tmp_path_factory):
    """A run that is never unsure, what its report with a card printed, and its metrics.json; to be looked at only."""
    run = drawn_run(tmp_path_factory.mktemp("sure"), ["o", "x"])
    return run, *made(run)


@pytest.fixture(scope="module")
def unsure(tmp_path_factory):
    """The same of a run of long names that is unsure below 0.55."""
    run = drawn_run(tmp_path_factory.mktemp("unsure"), KOREAN, unsure=UNSURE | {"threshold": 0.55})
    return run, *made(run)


@pytest.fixture
def copied(sure, tmp_path):
    """A copy of the first of them, to be changed."""
    shutil.copytree(sure[0].path, tmp_path / "lenet-1")
    return runs.find(tmp_path / "lenet-1")


def report(run, *options):
    return CliRunner().invoke(app, ["report", str(run.path), *options])


def made(run, *options) -> tuple[Card, dict, str]:
    """The card of a report, its metrics.json and what was printed."""
    result = report(run, "--robustness", *options)
    assert result.exit_code == 0, result.output
    told = json.loads((run.path / "report" / "metrics.json").read_text(encoding="utf-8"))
    return Card.from_data(told["robustness"]), told, result.stdout


def test_what_a_network_fails_on_is_named_and_nothing_else(sure):
    run, card, told, printed = sure
    worse = {kind.name: words.first_worse(steps) for kind, steps in card.kinds()}
    # the mean of red in "x" is 145 * (1 - bar), and 127.5 is left from 12.07 % of bar on: 6 % of it are there
    assert worse["thicker"] == 1 + KINDS[3].levels.index(0.07) and worse["frame"] is not None
    assert {name for name, place in worse.items() if place} == {"thicker", "frame"}
    step = card.steps["thicker"][2]
    assert (step.right, step.mostly, step.p_value) == (10, ("x", "o"), pytest.approx(2**-10))
    assert (
        "  Thicker strokes: significantly worse from strokes thicker by 7 % of the side on: 50.0 % right instead of "
        in printed
    )
    assert (
        "mostly 'x' taken for 'o'" in printed and "  Rotation: not significantly worse up to a turn of 45°" in printed
    )
    # unchanged is what the report says of these images, which are all of them
    assert card.split == "test" and card.unchanged.images == 20 == told["test"]["images"]
    assert card.unchanged.right == told["test"]["correct"] and card.always
    assert printed.splitlines()[-1] == str(run.path / "report")


def test_ten_classes_of_bare_paper_fail_by_what_shifts_levels(tmp_path, monkeypatch):
    """Classes are levels of red, and the nearest is answered: only noise, cut off at black and white, shifts them,
    and a JPEG of the poorest, which has few levels."""
    monkeypatch.chdir(tmp_path)
    classes, rows = [f"level {i}" for i in range(10)], []
    for i, name in enumerate(classes):
        for number in range(4):
            file = tmp_path / "data" / "test" / f"{i}-{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (40, 30), (12 + 25 * i, 60, 60)).save(file)
            rows.append((f"test/{i}-{number}.png", name, "test"))
    levels = helper.make_tensor("levels", TensorProto.FLOAT, [10], [(12 + 25 * i) / 255 for i in range(10)])
    steep = helper.make_tensor("steep", TensorProto.FLOAT, [], [-3000.0])
    nodes = [
        *hand_made.RED,
        helper.make_node("Sub", ["red", "levels"], ["away"]),
        helper.make_node("Mul", ["away", "away"], ["squared"]),
        helper.make_node("Mul", ["squared", "steep"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["answer"]),
    ]
    run = hand_made.judged_run(tmp_path / "data")
    onnx.save(hand_made.network(nodes, outputs={"answer": ["n", 10]}, constants=[levels, steep]), run.onnx_file)
    run.update(classes=classes)
    run.write_table("split.csv", ("path", "label", "split"), rows)
    card = robustness.measure(run, table.predict(run, ["test"]), run.source)
    assert (card.unchanged.images, card.unchanged.right, card.unchanged.mostly) == (40, 40, None)
    assert [kind.name for kind, steps in card.kinds() if words.first_worse(steps)] == ["jpeg", "noise"]
    others = (steps for kind, steps in card.kinds() if kind.name not in ("jpeg", "noise"))
    assert {step.right for steps in others for step in steps} == {40}


def test_table_metrics_and_answers_are_one(unsure):
    run, card, _, _ = unsure
    with (run.path / "report" / "robustness.csv").open(newline="") as file:
        rows = {(row["change"], row["level"]): row for row in csv.DictReader(file)}
    assert len(rows) == 1 + 45 and not card.always
    classifier = Classifier(run)
    for kind in KINDS:
        level = kind.levels[1]
        right = answered = wrong = 0
        for number, (label, name) in enumerate((label, name) for label in "ox" for name in range(10)):
            with Image.open(run.data_root / "test" / label / f"{name}.png") as image:
                answer = classifier.predict(kind.change(Original.of(image, number=number, least=8), level))
            truth = KOREAN["ox".index(label)]
            right += answer.label == truth
            answered += answer.answer != "unsure"
            wrong += answer.answer not in (truth, "unsure")
        row, step = rows[kind.name, f"{level:g}"], card.steps[kind.name][1]
        assert (right, answered, wrong) == (step.right, step.answered, step.answered_wrong), kind.name
        assert [int(row[key]) for key in ("right", "answered", "answered_wrong")] == [right, answered, wrong]
        assert row["significantly_worse"] == ("yes" if step.worse else "no")
    assert float(rows["unchanged", ""]["coverage"]) == card.unchanged.coverage == 0.5


def test_a_card_stays_while_the_model_is_the_same(copied, sure):
    run, card = copied, sure[1]
    folder = run.path / "report"
    (folder / "robustness.png").unlink()
    assert report(run, "--split", "val").exit_code == 0
    told = json.loads((folder / "metrics.json").read_text())
    assert Card.from_data(told["robustness"]) == card and (folder / "robustness.png").is_file()
    assert 'id="robustness"' in (folder / "report.html").read_text(encoding="utf-8")
    run.onnx_file.write_bytes(run.onnx_file.read_bytes() + b"\x1a\x00")  # another file, the same network
    assert report(run).exit_code == 0
    assert "robustness" not in json.loads((folder / "metrics.json").read_text())
    assert not list(folder.glob("robustness*"))
    assert 'id="robustness"' not in (folder / "report.html").read_text(encoding="utf-8")


def test_a_damaged_card_is_none(copied, sure, tmp_path):
    _, card, told, _ = sure
    file = copied.path / "report" / "metrics.json"
    assert kept(file, told["fingerprint"]) == card and kept(file, "another") is None
    for damage in ({}, {"changes": {}}, {"unchanged": {"images": 0}}, {"unchanged": None}):
        file.write_text(json.dumps(told | {"robustness": told["robustness"] | damage if damage else []}))
        assert kept(file, told["fingerprint"]) is None
    assert kept(tmp_path / "none.json", "") is None


def test_images_that_the_run_has_learned_from_are_refused(run):
    result = report(run, "--robustness", "--split", "train")
    assert result.exit_code == 2 and "has not learned from, in test: give --split test too" in result.stderr
    rows = [row for row in run.read_table("split.csv") if row["split"] == "val"]
    run.write_table("split.csv", ("path", "label", "split"), [tuple(row.values()) for row in rows])
    robustness.refuse(run, ["val"])
    assert robustness.measure(run, table.predict(run, ["val"]), run.source).split == "val"
    run.update(cross_validation=[["lenet-fold1", 10, 10], ["lenet-fold2", 10, 10]])
    result = report(run, "--robustness")
    assert result.exit_code == 2 and "give labelled images of a folder with --data" in result.stderr


def test_other_data_has_a_card_of_its_own(run, tmp_path):
    for label in "ox":
        for number in range(2):
            file = tmp_path / "scans" / label / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            with Image.open(run.data_root / "test" / label / f"{number}.png") as image:
                image.resize((90, 90)).save(file)
    result = report(run, "--robustness", "--data", str(tmp_path / "scans"))
    assert result.exit_code == 0, result.stderr
    assert (run.path / "report-scans" / "robustness.png").is_file() and not (run.path / "report").exists()
    assert "robustness, 4 images of test" in result.stdout
    assert "None of" not in result.stdout and "not significantly worse" in result.stdout  # 4 images prove nothing


def test_images_gone_since_they_were_predicted_are_left_out(run):
    predicted = table.predict(run, ["test"])
    (run.data_root / "test" / "o" / "0.png").unlink()
    assert robustness.measure(run, predicted, run.source).unchanged.images == 19
    shutil.rmtree(run.data_root)
    with pytest.raises(UsageError, match="none of the images of test can be read any more"):
        robustness.measure(run, predicted, run.source)


def test_the_picture_shows_the_numbers_of_the_card():
    card = robustness_card({"blur": 3})
    figure = card_figure(card, {}, title="lenet-1")
    assert len(figure.axes) == len(KINDS)
    for axes, (kind, steps) in zip(figure.axes, card.kinds(), strict=True):
        curves = {tuple(line.get_ydata()) for line in axes.lines}
        for name in ("accuracy", "coverage"):
            assert tuple(getattr(step, name) for step in (card.unchanged, *steps)) in curves
        assert [label.get_text() for label in axes.get_xticklabels()] == words.ticks(kind)
    said = "\n".join(text.get_text() for text in figure.texts)
    assert re.findall("worse from .*", said) == ["worse from 3 % on"] and said.count("no significant loss") == 8


def test_words_name_the_level_and_are_about_it():
    card = robustness_card({"blur": 3, "jpeg": 5}, classes=("a", "b"))
    blur = next(kind for kind in KINDS if kind.name == "blur")
    assert words.sentence(card, blur).startswith(
        "Significantly worse from a blur of 3 % of the side on: 80.0 % right instead of 98.3 %, mostly 'a' "
        "taken for 'b'."
    )
    assert words.headline(card)[0] == (
        "It gets significantly worse with blur (from 3 % on), JPEG (from 1 down); with the other 7 it does not."
    )
    assert words.headline(robustness_card({}))[0] == "None of the 9 changes makes it significantly worse."
    assert not any("nswer" in line for line in words.lines(robustness_card({}, always=True)))


def test_the_page_shows_it_at_any_width(unsure):
    run, faults = unsure[0], Faults()
    with chromium() as browser:
        for width, scheme in ((390, "light"), (1200, "dark")):
            page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
            faults.watch(page)
            page.goto(address(run.path / "report" / "report.html"))
            page.click('a[href="#robustness"]')
            assert page.locator("#robustness figure svg").count() == len(KINDS)
            assert page.evaluate("document.documentElement.scrollWidth") == width
            broken = "all => all.filter(one => !one.naturalWidth).length"
            assert page.eval_on_selector_all("#robustness img", broken) == 0
            assert page.locator("#robustness img").count() == 6 * len(KINDS)
            assert f"mostly '{KOREAN[1]}' taken for '{KOREAN[0]}'" in page.inner_text("#robustness")
            tick, picture = (page.locator(f"#robustness figure {what}").nth(3) for what in ("text.tick", "img"))
            worse = [text.replace("\u00a0", " ") for text in page.locator("#robustness .worse").all_inner_texts()]
            assert worse == ["worse from 7 % on", "worse from 5 % on"]
            assert tick.is_visible() and picture.is_visible()
            page.close()
    assert faults == []
