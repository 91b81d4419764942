"""Filled sheets, photographed and read: what each box says, what is left unsure, what is said of bad photographs."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ox_classifier.classifier import Classifier, Prediction
from ox_classifier.cli import app
from ox_classifier.sheets import annotate, decide, paper, reading, results, shape, straighten
from ox_classifier.synthetic.sampler import Sampler
from tests import hand_made, sheet_marks, sheet_pages, sheet_photos

SIZE = (210.0, 297.0)
LAYOUT = sheet_pages.layout(people=("김민준", "Ana"))
RING = 255 * np.ones((90, 90, 3), np.uint8)
cv2.circle(RING, (45, 45), 38, (30, 30, 120), 6, cv2.LINE_AA)
CROSS = 255 * np.ones((90, 90, 3), np.uint8)
cv2.line(CROSS, (8, 10), (82, 80), (30, 30, 30), 6, cv2.LINE_AA)
cv2.line(CROSS, (80, 9), (10, 81), (30, 30, 30), 6, cv2.LINE_AA)
PRINTED = straighten.printed_corners(LAYOUT.page(1))
PLACES = np.array([(box.x, box.y, box.width, box.height) for box in LAYOUT.boxes])
INKS = {"o": [RING / np.float32(255)], "x": [CROSS / np.float32(255)]}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("reading")
        patch.chdir(folder)
        hand_made.reader()
        yield folder


@pytest.fixture(scope="module")
def classifier(place):
    return Classifier.load(place / "runs" / "lenet-1")


@pytest.fixture(scope="module")
def page():
    """A filled page (copy 1), and what stands in each box."""
    return sheet_pages.filled(sheet_pages.drawn(LAYOUT, 1, 1), LAYOUT.boxes, (13,), INKS)


@pytest.fixture(scope="module")
def photo(page):
    return sheet_photos.photograph(page[0], SIZE, (3,), detail=8)


def scan(page: np.ndarray, seed: int = 0, detail: float = 6) -> sheet_photos.Photo:
    return sheet_photos.photograph(page, SIZE, (seed,), detail=detail, rough=False)


def answers(result: reading.Photo) -> dict[str, str]:
    return {box.question: box.answer.answer for one in result.pages for box in one.boxes}


def expected(truth: dict[str, str]) -> dict[str, str]:
    return {question: kind if kind in ("o", "x", "blank") else "unsure" for question, kind in truth.items()}


def read(pixels: np.ndarray, classifier, layout=LAYOUT) -> reading.Photo:
    return reading.read_photo(pixels, "photo.jpg", layout, classifier)


def test_a_photograph_is_read_box_by_box(page, photo, classifier):
    result = read(photo.pixels, classifier)
    assert result.all_notes == () and [(one.number, one.copy) for one in result.pages] == [(1, 1)]
    assert answers(result) == expected(page[1])


@pytest.mark.parametrize("seed", [11, 13])
def test_boxes_are_cut_where_they_lie(page, seed):
    photo = sheet_photos.photograph(page[0], SIZE, (seed,), detail=8)
    (view,) = straighten.views(straighten.markers(cv2.cvtColor(photo.pixels, cv2.COLOR_RGB2GRAY)), PRINTED)
    even = paper.evened(view.flattened(photo.pixels, SIZE, reading.DETAIL), reading.DETAIL)
    places = PLACES
    cells = reading.boxes_of.cut(even, places, line=LAYOUT.line, margins=reading.margins(places))
    found = np.concatenate([cell.corners for cell in cells])
    corners = np.concatenate([places[:, :2], places[:, :2] + places[:, 2:]], axis=1)[:, [0, 1, 2, 1, 2, 3, 0, 3]]
    off = np.linalg.norm(view.places(found) - photo.places(corners.reshape(-1, 2)), axis=1) / view.detail(SIZE)
    assert off.max() <= 0.3  # mm, of boxes of 10 mm


def test_places_of_a_photograph_are_the_simulators_truth():
    """A dot on the page is found where the simulator says that it lies, bent paper or not."""
    page = np.full((297 * 6, 210 * 6, 3), 255, np.uint8)
    dots = np.array([(40.0, 60.0), (105.0, 150.0), (170.0, 250.0)])
    for x, y in dots:
        cv2.circle(page, (round(x * 6), round(y * 6)), 9, (255, 0, 0), -1)
    bent = [seed for seed in range(20) if sheet_photos.photograph(page, (210, 297), (seed,), detail=3).creases][:2]
    for seed in (*bent, 1):
        photo = sheet_photos.photograph(page, (210, 297), (seed,), detail=5)
        red = photo.pixels[:, :, 0].astype(int) - photo.pixels[:, :, 1] > 60
        for x, y in photo.places(dots):
            near = np.argwhere(red[int(y) - 12 : int(y) + 13, int(x) - 12 : int(x) + 13])
            assert np.abs(near.mean(axis=0) - 12 - [y % 1, x % 1]).max() < 0.4


def test_two_sheets_in_one_photograph(classifier):
    pages = [sheet_pages.filled(sheet_pages.drawn(LAYOUT, 1, copy), LAYOUT.boxes, (copy,), INKS) for copy in (1, 2)]
    both = sheet_photos.side_by_side([scan(page, seed) for (page, _), seed in zip(pages, (4, 5), strict=True)])
    result = read(both, classifier)
    assert {one.copy for one in result.pages} == {1, 2} and result.all_notes == ()
    for one in result.pages:
        assert {box.question: box.answer.answer for box in one.boxes} == expected(pages[one.copy - 1][1])


def test_any_turn_of_the_paper(page, classifier):
    pixels = scan(page[0]).pixels
    for turns in (1, 2, 3):
        assert answers(read(np.ascontiguousarray(np.rot90(pixels, turns)), classifier)) == expected(page[1])


def covered(photo: sheet_photos.Photo, places: list[tuple[float, float]], side: float = 18) -> np.ndarray:
    """The photograph with a dark thing on some places of the page."""
    pixels = photo.pixels.copy()
    for x, y in places:
        patch = photo.places(np.array([(x, y), (x + side, y), (x + side, y + side), (x, y + side)]))
        cv2.fillConvexPoly(pixels, patch.astype(np.int32), (60, 40, 30))
    return pixels


def test_three_markers_suffice(page, photo, classifier):
    result = read(covered(photo, [(183, 270)]), classifier)
    assert result.all_notes == ("photo.jpg: the bottom right marker is missing or covered: read by the other three",)
    assert answers(result) == expected(page[1])


def test_a_covered_box_is_unsure_and_no_other(page, classifier):
    result = read(covered(scan(page[0]), [(31, 41)]), classifier)
    assert answers(result) == expected(page[1]) | {"1": "unsure"}
    assert result.all_notes == ("photo.jpg: the box of question 1 can't be seen: glare, or something lies over it",)


def test_glare_over_boxes_makes_them_unsure(page, classifier):
    photo = scan((page[0] * 0.8).astype(np.uint8))
    shone = photo.pixels.copy()
    patch = photo.places(np.array([(30, 40), (50, 40), (50, 80), (30, 80)]))
    cv2.fillConvexPoly(shone, patch.astype(np.int32), (255, 255, 255))
    result = read(shone, classifier)
    assert answers(result) == expected(page[1]) | {"1": "unsure", "2": "unsure"}
    assert "question 1, 2 can't be seen" in result.all_notes[0]


def cut_off(photo: sheet_photos.Photo) -> np.ndarray:
    """The upper half of the page, as it lies in the photograph."""
    mask = np.zeros(photo.pixels.shape[:2], np.uint8)
    half = photo.places(np.array([(-30, -30), (240, -30), (240, 150), (-30, 150)]))
    cv2.fillConvexPoly(mask, half.astype(np.int32), 1)
    return photo.pixels * mask[:, :, None]


HOSTILE = {
    "nothing but noise": (
        lambda p: np.random.default_rng(1).integers(0, 255, (700, 500, 3), np.uint8),
        "no sheet found",
    ),
    "black": (lambda p: np.zeros((600, 800, 3), np.uint8), "no sheet found"),
    "one pixel": (lambda p: np.zeros((1, 1, 3), np.uint8), "no sheet found"),
    "a line of pixels": (lambda p: np.full((2, 9000, 3), 200, np.uint8), "no sheet found"),
    "half a sheet": (cut_off, "shows only 2 of the 4 corner markers"),
    "two corners covered": (lambda p: covered(p, [(9, 9), (183, 270)]), "shows only 2 of the 4 corner markers"),
    "the code covered": (lambda p: covered(p, [(95, 10)]), "the code of a sheet can't be read"),
    "seen in a mirror": (lambda p: np.ascontiguousarray(p.pixels[:, ::-1]), "no sheet found"),
    "too small": (lambda p: cv2.resize(p.pixels, (90, 120), interpolation=cv2.INTER_AREA), "no sheet found"),
}


@pytest.mark.parametrize(("spoil", "said"), HOSTILE.values(), ids=HOSTILE)
def test_a_bad_photograph_is_named_and_nothing_of_it_read(photo, classifier, spoil, said):
    result = read(spoil(photo), classifier)
    assert answers(result) == {}
    (note,) = result.all_notes
    assert said in note and note.startswith("photo.jpg: ") and "\n" not in note


def test_a_page_of_another_sheet_is_not_read(classifier):
    other = scan(sheet_pages.drawn(sheet_pages.layout(sheet="THERES"), 1, 1))
    result = read(other.pixels, classifier)
    assert answers(result) == {} and "a page of another sheet (THERES)" in result.all_notes[0]


def test_a_page_that_the_layout_has_not_is_not_read(classifier):
    second = scan(sheet_pages.drawn(sheet_pages.layout(80), 2, 1))
    result = read(second.pixels, classifier)
    assert answers(result) == {} and "page 2 of a sheet that has 1" in result.all_notes[0]


def test_markers_of_other_numbers_are_no_sheet(page, classifier):
    picture = np.full((900, 900, 3), 255, np.uint8)
    dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, straighten.DICTIONARY))
    for number, (x, y) in enumerate([(50, 50), (700, 50), (700, 700), (50, 700)], start=20):
        picture[y : y + 120, x : x + 120] = cv2.aruco.generateImageMarker(dictionary, number, 120)[:, :, None]
    assert "markers are of another kind" in read(picture, classifier).all_notes[0]


def test_boxes_that_are_not_there_are_unsure(page, classifier):
    """Another print of a sheet of the same code, its boxes elsewhere: no answer lands on another question."""
    shifted = sheet_pages.drawn(LAYOUT, 1, 1)
    boxes = shifted[40 * 12 : 262 * 12].copy()
    shifted[40 * 12 : 262 * 12] = np.roll(boxes, 11 * 12, axis=0)
    result = read(scan(shifted).pixels, classifier)
    assert set(answers(result).values()) == {"unsure"} and "not where the layout has them" in result.all_notes[0]


def test_no_mark_is_followed_into_a_neighbours_box():
    places = np.array([(10, 10, 8, 8), (20, 10, 8, 8), (10, 19, 8, 8)], float)
    margins = reading.margins(places)
    assert margins[0].tolist() == [4, 4, 1, 0.5] and margins[1][0] == 1 and margins[2][1] == 0.5


def put(kind: np.ndarray, question: int = 1) -> np.ndarray:
    page = sheet_pages.drawn(LAYOUT, 1, 1)
    sheet_pages.put(page, kind, PLACES[question - 1], Sampler((1, 2)))
    return page


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("label", "ox")
def test_what_was_struck_out_or_doubled_is_never_guessed(classifier, label, seed):
    sampler = Sampler((9, seed))
    struck = sheet_marks.struck_out(INKS[label][0], sampler)
    twice = sheet_marks.doubled(INKS["o"][0], INKS["x"][0], sampler)
    page = put(struck, 1)
    sheet_pages.put(page, twice, PLACES[1], sampler)
    found = answers(read(scan(page).pixels, classifier))
    assert (found["1"], found["2"], found["3"]) == ("unsure", "unsure", "blank")


def test_two_thick_lines_through_a_cross_are_no_answer(classifier):
    struck = cv2.dilate(255 - CROSS, np.ones((7, 7)))
    for row in (30, 60):
        cv2.line(struck, (2, row), (88, row + 4), (235, 235, 235), 9, cv2.LINE_AA)
    found = read(scan(put(1 - struck / np.float32(255))).pixels, classifier).pages[0].boxes
    assert found[0].answer.reason == "struck out, or one mark over another" and found[1].answer.answer == "blank"


class Answering:
    """Answers each call from a list, one share of "o" for every picture, and keeps what it was asked."""

    def __init__(self, *shares: float):
        self.shares, self.asked = list(shares), []

    def predict(self, pictures):
        self.asked.append(list(pictures))
        share = self.shares.pop(0)
        for _ in self.asked[-1]:
            reason = "between o and x" if max(share, 1 - share) < 0.9 else None
            yield Prediction(None, np.array([share, 1 - share], np.float32), None, ("o", "x"), reason)


@pytest.mark.parametrize(
    ("shares", "answer", "reason"),
    [
        ((0.99,), "o", ""),  # sure at once: its box is not asked about
        ((0.6, 0.99), "o", ""),
        ((0.6, 0.7), "unsure", "between o and x"),
    ],
)
def test_the_box_as_it_is_decides_what_its_mark_alone_does_not(shares, answer, reason):
    """A ring that lies along the frame lacks what the line took with it."""
    classifier = Answering(*shares)
    found = read(scan(put(INKS["o"][0])).pixels, classifier).pages[0].boxes[0].answer
    assert (found.answer, found.reason) == (answer, reason)
    assert len(classifier.asked) == len(shares)
    if len(shares) == 2:
        assert found.probability == pytest.approx(shares[0] if answer == "unsure" else 0.99)
        (alone,), (whole,) = classifier.asked
        assert whole.shape == alone.shape and (whole < 128).sum() > (alone < 128).sum()  # the frame, too


def test_no_second_look_undoes_what_the_shape_says():
    struck = sheet_marks.struck_out(INKS["o"][0], Sampler((9, 0)))
    classifier = Answering(0.6)  # a second question would find the list empty
    found = read(scan(put(struck)).pixels, classifier).pages[0].boxes[0].answer
    assert found.answer == "unsure" and "between" not in found.reason


def test_a_small_cross_that_lies_loose_in_a_ring_is_no_answer():
    ring = RING.copy()
    for end in (36, 54):
        cv2.line(ring, (36, end), (54, 90 - end), (30, 30, 120), 3)
    alone, crossed = (
        shape.measured(paper.least(picture) < 165, np.zeros(picture.shape[:2], bool)) for picture in (RING, ring)
    )
    assert decide._doubt(alone, "o") == "" and decide._doubt(crossed, "o") != ""
    assert decide._doubt(replace(crossed, enclosed=0.0), "o") == ""


def test_a_dot_is_no_answer_and_dust_is_blank(classifier):
    page = sheet_pages.drawn(LAYOUT, 1, 1)
    cv2.circle(page, (40 * 12, 50 * 12), 8, (20, 20, 20), -1)  # 1.3 mm, in question 1
    cv2.circle(page, (40 * 12, 72 * 12), 2, (20, 20, 20), -1)  # 0.3 mm, in question 2
    found = answers(read(scan(page).pixels, classifier))
    assert (found["1"], found["2"]) == ("unsure", "blank")


def test_two_photographs_of_one_page_are_compared(page, classifier):
    first, second = scan(page[0]), scan(page[0], 1)
    shots = [
        reading.read_photo(pixels, name, LAYOUT, classifier)
        for name, pixels in (("a.jpg", covered(first, [(31, 41)])), ("b.jpg", second.pixels))
    ]
    lines, notes = results.lines(shots, LAYOUT)
    assert {line.question: line.answer.answer for line in lines} == expected(page[1])
    assert notes == ["sheet 1: 2 photographs of page 1 (a.jpg, b.jpg): compared"]


def test_photographs_that_disagree_leave_a_question_unsure(classifier):
    shots = [read(scan(put(INKS[label][0])).pixels, classifier) for label in "ox"]
    lines, _ = results.lines(shots, LAYOUT)
    assert lines[0].answer.answer == "unsure" and lines[0].answer.reason == "two photographs say o and x"


# the command


@pytest.fixture(scope="module")
def photos(place, page, photo):
    folder = place / "photos"
    folder.mkdir()
    (folder / "IMG_1.jpg").write_bytes(photo.jpeg(70))
    LAYOUT.write(folder / "sheet.json")
    return folder


def ox(line: str, *more: str):
    return CliRunner().invoke(app, [*line.split(), *more], catch_exceptions=False)


def key(place: Path, truth: dict[str, str], name: str = "key.csv") -> Path:
    rows = "".join(f"{question},{kind if kind in 'ox' else 'o'}\n" for question, kind in truth.items())
    path = place / name
    path.write_text("question,answer\n" + rows, encoding="utf-8")
    return path


def test_from_photos_to_a_score_and_back(place, photos, page, tmp_path):
    truth = page[1]
    done = ox(f"sheet read photos --key {key(place, truth)} --out {tmp_path / 'one'}")
    assert done.exit_code == 0, done.output
    wanted = expected(truth)
    right = sum(answer in "ox" for answer in wanted.values())
    doubts = [question for question, answer in wanted.items() if answer == "unsure"]
    assert f"{right} to {right + len(doubts)} of 40" in done.stdout and doubts
    raw = (tmp_path / "one" / "answers.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")  # by which Excel knows that 김민준 is UTF-8
    rows = list(csv.DictReader(raw.decode("utf-8-sig").splitlines()))
    assert {row["question"]: row["answer"] for row in rows} == wanted and {row["person"] for row in rows} == {"김민준"}
    assert all(bool(row["reason"]) == (row["answer"] == "unsure") for row in rows)
    spoilt = [row for row in rows if truth[row["question"]] in ("struck", "doubled")]
    assert spoilt and {row["probability"] for row in spoilt} == {""}  # it was the shape that told
    text = (tmp_path / "one" / "review.html").read_text(encoding="utf-8")
    assert (
        text.count('class="box"') == len(doubts)
        and "default-src 'none'" in text
        and "http" not in text.split("<body")[1]
    )
    with Image.open(tmp_path / "one" / "sheet-1-page-1.jpg") as picture:
        assert picture.size == (1050, 1485 + annotate.LEGEND)
    settled = tmp_path / "corrections.csv"
    settled.write_text("\ufeffsheet,question,answer\n" + "".join(f"1,{q},o\n" for q in doubts), encoding="utf-8")
    done = ox(f"sheet read photos --key {place / 'key.csv'} --out {tmp_path / 'two'} --corrections {settled} --json")
    assert done.exit_code == 0, done.output
    (sheet,) = map(json.loads, done.stdout.splitlines())
    assert sheet["score"] == {"least": right + len(doubts), "most": right + len(doubts), "questions": 40}
    assert f"{settled}: {len(doubts)} boxes settled\n" in done.stderr
    text = (tmp_path / "two" / "review.html").read_text(encoding="utf-8")
    assert f"{len(doubts)} were settled by hand, and none is left" in text and 'id="save"' not in text


def test_a_correction_of_what_was_read_is_told(place, photos, page, tmp_path):
    sure = next(question for question, kind in page[1].items() if kind == "o")
    settled = written(tmp_path / "c.csv", f"sheet,question,answer,printing\n1,{sure},X,{LAYOUT.id}\n")
    done = ox(f"sheet read photos --out {tmp_path / 'out'} --corrections {settled} --json")
    assert f"{settled}: 1 box settled, 1 of them read as something else before" in done.stderr
    answers = {row["question"]: row["answer"] for row in json.loads(done.stdout)["answers"]}
    assert answers[sure] == "x" and done.exit_code == 0


def test_classes_in_capitals_answer_as_the_key_is_written(photos, page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hand_made.reader().update(classes=["O", "X"])
    done = ox(f"sheet read {photos} --key {key(tmp_path, page[1])} --json")
    (sheet,) = map(json.loads, done.stdout.splitlines())
    assert {row["question"]: row["answer"] for row in sheet["answers"]} == expected(page[1])
    assert sheet["score"]["least"] == sum(kind in ("o", "x") for kind in page[1].values())


@pytest.mark.parametrize(("at_home", "said"), [(True, "marks here: ox train"), (False, "in the clone of ox, and give")])
def test_without_a_run_the_sentence_says_what_to_train_and_where(photos, tmp_path, monkeypatch, at_home, said):
    monkeypatch.chdir(tmp_path)
    if at_home:
        (tmp_path / "dataset").mkdir()
    done = ox(f"sheet read {photos}")
    assert done.exit_code == 2 and said in done.stderr and done.stderr.count("\n") == 1


def test_what_is_wrong_with_a_photo_ends_with_3_and_the_rest_is_read(photos, tmp_path):
    Image.new("RGB", (300, 300), "teal").save(tmp_path / "cat.jpg")
    (tmp_path / "torn.jpg").write_bytes((photos / "IMG_1.jpg").read_bytes()[:900])
    done = ox(
        f"sheet read {photos / 'IMG_1.jpg'} {tmp_path / 'cat.jpg'} {tmp_path / 'torn.jpg'} --out {tmp_path / 'o'}"
    )
    assert done.exit_code == 3
    assert "cat.jpg: no sheet found" in done.stderr and "torn.jpg: damaged or truncated" in done.stderr
    assert len((tmp_path / "o" / "answers.csv").read_text(encoding="utf-8").splitlines()) == 41


def test_a_scan_as_pdf_is_read_page_by_page(photos, page, tmp_path):
    pytest.importorskip("pypdfium2", reason="no pypdfium2: pip install '.[sheets]'")
    pages = [Image.fromarray(scan(page[0], seed).pixels) for seed in (1, 2)]
    pages[0].save(tmp_path / "scan.pdf", save_all=True, append_images=pages[1:], resolution=203)
    done = ox(f"sheet read {tmp_path / 'scan.pdf'} --layout {photos / 'sheet.json'} --out {tmp_path / 'o'} --json")
    assert done.exit_code == 3 and "2 photographs of page 1 (scan.pdf, page 1, scan.pdf, page 2)" in done.stderr
    found = json.loads(done.stdout)["answers"]
    assert {one["question"]: one["answer"] for one in found} == expected(page[1])


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


REFUSED = {
    "no such photo": ("gone.jpg", "", "gone.jpg does not exist"),
    "an empty folder": ("{empty}", "", "no photo in"),
    "no layout": ("{photo} --layout gone.json", "", "gone.json does not exist"),
    "a layout that is none": ("{photo} --layout {file}", "[1, 2", "is no JSON"),
    "a layout of lists": ("{photo} --layout {file}", "[]", "is not the layout of a sheet"),
    "a layout from tomorrow": ("{photo} --layout {file}", '{"schema": 99}', "is not the layout of a sheet"),
    "a deep layout": ("{photo} --layout {file}", "[" * 100_000, "is no JSON"),
    "a key without columns": ("{photo} --key {file}", "a,b\n1,o\n", "lacks the column question and answer"),
    "a key of other questions": (
        "{photo} --key {file}",
        "question,answer\n1,o\n99,x\n",
        "question '99' is not on the sheet",
    ),
    "a key of other answers": ("{photo} --key {file}", "question,answer\n1,yes\n", "the answer 'yes' is none"),
    "a key half written": (
        "{photo} --key {file}",
        "question,answer\n1,\n",
        "question 1 has no answer yet: write o or x",
    ),
    "a key with two minds": ("{photo} --key {file}", "question,answer\n1,o\n1,x\n", "another answer above"),
    "corrections of others": (
        "{photo} --corrections {file}",
        "sheet,question,answer\n9,1,o\n",
        "sheet '9' is none of this printing",
    ),
    "corrections of a sheet not photographed": (
        "{photo} --corrections {file}",
        "sheet,question,answer\n2,1,o\n",
        "question 1 of sheet 2 is in none of the photos",
    ),
    "corrections of two printings": (
        "{photo} --corrections {file}",
        f"sheet,question,answer,printing,printing\n1,1,o,ABCDEF,{LAYOUT.id}\n",
        "has two columns printing",
    ),
    "corrections of another printing": (
        "{photo} --corrections {file}",
        "sheet,question,answer,printing\n1,1,o,J325EC\n",
        "settled on sheets with the code 'J325EC', and these have " + LAYOUT.id,
    ),
    "corrections of other questions": (
        "{photo} --corrections {file}",
        "sheet,question,answer\n1,41,o\n",
        "question '41' is not on the sheet",
    ),
    "corrections that are not here": ("{photo} --corrections gone.csv", "", "its folder for downloads"),
    "corrections to nonsense": (
        "{photo} --corrections {file}",
        "sheet,question,answer\n1,1,q\n",
        "expected o, x, blank",
    ),
    "a full folder": ("{photo} --out {full}", "", "not empty"),
    "a run that is none": ("{photo} --run nobody", "", "nobody"),
}


@pytest.mark.parametrize(("line", "content", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_one_sentence(photos, tmp_path, line, content, said):
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    written(tmp_path / "full" / "file", "x")
    names = {"photo": photos / "IMG_1.jpg", "file": written(tmp_path / "file.csv", content)}
    names |= {"empty": tmp_path / "empty", "full": tmp_path / "full"}
    out = "" if "--out" in line else f" --out {tmp_path / 'out'}"
    done = ox("sheet read " + line.format(**names) + out)
    assert done.exit_code == 2, done.output
    (sentence,) = [text for text in done.stderr.splitlines() if text.startswith("ox: ")]
    assert said in sentence and not (tmp_path / "out").exists() and done.stdout == ""


def locked(path: Path) -> Path:
    fpdf = pytest.importorskip("fpdf", reason="no fpdf2: pip install '.[sheets]'")
    document = fpdf.FPDF()
    document.add_page()
    document.set_encryption(owner_password="a", user_password="b")
    document.output(str(path))
    return path


PDFS = {
    "locked": (locked, "is locked by a password"),
    "no PDF": (lambda path: written(path, "%PDF-1.4 nothing more"), "is no PDF that can be read"),
    "empty": (lambda path: written(path, ""), "is no PDF that can be read"),
    "5,000 pages": (lambda path: written(path, many_pages(5000)), "has 5,000 pages, at most 1,000"),
}


def many_pages(count: int) -> bytes:
    """A PDF of so many empty pages, all the same object's children."""
    kids = " ".join(f"{n} 0 R" for n in range(3, 3 + count))
    parts = [
        "1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n",
        f"2 0 obj<</Type/Pages/Kids[{kids}]/Count {count}>>endobj\n",
    ]
    parts += [f"{n} 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\n" for n in range(3, 3 + count)]
    text, places = "%PDF-1.4\n", []
    for part in parts:
        places.append(len(text))
        text += part
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    end = f"xref\n0 {len(parts) + 1}\n0000000000 65535 f \n{table}trailer<</Size {len(parts) + 1}/Root 1 0 R>>\n"
    return f"{text}{end}startxref\n{len(text)}\n%%EOF\n".encode()


@pytest.mark.parametrize(("make", "said"), PDFS.values(), ids=PDFS)
def test_a_bad_pdf_is_refused_in_one_sentence(photos, tmp_path, make, said):
    pytest.importorskip("pypdfium2", reason="no pypdfium2: pip install '.[sheets]'")
    path = make(tmp_path / "scan.pdf")
    done = ox(f"sheet read {path} --layout {photos / 'sheet.json'} --out {tmp_path / 'out'}")
    assert done.exit_code == 2 and said in done.stderr and done.stderr.count("ox: ") == 1


def test_a_picture_too_large_to_open_is_named(photos, tmp_path):
    Image.new("1", (30_000, 30_000)).save(tmp_path / "bomb.png")
    done = ox(f"sheet read {tmp_path / 'bomb.png'} --layout {photos / 'sheet.json'} --out {tmp_path / 'out'}")
    assert done.exit_code == 3 and "bomb.png: over 60 million pixels" in done.stderr
    assert not (tmp_path / "out").exists()
