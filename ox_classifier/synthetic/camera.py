"""From a sheet to a photograph or a scan of it: perspective, light, lens, sensor, threshold."""

from __future__ import annotations

import cv2
import numpy as np

from ox_classifier.synthetic.sampler import Sampler


def photograph(scene: np.ndarray, side: int, sampler: Sampler, *, detail: float, slack: float) -> np.ndarray:
    """Photograph a square scene, float32 in [0, 1], into uint8 of shape (side, side, 3).

    `detail` is the width of the finest stroke in pixels; blur is kept weak enough for it to stay visible.
    `slack` is how many pixels each corner of the view may move, so that the mark stays in the picture.
    """
    picture = _view(scene, side, sampler, slack)
    if sampler.happens(0.3):
        picture = _folded(picture, sampler)
    picture = np.clip(picture, 0, 1) * _light(side, sampler)
    if sampler.happens(0.15):
        picture = _glare(picture, sampler)
    picture = _lens(picture, sampler, detail)
    return _sensor(picture, sampler)


def _view(scene: np.ndarray, side: int, sampler: Sampler, slack: float) -> np.ndarray:
    """The middle of the scene, seen at a slight angle."""
    size = len(scene)
    margin = (size - side) / 2
    corners = np.array([[0, 0], [side, 0], [side, side], [0, side]], np.float32)
    skew = min(margin * 0.9, slack) if sampler.happens(0.7) else 0.0
    seen = corners + margin + (sampler.rng.uniform(-1, 1, (4, 2)) * skew).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(seen.astype(np.float32), corners)
    sampler.shown = (
        np.diag([1 / side, 1 / side, 1]) @ matrix @ np.array([[side, 0, margin], [0, side, margin], [0, 0, 1]])
    )
    return cv2.warpPerspective(scene, matrix, (side, side), flags=cv2.INTER_LINEAR)


def _light(side: int, sampler: Sampler) -> np.ndarray:
    """Exposure, colour cast, a gradient, soft clouds of shade and the edge of a shadow, as a factor for each value."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side - 0.5
    angle = sampler.between(0, 6.3)
    light = 1 + (x * np.cos(angle) + y * np.sin(angle)) * sampler.between(0, 0.5) * sampler.happens(0.7)
    if sampler.happens(0.4):
        clouds = cv2.resize(
            sampler.rng.standard_normal((3, 3), dtype=np.float32), (side, side), interpolation=cv2.INTER_CUBIC
        )
        light = light * (1 + sampler.between(0.02, 0.18) * clouds)
    if sampler.happens(0.2):
        angle, offset, soft = sampler.between(0, 6.3), sampler.between(-0.4, 0.4), sampler.scale(0.01, 0.2)
        edge = 1 / (1 + np.exp(-np.clip((x * np.cos(angle) + y * np.sin(angle) - offset) / soft, -30, 30)))
        light = light * (1 - sampler.between(0.15, 0.5) * edge)
    exposure = sampler.between(0.42, 0.75) if sampler.happens(0.4) else sampler.between(0.7, 1.1)
    cast = 1 + sampler.rng.uniform(-0.14, 0.1, 3) * sampler.happens(0.6)
    return (np.clip(light, 0.15, 1.6)[:, :, None] * (exposure * cast)).astype(np.float32)


def _folded(picture: np.ndarray, sampler: Sampler) -> np.ndarray:
    """A crease: brighter on one side, darker on the other."""
    side = len(picture)
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side - 0.5
    for _ in range(sampler.count(1, 2)):
        angle, offset = sampler.between(0, 6.3), sampler.between(-0.45, 0.45)
        far = (x * np.cos(angle) + y * np.sin(angle) - offset) / sampler.scale(0.006, 0.05)
        picture = picture * (1 + sampler.between(0.02, 0.12) * (far * np.exp(-(far**2)))[:, :, None])
        picture = picture * (1 + sampler.between(-0.06, 0.06) * (far > 0)[:, :, None])
    return picture.astype(np.float32)


def _glare(picture: np.ndarray, sampler: Sampler) -> np.ndarray:
    """The reflection of a lamp or a window, seldom over the middle."""
    side = len(picture)
    spot = np.zeros((side, side), np.float32)
    angle, away = sampler.between(0, 6.3), sampler.between(0.28, 0.6)
    centre = ((0.5 + away * np.cos(angle)) * side, (0.5 + away * np.sin(angle)) * side)
    box = cv2.boxPoints(
        (centre, (sampler.between(0.05, 0.3) * side, sampler.between(0.05, 0.4) * side), sampler.between(0, 180))
    )
    cv2.fillConvexPoly(spot, box.astype(np.int32), 1.0)
    spot = cv2.GaussianBlur(spot, (0, 0), sampler.between(0.5, 6)) * sampler.between(0.2, 0.7)
    return picture * (1 - spot[:, :, None]) + spot[:, :, None]


def _lens(picture: np.ndarray, sampler: Sampler, detail: float) -> np.ndarray:
    """Focus: sharp, soft, blurred, or blurred by a movement."""
    kind = sampler.pick({"sharp": 50, "soft": 35, "blurred": 10, "moved": 8})
    if kind == "soft":
        return cv2.GaussianBlur(picture, (0, 0), sampler.between(0.4, 1.2))
    if kind == "blurred":
        return cv2.GaussianBlur(picture, (0, 0), sampler.between(0.8, min(0.5 + detail * 0.6, 3.0)))
    if kind == "moved":
        length = sampler.count(3, 4 + min(int(detail), 4))
        kernel = np.zeros((length, length), np.float32)
        angle, half = sampler.between(0, np.pi), length / 2
        ends = [(int(half + half * s * np.cos(angle)), int(half + half * s * np.sin(angle))) for s in (-1, 1)]
        cv2.line(kernel, *ends, 1.0)
        return cv2.filter2D(picture, -1, kernel / max(float(kernel.sum()), 1.0))
    return picture


def _sensor(picture: np.ndarray, sampler: Sampler) -> np.ndarray:
    """Tone curve, saturation and noise; sometimes stretched contrast or no colour, as cameras do by themselves."""
    if sampler.happens(0.5):
        picture = np.clip(picture, 0, 1) ** sampler.scale(0.65, 1.5)
    if sampler.happens(0.35):
        grey = picture.mean(axis=2, keepdims=True)
        picture = grey + (picture - grey) * (0.0 if sampler.happens(0.4) else sampler.between(0.2, 1.6))
    if sampler.happens(0.25):
        low, high = np.percentile(picture[::3, ::3], (1, 99))
        picture = (picture - low) / max(float(high - low), 0.2) * sampler.between(0.8, 1.0)
    if sampler.happens(0.6):
        sigma = sampler.scale(0.003, 0.05)
        noise = sampler.rng.standard_normal(picture.shape, dtype=np.float32) * sigma
        picture = picture + (cv2.blur(noise, (2, 2)) if sampler.happens(0.5) else noise)
    return np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)


def threshold(grey: np.ndarray, sampler: Sampler) -> np.ndarray:
    """Turn a grey picture (dark ink, float32 in [0, 1]) into black and white the way scanners and scripts do."""
    bytes_ = np.clip(grey * 255, 0, 255).astype(np.uint8)
    if sampler.happens(0.5):
        level = float(np.median(bytes_)) * sampler.between(0.6, 0.88)
        white = bytes_ > level
    else:
        block = max(3, int(len(grey) * sampler.between(0.15, 0.5))) | 1
        white = (
            cv2.adaptiveThreshold(
                bytes_, 255, cv2.ADAPTIVE_THRESH_GAUSSIAN_C, cv2.THRESH_BINARY, block, sampler.between(6, 18)
            )
            > 0
        )
    return white.astype(np.float32)
