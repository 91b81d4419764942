"""Small pictures of images for a page: as decoded, and as the network sees them, embedded while there is room."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from PIL import Image

from ox_classifier.data import images
from ox_classifier.data.images import ImageError
from ox_classifier.pixels import PixelRule
from ox_classifier.report.read_ahead import read_ahead

SIDE = 144  # pixels of the longer side, as decoded
SIDE_SEEN = 112  # as the network sees it
SIDE_BESIDE = 72  # of a training image shown beside another
QUALITY = 62
TINY = 64  # pixels up to which an image is kept exactly, as every pixel is seen


@dataclass(frozen=True)
class Shot:
    """Two WebP pictures of one image."""

    decoded: bytes
    seen: bytes

    def __len__(self) -> int:
        return len(self.decoded) + len(self.seen)


def shots(
    paths: Sequence[Path], rule: PixelRule, *, most_bytes: int, seen: Mapping[Path, np.ndarray] = MappingProxyType({})
) -> list[Shot | None]:
    """Pictures of the images in this order, as long as all together take no more than `most_bytes`.

    `seen` are pixels by the rule, of those that need not be decoded for it. An image that can't be read any more has
    None.
    """
    found: list[Shot | None] = []
    left = most_bytes
    for shot in read_ahead(lambda path: _shot(path, rule, seen.get(path)), paths):
        left -= len(shot) if shot else 0
        if left < 0:
            break
        found.append(shot)
    return found


def small(paths: Sequence[Path], *, most_bytes: int) -> list[bytes | None]:
    """One small WebP picture of each image in this order, up to `most_bytes`; None if it can't be read."""
    found: list[bytes | None] = []
    left = most_bytes
    for picture in read_ahead(lambda path: _picture(path, SIDE_BESIDE), paths):
        left -= len(picture) if picture else 0
        if left < 0:
            break
        found.append(picture)
    return found


def data_uri(webp: bytes | None) -> str:
    """A picture as a page takes it; "" for none."""
    return f"data:image/webp;base64,{base64.b64encode(webp).decode('ascii')}" if webp else ""


def _shot(path: Path, rule: PixelRule, seen: np.ndarray | None) -> Shot | None:
    try:
        picture = images.open_picture(path, at_least=(max(SIDE, rule.width), max(SIDE, rule.height)))
        alike = picture.format not in images.JPEGS or (rule.crop == "none" and min(rule.width, rule.height) >= SIDE)
        if seen is None:  # a JPEG is decoded as small as it may be
            seen = picture.fitted(rule) if alike else images.read(path, rule)
    except ImageError:
        return None
    return Shot(_webp(picture.image, SIDE), _webp(images.from_array(seen), SIDE_SEEN))


def _picture(path: Path, side: int) -> bytes | None:
    try:
        return _webp(images.open_picture(path, at_least=(side, side)).image, side)
    except ImageError:
        return None


def _webp(image: Image.Image, side: int) -> bytes:
    if max(image.size) > side:
        image = image.copy()
        image.thumbnail((side, side))
    file = io.BytesIO()
    exact = max(image.size) <= TINY and side != SIDE_BESIDE
    image.convert("RGB").save(file, "WEBP", lossless=exact, quality=QUALITY, method=2)
    return file.getvalue()
