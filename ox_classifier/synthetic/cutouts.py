"""A mark cut out of its picture and pasted on another ground, as collections of letters and signs hold them."""

from __future__ import annotations

import cv2
import numpy as np

from ox_classifier.synthetic import places
from ox_classifier.synthetic.sampler import Sampler

LEAST = 48  # pixels a side that a picture must have to be cut
SMALLEST = 9  # pixels that a mark has at least, once it is pasted
GROUNDS = {"white": 58, "grey": 14, "black": 12, "any": 16}
LINES = ((0.45, 0.65, 0.85), (0.4, 0.5, 0.75), (0.55, 0.55, 0.55), (0.85, 0.5, 0.5))


def pasted(pixels: np.ndarray, sampler: Sampler) -> np.ndarray:
    """Cut the mark of a picture, uint8 (side, side, 3), out and paste it on another ground of the same kind.

    What is cut lies about where `surroundings.place` has noted the mark in `sampler.drawn`, before the camera: by the
    place that the camera shows, every image of a seed would get other bytes. The notes are brought up to date with that
    place.
    """
    own = sampler.child("cut-out")
    cut, low, half = _cut(pixels, sampler, own)
    seen = places.shown(sampler)
    height, width = cut.shape[:2]
    share = own.scale(0.22, 0.9)
    out = own.count(90, 200)
    zoom = out * share / max(height, width)
    zoom = max(zoom, SMALLEST / (2 * half))
    zoom = min(zoom, out / max(height, width))
    size = (max(8, round(width * zoom)), max(8, round(height * zoom)))
    cut = cv2.resize(cut, size, interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR)
    canvas = np.empty((out, out, 3), np.uint8)
    canvas[:] = _ground(own)
    free = np.array([out - size[0], out - size[1]])
    at = (free / 2 if own.happens(0.65) else free * own.rng.random(2)).astype(int)
    canvas[at[1] : at[1] + size[1], at[0] : at[0] + size[0]] = cut
    centre = (at + (np.array([seen.x, seen.y]) * len(pixels) - low) * zoom) / out
    sampler.note(cut_out=True, x=float(centre[0]), y=float(centre[1]), size=float(seen.half * len(pixels) * zoom / out))
    sampler.shown = None
    return canvas


def _cut(pixels: np.ndarray, sampler: Sampler, own: Sampler) -> tuple[np.ndarray, np.ndarray, float]:
    """The piece, its left upper corner (x, y), and the half-side of the mark, in pixels."""
    side = len(pixels)
    half = float(sampler.drawn["size"]) * side
    centre = np.array([float(sampler.drawn["x"]), float(sampler.drawn["y"])]) * side
    margins = half * np.array([own.scale(0.06, 0.9) for _ in range(4)])
    low = np.clip(centre - half - margins[:2], 0, side - 8).astype(int)
    high = np.clip(centre + half + margins[2:] + 1, low + 8, side).astype(int)
    cut = pixels[low[1] : high[1], low[0] : high[0]].copy()
    if own.happens(0.4):  # the line it was written on
        at = int(centre[1] + half * own.between(0.75, 1.4)) - low[1]
        thick = max(1, round(half * own.scale(0.03, 0.2)))
        if 0 <= at < len(cut):
            light = cut[at : at + thick].astype(np.float32).mean() > 110
            line = np.array(own.pick(LINES), np.float32) * (1 if light else 0.6)
            band = cut[at : at + thick].astype(np.float32) / 255
            cut[at : at + thick] = np.clip((band * line if light else np.maximum(band, line)) * 255, 0, 255)
    return cut, low, half


def _ground(sampler: Sampler) -> np.ndarray:
    kind = sampler.pick(GROUNDS)
    if kind == "white":
        return np.full(3, 255)
    if kind == "black":
        return np.zeros(3)
    if kind == "grey":
        return np.full(3, sampler.count(190, 250))
    return sampler.rng.integers(0, 256, 3)
