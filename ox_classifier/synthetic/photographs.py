"""Photographs of nothing in particular: leaves, hills, rooms, blurred lights, a hand, a sheet left blank."""

from __future__ import annotations

import cv2
import numpy as np

from ox_classifier.synthetic import camera, paper, textures
from ox_classifier.synthetic.sampler import Sampler

Scene = np.ndarray  # (size, size, 3) float32 in [0, 1]
WHOLE = np.full(4, 0.4)  # the space at each edge, for papers that print a box
SKINS = ((0.95, 0.78, 0.66), (0.85, 0.65, 0.5), (0.65, 0.45, 0.33), (0.4, 0.27, 0.2))


def taken(scene: Scene, side: int, sampler: Sampler) -> np.ndarray:
    """The photograph of a scene, uint8 of shape (side, side, 3)."""
    return camera.photograph(scene.astype(np.float32), side, sampler, detail=2.0, slack=side * 0.05)


def leaves(sampler: Sampler, size: int) -> Scene:
    """Things that hide each other, far more small ones than large (the dead-leaves model), of a few related colours."""
    scene, palette = np.empty((size, size, 3), np.float32), _palette(sampler)
    scene[:] = palette[0]
    rounded = sampler.happens(0.5)
    for _ in range(sampler.count(30, 110)):
        reach = size * 0.05 / np.sqrt(max(sampler.rng.random(), 0.006))  # sizes fall with their third power
        middle, turn = sampler.rng.random(2) * size, sampler.between(0, 180)
        box = (middle.tolist(), (float(reach), float(reach * sampler.between(0.15, 0.6))), turn)
        colour = (sampler.pick(palette) * sampler.between(0.6, 1.2)).tolist()
        if rounded:
            cv2.ellipse(scene, box, colour, -1, cv2.LINE_AA)
        else:
            corners = cv2.boxPoints(box) + sampler.rng.standard_normal((4, 2)) * reach * 0.15
            cv2.fillConvexPoly(scene, cv2.convexHull(corners.astype(np.int32)), colour, cv2.LINE_AA)
    return _grained(scene, sampler)


def hills(sampler: Sampler, size: int) -> Scene:
    """A sky and ridges before it, each darker or lighter than the last."""
    palette = _palette(sampler)
    y = np.linspace(0, 1, size, dtype=np.float32)[:, None, None]
    sky = np.array([0.75, 0.85, 1.0]) * sampler.between(0.5, 1) * (1 - 0.3 * sampler.rng.random(3))
    scene = np.broadcast_to((sky * (1 - y) + (sky + palette[1]) / 2 * y), (size, size, 3)).astype(np.float32)
    level = sampler.between(0.2, 0.5)
    for _ in range(sampler.count(1, 4)):
        ridge = np.zeros(size)
        for octave in range(1, 6):
            knots = sampler.rng.standard_normal(2**octave + 1) * 0.12 / 1.7**octave
            ridge += np.interp(np.linspace(0, 1, size), np.linspace(0, 1, len(knots)), knots)
        below = np.arange(size)[:, None] / size > (level + ridge)[None]
        scene[below] = sampler.pick(palette) * sampler.between(0.4, 1)
        level += sampler.between(0.1, 0.3)
    return _grained(scene, sampler)


def room(sampler: Sampler, size: int) -> Scene:
    """Walls, tables, doors: planes parted by straight edges, each with light of its own."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size - 0.5
    palette, scene = _palette(sampler), np.empty((size, size, 3), np.float32)
    pieces = [np.ones((size, size), bool)]
    for _ in range(sampler.count(1, 5)):
        angle, offset = sampler.between(0, 2 * np.pi), sampler.between(-0.35, 0.35)
        side = x * np.cos(angle) + y * np.sin(angle) > offset
        piece = pieces.pop(int(np.argmax([piece.sum() for piece in pieces])))  # no edge goes on beyond another
        pieces += [piece & side, piece & ~side]
    for piece in pieces:
        angle = sampler.between(0, 2 * np.pi)
        light = 1 + sampler.between(0, 0.7) * (x * np.cos(angle) + y * np.sin(angle))
        scene[piece] = (sampler.pick(palette) * light[:, :, None])[piece] * sampler.between(0.5, 1.2)
    return _grained(scene, sampler)


def lights(sampler: Sampler, size: int) -> Scene:
    """What is far out of focus: soft spots of related colours."""
    scene, palette = np.empty((size, size, 3), np.float32), _palette(sampler)
    scene[:] = palette[0] * sampler.between(0.3, 1)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    for _ in range(sampler.count(4, 14)):
        middle, reach = sampler.rng.uniform(-0.1, 1.1, 2), sampler.scale(0.06, 0.4)
        spot = np.exp(-(((x - middle[0]) / reach) ** 2 + ((y - middle[1]) / (reach * sampler.scale(0.5, 2))) ** 2))
        scene += spot[:, :, None] * (sampler.pick(palette) - scene) * sampler.between(0.3, 1)
    return scene


def sheet(sampler: Sampler, size: int) -> Scene:
    """A sheet or a board with nothing on it, often in a hand's shadow."""
    kinds = paper.PAPERS if sampler.happens(0.7) else paper.BOARDS
    kinds = {name: kind for name, kind in kinds.items() if name != "boxed"}  # a box without a mark is nearly a square O
    scene = paper.lay(sampler, size, kinds, WHOLE)
    if sampler.happens(0.45):
        fingers = cv2.GaussianBlur(_fingers(sampler, size)[0], (0, 0), size * sampler.scale(0.01, 0.06))
        scene = scene * (1 - sampler.between(0.15, 0.6) * fingers[:, :, None])
    return scene


def hand(sampler: Sampler, size: int) -> Scene:
    """Fingers that come in from one side, over a sheet or a table."""
    under = sheet(sampler, size) if sampler.happens(0.6) else room(sampler, size)
    fingers, depth, nails = _fingers(sampler, size)
    shift = (sampler.rng.uniform(-0.06, 0.06, 2) * size).astype(int)
    shadow = cv2.GaussianBlur(np.roll(fingers, shift, axis=(0, 1)), (0, 0), size * 0.03)
    skin = np.array(sampler.pick(SKINS)) * sampler.between(0.8, 1.05)
    scene = under * (1 - 0.45 * shadow[:, :, None])
    cover = cv2.GaussianBlur(fingers, (0, 0), 0.7)[:, :, None]
    flesh = skin * (0.62 + 0.38 * depth[:, :, None]) + 0.12 * cv2.GaussianBlur(nails, (0, 0), 0.8)[:, :, None]
    return scene * (1 - cover) + flesh * cover


def _fingers(sampler: Sampler, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where fingers are, how high their surface stands there and where nails are: float32 in [0, 1], (size, size)."""
    cover, nails = np.zeros((2, size, size), np.float32)
    angle, width = sampler.between(0, 2 * np.pi), sampler.between(0.12, 0.24) * size
    way = np.array([np.cos(angle), np.sin(angle)])
    beside = np.array([-way[1], way[0]])
    count = sampler.count(1, 4)
    for finger in range(count):
        lane = beside * width * (finger - (count - 1) / 2) * sampler.between(1.0, 1.25)
        root = size / 2 + lane - way * size
        tip = size / 2 + lane * sampler.between(0.9, 1.3) + way * size * sampler.between(-0.35, 0.15)
        bend = (root + tip) / 2 + beside * size * sampler.between(-0.06, 0.06)
        points = np.round([root, bend, tip]).astype(np.int32)
        cv2.polylines(cover, [points], False, 1.0, max(3, int(width * sampler.between(0.75, 0.95))), cv2.LINE_AA)
        at, degrees = tip - way * width * 0.05, float(np.degrees(angle))
        cv2.ellipse(nails, (at.tolist(), (width * 0.55, width * 0.4), degrees), 1.0, -1, cv2.LINE_AA)
    depth = cv2.distanceTransform((cover > 0.5).astype(np.uint8), cv2.DIST_L2, 3) / max(width / 2, 1)
    return cover, np.sqrt(np.clip(depth, 0, 1)), nails * sampler.happens(0.6)


def _palette(sampler: Sampler) -> list[np.ndarray]:
    """A few colours of one picture: near each other, with one that is not."""
    base, spread = sampler.rng.random(3), sampler.between(0.05, 0.3)
    grey = base.mean()
    base = grey + (base - grey) * sampler.between(0.1, 0.8)
    colours = [
        np.clip(base + sampler.rng.normal(0, spread, 3) * 0.4 + sampler.rng.normal(0, spread), 0, 1) for _ in range(5)
    ]
    return [*colours, sampler.rng.random(3)] if sampler.happens(0.4) else colours


def _grained(scene: Scene, sampler: Sampler) -> Scene:
    """The scene with texture, soft shade and the depth of focus of a lens."""
    size = len(scene)
    if sampler.happens(0.7):
        grain = textures.clouds(sampler, size)
        grain = grain if grain.ndim == 2 else grain[:, :, 0]
        scene = scene * (1 + sampler.between(0.1, 0.7) * (grain[:, :, None] - 0.5))
    return cv2.GaussianBlur(scene.astype(np.float32), (0, 0), sampler.scale(0.35, 2.5))
