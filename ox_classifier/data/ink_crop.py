"""What of a picture is looked at where only the part with the ink is: a square about the mark."""

from __future__ import annotations

import numpy as np
from PIL import Image

from ox_classifier.data import locator

FAINT = 8.0  # grey levels: where all of a picture, or of a part, differs by no more, there is no ink
# how sure the second look must be that there is a mark, and both together, as a product; else all is looked at
SURE, LIKELY = 0.6, 0.2
LIKELY_ON_PLAIN = 0.08  # where no more than PLAIN of a picture stands out, by more than APART of what it differs by
PLAIN, APART = 0.15, 0.2
CLOSER = 1.9  # of the mark's size: the second look, which says whether it is a mark
CLOSEST = 1.4  # of the mark's size: the third look, which measures it
ROOM = 1.25  # of the mark's size: what is kept
ZOOM = 6.0  # at most, of each look

Box = tuple[float, float, float, float]  # left, top, right, bottom


def region(image: Image.Image) -> Box:
    """The part of a picture to look at, in its pixels: all of it where there is no mark, or nothing else.

    Both axes are taken as equally long, as a square of pixels is made of the part. A second look, at what is about the
    mark alone, says whether it is one: much in a photograph looks like a mark from afar. A faint mark that the first
    look doubts may be what the second is most sure of, so that their scores count together. A third look, from still
    nearer, measures it, with less of a frame or of joining strokes in view.
    """
    grey = image.convert("L")
    whole = (0.0, 0.0, float(image.width), float(image.height))
    seen = view(grey, whole)
    first, least = _find(seen), LIKELY_ON_PLAIN if _plain(seen) else LIKELY
    if first.score < least:
        return whole
    closer = square(whole, first, CLOSER, inside=whole)
    second = _find(view(grey, closer))
    if second.score < SURE or first.score * second.score < least:
        return whole
    closest = square(closer, second, CLOSEST, inside=whole)
    third = _find(view(grey, closest))
    if third.score < SURE:
        return square(closer, second, ROOM, inside=whole)
    return square(closest, third, ROOM, inside=whole)


def square(part: Box, mark: locator.Found, room: float, *, inside: Box) -> Box:
    """What lies about a mark of a part, `room` times its size, moved into the picture."""
    low, size = np.array(part[:2]), np.subtract(part[2:], part[:2])
    half = float(np.clip(mark.half * room, 0.5 / ZOOM, 0.5)) * size
    edge = np.array(inside)
    middle = np.clip(low + np.array([mark.x, mark.y]) * size, edge[:2] + half, edge[2:] - half)
    left, top = (middle - half).tolist()
    right, bottom = np.minimum(middle + half, edge[2:]).tolist()
    return left, top, right, bottom


def view(grey: Image.Image, box: Box) -> np.ndarray:
    """A part of a grey picture as the locator sees it."""
    return np.asarray(grey.resize((locator.VIEW, locator.VIEW), Image.Resampling.BOX, box=box))


def _find(seen: np.ndarray) -> locator.Found:
    """The mark in a view: places and sizes in shares of its sides."""
    return locator.find(seen) if np.ptp(seen) > FAINT else locator.Found(0.0, 0.5, 0.5, 0.5)


def _plain(seen: np.ndarray) -> bool:
    """Whether nearly all of it is one ground, as a sheet with little on it is."""
    off = np.abs(seen - np.median(seen))
    return bool((off > APART * np.ptp(seen)).mean() <= PLAIN)
