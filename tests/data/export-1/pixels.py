"""A picture → the pixels that this network was trained on and must be asked with.

`read` gives what ox' own decoder gives, bit for bit; what stands below it is the text of ox (ox-classifier, MIT).
Needs: pip install numpy pillow
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageOps

HEIGHT, WIDTH, MODE = 28, 28, "L"
FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF", "PPM")
AT_LEAST = 56  # a large JPEG is decoded at half, a quarter or an eighth of its size, but never under this


def read(file) -> np.ndarray:
    """A file (a path, or an open one) as float32 in [0, 1], shape (HEIGHT, WIDTH, 1)."""
    with Image.open(file, formats=FORMATS) as opened:
        turn = opened.getexif().get(0x0112, 1)
        if opened.format in ("JPEG", "MPO"):
            opened.draft(None, (AT_LEAST, AT_LEAST))
        opened.load()
        upright = ImageOps.exif_transpose(opened) if turn in range(2, 9) else opened
        image = on_white(eight_bits(upright)).convert(MODE)
    box = None
    if box or image.size != (WIDTH, HEIGHT):
        image = image.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR, box=box)
    return np.asarray(image).reshape(HEIGHT, WIDTH, 1).astype(np.float32) * np.float32(1 / 255)


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
