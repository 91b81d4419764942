"""A flattened page → where the four lines of each printed box really run, to a fraction of a pixel.

Paper that was folded or curled is no plane: a box lies up to a few millimetres beside where the markers alone put it,
and is askew beside a crease, where paper rises. Each line is looked for as a thin straight one of any small slope.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

DETAIL = 10.0  # pixels a millimetre, at which pages are flattened
SEARCH = 1.8  # mm to each side, in which a line's middle is looked for; less than half the gap between two boxes
SLOPE = 1.2  # mm from end to end that a line may be askew
APART = 1.0  # mm: opposite lines are shifted alike, but for this
ALONG = 20  # parts of a line, each of which tells where it runs
INSET = 0.04  # of a line's length that is left out at each end, where the other lines begin
THIN = 0.45  # mm from the middle of a line, where the paper is to be lighter to both sides
CAP = 70.0  # grey levels: no ink counts for more, so that none outshouts a printed line
STRAY = 0.6  # grey levels that a pixel further from where the line was printed is worth
SEEN, LEAST = 0.45, 6.0  # of what lines of this page show, and grey levels: what shows less is no line
NEIGHBOURS = 5  # boxes nearby that say where one should lie whose lines are hidden
CLOSE = 0.3  # mm from a line's first place, in which its exact place is looked for


def corners(grey: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Where boxes, (n, 4) left, top, width, height in mm, lie on a page on even paper, uint8 grey (h, w).

    Their corners in mm, clockwise from the top left: (n, 4, 2).
    """
    near, first, printed = (np.concatenate(each) for each in zip(*[_four(grey, box) for box in boxes], strict=True))
    found = _exact(near, first, printed).reshape(-1, 4, 3)
    seen = found[..., 2] >= max(LEAST, SEEN * float(np.median(found[..., 2])))
    return np.array([_crossings(box, lines) for box, lines in zip(boxes, _completed(boxes, found, seen), strict=True)])


def _four(grey: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """About where the lines left, top, right and bottom of a box run: what `_exact` takes, of four lines."""
    reach = round((SEARCH + SLOPE / 2 + THIN) * DETAIL) + 2
    first = np.round(box[:2] * DETAIL).astype(int) - reach
    last = np.round((box[:2] + box[2:]) * DETAIL).astype(int) + reach
    dark = 255 - part(grey, first, last)
    pairs = []
    for axis in (0, 1):  # columns of pixels for left and right, rows for top and bottom
        turned = dark if axis == 0 else dark.T
        inset = reach + round(INSET * box[3 - axis] * DETAIL)
        ridges = _ridges(np.ascontiguousarray(turned[inset:-inset]))
        exact = np.array([0, box[2 + axis]]) * DETAIL + box[axis] * DETAIL - first[axis] - 0.5
        pairs.append((*_pair(ridges, exact), exact))
    return tuple(np.stack([upright[0], level[0], upright[1], level[1]]) for upright, level in zip(*pairs, strict=True))


def part(page: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """A part of a page; beyond its edge the paper is white."""
    low, high = np.maximum(first, 0), np.minimum(last, [page.shape[1], page.shape[0]])
    picture = np.full((last[1] - first[1], last[0] - first[0], *page.shape[2:]), 255, np.uint8)
    if (high > low).all():
        picture[low[1] - first[1] : high[1] - first[1], low[0] - first[0] : high[0] - first[0]] = page[
            low[1] : high[1], low[0] : high[0]
        ]
    return picture


def _ridges(dark: np.ndarray) -> np.ndarray:
    """By how much each place is darker than what lies to both sides of it: float32 (ALONG, width).

    The edge of a broad stroke is no ridge, and a stroke along a line hides it rather than being taken for it.
    """
    means = cv2.resize(dark.astype(np.float32), (dark.shape[1], ALONG), interpolation=cv2.INTER_AREA)
    means = cv2.GaussianBlur(means, (0, 0), sigmaX=0.8, sigmaY=0.01)
    beside = round(THIN * DETAIL)
    middle = means[:, beside:-beside]
    inner = np.minimum(middle - means[:, : -2 * beside], middle - means[:, 2 * beside :])
    return np.pad(np.clip(inner, 0, CAP), ((0, 0), (beside, beside)))


@lru_cache(maxsize=1)
def _fans() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Slopes and shifts to try, in pixels, and the columns that each part of such a line runs through."""
    slopes = np.arange(-round(SLOPE * DETAIL / 2), round(SLOPE * DETAIL / 2) + 1) * 2
    shifts = np.arange(-round(SEARCH * DETAIL), round(SEARCH * DETAIL) + 1)
    columns = np.round(slopes[:, None, None] * _places()[None, :, None]).astype(int) + shifts[None, None, :]
    return slopes, shifts, columns


@lru_cache(maxsize=1)
def _places() -> np.ndarray:
    """Where the parts of a line lie on it: -0.5 is its one end, 0.5 the other."""
    return ((np.arange(ALONG) + 0.5) / ALONG - 0.5) * (1 - 2 * INSET)


def _pair(ridges: np.ndarray, exact: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """About where two opposite lines run: what shows most and is shifted and askew about alike, and little.

    The ridges (2, ALONG, 2 * reach + 1) around their places, and these (2, ALONG), in pixels.
    """
    slopes, shifts, columns = _fans()
    rows = np.arange(ALONG)[None, :, None]
    start = np.round(exact).astype(int)
    scores = [ridges[rows, np.clip(place + columns, 0, ridges.shape[1] - 1)].mean(axis=1) for place in start]
    scores = [score - STRAY / 2 * (np.abs(shifts)[None] + np.abs(slopes)[:, None] / 2) for score in scores]
    apart = np.abs(shifts[:, None] - shifts[None])
    cost = np.where(apart > APART * DETAIL, np.inf, STRAY * apart).astype(np.float32)
    both = scores[0][:, :, None] + scores[1][:, None, :] - cost
    slope, *pair = np.unravel_index(int(both.argmax()), both.shape)
    middle = start + shifts[list(pair)]
    first = np.round(middle[:, None] + slopes[slope] * _places()).astype(int)
    reach = round(CLOSE * DETAIL)
    columns = np.clip(first[:, :, None] + np.arange(-reach, reach + 1), 0, ridges.shape[1] - 1)
    return ridges[rows, columns], first


def _exact(near: np.ndarray, first: np.ndarray, printed: np.ndarray) -> np.ndarray:
    """The straight lines through the middles of ridges, most of whose parts agree: (n, 3).

    By how much each is shifted at its middle, and from one end to the other, in mm, and how much it shows, in grey
    levels. `near` (n, ALONG, 2 * reach + 1) are the ridges around the places `first` (n, ALONG), and `printed` (n,) is
    where each line was printed, both in pixels.
    """
    reach = near.shape[2] // 2
    places = np.broadcast_to(_places(), first.shape)
    weight = near.sum(axis=2)
    seen = first + (near * np.arange(-reach, reach + 1)).sum(axis=2) / np.maximum(weight, 1e-6)
    told = np.where(weight > 0, weight, np.nan)
    told[(weight > 0).sum(axis=1) == 0] = 0.0
    weight = np.minimum(weight, 2 * np.nanmedian(told, axis=1, keepdims=True)) + 1e-9
    for _ in range(3):
        total = weight.sum(axis=1, keepdims=True)
        centre, level = ((weight * what).sum(axis=1, keepdims=True) / total for what in (places, seen))
        spread = (weight * (places - centre) ** 2).sum(axis=1, keepdims=True) + 0.02 * total  # little tells no slope
        slope = (weight * (places - centre) * (seen - level)).sum(axis=1, keepdims=True) / spread
        middle = level - slope * centre
        misses = np.abs(seen - middle - slope * places)
        weight = weight * np.clip(1.5 - misses / 2, 0.0, 1.0) + 1e-9
    shows = near.max(axis=2).mean(axis=1)
    return np.stack([(middle[:, 0] - printed) / DETAIL, slope[:, 0] / DETAIL, shows], axis=1)


def _completed(boxes: np.ndarray, found: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """The lines (n, 4, 3), and for those that are hidden what the opposite line, else the boxes around, have them."""
    middle = boxes[:, :2] + boxes[:, 2:] / 2
    lines = found.copy()
    for axis in (0, 1):
        pair, known = found[:, axis::2], seen[:, axis::2]
        both = known.all(axis=1)
        for k in np.flatnonzero(~both):
            if known[k].any():
                lines[k, axis::2, :2] = pair[k, int(known[k, 1]), :2]
                continue
            far = np.where(both, np.linalg.norm(middle - middle[k], axis=1), np.inf)
            nearest = np.argsort(far)[: min(NEIGHBOURS, int(both.sum()))]
            lines[k, axis::2, 0] = np.median(pair[nearest, :, 0].mean(axis=1)) if len(nearest) else 0.0
            lines[k, axis::2, 1] = 0.0
    return lines


def _crossings(box: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """The corners where the lines left, top, right and bottom of a box cross, in mm."""
    left, top, width, height = box
    found = []
    for side, level, x, y in ((0, 1, 0, 0), (2, 1, 1, 0), (2, 3, 1, 1), (0, 3, 0, 1)):
        dx, dy = lines[side, 0], lines[level, 0]
        for _ in range(2):
            dx, dy = (
                lines[side, 0] + lines[side, 1] * (y - 0.5 + dy / height),
                lines[level, 0] + lines[level, 1] * (x - 0.5 + dx / width),
            )
        found.append((left + x * width + dx, top + y * height + dy))
    return np.array(found)
