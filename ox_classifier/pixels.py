"""The rule by which every image of a run becomes pixels; who follows it is `data.images`."""

from __future__ import annotations

from dataclasses import asdict, dataclass

CHANNELS = {"rgb": 3, "grayscale": 1, "rgba": 4}  # with alpha only where Keras' ImageDataGenerator is asked for it
STRETCHED = "stretch-bilinear-antialiased"
INK_CROPPED = "ink-located-4-bilinear-antialiased"  # a run by an earlier rule, ink-located-3 or ink-crop, is refused
RESIZES = {"none": STRETCHED, "ink": INK_CROPPED}  # by --crop
DECODING = 7  # raise it when a rule makes other pixels of a file than before: what caches keep goes by it


@dataclass(frozen=True)
class PixelRule:
    """What every image of a run is turned into: `height` x `width` pixels, `color` "rgb" or "grayscale".

    `resize` says how: the whole picture stretched to fit, or the part of it that holds the ink (`data.ink_crop`), in
    both cases antialiased. It is stored with each run, so that a run of another rule is refused rather than misread.
    """

    height: int
    width: int
    color: str = "rgb"
    resize: str = STRETCHED

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of every decoded image."""
        return self.height, self.width, CHANNELS[self.color]

    @property
    def crop(self) -> str:
        """What of a picture is looked at, as `--crop` has it: "none" or "ink"; "" if this version can't tell."""
        return next((crop for crop, resize in RESIZES.items() if resize == self.resize), "")

    @property
    def detail(self) -> tuple[int, int]:
        """The width and height that a picture should have before it is resized: more where only a part is kept."""
        return (self.width * 4, self.height * 4) if self.crop == "ink" else (self.width, self.height)

    def __str__(self) -> str:
        return f"{self.width}x{self.height} {self.color}, pixels in [0, 1], {self.resize}"

    def as_dict(self) -> dict:
        """Plain values for run.json; `PixelRule(**dict)` is the way back."""
        return asdict(self)
