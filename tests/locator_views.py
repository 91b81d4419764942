"""What the locator learns from: drawn pictures, whole and in part, with the place of the mark, and photographs."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from pathlib import Path

import numpy as np

from ox_classifier.data import images, ink_crop, locator
from ox_classifier.synthetic import fonts, make, sources
from ox_classifier.synthetic.places import Place

JOINED = 0.3  # of the marks surely have strokes that lead to them and are not of them; the others as chance has it
CUT_OUT = 0.2  # of the marks without a frame of their own
EACH = 3  # views of a picture: all of it, and two parts
NONE = (np.nan,) * 3  # the place of a mark where there is none
PIECES = 80  # of a photograph
UNIT = (0.0, 0.0, 1.0, 1.0)


def drawn(
    seed: int, count: int, *, other: float, framed: float, letters: bool = False, kept: Path | None = None
) -> tuple:
    """Views, uint8 of shape (n, 64, 64), and places, float32 of shape (n, 3): x, y and half, in shares of the view.

    A share `other` of the pictures shows what is no mark; `framed` of the marks have a frame, of the others as many as
    chance has it. With `letters`, written marks are letters of joined writing. What was drawn once is read from the
    file `kept`; remove it after a change of these numbers.
    """
    if kept and kept.exists():
        with np.load(kept) as stored:
            return stored["views"].reshape(-1, locator.VIEW, locator.VIEW), stored["targets"].reshape(-1, 3)
    with ProcessPoolExecutor() as workers:
        rows = list(workers.map(partial(_views, seed, other, framed, letters), range(count), chunksize=25))
    views, places = (np.concatenate(part) for part in zip(*rows, strict=True))
    if kept:
        np.savez_compressed(kept, views=views, targets=places)
    return views, places


def _views(seed: int, other: float, framed: float, letters: bool, number: int) -> tuple[np.ndarray, np.ndarray]:
    """The views of one picture, and the places in them."""
    rng = np.random.default_rng((seed, number))
    found = _fonts()
    names = [name for name in sources.SOURCES if name != "font" or found]
    if rng.random() < other:
        job = make.Job(seed, "", make.OTHER, number, str(rng.choice(names)), "all")
        data, _, about = make.draw(job, found)
    else:
        job = make.Job(seed, "", make.LABELS[number % 2], number, names[number // 2 % len(names)], "all")
        some = True if rng.random() < framed else None
        joined = True if rng.random() < JOINED or letters else None
        data, _, about = make.draw(job, found, framed=some, joined=joined, letter=letters, cut_out=CUT_OUT)
    grey = images.open_picture(data).image.convert("L")
    place, size, found_views, places = about["place"], np.array(grey.size), [], []
    for low, high in _parts(place, rng):
        box = tuple(np.concatenate([low * size, high * size]).tolist())
        found_views.append(ink_crop.view(grey, box))
        side = high[0] - low[0]
        places.append(NONE if place is None else (*(np.array(place[:2]) - low) / side, place.half / side))
    return np.stack(found_views), np.array(places, np.float32)


def _parts(place: Place | None, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The left upper and the right lower corner of each part: the whole, and squares about the mark, not centred."""
    yield np.zeros(2), np.ones(2)
    for _ in range(EACH - 1):
        if place is None:
            half = rng.uniform(0.25, 0.5)
            middle = rng.uniform(half, 1 - half, 2)
        else:
            half = min(max(place.half * np.exp(rng.uniform(np.log(1.15), np.log(4))), 1 / 16), 0.5)
            off = rng.uniform(-1, 1, 2) * max(half - place.half * 0.9, 0.1 * place.half)
            middle = np.clip(np.array(place[:2]) + off, half, 1 - half)
        yield middle - half, middle + half


def of_photographs(folder: Path) -> np.ndarray:
    """Views without a mark, uint8 of shape (n, 64, 64): pieces of photographs.

    Half of them have round things put in, as coins, cups and eyes are; of the others, what the locator, as it is now,
    takes for a mark is a view of its own, too.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return np.concatenate([_pieces(number, path) for number, path in enumerate(files)])


def _pieces(number: int, path: Path) -> np.ndarray:
    """The views of one photograph of 40 pixels a side or more."""
    rng, found = np.random.default_rng(number), []
    picture = images.open_picture(path).image.convert("L")
    for _ in range(PIECES):
        side = max(int(min(picture.size) * np.exp(rng.uniform(np.log(0.06), 0))), 40)
        corner = np.array([rng.integers(0, most - side + 1) for most in picture.size])
        view = ink_crop.view(picture, (*corner.tolist(), *(corner + side).tolist()))
        if rng.random() < 0.5 or np.ptp(view) < 12:
            view = _with_round_things(view, rng)
        else:
            mark = locator.find(view)
            near = ink_crop.square(UNIT, mark, ink_crop.CLOSER, inside=UNIT)
            if mark.score > 0.05:
                found.append(ink_crop.view(picture, tuple((np.tile(corner, 2) + np.array(near) * side).tolist())))
        found.append(view)
    return np.stack(found)


def _with_round_things(view: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Discs in discs, shaded, each far from the ground's grey level: none is an empty ring."""
    side = locator.VIEW
    down, right = np.mgrid[:side, :side] + 0.5
    found = view.astype(np.float32)
    for _ in range(rng.integers(1, 4)):
        x, y = rng.uniform(6, side - 6, 2)
        radius, turn = np.exp(rng.uniform(np.log(3), np.log(20))), rng.uniform(0, np.pi)
        across = (right - x) * np.cos(turn) + (down - y) * np.sin(turn)
        along = ((down - y) * np.cos(turn) - (right - x) * np.sin(turn)) / rng.uniform(0.65, 1)
        far, ground = np.hypot(across, along), float(found[int(y), int(x)])
        darkest, lightest = min(float(view.min()), ground - 50), max(float(view.max()), ground + 50)
        shares = [1.0]
        shares += [rng.uniform(0.75, 0.93)] if rng.random() < 0.5 else []
        shares += [rng.uniform(0.2, 0.65)] if rng.random() < 0.7 else []
        last = ground
        for share in shares:
            for _ in range(9):
                grey = rng.uniform(darkest, lightest)
                if abs(grey - ground) > 40 and abs(grey - last) > 15:
                    break
            last = grey
            shade = (across * np.cos(turn * 3) + along * np.sin(turn * 3)) / radius * rng.uniform(0, 25)
            cover = np.clip((share * radius - far) / rng.uniform(0.6, 1.6) + 0.5, 0, 1)
            found += cover * (grey + shade - found)
        if rng.random() < 0.3:  # a gleam
            spot = np.hypot(across - radius * 0.25, along + radius * 0.2)
            found += np.clip(radius * 0.15 - spot + 0.5, 0, 1) * (lightest - found)
    return np.clip(found + rng.normal(0, rng.uniform(0, 4), found.shape), 0, 255).astype(np.uint8)


@cache
def _fonts() -> list[fonts.Font]:
    return fonts.find()
