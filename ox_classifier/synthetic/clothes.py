"""Filled outlines on an empty ground, mostly light on black in 28 x 28 pixels, as small pictures of clothes are."""

from __future__ import annotations

import cv2
import numpy as np

from ox_classifier.synthetic.sampler import Sampler

FINE = 4  # sub-pixels along a pixel's side
# the right half from the top down, x from the middle and y from the top, in tenths of the half and of the height
HALVES = {
    "shirt": "0,1.2 1.8,.5 3.2,.9 9.2,3 8,5 4.8,3.8 5,9.6 0,9.7",
    "pullover": "0,1 2,.5 4.5,1 7,3 9.2,9 7.3,9.5 5.2,4.8 5.2,9.5 0,9.6",
    "coat": "0,1.4 1.5,.2 4.2,.9 6.6,3 7.6,8.5 6,9 5,4.5 5.6,9.8 0,9.8",
    "top": "0,2.2 1.6,2 2.2,.3 3,.3 3.4,2.6 4.6,3.4 4.4,9.6 0,9.7",
    "dress": "0,1.5 1.6,.3 2.6,.4 3,3 2,4.3 5,9.8 0,9.9",
    "trousers": "0,.3 3.6,.3 4.3,3 4,9.8 1.3,9.8 .3,3.2 0,3.2",
    "shorts": "0,1.5 5,1.5 6.2,8 1,8.2 .3,4 0,4",
    "bag": "0,3.6 7.5,3.6 8.6,9 0,9.2",
    "bottle": "0,.5 1,.5 1,2.6 2.6,4 2.6,9.5 0,9.5",
    "vase": "0,1 2.2,1 1.2,3 3.6,6 2,9.4 0,9.4",
}
WHOLES = {
    "sneaker": "0,7.6 .2,5.4 2.6,4.8 4.6,3.2 6,2.8 7,3.6 9.3,2.8 9.9,5 9.9,7.6",
    "boot": "0,9.4 .2,7.6 3.4,6 5,3.5 5,.4 9,.3 9.2,5 9.6,7.4 9.7,9.4 7.4,9.4 7,8.8 5,9.4",
    "heel": "0,8 .3,7 4,6 6.2,4 9,1.6 9.6,4 9.2,8 8.8,8 8.3,5 5.6,7.8",
    "sandal": "0,7.8 2,6.4 3,4.8 4.4,6.4 7,5.4 8.6,2.6 9.4,3 9.6,7.8",
    "car": "0,7.6 .2,5.6 2.6,5 4,3 7.6,3 8.6,5.2 9.9,5.8 9.9,7.6 8.4,8.4 7,7.6 3,7.6 2,8.4",
    "leaf": "0,9 1,5 4,2 9.5,.6 8.8,5 6,8 2,8.4",
    "bird": "0,3.4 1.5,2.4 3.2,2.6 5,4.4 9.8,3.2 7.2,6.6 4.6,7.6 2.4,6.4 1.6,4",
}


def thing(sampler: Sampler, side: int) -> np.ndarray:
    """One of the outlines, stretched, creased and shaded; float32 in [0, 1], shape (side, side)."""
    name = sampler.pick([*HALVES, *WHOLES])
    across = sampler.pick((28, 28, 28, min(side, 64)))
    size = across * FINE
    points = _outline(name, sampler) * size * 0.5 + size / 2
    body = np.zeros((size, size), np.float32)
    cv2.fillPoly(body, [np.round(points).astype(np.int32)], 1.0)
    if name == "bag" and sampler.happens(0.8):
        handle = points[:, 0].min() + np.ptp(points[:, 0]) * np.array([0.25, 0.3, 0.7, 0.75])
        top = points[:, 1].min()
        rise = top - np.array([0, 1, 1, 0]) * sampler.between(0.1, 0.25) * size
        ends = np.round(np.stack([handle, rise], axis=1)).astype(np.int32)
        cv2.polylines(body, [ends], False, 0.8, int(size * sampler.between(0.03, 0.06)))
    picture = body * _cloth(sampler, size)
    picture = cv2.resize(picture, (across, across), interpolation=cv2.INTER_AREA)
    if sampler.happens(0.25):
        picture = 1 - picture
    return picture if across < 40 else cv2.resize(picture, (side, side), interpolation=cv2.INTER_LINEAR)


def _outline(name: str, sampler: Sampler) -> np.ndarray:
    """The corners in [-1, 1], a little moved."""
    text = HALVES.get(name) or WHOLES[name]
    corners = np.array([[float(number) for number in pair.split(",")] for pair in text.split()]) / 10
    corners += sampler.rng.standard_normal(corners.shape) * 0.025
    if name in HALVES:
        right = corners * [1, 2] - [0, 1]
        right[:, 0] = np.maximum(right[:, 0] * sampler.between(0.75, 1.15), 0)
        corners = np.concatenate([right, (right * [-1, 1])[::-1]])
    else:
        corners = (corners * 2 - 1) * [sampler.pick((-1, 1)), sampler.between(0.6, 1)]
    return np.clip(corners * sampler.between(0.75, 0.97), -1, 1)


def _cloth(sampler: Sampler, size: int) -> np.ndarray:
    """Brightness of the stuff: even, striped, printed or creased, darker at the sides."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size - 0.5
    cloth = np.full((size, size), sampler.between(0.35, 1), np.float32)
    kind = sampler.pick({"even": 5, "stripes": 2, "print": 1, "seam": 2})
    if kind == "stripes":
        wave = np.sin(2 * np.pi * sampler.between(3, 12) * (y if sampler.happens(0.6) else x))
        cloth *= 1 - sampler.between(0.1, 0.6) * (wave > sampler.between(-0.5, 0.7))
    elif kind == "print":
        low, high = sampler.rng.uniform(-0.15, 0.0, 2), sampler.rng.uniform(0.03, 0.18, 2)
        cloth[(x > low[0]) & (x < high[0]) & (y > low[1]) & (y < high[1])] *= sampler.between(0.2, 0.8)
    elif kind == "seam":
        cloth *= 1 - sampler.between(0.2, 0.7) * (np.abs(x - sampler.between(-0.03, 0.03)) < 0.02)
    folds = cv2.resize(sampler.rng.random((7, 7), dtype=np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    return np.clip(cloth * (1 - sampler.between(0, 0.5) * folds) * (1 - sampler.between(0, 0.6) * np.abs(x)), 0, 1)
