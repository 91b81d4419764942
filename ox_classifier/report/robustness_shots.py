"""One image as it is and at every level of every change, small, so that a card shows what its levels mean."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageOps

from ox_classifier.data import images
from ox_classifier.data.images import ImageError
from ox_classifier.report.robustness_changes import KINDS, Original

SIDE = 96  # pixels


def shown(path: Path, least: int) -> dict[str, list[Image.Image]]:
    """By the name of each change, square pictures: unchanged, and from mild to strong; empty if there is no image.

    `least` is how many pixels a side the network looks at.
    """
    try:
        original = Original.of(images.open_picture(path).image, least=least)
    except ImageError:
        return {}
    unchanged = _square(original.image, original)
    return {
        kind.name: [unchanged, *(_square(kind.change(original, level), original) for level in kind.levels)]
        for kind in KINDS
    }


def _square(image: Image.Image, original: Original) -> Image.Image:
    return ImageOps.pad(image, (SIDE, SIDE), Image.Resampling.BILINEAR, color=original.paper)
