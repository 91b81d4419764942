"""Pictures without any mark: noise, textures, shapes filled in, shadows, photographs of nothing."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from ox_classifier.synthetic import camera, paper
from ox_classifier.synthetic.sampler import Sampler

Pixels = np.ndarray  # (side, side, 3) uint8
WHOLE = np.full(4, 0.4)  # the space at each edge, for papers that print a box


def draw(sampler: Sampler) -> Pixels:
    """One of the kinds below."""
    kind = sampler.pick({name: weight for name, (weight, _) in KINDS.items()})
    sampler.note(no_mark=kind)
    picture = KINDS[kind][1](sampler, sampler.count(90, 180))
    if picture.ndim == 2:
        low, high = _colour(sampler), _colour(sampler)
        picture = low + picture[:, :, None] * (high - low)
    return np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)


def _colour(sampler: Sampler) -> np.ndarray:
    grey = np.full(3, sampler.rng.random())
    return (grey if sampler.happens(0.6) else sampler.rng.random(3)).astype(np.float32)


def _noise(sampler: Sampler, side: int) -> np.ndarray:
    """White noise, at one grain or another, of all levels or of two."""
    grain = sampler.pick((1, 1, 2, 3, 5, 9))
    across = max(4, side // grain)
    noise = sampler.rng.random((across, across, 3 if sampler.happens(0.4) else 1), dtype=np.float32)
    if sampler.happens(0.3):
        noise = (noise < sampler.scale(0.005, 0.5)).astype(np.float32)
    if sampler.happens(0.3):
        noise = np.clip(0.5 + 0.12 * sampler.rng.standard_normal(noise.shape, dtype=np.float32), 0, 1)
    shown = cv2.resize(noise, (side, side), interpolation=sampler.pick((cv2.INTER_NEAREST, cv2.INTER_LINEAR)))
    return shown if shown.ndim == 2 else shown.astype(np.float32)


def _clouds(sampler: Sampler, side: int) -> np.ndarray:
    """Noise whose power falls with its frequency, as in pictures of nature; in one colour or in three."""
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.rfftfreq(side), indexing="ij"))
    falls = np.maximum(frequency, 1 / side) ** -sampler.between(0.8, 2.2)
    layers = []
    for _ in range(3 if sampler.happens(0.5) else 1):
        wave = np.fft.irfft2(np.fft.rfft2(sampler.rng.standard_normal((side, side))) * falls, s=(side, side))
        low, high = np.percentile(wave, (1, 99))
        layers.append(np.clip((wave - low) / (high - low), 0, 1))
    return np.stack(layers, axis=2).astype(np.float32) if len(layers) == 3 else layers[0].astype(np.float32)


def _pattern(sampler: Sampler, side: int) -> np.ndarray:
    """Stripes, a checker, a weave."""
    y, x = np.mgrid[0:side, 0:side] / side
    angle, count = sampler.between(0, np.pi), sampler.scale(2, 25)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    waves = np.sin(2 * np.pi * count * along), np.sin(2 * np.pi * count * across * sampler.scale(0.5, 2))
    kind = sampler.pick(("stripes", "checker", "weave"))
    picture = {"stripes": waves[0], "checker": waves[0] * waves[1], "weave": waves[0] + waves[1]}[kind]
    picture = (picture > 0).astype(np.float32) if sampler.happens(0.5) else picture / 4 + 0.5
    return np.clip(picture, 0, 1).astype(np.float32)


def _leaves(sampler: Sampler, side: int) -> np.ndarray:
    """Shapes that hide each other, of all sizes (the dead-leaves model): edges as in photographs of things."""
    picture = np.empty((side, side, 3), np.float32)
    picture[:] = sampler.rng.random(3)
    for size in sorted((sampler.scale(0.05, 0.7) for _ in range(sampler.count(25, 90))), reverse=True):
        corners = cv2.boxPoints(
            (
                (sampler.rng.random(2) * side).tolist(),
                (size * side, size * side * sampler.scale(0.3, 1)),
                sampler.between(0, 180),
            )
        )
        corners += sampler.rng.standard_normal((4, 2)) * size * side * 0.12
        cv2.fillConvexPoly(picture, cv2.convexHull(corners.astype(np.int32)), sampler.rng.random(3).tolist())
    shade = cv2.resize(sampler.rng.random((4, 4), dtype=np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    return cv2.GaussianBlur(picture * (0.6 + 0.4 * shade[:, :, None]), (0, 0), sampler.scale(0.4, 2.5))


def _things(sampler: Sampler, side: int) -> np.ndarray:
    """Filled shapes with sleeves, legs or handles, mostly light on black, as small pictures of clothes are."""
    across = sampler.pick((28, 28, side))
    picture = np.zeros((across, across), np.float32)
    for _ in range(sampler.count(1, 4)):
        middle = across / 2 + sampler.rng.uniform(-0.18, 0.18, 2) * across
        turns = np.sort(sampler.rng.random(sampler.count(4, 9))) * 2 * np.pi
        reach = across * sampler.rng.uniform(0.12, 0.5, len(turns))
        points = middle + np.stack([np.cos(turns), np.sin(turns) * sampler.scale(0.6, 1.6)], axis=1) * reach[:, None]
        cv2.fillPoly(picture, [points.astype(np.int32)], sampler.between(0.3, 1))
        mirrored = points * [-1, 1] + [across, 0]  # clothes are symmetric
        cv2.fillPoly(picture, [mirrored.astype(np.int32)], sampler.between(0.3, 1))
    texture = sampler.rng.random((across, across), dtype=np.float32)
    picture *= 1 - sampler.between(0, 0.5) * texture
    picture = picture if sampler.happens(0.75) else 1 - picture
    shown = cv2.resize(picture, (side, side), interpolation=cv2.INTER_LINEAR)
    return np.repeat(shown[:, :, None], 3, axis=2)


def _photograph(sampler: Sampler, side: int) -> np.ndarray:
    """A sheet or a board with nothing on it, often in a hand's shadow."""
    kinds = paper.PAPERS if sampler.happens(0.7) else paper.BOARDS
    kinds = {name: kind for name, kind in kinds.items() if name != "boxed"}
    margin = side // 10
    scene = paper.lay(sampler, side + 2 * margin, kinds, WHOLE)
    if sampler.happens(0.4):
        scene = scene * _shadow(sampler, len(scene))[:, :, None]
    if sampler.happens(0.15):  # what no one has written on has no grain either
        return np.full((side, side, 3), sampler.rng.random() if sampler.happens(0.5) else sampler.rng.random(3))
    return camera.photograph(scene.astype(np.float32), side, sampler, detail=2.0, slack=side * 0.05) / 255


def _shadow(sampler: Sampler, side: int) -> np.ndarray:
    """The soft shadow of fingers, as a factor."""
    shadow = np.zeros((side, side), np.float32)
    start, angle = sampler.rng.random(2) * side, sampler.between(0, 2 * np.pi)
    for _ in range(sampler.count(1, 4)):
        turned = angle + sampler.between(-0.3, 0.3)
        end = start + np.array([np.cos(turned), np.sin(turned)]) * side * sampler.between(0.3, 1)
        width = max(2, int(side * sampler.between(0.06, 0.16)))
        cv2.line(shadow, start.astype(int).tolist(), end.astype(int).tolist(), 1.0, width)
        start = start + sampler.rng.standard_normal(2) * side * 0.12
    soft = cv2.GaussianBlur(shadow, (0, 0), side * sampler.between(0.015, 0.06))
    return 1 - sampler.between(0.15, 0.6) * soft


KINDS: dict[str, tuple[float, Callable[[Sampler, int], np.ndarray]]] = {
    "noise": (18, _noise),
    "clouds": (14, _clouds),
    "pattern": (12, _pattern),
    "leaves": (20, _leaves),
    "things": (20, _things),
    "photograph": (16, _photograph),
}
