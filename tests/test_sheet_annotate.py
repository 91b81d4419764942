"""The picture of a read sheet: what stands beside each box, and the line at its foot."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from ox_classifier.sheets import annotate
from ox_classifier.sheets.decide import BLANK, UNSURE, Answer
from ox_classifier.sheets.reading import SHOWN, Box, Page
from ox_classifier.sheets.results import SETTLED, Line

SIDE = 9.0  # mm of a box
PATCH = 100  # pixels
PLACES = {"1": (20.0, 20.0), "2": (20.0, 50.0), "3": (20.0, 80.0), "4": (20.0, 110.0)}
READ = {"1": Answer("o", 1.0), "2": Answer("x", 1.0), "3": Answer(UNSURE, None, "two marks"), "4": Answer(BLANK)}
KEY = {"1": "o", "2": "x", "3": "o", "4": "o"}


def drawn(answers: dict[str, Answer], key: dict[str, str] | None = None, score: str = "") -> np.ndarray:
    """The picture of an empty page on which these answers were read."""
    corners = {
        name: np.array([(x, y), (x + SIDE, y), (x + SIDE, y + SIDE), (x, y + SIDE)]) for name, (x, y) in PLACES.items()
    }
    boxes = {name: Box(name, answers[name], corners[name]) for name in PLACES}
    paper = annotate.jpeg(np.full((700, 1050, 3), 255, np.uint8))
    page = Page("a.jpg", 1, 1, tuple(boxes.values()), (), paper, 0.0)
    lines = [Line("1", "", name, answers[name], page, box) for name, box in boxes.items()]
    return np.asarray(Image.open(io.BytesIO(annotate.page(page, lines, key, score))))


def beside(picture: np.ndarray, name: str, *, below: bool = False) -> np.ndarray:
    """What stands to the right of a box, or under that."""
    x, y = ((value * SHOWN) for value in PLACES[name])
    top, left, side = int(y), int(x + SIDE * SHOWN) + 8, int(SIDE * SHOWN)
    return picture[top + side - 8 : top + side + 12, left : left + 40] if below else picture[top : top + 20, left:200]


def has(pixels: np.ndarray, colour: tuple[int, int, int]) -> bool:
    """Whether a part of a JPEG has a patch of this colour, not just the grey edge of a letter."""
    return int((np.abs(pixels.astype(int) - colour).max(axis=2) < 12).sum()) >= PATCH


@pytest.mark.parametrize(
    ("key", "colours"),
    [
        (None, (annotate.READ, annotate.READ, annotate.DOUBT, annotate.GREY)),
        (KEY, (annotate.RIGHT, annotate.RIGHT, annotate.DOUBT, annotate.WRONG)),
        (KEY | {"1": "x"}, (annotate.WRONG, annotate.RIGHT, annotate.DOUBT, annotate.WRONG)),
    ],
)
def test_each_answer_has_its_colour_which_the_foot_explains(key, colours):
    picture = drawn(READ, key)
    foot = picture[-annotate.LEGEND :]
    every = {annotate.READ, annotate.RIGHT, annotate.WRONG, annotate.DOUBT, annotate.GREY}
    for name, colour in zip(PLACES, colours, strict=True):
        assert [one for one in every if has(beside(picture, name), one)] == [colour]
    assert {one for one in every if has(foot, one)} == set(colours)


def test_under_a_wrong_answer_stands_the_right_one():
    picture = drawn(READ, KEY | {"1": "x"})
    assert [has(beside(picture, name, below=True), annotate.GREY) for name in PLACES] == [True, False, False, True]
    assert not np.array_equal(beside(picture, "1", below=True), beside(picture, "4", below=True))  # X and O


def test_the_score_and_what_was_settled_by_hand_are_told():
    plain, scored = drawn(READ, KEY), drawn(READ, KEY, "2 to 3 of 4 right")
    signs = plain[-annotate.LEGEND :, 20:]  # the same ones stand further right after the score
    shift = next(x for x in range(1, 300) if has(scored[-annotate.LEGEND :, 20 : 30 + x], annotate.DOUBT))
    assert shift > 100 and has(signs[:, :30], annotate.DOUBT) and (scored[-annotate.LEGEND :, 20:shift] < 90).any()
    assert np.array_equal(scored[: -annotate.LEGEND - 8], plain[: -annotate.LEGEND - 8])
    by_hand = drawn(READ | {"2": Answer("x", None, SETTLED)}, KEY)
    assert not np.array_equal(beside(by_hand, "2"), beside(plain, "2"))
    assert np.array_equal(beside(by_hand, "1"), beside(plain, "1"))
    assert has(by_hand[-annotate.LEGEND :], annotate.GREY) and not has(plain[-annotate.LEGEND :], annotate.GREY)
