"""Text in pictures: one line, in fonts that have its letters, and no wider than its place."""

from __future__ import annotations

import warnings

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import font_manager
from matplotlib.figure import Figure

from ox_classifier import typefaces
from ox_classifier.lettering import Lettering


def write_font(path, family: str, letters: str, *, empty: bool = False):
    """A font file with a square for each letter; with `empty`, without a shape, as fonts of coloured emoji are."""
    names = [".notdef", *(f"u{ord(letter):04X}" for letter in letters)]
    pen = TTGlyphPen(None)
    if not empty:
        pen.moveTo((100, 0))
        for corner in ((100, 800), (900, 800), (900, 0)):
            pen.lineTo(corner)
        pen.closePath()
    glyph = pen.glyph()
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder(names)
    font.setupCharacterMap(dict(zip(map(ord, letters), names[1:], strict=True)))
    font.setupGlyf(dict.fromkeys(names, glyph))
    font.setupHorizontalMetrics(dict.fromkeys(names, (1000, 100)))
    font.setupHorizontalHeader(ascent=800, descent=-200)
    font.setupNameTable({"familyName": family, "styleName": "Regular"})
    font.setupOS2(sTypoAscender=800, sTypoDescender=-200, usWeightClass=400)
    font.setupPost()
    font.save(path)
    return path


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Gives a function that makes this a machine of matplotlib's own fonts and of those given: family → letters."""

    def having(**families: str) -> None:
        files = [write_font(tmp_path / f"{name}.ttf", name, letters) for name, letters in families.items()]
        own = [entry for entry in font_manager.fontManager.ttflist if "mpl-data" in entry.fname]
        monkeypatch.setattr(font_manager.fontManager, "ttflist", own)
        monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [str(file) for file in files])
        monkeypatch.setattr(typefaces, "_told", set())
        typefaces.fonts_for.cache_clear()

    yield having
    typefaces.fonts_for.cache_clear()


def drawn_without_warning(letters: Lettering, text: str) -> None:
    figure = Figure()
    figure.text(0.5, 0.5, letters.line(text), **letters.style)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.draw_without_rendering()


def test_a_font_installed_since_matplotlib_looked_draws_korean(machine, capsys):
    machine(HangulSans="동그라미")
    letters = Lettering(["동그라미", "o"], dpi=100)
    assert letters.families == ("DejaVu Sans", "HangulSans")
    assert letters.line("동그라미/o.png") == "동그라미/o.png"
    assert letters.width("동", 72) == pytest.approx(1, abs=0.02)  # an em of the font made for this test
    drawn_without_warning(letters, "동그라미/o.png")
    assert capsys.readouterr().err == ""


def test_without_such_a_font_one_sentence_says_what_to_install(machine, capsys):
    machine()
    for text in ("동그라미", "가위표/丸.png"):
        letters = Lettering([text], dpi=100)
        drawn_without_warning(letters, text)
    assert letters.line("가위표/丸.png") == "???/?.png"
    hangul, cjk = capsys.readouterr().err.splitlines()  # each script once, though both texts are Korean
    assert "? for letters that no font on this machine has (그 동 라 미)" in hangul and "fonts-nanum" in hangul
    assert "(丸)" in cjk and "fonts-noto-cjk" in cjk and "nanum" not in cjk


def test_the_fewest_fonts_and_plain_ones_are_chosen(machine):
    machine(ABrushScript="가나다", OtherGothic="가나다", KanaSans="あ")
    assert Lettering(["가나あ"], dpi=100).families == ("DejaVu Sans", "OtherGothic", "KanaSans")
    machine(Small="가", Both="가あ")
    assert Lettering(["가あ"], dpi=100).families == ("DejaVu Sans", "Both")


def test_chinese_signs_are_drawn_as_in_the_land_of_the_other_letters(machine):
    machine(**{f"Some Sans {land}": "丸가あ" for land in ("HK", "JP", "KR", "SC")})
    assert Lettering(["丸가"], dpi=100).families[1] == "Some Sans KR"
    assert Lettering(["丸あ"], dpi=100).families[1] == "Some Sans JP"
    assert Lettering(["丸"], dpi=100).families[1] == "Some Sans SC"


def test_a_font_whose_letters_have_no_shape_is_of_no_use(machine, tmp_path, monkeypatch):
    machine()
    file = write_font(tmp_path / "Emoji.ttf", "Emoji Sans", "🦑", empty=True)
    damaged = tmp_path / "damaged.ttf"
    damaged.write_bytes(b"\0\1\0\0 no font")
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [str(file), str(damaged)])
    assert Lettering(["🦑"], dpi=100).line("🦑") == "?"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nb\tc.png", r"a\nb\tc.png"),
        ("bell\x07 and \x1b[31m red", r"bell\x07 and \x1b[31m red"),
        ("bytes \udcff", r"bytes \xff"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("a wide\u3000space", "a wide space"),
        ("\u1103\u1169\u11bc", "동"),  # as macOS writes it
        (r"price_$5_and_$6^.jpg", r"price_$5_and_$6^.jpg"),
    ],
)
def test_names_become_one_line(machine, name, shown):
    machine(HangulSans="동")
    assert Lettering([name], dpi=100).line(name) == shown


def test_mathematics_is_off():
    letters = Lettering([r"$\frac{$"], dpi=100)
    drawn_without_warning(letters, r"$\frac{$")
    figure = Figure()
    assert figure.text(0, 0, "$x$", **letters.style).get_parse_math() is False


def test_selectors_and_joiners_leave_no_box(machine):
    machine()
    letters = Lettering(["❤\ufe0f a\u200db"], dpi=100)
    assert letters.line("❤\ufe0f a\u200db") == "❤ ab" and letters.missing == frozenset()


@given(st.text(max_size=60), st.floats(0.3, 3), st.sampled_from(["end", "both"]))
def test_what_is_cut_fits_and_keeps_as_much_as_fits(text, inches, keep):
    letters = Lettering(["abc"], dpi=100)
    text = "".join(c for c in text if c.isascii())
    line, cut = letters.line(text), letters.cut(text, inches, 10, keep=keep)
    assert letters.width(cut, 10) <= inches
    if cut != line:
        assert letters.width(line, 10) > inches and cut.count("…") == 1
        start, end = cut.split("…")
        assert line.startswith(start) and line.endswith(end) and (keep == "both" or start == "")
        assert len(line) - len(start) - len(end) >= 1


@given(st.lists(st.text("abcdefgh", min_size=1, max_size=40), max_size=30), st.floats(0.5, 4))
def test_lines_fit_and_hold_every_word_there_is_room_for(words, inches):
    letters = Lettering(["abc"], dpi=100)
    lines = letters.wrap(" ".join(words), inches, 10, most=100)
    assert all(letters.width(line, 10) <= inches for line in lines)
    assert "".join(lines).replace(" ", "") == "".join(words)
    few = letters.wrap(" ".join(words), inches, 10, most=2)
    assert len(few) <= 2 and all(letters.width(line, 10) <= inches for line in few)
