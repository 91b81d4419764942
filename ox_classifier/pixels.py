"""The rule by which every image of a run becomes pixels; who follows it is `data.images`."""

from __future__ import annotations

from dataclasses import asdict, dataclass

CHANNELS = {"rgb": 3, "grayscale": 1, "rgba": 4}  # with alpha only where Keras' ImageDataGenerator is asked for it


@dataclass(frozen=True)
class PixelRule:
    """What every image of a run is turned into: `height` x `width` pixels, `color` "rgb" or "grayscale".

    `resize` names the one way this version resizes (the whole picture stretched to fit, antialiased);
    it is stored with each run so that a run of another rule is refused rather than misread.
    """

    height: int
    width: int
    color: str = "rgb"
    resize: str = "stretch-bilinear-antialiased"

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of every decoded image."""
        return self.height, self.width, CHANNELS[self.color]

    def __str__(self) -> str:
        return f"{self.width}x{self.height} {self.color}, pixels in [0, 1], {self.resize}"

    def as_dict(self) -> dict:
        """Plain values for run.json; `PixelRule(**dict)` is the way back."""
        return asdict(self)
