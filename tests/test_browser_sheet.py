"""From the printed PDF to the score: filled, photographed and read, settled in a browser, and read again."""

from __future__ import annotations

import csv
import json

import pytest
from typer.testing import CliRunner

from ox_classifier.cli import app
from ox_classifier.sheets.layout import Layout
from tests import class_photos, hand_made
from tests.browser import Faults, address, chromium
from tests.test_sheet_reading import INKS

PEOPLE = ("김민준", "Ana Lima")
QUESTIONS = 12
KIND = {"o": "o", "x": "x", "blank": "blank", "struck": "unsure", "doubled": "unsure"}


def ox(*words: object):
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A class's sheets as they were printed, filled and photographed; what was written, by person and question."""
    pytest.importorskip("pypdfium2", reason="no pypdfium2: pip install '.[sheets]'")
    place = tmp_path_factory.mktemp("class")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        hand_made.reader()
        (place / "class.csv").write_text("name\n" + "\n".join(PEOPLE) + "\n", encoding="utf-8")
        ox("sheet", "quiz", "--questions", QUESTIONS, "--copies", "class.csv", "--out", "quiz")
        written = class_photos.take(place / "quiz", place / "photos", INKS, detail=9)
        yield place, written


@pytest.fixture
def review(filled):
    """The photographs as they were read, and the review page open in a browser."""
    place, _ = filled
    rows = "".join(f"{number},{'ox'[number % 2]}\n" for number in range(1, QUESTIONS + 1))
    (place / "quiz" / "key.csv").write_text(f"question,answer\n{rows}", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        said = ox(*READ, "--json").stdout
        with chromium() as browser:
            context = browser.new_context(accept_downloads=True, viewport={"width": 1200, "height": 900})
            faults, page = Faults(), context.new_page()
            faults.watch(page)
            page.goto(address(place / "answers" / "review.html"))
            yield page, [json.loads(line) for line in said.splitlines()]
            context.close()
        assert faults == []


READ = ("sheet", "read", "photos", "--layout", "quiz/sheet.json", "--key", "quiz/key.csv")


def test_from_print_to_the_final_score(filled, review):
    place, written = filled
    page, sheets = review
    rows = list(csv.DictReader((place / "answers" / "answers.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert {(row["person"], row["question"]): row["answer"] for row in rows} == {
        (person, question): KIND[kind] for person, truth in written.items() for question, kind in truth.items()
    }
    unsure = [(row["person"], row["question"]) for row in rows if row["answer"] == "unsure"]
    assert len(unsure) >= 2 and page.locator(".box").count() == len(unsure)
    right = {
        person: sum(kind == "ox"[int(question) % 2] for question, kind in truth.items())
        for person, truth in written.items()
    }
    assert [(s["person"], s["score"]["least"]) for s in sheets] == [(person, right[person]) for person in PEOPLE]
    assert sum(s["score"]["most"] - s["score"]["least"] for s in sheets) == len(unsure)

    page.evaluate(
        "document.activeElement.dispatchEvent("
        "new KeyboardEvent('keydown', {key: '\u3150', code: 'KeyO', bubbles: true, cancelable: true}))"
    )  # o on a Korean keyboard
    assert page.locator("#progress").inner_text() == f"1 of {len(unsure)} settled, not saved yet"
    page.evaluate("window.confirm = () => false")
    page.locator("#forget").click()
    assert page.locator("#progress").inner_text().startswith("1 of")
    page.evaluate("window.confirm = () => true")
    page.locator("#forget").click()
    assert page.locator("#progress").inner_text().startswith("0 of")

    for _, question in unsure:  # each goes to the next box; all are settled as the key has them
        page.keyboard.press("ox"[int(question) % 2])
    assert page.locator("#progress").inner_text().startswith(f"{len(unsure)} of {len(unsure)} settled")
    with page.expect_download() as download:
        page.locator("#save").click()
    download.value.save_as(place / "corrections.csv")
    saved = csv.DictReader((place / "corrections.csv").read_text(encoding="utf-8-sig").splitlines())
    assert {row["printing"] for row in saved} == {Layout.read(place / "quiz" / "sheet.json").id}

    final = [json.loads(line) for line in ox(*READ, "--corrections", "corrections.csv", "--json").stdout.splitlines()]
    assert {s["person"]: s["score"] for s in final} == {
        person: {"least": most, "most": most, "questions": QUESTIONS}
        for person in PEOPLE
        for most in [right[person] + sum(one == person for one, _ in unsure)]
    }
    assert "No box is unsure" in (place / "answers-2" / "review.html").read_text(encoding="utf-8")
