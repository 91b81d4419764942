"""What `ox dataset make --other` draws where a mark was expected: everything but an O or an X."""

import csv
import io
import itertools

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ox_classifier.cli import app
from ox_classifier.synthetic import glyph_strokes, make, no_marks, sources
from ox_classifier.synthetic.sampler import Sampler


@pytest.fixture(scope="module")
def others():
    """200 pictures of what is no mark: (pixels, bytes, notes)."""
    names = [name for name in sources.SOURCES if name != "font"]
    found = []
    for number in range(200):
        data, _, about = make.draw(make.Job(2, "", make.OTHER, number, names[number % len(names)], "all"))
        found.append((np.asarray(Image.open(io.BytesIO(data)).convert("RGB")), len(data), about["parameters"]))
    return found


def test_all_kinds_come_up_in_small_files(others):
    kinds = {notes.get("no_mark") or notes.get("hand") or "empty" for _, _, notes in others}
    assert kinds == set(no_marks.KINDS) | set(glyph_strokes.HANDS) | {"empty"}
    assert np.mean([size for _, size, _ in others]) < 2000  # 1,500 of them in 3 MB
    assert max(pixels.shape[0] for pixels, _, _ in others) <= make.OTHER_SIDES[1]


def test_no_letter_and_no_digit_that_is_nearly_an_o_or_an_x():
    assert not set(glyph_strokes.GLYPHS) & set("0OQCDXKY+oqcxky")
    assert not set(sources.CHARACTERS) & set("0OQCDXKY+oqcxky○×*◯●")


def test_a_digit_is_no_ring_and_no_cross():
    """Neither is it closed about an empty middle alone, nor do two long strokes cross in its middle."""
    for character, number in itertools.product(glyph_strokes.GLYPHS, range(5)):
        strokes = glyph_strokes._written(character, Sampler((number,)))
        points = np.concatenate(strokes)
        low, high = points.min(axis=0), points.max(axis=0)
        places = (points - low) / (high - low)
        corners = [np.hypot(*(places - corner).T).min() < 0.12 for corner in itertools.product((0, 1), repeat=2)]
        middle = np.hypot(*(places - 0.5).T).min() < 0.06
        assert not (len(strokes) == 2 and all(corners) and middle and character not in "ZzHMWmwE"), character


def test_the_same_seed_draws_the_same_whatever_else_is_drawn(tmp_path):
    alone = CliRunner().invoke(app, f"dataset make {tmp_path / 'a'} --per-class 0 --other 12 --source memo".split())
    beside = "--per-class 3 --val 2 --test 2 --other 12 --source memo".split()
    with_marks = CliRunner().invoke(app, ["dataset", "make", str(tmp_path / "b"), *beside])
    assert alone.exit_code == 0 and with_marks.exit_code == 0, alone.stderr + with_marks.stderr
    names = sorted(path.name for path in (tmp_path / "a" / "outliers").iterdir())
    assert len(names) == 12 == len(list((tmp_path / "b" / "outliers").iterdir()))
    with (tmp_path / "b" / "marks.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert sum(row["label"] == "other" for row in rows) == 12 and len(rows) == 12 + 14
    added = CliRunner().invoke(
        app, ["dataset", "make", str(tmp_path / "b"), "--append", "--per-class", "0", *beside[-4:]]
    )
    assert added.exit_code == 0 and len(list((tmp_path / "b" / "outliers").iterdir())) == 24


def test_nothing_to_draw_is_said(tmp_path):
    ended = CliRunner().invoke(app, ["dataset", "make", str(tmp_path / "none"), "--per-class", "0"])
    assert ended.exit_code == 2 and "nothing to draw" in ended.stderr and not (tmp_path / "none").exists()
