"""The report page in a real browser: filter, search, open, mark by key, reload, save; and it never asks a network."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ox_classifier.cli import app
from ox_classifier.data import digests
from ox_classifier.report import metrics, run_page
from ox_classifier.report.data_check import DataCheck
from ox_classifier.report.predictions import Predictions
from ox_classifier.report.run_page import MOST_EMBEDDED, Evidence
from ox_classifier.report.watch import Watch
from tests import hand_made, test_compare
from tests.browser import FILTER_TIME, Faults, address, chromium
from tests.test_page import CLASSES, NAMES, hostile, in_page, red, report, table

HOSTILE = hostile  # the fixture
DARK = {"color_scheme": "dark"}


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(browser, hostile):
    """The page of the hostile run, opened; what it complains about or asks for beyond itself fails the test."""
    report(hostile)
    context = browser.new_context(accept_downloads=True, viewport={"width": 1200, "height": 900})
    faults, opened = Faults(), context.new_page()
    faults.watch(opened)
    opened.goto(address(hostile.path / "report" / "report.html"))
    yield opened
    context.close()
    assert faults == []


def cards(page) -> list[str]:
    """The files of the cards shown, by the titles of their names."""
    return page.eval_on_selector_all("#grid .file[title]", "all => all.map(one => one.title)")


def view(page) -> dict:
    return {key: values[0] for key, values in parse_qs(page.evaluate("location.hash.slice(1)")).items()}


def printed(path: str) -> str:
    return path.replace("\n", "\\n").replace("\udcff", "\\xff")


def test_a_cell_of_the_matrix_shows_its_images(page, hostile):
    rows = [row for row in table(hostile) if row["split"] == "test"]
    expected = [row for row in rows if (row["label"], row["predicted"]) == (CLASSES[0], CLASSES[1])]
    expected.sort(key=lambda row: -float(row["loss"]))
    page.click('[data-split="test"] .matrix button[data-true="0"][data-predicted="1"]')
    assert cards(page) == [printed(row["path"]) for row in expected] and expected
    assert view(page) == {"show": "all", "true": "0", "predicted": "1"}
    assert f"{len(expected)} of {len(rows)} images" in page.inner_text("#count")
    page.reload()  # the address alone brings the view back
    assert cards(page) == [printed(row["path"]) for row in expected]
    assert page.inner_text("#clear") == "Show all wrong ones again"
    page.click("#clear")
    wrong = [row for row in rows if row["label"] != row["predicted"]]
    assert len(cards(page)) == len(wrong) and view(page) == {}


def test_where_nothing_is_wrong_the_page_says_so_and_shows_the_rest(browser, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for split in ("val", "test"):
        for number in range(4):
            red(tmp_path / "data" / split / "ox"[number % 2] / f"{number}.png", 250 * (number % 2))
    run = hand_made.judged_run(tmp_path / "data")
    report(run, "--split", "test")
    page = browser.new_page()
    page.goto(address(run.path / "report" / "report.html"))
    assert cards(page) == [] and "Every image here is named right." in page.inner_text("#grid")
    assert page.locator("[data-show-split]").count() == 0  # one split: nothing to choose
    page.click("#grid button")
    assert len(cards(page)) == 4 and view(page) == {"show": "all"}
    page.keyboard.press("/")
    page.keyboard.type("no such name")
    assert "No image fits" in page.inner_text("#grid") and page.locator("#grid button").count() == 0
    page.close()


def test_thirty_classes_with_long_names_fit_the_window(browser, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    classes = tuple(f"사과나무 잎사귀 모양 {i}" for i in range(30))
    truth, count = np.arange(120) % 30, 120
    chances = np.full((count, 30), 0.01, np.float32)
    chances[np.arange(count), (truth + (np.arange(count) % 4 == 0)) % 30] = 0.71
    table = Predictions(classes, tuple(f"test/{i:03}.png" for i in range(count)), ("test",) * count, truth, chances)
    run = hand_made.judged_run(tmp_path)
    run.update(classes=list(classes))
    results = {"test": metrics.summary(chances, truth, classes)}
    text = run_page.html(
        run, table, results, Evidence(Watch(), DataCheck()), fingerprint="f", root=tmp_path, folder=tmp_path
    )
    (tmp_path / "report.html").write_text(text, encoding="utf-8")
    for width in (375, 1200):
        page = browser.new_page(viewport={"width": width, "height": 800})
        page.goto(address(tmp_path / "report.html"))
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        heights = page.eval_on_selector_all(".matrix tbody tr", "all => all.map(one => one.offsetHeight)")
        assert len(heights) == 30 and max(heights) < 50  # a row is a line, not a letter a line
        assert page.locator(".tall").bounding_box()["height"] <= 600
        page.close()


def test_splits_sort_and_search(page, hostile):
    rows = [row for row in table(hostile) if row["split"] == "val"]
    page.click('[data-show-split="val"]')
    page.select_option("#show", "all")
    page.select_option("#sort", "certain")
    sure = sorted(rows, key=lambda row: max(float(row[name]) for name in CLASSES))
    assert cards(page) == [printed(row["path"]) for row in sure]
    page.select_option("#sort", "name")
    assert cards(page) == [printed(row["path"]) for row in rows]
    assert page.is_visible('.lead[data-split="val"]') and not page.is_visible('.lead[data-split="test"]')
    page.keyboard.press("/")
    page.keyboard.type("동그")
    assert cards(page) == [printed(row["path"]) for row in rows if "동그" in row["path"]] and len(cards(page)) == 2


def test_names_are_shown_and_never_run(page, hostile):
    page.select_option("#show", "all")
    assert sorted(cards(page)) == sorted(printed(row["path"]) for row in table(hostile) if row["split"] == "test")
    page.evaluate("path => { location.hash = new URLSearchParams({ open: path }) }", f"test/0 {NAMES[0]}")
    page.wait_for_selector("#detail[open]")
    for _ in range(len(NAMES)):
        page.keyboard.press("ArrowRight")
    assert CLASSES[0] in page.inner_text("#detail-body")
    assert page.evaluate("document.querySelectorAll('img[onerror], script').length") == 2


def test_keys_faster_than_the_browser_tells_of_a_close_reach_the_next_image(page, hostile):
    page.keyboard.press("ArrowRight")
    names = cards(page)
    at_once = """keys => keys.forEach(key => document.activeElement.dispatchEvent(
        new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true })))"""
    page.keyboard.press("Enter")
    page.evaluate(at_once, ["n", "ArrowRight", "n", "Escape", "ArrowRight", "n"])
    page.wait_for_timeout(100)  # the late close moves nothing any more
    assert page.inner_text("#marked") == "3 marked, not saved yet"
    assert page.evaluate("document.activeElement.querySelector('.file[title]').title") == names[2]
    assert view(page) == {}


def test_an_image_is_opened_marked_and_saved_by_keys_alone(page, hostile):
    page.keyboard.press("ArrowRight")
    first, second = cards(page)[:2]
    page.keyboard.press("Enter")
    assert page.inner_text("#detail-name") == first
    assert page.get_attribute("#detail-body img", "alt").startswith(first)
    assert page.locator("#detail-body .chances tr").count() == 2
    page.keyboard.press("n")
    assert page.get_attribute('.marks button:has-text("no class")', "aria-pressed") == "true"
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#detail-name") == second
    rows = {printed(row["path"]): row for row in table(hostile)}
    other = next(name for name in CLASSES if name != rows[second]["label"])
    page.keyboard.press("s" if other == CLASSES[0] else "x")
    page.keyboard.press("Escape")
    assert not page.is_visible("#detail") and page.evaluate("document.activeElement.dataset.row") is not None
    page.keyboard.press("ArrowRight")
    page.keyboard.press("f")
    assert page.inner_text("#marked") == "3 marked, not saved yet"
    page.reload()
    assert page.inner_text("#marked") == "3 marked, not saved yet"
    assert page.locator("#grid .badge").count() == 3
    with page.expect_download() as started:
        page.focus("#save-button")
        page.keyboard.press("Enter")
    assert started.value.suggested_filename == "corrections.csv"
    saved = started.value.path().read_bytes()
    header, *found = csv.reader(io.StringIO(saved.decode("utf-8", "surrogateescape"), newline=""))
    assert header == ["path", "digest", "old_label", "new_label"]

    def row(name: str, new: str) -> list[str]:
        path, label = rows[name]["path"], rows[name]["label"]
        return [path, digests.content(hostile.data_root / path).hex(), label, new]

    assert sorted(found) == sorted([row(first, "set-aside"), row(second, other)])
    assert page.inner_text("#marked") == "3 marked"


def test_every_name_comes_back_from_the_saved_file_as_it_was(page, hostile):
    page.select_option("#show", "all")
    page.focus("#search")
    page.keyboard.press("Escape")
    for _ in cards(page):
        page.keyboard.press("n")
        page.keyboard.press("ArrowRight")
    with page.expect_download() as started:
        page.click("#save-button")
    text = started.value.path().read_bytes().decode("utf-8", "surrogateescape")
    found = [row[0] for row in csv.reader(io.StringIO(text, newline=""))][1:]
    assert sorted(found) == sorted(row["path"] for row in table(hostile) if row["split"] == "test")


def test_elsewhere_the_page_shows_its_thumbnails_and_says_what_is_missing(browser, hostile, tmp_path, monkeypatch):
    monkeypatch.setattr("ox_classifier.report.run_page.MOST_EMBEDDED", 30)
    report(hostile)
    (tmp_path / "elsewhere").mkdir()
    alone = tmp_path / "elsewhere" / "report.html"
    shutil.copy(hostile.path / "report" / "report.html", alone)
    page = browser.new_page()
    page.goto(address(alone))
    page.select_option("#show", "all")
    page.evaluate("document.querySelectorAll('#grid img').forEach(one => one.loading = 'eager')")
    page.wait_for_selector("#missing:not([hidden])")
    page.wait_for_function("[...document.querySelectorAll('#grid img')].every(one => one.complete)")
    here = "all => all.filter(one => one.complete && one.naturalWidth).length"
    shown = page.eval_on_selector_all("#grid img", here)
    gone = page.locator("#grid .gone").count()
    assert gone and shown + gone == 20
    assert page.inner_text("#missing").startswith(f"{gone} of the images looked at are not in this page")
    page.close()


def test_a_mistake_is_found_marked_saved_applied_and_undone(browser, tmp_path, monkeypatch):
    """From a cell of the matrix into the folder and back, with names that no page and no file system likes."""
    monkeypatch.chdir(tmp_path)
    data, classes = tmp_path / "data", ["<script>alert(1)<script>", CLASSES[1]]
    for number, name in enumerate(NAMES * 2):
        label = number % 2
        red(data / "test" / classes[label] / f"{number} {name}", 20 + 10 * number)
    run = hand_made.judged_run(data)
    run.update(classes=classes)
    report(run)
    before = tree(data)
    faults, page = Faults(), browser.new_page(accept_downloads=True)
    faults.watch(page)
    page.goto(address(run.path / "report" / "report.html"))
    for true, predicted, words, key in ((0, 1, "😀", "x"), (1, 0, "alert(2)", "s"), (1, 0, "two", "n")):
        page.click(f'.matrix button[data-true="{true}"][data-predicted="{predicted}"]')
        page.keyboard.press("/")
        page.keyboard.type(words)
        page.keyboard.press("Escape")
        assert len(cards(page)) == 1 and words in cards(page)[0]
        page.keyboard.press("Enter")
        assert page.inner_text("#detail-name") == cards(page)[0]
        page.keyboard.press(key)
        page.keyboard.press("Escape")
        page.wait_for_selector("#detail:not([open])", state="attached")
        while "open" in view(page):  # the address follows a moment later
            page.wait_for_timeout(20)
    page.reload()
    page.click("#clear")
    page.select_option("#show", "marked")
    assert page.locator("#grid .badge").count() == 3 == len(marked := cards(page))
    with page.expect_download() as started:
        page.click("#save-button")
    started.value.save_as(tmp_path / "corrections.csv")
    page.close()
    result = ox("dataset", "apply", "corrections.csv", "--data", data, "--yes")
    assert result.exit_code == 0, result.output
    after = tree(data)
    assert sorted(after.values()) == sorted(before.values())
    moved = sorted(printed(path) for path in before.keys() - after.keys())
    assert moved == sorted(marked)
    new = {path.name.split(" ")[0]: path.parent.as_posix() for path in map(Path, after.keys() - before.keys())}
    assert new == {"16": f"test/{classes[1]}", "3": f"test/{classes[0]}", "7": f"set-aside/{classes[1]}"}
    result = ox("dataset", "apply", "--undo", "undo.csv", "--yes")
    assert result.exit_code == 0, result.output
    assert tree(data) == before and faults == []


def ox(*words):
    return CliRunner().invoke(app, list(map(str, words)))


def tree(folder: Path) -> dict[str, bytes]:
    """Every file's bytes by its path below the folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_ten_thousand_images_open_and_filter_within_a_second(browser, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    count, rng = 10_000, np.random.default_rng(0)
    paths = tuple(f"test/{'ox'[i % 2]}/{i:05}.png" for i in range(count))
    for path in paths[:MOST_EMBEDDED]:  # noise, which takes more room than any mark
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (48, 48, 3), np.uint8)).save(tmp_path / path, compress_level=0)
    truth, chances = np.arange(count) % 2, rng.random((count, 1), dtype=np.float32)
    chances[:MOST_EMBEDDED, 0] = 1 - truth[:MOST_EMBEDDED]  # wrong, so that these are embedded
    table = Predictions(("o", "x"), paths, ("test",) * count, truth, np.hstack([1 - chances, chances]))
    run = hand_made.judged_run(tmp_path)
    results = {"test": metrics.summary(table.probabilities, truth, table.classes)}
    evidence = Evidence(Watch(), DataCheck(digests=dict.fromkeys(paths, "0" * 32)))
    text = run_page.html(run, table, results, evidence, fingerprint="f", root=tmp_path, folder=tmp_path)
    assert 10_000_000 < len(text) < 15_000_000
    embedded = text.count("data:image/webp") // 2
    assert embedded > 1_000 and f"The pictures of {embedded:,} of 10,000 images are in this page" in text
    (tmp_path / "report.html").write_text(text)
    page = browser.new_page()
    page.goto(address(tmp_path / "report.html"))
    page.wait_for_selector("#grid .card")
    opened = page.evaluate("performance.getEntriesByType('navigation')[0].domComplete")
    filtered = page.evaluate(FILTER_TIME)
    assert (opened < 1000, filtered < 1000) == (True, True), (opened, filtered)
    assert page.inner_text("#count").startswith(f"{results['test']['confusion_matrix'][0][0]:,} of 10,000 images")
    page.close()


@pytest.mark.parametrize("width", [375, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_window_and_every_text_can_be_read(browser, hostile, width, scheme):
    report(hostile)
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(address(hostile.path / "report" / "report.html"))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CONTRAST) == []
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.evaluate("document.getElementById('detail').scrollWidth") <= width
    assert page.evaluate(CONTRAST) == []
    unnamed = "all => all.filter(one => !(one.labels?.length || one.textContent.trim() || one.ariaLabel)).length"
    assert page.eval_on_selector_all("button, select, input, a", unnamed) == 0
    page.close()


@pytest.fixture
def comparison(browser, tmp_path, monkeypatch):
    """The page of two runs over hostile names, opened: five images fixed, four broken, three wrong in both."""
    monkeypatch.chdir(tmp_path)
    classes = tuple(name.replace("/", "") for name in test_compare.HARD)
    kinds = {test_compare.FIXED: 5, test_compare.BROKEN: 4, test_compare.WRONG: 3, test_compare.RIGHT: 6}
    names = test_compare.draw(tmp_path / "marks", [kind for kind, n in kinds.items() for _ in range(n)], classes)
    for channel in test_compare.CHANNEL:
        test_compare.judge(tmp_path / "marks", names, channel, classes=classes, weights="w" * 300)
    assert ox("compare", "lenet-1", "lenet-2").exit_code == 0
    faults, page = Faults(), browser.new_page(accept_downloads=True)
    faults.watch(page)
    page.goto(address(tmp_path / "runs" / "lenet-2" / "compare-lenet-1" / "compare.html"))
    yield page, [printed(name) for name in names]
    page.close()
    assert faults == []


@pytest.mark.parametrize(("width", "scheme"), [(375, "dark"), (1200, "light")])
def test_two_runs_compared_fit_the_window_and_can_be_read(comparison, width, scheme):
    page, _ = comparison
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CONTRAST) == []
    assert page.eval_on_selector_all("#grid img", "all => all.filter(one => one.naturalWidth).length") == 9
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.evaluate("document.getElementById('detail').scrollWidth") <= width
    assert page.evaluate(CONTRAST) == []


def test_what_changed_between_runs_is_filtered_opened_marked_and_sent_on(comparison, tmp_path):
    page, names = comparison
    fixed, broken, both = names[:5], names[5:9], names[9:12]
    assert sorted(cards(page)) == sorted(fixed + broken) and view(page) == {}
    for kind, expected in (("broke", broken), ("fixed", fixed), ("both", both)):
        page.click(f'.four button[data-kind="{kind}"]')
        assert sorted(cards(page)) == sorted(expected) and view(page) == {"show": kind}
        page.reload()  # the address alone brings the view back
        assert sorted(cards(page)) == sorted(expected)
    page.click("#clear")
    page.select_option("#show", "all")
    assert len(cards(page)) == 12 and "12 of 12 images that a run has wrong" in page.inner_text("#count")
    page.select_option("#true", "0")
    assert sorted(cards(page)) == sorted(both)
    page.click("#clear")
    page.select_option("#sort", "name")
    page.keyboard.press("/")
    page.keyboard.type("6.png")
    page.keyboard.press("Escape")
    assert cards(page) == [broken[1]]
    page.keyboard.press("Enter")
    assert page.inner_text("#detail-name") == broken[1]
    columns = page.locator("#detail-body .columns > div").all_inner_texts()
    data = in_page(page.content())
    place = data["path"].index(next(path for path in data["path"] if path.endswith("/6.png")))
    for run, told, words in zip(data["runs"], columns[:2], ("right", "wrong"), strict=True):
        assert told.startswith(run["name"]) and words in told
        assert all(f"{100 * p:.2f} %" in told for p in run["p"][place])
    page.keyboard.press("n")
    page.reload()  # opened again by its address, and the mark is there
    assert page.inner_text("#detail-name") == broken[1] and page.inner_text("#marked") == "1 marked, not saved yet"
    page.keyboard.press("Escape")
    with page.expect_download() as started:
        page.click("#save-button")
    started.value.save_as(tmp_path / "corrections.csv")
    before = tree(tmp_path / "marks")
    assert ox("dataset", "apply", "corrections.csv", "--data", tmp_path / "marks", "--yes").exit_code == 0
    (gone,) = before.keys() - tree(tmp_path / "marks").keys()
    assert printed(gone) == broken[1]


# texts whose colour differs too little from what is behind them, by the formula of WCAG 2
CONTRAST = """
() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const linear = (v) => (v / 255 <= 0.03928 ? v / 3294.6 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const behind = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) layers.unshift(parse(getComputedStyle(e).backgroundColor));
    const over = (below, [r, g, b, a = 1]) => [r, g, b].map((v, i) => v * a + below[i] * (1 - a));
    return layers.reduce(over, [255, 255, 255]);
  };
  const written = (e) => e.checkVisibility() && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
  const faults = [];
  for (const e of document.querySelectorAll("body *")) {
    if (!written(e) || e.closest("svg, script, :disabled, .skip")) continue;
    const levels = [light(parse(getComputedStyle(e).color)), light(behind(e))].sort((a, b) => b - a);
    const ratio = (levels[0] + 0.05) / (levels[1] + 0.05);
    if (ratio < 4.5) faults.push(`${e.tagName}.${e.className} ${e.textContent.slice(0, 30)} ${ratio.toFixed(2)}`);
  }
  return faults;
}
"""
