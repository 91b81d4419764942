"""Answer sheets: every box in its place, and a PDF in which OpenCV and pdfium find again what the layout says."""

from __future__ import annotations

import re

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from ox_classifier import typefaces
from ox_classifier.cli import app
from ox_classifier.errors import UsageError
from ox_classifier.sheets import frame, letters, pdf, quiz, roster
from ox_classifier.sheets.frame import Printing
from ox_classifier.sheets.layout import Copy, Layout
from ox_classifier.sheets.straighten import find_sheets

ONE = (Copy(1),)
LATIN = st.characters(min_codepoint=0x21, max_codepoint=0x17E, exclude_categories=["C", "Z"])
TEXTS = st.lists(st.text(LATIN | st.just(" "), max_size=300).map(lambda t: " ".join(t.split())), min_size=1)


def ox(*words: str):
    return CliRunner().invoke(app, ["sheet", *words])


def check_places(printing: Printing) -> None:
    """No box touches another, a marker, the code or a field, and all are far enough from the edge for any printer."""
    layout = printing.layout
    for page in layout.pages:
        taken = [(m.x - 1.7, m.y - 1.7, m.size + 3.4, m.size + 3.4) for m in page.markers]
        taken += [(page.code.x - 3.2, page.code.y - 3.2, page.code.size + 6.4, page.code.size + 6.4)]
        taken += [(field.x, field.y, field.width, field.height) for field in page.fields]
        boxes = [(box.x, box.y, box.width, box.height) for box in layout.boxes_of(page.number)]
        places = np.array(taken + boxes)
        low, high = places[:, :2], places[:, :2] + places[:, 2:]
        apart = (low[:, None] >= high[None]).any(axis=2) | (low[None] >= high[:, None]).any(axis=2)
        np.fill_diagonal(apart, True)
        assert apart.all()
        marks = np.array(boxes)
        assert (marks[:, :2] >= 10).all() and (
            marks[:, :2] + marks[:, 2:] <= (layout.width - 10, layout.height - 10)
        ).all()
    assert {box.page for box in layout.boxes} == set(range(1, len(layout.pages) + 1))


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 200), st.sampled_from(["a4", "letter"]), st.integers(0, 4))
def test_one_box_a_question_in_order(count, paper, columns):
    printing = quiz.arrange(roster.counted_questions(count), ONE, paper=paper, columns=columns)
    check_places(printing)
    boxes = printing.layout.boxes
    assert [box.number for box in boxes] == list(range(1, count + 1))
    assert [(box.page, box.x, box.y) for box in boxes] == sorted((box.page, box.x, box.y) for box in boxes)
    assert all(10 <= box.width <= 12 for box in boxes)
    labels = {(word.page, word.text): word for word in printing.words if word.align == "right"}
    for box in boxes:  # each number stands left of its own box
        word = labels[box.page, str(box.number)]
        assert 0 < box.x - word.x < 5 and box.y < word.y < box.y + box.height


@settings(deadline=None, max_examples=25)
@given(TEXTS, st.integers(0, 2))
def test_questions_with_texts_leave_their_boxes_free(texts, columns):
    questions = [roster.Question(7 * i + 1, text) for i, text in enumerate(texts[:200])]
    printing = quiz.arrange(questions, ONE, columns=columns)
    check_places(printing)
    assert [(box.number, box.text) for box in printing.layout.boxes] == [(q.number, q.text) for q in questions]


def test_forty_fit_on_one_page_and_two_hundred_on_four():
    pages = {n: len(quiz.arrange(roster.counted_questions(n), ONE).layout.pages) for n in (1, 40, 60, 61, 200)}
    assert pages == {1: 1, 40: 1, 60: 1, 61: 2, 200: 4}
    columns = {box.x for box in quiz.arrange(roster.counted_questions(40), ONE).layout.boxes}
    assert len(columns) == 4


SHEETS = {
    "one question": (1, ONE, "", "a4"),
    "forty, for two Korean names": (40, (Copy(1, "3 김민준"), Copy(2, "이서연")), "과학 2학기 중간고사", "a4"),
    "two hundred": (200, (Copy(1), Copy(2)), "Everything " * 40, "letter"),
}


@pytest.fixture(scope="module", params=SHEETS.values(), ids=SHEETS)
def printed(request, tmp_path_factory):
    """A printing and its PDF, opened."""
    pytest.importorskip("fpdf", reason="fpdf2, of the extra sheets, is not installed")
    pdfium = pytest.importorskip("pypdfium2", reason="pypdfium2, of the extra sheets, is not installed")
    count, copies, title, paper = request.param
    title = frame.checked_title(title)
    try:
        letters.families_for([title, *(copy.person for copy in copies)])
    except UsageError:
        pytest.skip("no Korean font on this machine")
    printing = quiz.arrange(roster.counted_questions(count), copies, title=title, paper=paper)
    path = tmp_path_factory.mktemp("sheet") / "quiz.pdf"
    pdf.write(path, printing)
    with pdfium.PdfDocument(path) as document:
        yield printing, document


def rendered(page, dots: int = 200) -> np.ndarray:
    return np.ascontiguousarray(page.render(scale=dots / 72, grayscale=True).to_numpy())


def test_what_is_printed_is_where_the_layout_says(printed):
    """Markers, code and every box, found in the picture of the page, within 0.3 mm."""
    printing, document = printed
    layout = printing.layout
    names = [(copy.number, page.number) for copy in layout.copies for page in layout.pages]
    assert len(document) == len(names)
    for index, (copy, number) in list(enumerate(names))[:: max(1, len(names) - 1)]:
        grey = rendered(document[index])
        (found,) = find_sheets(grey, layout)
        assert found.page == (layout.id, number, copy)
        to_mm = 25.4 / 200
        truth = np.array([corner for marker in layout.pages[0].markers for corner in marker.corners()])
        seen = cv2.perspectiveTransform(truth[None], found.homography)[0]
        np.testing.assert_allclose((seen + 0.5) * to_mm, truth, atol=0.1)
        contours, _ = cv2.findContours(255 - grey, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        places = np.array([cv2.boundingRect(contour) for contour in contours]) * to_mm
        for box in layout.boxes_of(number):
            outer = box.x - layout.line / 2, box.y - layout.line / 2, box.width + layout.line, box.height + layout.line
            assert np.abs(places - outer).max(axis=1).min() < 0.3


def test_words_are_there_whole_and_inside_the_page(printed):
    """Oracle: pdfium's text and the boxes of its letters."""
    printing, document = printed
    layout = printing.layout
    copies = [copy for copy in layout.copies for _ in layout.pages]
    for index in {0, len(document) - 1}:
        page = document[index].get_textpage()
        text = page.get_text_bounded()
        flat = re.sub(r"\s+", "", text)
        number = index % len(layout.pages) + 1
        for word in printing.words:
            if word.page == number:
                assert re.sub(r"\s+", "", word.text) in flat
        assert copies[index].person.replace(" ", "") in flat and layout.id in flat
        marks = [page.get_charbox(i) for i in range(page.count_chars()) if page.get_text_range(i, 1).strip()]
        left, bottom, right, top = np.array(marks).T * 25.4 / 72
        assert left.min() > 10 and bottom.min() > 10
        assert right.max() < layout.width - 10 and top.max() < layout.height - 9.9
        code = layout.pages[0].code
        beside = (right > code.x - 3.2) & (top > layout.height - code.y - code.size - 3.2)
        assert not beside.any()


@pytest.mark.parametrize(
    ("title", "names", "korean"),
    [
        ("Biology", ("Ana Lima", "김민준", "Chloé Martin"), False),
        ("Biology", ("이서연", "김민준", "Chloé Martin"), True),
        ("과학", ("Ana Lima",), True),
        ("", ("",), False),
    ],
)
def test_the_instructions_are_in_the_language_of_the_title_or_of_most_names(title, names, korean):
    copies = tuple(Copy(number, name) for number, name in enumerate(names, start=1))
    try:
        letters.families_for([title, *names])
    except UsageError:
        pytest.skip("no Korean font on this machine")
    printing = quiz.arrange(roster.counted_questions(4), copies, title=title)
    words = {word.text for word in printing.words}
    assert (quiz.KOREAN.rule in words, quiz.ENGLISH.rule in words) == (korean, not korean)


def test_no_code_of_a_sheet_is_a_number_to_a_spreadsheet(monkeypatch):
    drawn = iter("2345E6" + "234567" + "2E45E6")
    monkeypatch.setattr(frame.secrets, "choice", lambda _: next(drawn))
    assert frame.new_id() == "2E45E6"


def test_fonts_are_embedded_and_only_the_letters_used(printed):
    _, document = printed
    import pypdfium2.raw as raw

    fonts = [
        raw.FPDFTextObj_GetFont(thing.raw) for thing in document[0].get_objects() if thing.type == raw.FPDF_PAGEOBJ_TEXT
    ]
    assert fonts and all(raw.FPDFFont_GetIsEmbedded(font) for font in fonts)


def test_a_long_name_is_shortened_and_a_letter_of_no_font_is_one_sentence(tmp_path, monkeypatch):
    pytest.importorskip("fpdf", reason="fpdf2, of the extra sheets, is not installed")
    pdfium = pytest.importorskip("pypdfium2", reason="pypdfium2, of the extra sheets, is not installed")
    people = (Copy(1, "Wolfeschlegelsteinhausenbergerdorff " * 8),)
    pdf.write(tmp_path / "a.pdf", quiz.arrange(roster.counted_questions(4), people))
    with pdfium.PdfDocument(tmp_path / "a.pdf") as document:
        assert "…" in document[0].get_textpage().get_text_bounded()
    latin = (typefaces.FAMILY,)
    monkeypatch.setattr(letters, "fonts_for", lambda used: (latin, frozenset(c for c in used if c >= "가")))
    with pytest.raises(UsageError, match=r"no font .* has the Korean letters 김 민 준.*: apt install fonts-nanum$"):
        pdf.write(tmp_path / "b.pdf", quiz.arrange(roster.counted_questions(4), (Copy(1, "김민준"),)))
    assert not (tmp_path / "b.pdf").exists()


def test_a_class_is_printed_from_a_list(tmp_path):
    pytest.importorskip("fpdf", reason="fpdf2, of the extra sheets, is not installed")
    (tmp_path / "class.csv").write_text("Name;Number\nÉva Nagy;2\nBob;1\n", encoding="utf-8")
    (tmp_path / "questions.csv").write_text("number,text\n3,Is it?\n1,Was it?\n", encoding="utf-8")
    out = tmp_path / "quiz"
    done = ox(
        "quiz", "--questions", f"{tmp_path}/questions.csv", "--copies", f"{tmp_path}/class.csv", "--out", str(out)
    )
    assert done.exit_code == 0 and done.stdout == f"{out}\n", done.stderr
    layout = Layout.read(out / "sheet.json")
    assert layout.copies == (Copy(1, "2 Éva Nagy"), Copy(2, "1 Bob"))
    assert [(box.number, box.text) for box in layout.boxes] == [(3, "Is it?"), (1, "Was it?")]
    assert (out / "key.csv").read_text() == "question,answer\n3,\n1,\n"
    again = ox("quiz", "--questions", "3", "--out", str(out))
    assert again.exit_code == 2 and "nothing is overwritten" in again.stderr
    assert sorted(path.name for path in out.iterdir()) == ["key.csv", "quiz.pdf", "sheet.json"]


HOSTILE = {
    "empty": (b"", "has no column number"),
    "only a first line": (b"number,text\n", "no row below"),
    "no such column": (b"id,text\n1,a\n", "has no column number (it has id, text)"),
    "a number of letters": (b"number\none\n", "line 2: the number 'one' is not a whole number"),
    "a number of 400 digits": (b"number\n" + b"9" * 400 + b"\n", "is not a whole number"),
    "an Arabic digit": ("number\n٣\n".encode(), "is not a whole number"),
    "nought": (b"number\n0\n", "is not a whole number from 1"),
    "twice": (b"number\n1\n1\n", "question 1 stands there already"),
    "too many": (b"number\n" + b"".join(b"%d\n" % n for n in range(1, 300)), "at most 200"),
    "two columns of a name": (b"number,number\n1,2\n", "two columns number"),
    "an escape sequence": (b"number,text\n1,\x1b[2J\n", "can't be printed"),
    "a direction override": ("number,text\n1,a\u202eb\n".encode(), "can't be printed"),
    "a text of a book": (b"number,text\n1," + b"a " * 2000 + b"\n", "at most 500"),
    "zeros": (b"number\0\n1\n", "is"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "questions.csv"),
    "more cells than columns": (b"number,text\n1,a,b\n", "line 2: 3 cells"),
    "a damaged UTF-16": (b"\xff\xfea\x00\xd8", "damaged"),
}


@pytest.mark.parametrize(("content", "said"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_table_is_one_sentence(tmp_path, content, said):
    path = tmp_path / "questions.csv"
    path.write_bytes(content)
    done = ox("quiz", "--questions", str(path), "--out", str(tmp_path / "out"))
    assert done.exit_code == 2 and said in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) == 1 and "\x1b" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("name\nKim\nKim\n", "line 3: Kim stands in line 2 already"),
        ("name,number\nKim,1\n,2\n", "line 3: the name is empty"),
        ("number\n1\n", "has no column name (it has number)"),
        ("name\n" + "a\n" * 3000, "at most 2,000"),
    ],
)
def test_a_class_list_in_which_people_are_unclear_is_one_sentence(tmp_path, content, said):
    (tmp_path / "class.csv").write_text(content)
    done = ox("quiz", "--questions", "3", "--copies", str(tmp_path / "class.csv"), "--out", str(tmp_path / "out"))
    assert done.exit_code == 2 and said in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_list_as_korean_excel_saves_it_is_read(tmp_path):
    (tmp_path / "a.csv").write_bytes("번호,이름\r\n1,김민준\r\n2,이서연\r\n".encode("cp949"))
    assert roster.read_people(tmp_path / "a.csv") == (Copy(1, "1 김민준"), Copy(2, "2 이서연"))


def test_without_the_extra_the_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "fpdf", None)
    done = ox("quiz", "--questions", "3", "--out", str(tmp_path / "out"))
    assert done.exit_code == 2 and done.stderr.endswith("pip install fpdf2\n") and not (tmp_path / "out").exists()
