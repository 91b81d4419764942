"""Photographs of a printed page as a phone takes them: bent paper, perspective, light, lens, sensor, JPEG.

Knows no layout: it takes a picture of the page, and says where any point of the page came to lie in the photograph.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from PIL import Image

from ox_classifier.synthetic.sampler import Sampler

TILT = 25.0  # degrees, at most
AWAY = 1.6  # of the page's longer side: how far the camera stands from it
BENDS = ((0.004, 0.02), (25.0, 60.0))  # a crease's height as a share of the page's width, and its reach in mm


@dataclass
class Photo:
    """A photograph, uint8 (height, width, 3), and where its page lies in it."""

    pixels: np.ndarray
    view: np.ndarray  # homography from millimetres of the page (bent) to pixels
    creases: list[tuple[np.ndarray, float, float, float]] = field(default_factory=list)
    lean: np.ndarray = field(default_factory=lambda: np.zeros(2))

    def places(self, points: np.ndarray) -> np.ndarray:
        """Where points of the page, (n, 2) in millimetres, lie in the photograph, in pixels."""
        points = np.asarray(points, np.float64).reshape(-1, 2)
        bent = points + _bent(points, self.creases, self.lean)
        return cv2.perspectiveTransform(bent[None], self.view)[0]

    def jpeg(self, quality: int = 50, turn: int = 1) -> bytes:
        """The photograph as a file; `turn` is an EXIF orientation that is noted, not carried out."""
        stream, exif = io.BytesIO(), Image.Exif()
        exif[0x0112] = turn
        Image.fromarray(self.pixels).save(stream, "JPEG", quality=quality, exif=exif.tobytes())
        return stream.getvalue()


def photograph(
    page: np.ndarray,
    size: tuple[float, float],
    seed: Sequence[int],
    *,
    detail: float | None = None,
    rough: bool = True,
) -> Photo:
    """Photograph a page, uint8 (h, w, 3), of `size` (width, height) in mm, at `detail` pixels a millimetre (8 to 16).

    Not `rough`: flat, in good light, from above, as a scanner would have it.
    """
    sampler = Sampler((182, *seed))
    detail = detail or sampler.between(8, 16)
    creases, lean = (_creases(sampler, size), np.zeros(2)) if rough else ([], np.zeros(2))
    view, shape = _camera(sampler, size, detail, tilt=TILT if rough else 0.0)
    if rough:
        lean = sampler.between(0, math.tan(math.radians(TILT))) * _direction(sampler)
    flat = _lit(page, sampler) if rough else page
    pixels_a_mm = page.shape[1] / size[0]
    if creases:
        flat = _bend(flat, pixels_a_mm, creases, lean)
    to_photo = view @ np.diag([1 / pixels_a_mm, 1 / pixels_a_mm, 1])
    desk = _desk(sampler, shape)
    coarse = pixels_a_mm / detail
    if coarse > 1.2:
        flat = cv2.GaussianBlur(flat, (0, 0), 0.4 * coarse)
    cv2.warpPerspective(
        flat, to_photo, shape[::-1], dst=desk, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT
    )
    pixels = _taken(desk, sampler, detail) if rough else desk
    return Photo(pixels, view, creases, lean)


def side_by_side(photos: Sequence[Photo]) -> np.ndarray:
    """Several sheets in one picture."""
    height = max(photo.pixels.shape[0] for photo in photos)
    return np.concatenate(
        [np.pad(p.pixels, ((0, height - len(p.pixels)), (0, 0), (0, 0)), mode="edge") for p in photos], axis=1
    )


def _direction(sampler: Sampler) -> np.ndarray:
    angle = sampler.between(0, 2 * math.pi)
    return np.array([math.cos(angle), math.sin(angle)])


def _camera(sampler: Sampler, size: tuple[float, float], detail: float, *, tilt: float) -> tuple[np.ndarray, tuple]:
    """A homography from millimetres to pixels and the photograph's (height, width): the page with a desk around."""
    width, height = size
    turned = sampler.between(0, 2 * math.pi) if sampler.happens(0.4) else math.pi / 2 * sampler.count(0, 3)
    turned += math.radians(sampler.between(-6, 6))
    axis = _direction(sampler)
    lean = math.radians(sampler.between(0, tilt)) if tilt else 0.0
    tilted = cv2.Rodrigues(np.array([axis[0], axis[1], 0.0]) * lean)[0]
    turn = cv2.Rodrigues(np.array([0.0, 0.0, turned if tilt else math.pi / 2 * sampler.count(0, 3)]))[0]
    away = AWAY * max(size)
    pose = tilted @ turn
    plane = np.stack([pose[:, 0], pose[:, 1], -pose[:, 0] * width / 2 - pose[:, 1] * height / 2 + [0, 0, away]], axis=1)
    view = np.diag([detail * away, detail * away, 1]) @ plane
    corners = cv2.perspectiveTransform(np.array([[[0, 0], [width, 0], [width, height], [0, height]]], np.float64), view)
    margin = detail * np.array([sampler.between(4, 18), sampler.between(4, 18)])
    low = corners[0].min(axis=0) - margin
    across, down = (np.ptp(corners[0], axis=0) + 2 * margin).astype(int).tolist()
    return np.array([[1, 0, -low[0]], [0, 1, -low[1]], [0, 0, 1]]) @ view, (down, across)


def _creases(sampler: Sampler, size: tuple[float, float]) -> list[tuple[np.ndarray, float, float, float]]:
    """Ridges that folding leaves, as (direction, place, height, reach) in mm; most pages have none or one."""
    found = []
    for _ in range(sampler.pick({0: 5, 1: 3, 2: 2})):
        across = _direction(sampler) if sampler.happens(0.3) else np.eye(2)[sampler.count(0, 1)]
        place = float(across @ (np.array(size) * sampler.rng.uniform(0.25, 0.75, 2)))
        height = sampler.between(*BENDS[0]) * size[0]
        found.append((across, place, height, sampler.between(*BENDS[1])))
    return found


def _bent(points: np.ndarray, creases: list, lean: np.ndarray) -> np.ndarray:
    """How far points on ridges seem moved, seen from the side: (n, 2) in mm."""
    height = np.zeros(len(points))
    for across, place, top, reach in creases:
        height += top * np.exp(-np.abs(points @ across - place) / reach)
    return height[:, None] * lean


def _bend(page: np.ndarray, pixels_a_mm: float, creases: list, lean: np.ndarray) -> np.ndarray:
    height, width = page.shape[:2]
    step = 8
    grid = np.stack(np.meshgrid(np.arange(0, width + step, step), np.arange(0, height + step, step)), axis=2)
    bent = grid.reshape(-1, 2) / pixels_a_mm
    flat = bent.copy()
    for _ in range(4):  # the way back, by fixed point: ridges are much broader than they move
        flat = bent - _bent(flat, creases, lean)
    coarse = (flat * pixels_a_mm).reshape(grid.shape).astype(np.float32)
    full = cv2.resize(coarse, (grid.shape[1] * step, grid.shape[0] * step), interpolation=cv2.INTER_LINEAR)
    shift = step / 2 - 0.5  # resize keeps the centres of cells, the grid holds their corners
    full = full[int(shift) : int(shift) + height, int(shift) : int(shift) + width] + np.float32(shift - int(shift))
    lit = page.astype(np.float32)
    y, x = np.mgrid[0:height:step, 0:width:step] / pixels_a_mm
    shade = np.ones(x.shape, np.float32)
    for across, place, top, _ in creases:
        far = (x * across[0] + y * across[1] - place) / 3
        shade *= 1 + np.float32(0.02 * top) * far * np.exp(-(far**2))
    lit *= cv2.resize(shade.astype(np.float32), (width, height))[:, :, None]
    return cv2.remap(
        np.clip(lit, 0, 255).astype(np.uint8), full, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _lit(page: np.ndarray, sampler: Sampler) -> np.ndarray:
    """The light on the page: a gradient, the edge of a shadow, the shine of a lamp. Made small, as it is soft."""
    height, width = page.shape[:2]
    y, x = np.mgrid[0:150, 0:110].astype(np.float32) / 130 - 0.5
    along = _direction(sampler)
    light = 1 + (x * along[0] + y * along[1]) * sampler.between(0, 0.4)
    if sampler.happens(0.5):
        along, soft = _direction(sampler), sampler.scale(0.01, 0.15)
        edge = 1 / (1 + np.exp(-np.clip((x * along[0] + y * along[1] - sampler.between(-0.4, 0.4)) / soft, -30, 30)))
        light = light * (1 - sampler.between(0.15, 0.5) * edge)
    light = (light * sampler.between(0.6, 0.98))[:, :, None] * (1 + sampler.rng.uniform(-0.08, 0.04, 3))
    lit = page * cv2.resize(light.astype(np.float32), (width, height))
    if sampler.happens(0.2):
        spot = np.exp(-(((x - sampler.between(-0.4, 0.4)) ** 2 + (y - sampler.between(-0.4, 0.6)) ** 2) / 0.004))
        spot = cv2.resize(spot.astype(np.float32), (width, height))[:, :, None] * sampler.between(0.1, 0.5)
        lit = lit * (1 - spot) + 255 * spot
    return np.clip(lit, 0, 255).astype(np.uint8)


def _desk(sampler: Sampler, shape: tuple[int, int]) -> np.ndarray:
    """What lies around the page: wood, cloth, a dark or a light table."""
    grain = sampler.rng.random((sampler.count(20, 200), sampler.count(3, 60)), dtype=np.float32)
    grain = cv2.resize(grain, shape[::-1], interpolation=cv2.INTER_CUBIC)[:, :, None]
    colour = sampler.rng.uniform(20, 220, 3) * np.array([1, 0.9, 0.8])
    return np.clip(colour * (0.8 + 0.3 * grain), 0, 255).astype(np.uint8)


def _taken(pixels: np.ndarray, sampler: Sampler, detail: float) -> np.ndarray:
    """Focus, the movement of a hand, noise."""
    kind = sampler.pick({"sharp": 40, "soft": 40, "blurred": 12, "moved": 8})
    if kind in ("soft", "blurred"):
        sigma = sampler.between(0.4, 1.0) if kind == "soft" else sampler.between(0.1, 0.2) * detail
        pixels = cv2.GaussianBlur(pixels, (0, 0), sigma)
    if kind == "moved":
        length = max(3, int(sampler.between(0.2, 0.45) * detail))
        kernel = np.zeros((length, length), np.float32)
        along = _direction(sampler) * length / 2
        ends = [tuple(int(c) for c in length / 2 + along * s) for s in (-1, 1)]
        cv2.line(kernel, *ends, 1.0)
        pixels = cv2.filter2D(pixels, -1, kernel / max(float(kernel.sum()), 1.0))
    tile = sampler.rng.standard_normal((512, 512, 3), dtype=np.float32) * sampler.scale(1, 7)
    tile = tile.astype(np.int8)
    times = (len(pixels) // 512 + 1, pixels.shape[1] // 512 + 1, 1)
    noise = np.tile(tile, times)[: pixels.shape[0], : pixels.shape[1]]
    return cv2.add(pixels, noise, dtype=cv2.CV_8U)
