"""Pixels of any depth and transparency → 8 bits on white, a strip at a time, so that memory holds little else."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image

STRIP_PIXELS = 1 << 20


def eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit and wider grey to 0..255, where Pillow's own conversion clips at 255."""
    if image.mode not in ("I", "F") and not image.mode.startswith("I;16"):
        return image
    most = max((float(_values(strip).max(initial=0)) for _, strip in strips(image)), default=0.0)
    top = 65535.0 if most > 255 or image.mode.startswith("I;16") else 255.0
    if image.mode == "F" and most <= 1:
        top = 1.0
    grey = Image.new("L", image.size)
    for place, strip in strips(image):
        levels = np.clip(np.nan_to_num(_values(strip)) / top * 255 + 0.5, 0, 255).astype(np.uint8)
        grey.paste(Image.fromarray(levels, "L"), place)
    return grey


def on_white(image: Image.Image) -> Image.Image:
    """Composite alpha on white, as a viewer shows it, and bring the rest to L or RGB."""
    if not image.has_transparency_data:
        return image.convert("L" if image.mode in ("1", "L") else "RGB")
    seen = Image.new("RGB", image.size)
    for place, strip in strips(image):
        white = Image.new("RGBA", strip.size, "white")
        seen.paste(Image.alpha_composite(white, strip.convert("RGBA")).convert("RGB"), place)
    return seen


def strips(image: Image.Image) -> Iterator[tuple[tuple[int, int], Image.Image]]:
    """An image from top to bottom in parts of some STRIP_PIXELS, each with its place (x, y)."""
    rows = max(1, STRIP_PIXELS // max(image.width, 1))
    for top in range(0, image.height, rows):
        yield (0, top), image.crop((0, top, image.width, min(top + rows, image.height)))


def _values(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("I") if image.mode.startswith("I;16") else image, dtype=np.float64)
