"""What a picture measures: format, size, brightness, digest, fingerprint."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from ox_classifier.audit import fingerprints
from ox_classifier.data.images import Picture


@dataclass(frozen=True, slots=True)
class Measurements:
    """Measured from the decoded picture: levels in 0..255, `size` in pixels as shown, `mark` how far the strongest
    spot stands out from its smooth surroundings (blank photographed paper stays under 10)."""

    format: str
    mode: str
    width: int
    height: int
    rotated: bool
    transparent: bool
    frames: int
    bytes: int
    red: float
    green: float
    blue: float
    mark: float
    digest: bytes
    waves: bytes  # float16, fingerprints.SIDE squared

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height

    @property
    def fingerprint(self) -> np.ndarray:
        """The lowest frequencies, float16 (fingerprints.SIDE, fingerprints.SIDE)."""
        return np.frombuffer(self.waves, np.float16).reshape(fingerprints.SIDE, fingerprints.SIDE)

    @property
    def brightness(self) -> float:
        """Mean grey level (the weights of Pillow's own conversion)."""
        return 0.299 * self.red + 0.587 * self.green + 0.114 * self.blue


def measure(picture: Picture, size: int) -> Measurements:
    """Measure a picture whose file has `size` bytes."""
    image = picture.image
    mean = image.resize((1, 1), Image.Resampling.BOX).convert("RGB").getpixel((0, 0))
    return Measurements(
        picture.format,
        picture.mode,
        *picture.size,
        picture.rotated,
        picture.transparent,
        picture.frames,
        size,
        *map(float, mean),
        fingerprints.standing_out(image),
        fingerprints.digest(image),
        fingerprints.waves(fingerprints.thumbnail(image)).astype(np.float16).tobytes(),
    )
