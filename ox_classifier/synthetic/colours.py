"""Colours of ink, chalk, screens and grounds, far enough apart to be told from each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ox_classifier.synthetic.sampler import Sampler

LUMA = np.array((0.3, 0.6, 0.1))
INKS = (
    (0.08, 0.08, 0.1),
    (0.1, 0.15, 0.5),
    (0.05, 0.2, 0.7),
    (0.7, 0.08, 0.1),
    (0.05, 0.45, 0.25),
    (0.4, 0.1, 0.5),
    (0.9, 0.4, 0.05),
    (0.35, 0.2, 0.1),
)
CHALKS = ((0.95, 0.95, 0.92), (0.95, 0.9, 0.5), (0.95, 0.65, 0.7), (0.6, 0.8, 0.95))


def on_screen(sampler: Sampler) -> tuple[np.ndarray, np.ndarray]:
    """Ground and ink, at least 0.2 apart in brightness."""
    kind = sampler.pick({"white": 45, "black": 15, "pale": 12, "dark": 8, "any": 20})
    sampler.note(ground=kind)
    while True:
        ground = {
            "white": np.ones(3),
            "black": np.zeros(3),
            "pale": 1 - sampler.rng.random(3) * 0.3,
            "dark": sampler.rng.random(3) * 0.3,
            "any": sampler.rng.random(3),
        }[kind]
        pen = (
            sampler.rng.random(3)
            if sampler.happens(0.5)
            else np.full(3, 1 - round(float(ground.mean()))) + (sampler.rng.random(3) - 0.5) * 0.3
        )
        pen = np.clip(pen, 0, 1)
        if abs(float((ground - pen) @ LUMA)) > 0.2:
            return ground.astype(np.float32), pen.astype(np.float32)


def laid(cover: np.ndarray, ground: np.ndarray, pen: np.ndarray) -> np.ndarray:
    """A ground with ink on it, where `cover` (height, width) says how much of each pixel is inked."""
    return ground + cover[:, :, None] * (pen - ground)


def visible(sampler: Sampler, inks: Sequence, sheet: np.ndarray, opacity: float) -> np.ndarray:
    """An ink that stands out from the sheet by at least 0.15 in brightness."""
    ground = float(sheet.mean(axis=(0, 1)) @ LUMA)
    while True:
        colour = np.array(sampler.pick(inks)) * sampler.between(0.75, 1.0) + sampler.rng.uniform(0, 0.12, 3)
        if opacity * abs(ground - float(colour @ LUMA)) > 0.15:
            return colour
