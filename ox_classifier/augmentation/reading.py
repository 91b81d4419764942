"""How files become pixels for `flow_from_directory` and `flow_from_dataframe`: by our decoder, once, now."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ox_classifier.console import say
from ox_classifier.data.decoding import decode
from ox_classifier.data.images import COLORS, ImageError, open_picture, read
from ox_classifier.errors import UsageValueError
from ox_classifier.pixels import CHANNELS, PixelRule

ANTIALIASED = "antialiased"
FILTERS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")
ON_ERROR = ("raise", "drop")


class DamagedFileError(ImageError, OSError):
    """A file that can't be read, where callers expect Python's own error."""

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True)
class Reading:
    """What Keras' arguments ask of every file; by default it is resized as everywhere in ox, antialiased.

    Raises:
        UsageValueError: If an argument is none of the choices.
    """

    target_size: tuple[int, int]  # (height, width)
    color_mode: str
    interpolation: str
    keep_aspect_ratio: bool
    on_error: str
    memory_budget: int  # bytes of pixels; more go to disk

    def __post_init__(self):
        choices = {"color_mode": CHANNELS, "interpolation": (ANTIALIASED, *FILTERS), "on_error": ON_ERROR}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise UsageValueError(f"{name}={getattr(self, name)!r}: expected one of {', '.join(allowed)}")

    def decode(self, paths: tuple[Path, ...]) -> tuple[np.ndarray, np.ndarray, tuple[ImageError, ...]]:
        """Pixels, uint8 (n, height, width, channels), the rows of `paths` they belong to, and what was dropped.

        Raises:
            DamagedFileError: If a file can't be read and `on_error` is "raise".
        """
        rule = PixelRule(*self.target_size, self.color_mode)
        decoded = decode(paths, rule, memory_budget=self.memory_budget, reader=self._reader())
        if decoded.bad and self.on_error == "raise":
            first = decoded.bad[0]
            rest = f" (and {len(decoded.bad) - 1} more)" if len(decoded.bad) > 1 else ""
            raise DamagedFileError(first.path, f'{first.reason}{rest}; pass on_error="drop" to go on without')
        if decoded.bad:
            say(f"Set aside {len(decoded.bad)} files that can't be read, such as {decoded.bad[0]}")
        return decoded.images, np.asarray(decoded.kept, dtype=int), tuple(decoded.bad)

    def _reader(self):
        if self.interpolation == ANTIALIASED and not self.keep_aspect_ratio and self.color_mode in COLORS:
            return read
        return self._read_as_keras

    def _read_as_keras(self, path: Path, rule: PixelRule) -> np.ndarray:
        rgba = self.color_mode == "rgba"
        image = open_picture(path, alpha=rgba).image
        image = image if rgba else image.convert(COLORS[rule.color])
        box = _centre(image.size, rule) if self.keep_aspect_ratio else None
        if image.size != (rule.width, rule.height):
            name = "BILINEAR" if self.interpolation == ANTIALIASED else self.interpolation.upper()
            image = image.resize((rule.width, rule.height), Image.Resampling[name], box=box)
        return np.asarray(image).reshape(rule.shape)


def _centre(size: tuple[int, int], rule: PixelRule) -> tuple[int, int, int, int]:
    """The largest centred part of the wanted proportions, in Keras' whole numbers."""
    width, height = size
    part_width = min(width, height * rule.width // rule.height)
    part_height = min(height, width * rule.height // rule.width)
    left, top = (width - part_width) // 2, (height - part_height) // 2
    return left, top, left + part_width, top + part_height
