"""Noise and patterns: pictures in which there is nothing to read. Grey or colour, float32 in [0, 1]."""

from __future__ import annotations

import cv2
import numpy as np

from ox_classifier.synthetic.sampler import Sampler

Picture = np.ndarray  # (side, side) or (side, side, 3) float32


def noise(sampler: Sampler, side: int) -> Picture:
    """White noise, at one grain or another, of all levels or of two."""
    grain = sampler.pick((1, 1, 2, 3, 5, 9))
    across = max(4, side // grain)
    shape = (across, across, 3) if sampler.happens(0.35) else (across, across)
    kind = sampler.pick({"even": 4, "normal": 3, "two levels": 3})
    if kind == "normal":
        level, contrast = sampler.between(0.15, 0.85), sampler.scale(0.03, 0.25)
        values = np.clip(level + contrast * sampler.rng.standard_normal(shape, dtype=np.float32), 0, 1)
    else:
        values = sampler.rng.random(shape, dtype=np.float32)
        if kind == "two levels":
            values = (values < sampler.scale(0.005, 0.5)).astype(np.float32)
    return cv2.resize(values, (side, side), interpolation=sampler.pick((cv2.INTER_NEAREST, cv2.INTER_LINEAR)))


def clouds(sampler: Sampler, side: int) -> Picture:
    """Noise whose power falls with its frequency, as in pictures of nature; in one colour or in three."""
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.rfftfreq(side), indexing="ij"))
    falls = np.maximum(frequency, 1 / side) ** -sampler.between(0.6, 2.2)
    layers = []
    for _ in range(3 if sampler.happens(0.4) else 1):
        wave = np.fft.irfft2(np.fft.rfft2(sampler.rng.standard_normal((side, side))) * falls, s=(side, side))
        low, high = np.percentile(wave, (1, 99))
        layers.append(np.clip((wave - low) / (high - low), 0, 1).astype(np.float32))
    return np.stack(layers, axis=2) if len(layers) == 3 else layers[0]


def pattern(sampler: Sampler, side: int) -> Picture:
    """Stripes, a checker, a weave, bricks: hard or soft."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side
    angle, count = sampler.between(0, np.pi), sampler.scale(2.5, 22)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    kind = sampler.pick(("stripes", "checker", "weave", "bricks"))
    if kind == "bricks":
        row = np.floor(across * count)
        shifted = along * count * sampler.between(0.3, 0.6) + 0.5 * (row % 2)
        joint = sampler.between(0.05, 0.15)
        picture = ((across * count - row) > joint) & ((shifted - np.floor(shifted)) > joint * 0.5)
        return picture.astype(np.float32) * (0.85 + 0.15 * np.sin(row * 7 + np.floor(shifted) * 3)).astype(np.float32)
    one = np.sin(2 * np.pi * count * along)
    other = np.sin(2 * np.pi * max(count * sampler.scale(0.6, 1.6), 3) * across)
    picture = {"stripes": one, "checker": one * other, "weave": (one + other) / 2}[kind]
    return (picture > 0).astype(np.float32) if sampler.happens(0.5) else picture / 2 + 0.5


def gradient(sampler: Sampler, side: int) -> Picture:
    """One colour, or one that turns into another from side to side; nothing else."""
    if sampler.happens(0.4):
        return np.full((side, side), sampler.pick((0.0, 1.0)), np.float32)
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side - 0.5
    angle = sampler.between(0, 2 * np.pi)
    ramp = (x * np.cos(angle) + y * np.sin(angle)) * sampler.between(0.1, 1.2) + 0.5
    return np.clip(ramp, 0, 1)
