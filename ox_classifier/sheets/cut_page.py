"""A contact sheet of the boxes that were cut out: a class after the other, a row or more for each writer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ox_classifier.sheets.cut import Drawn
from ox_classifier.sheets.letters import file_of
from ox_classifier.typefaces import fonts_for

SIDE, GAP, ACROSS = 64, 6, 20  # pixels of a picture and between two; pictures in a row
MARGIN, LABEL, HEAD = 24, 120, 34  # pixels around all; for a writer's code at the left; for a class's name
MOST = 4000  # pictures
INK, MUTED, PAPER = (34, 39, 46), (107, 116, 128), (232, 235, 238)


def contact_sheet(drawn: Sequence[Drawn]) -> Image.Image:
    """The boxes, of which there is one at least, each in its own proportions; MOST of them are shown."""
    shown = sorted(drawn, key=lambda one: (one.label, one.name))[:MOST]
    letters = frozenset("".join(one.label + one.name for one in shown) + "of0123456789, ")
    file = file_of(fonts_for(letters)[0][-1], "normal")
    name_font, code_font = (ImageFont.truetype(str(file), size) for size in (20, 13))
    rows = list(_rows(shown))
    height = 2 * MARGIN + sum(HEAD if isinstance(row, str) else SIDE + GAP for row in rows)
    picture = Image.new("RGB", (2 * MARGIN + LABEL + ACROSS * (SIDE + GAP), height), PAPER)
    draw, y = ImageDraw.Draw(picture), MARGIN
    for row in rows:
        if isinstance(row, str):
            draw.text((MARGIN, y + HEAD / 2), row, fill=INK, font=name_font, anchor="lm")
            y += HEAD
            continue
        draw.text((MARGIN, y + SIDE / 2), writer_of(row[0]), fill=MUTED, font=code_font, anchor="lm")
        for column, one in enumerate(row):
            picture.paste(_small(one.pixels), (MARGIN + LABEL + column * (SIDE + GAP), y))
        y += SIDE + GAP
    return picture


def writer_of(one: Drawn) -> str:
    """The writer's code."""
    return one.name.partition("-")[0]


def _rows(shown: Sequence[Drawn]) -> Iterator[str | list[Drawn]]:
    """A class's name with its count, then the rows of its writers."""
    for label, of_class in groupby(shown, key=lambda one: one.label):
        listed = list(of_class)
        yield f"{label}, {len(listed):,}"
        for _, of_writer in groupby(listed, key=writer_of):
            row = list(of_writer)
            yield from (row[i : i + ACROSS] for i in range(0, len(row), ACROSS))


def _small(pixels: np.ndarray) -> Image.Image:
    tile = Image.new("RGB", (SIDE, SIDE), PAPER)
    picture = Image.fromarray(pixels)
    picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    tile.paste(picture, ((SIDE - picture.width) // 2, (SIDE - picture.height) // 2))
    return tile
