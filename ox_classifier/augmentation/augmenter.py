"""Images in memory → varied images: Keras' augmentation settings and five of ours, free of Keras and TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import isfinite
from numbers import Real

import numpy as np

from ox_classifier.augmentation import sampling, spline_transforms, transforms
from ox_classifier.errors import UsageValueError

# setting → (least, most, unit); a negative range of Keras' means the same as its positive
LIMITS = {
    "rotation_range": (-360, 360, "degrees"),
    "shear_range": (-90, 90, "degrees"),
    "channel_shift_range": (-255, 255, "levels"),
    "stroke": (0, 100, "pixels"),
    "blur": (0, 100, "pixels"),
    "noise": (0, 255, "levels"),
    "invert": (0, 1, "a probability"),
}


@dataclass(frozen=True, kw_only=True)
class Augmenter:
    """Draws a transform for each image from (seed, epoch, index), and applies it.

    Settings have the names, defaults and meaning they have in Keras' ImageDataGenerator, and for the same parameters
    the pixels are Keras' own. `Augmenter(rescale=1 / 255, **augmentation)` builds one from the dictionary
    `augmentation` of a run.json. Five settings are ours, off by default:
        stroke: Ink (dark on light) gets up to so many pixels thicker or thinner on each side.
        blur: Largest sigma of a Gaussian blur, in pixels.
        contrast: (low, high) factors, stretching about the image's mean; 1 leaves it as it is.
        invert: Probability of the negative, 255 - x.
        noise: Largest sigma of Gaussian noise, on the scale 0..255.

    Raises:
        UsageValueError: If a setting is out of its range.
    """

    rotation_range: float = 0
    width_shift_range: float | Sequence[float] = 0.0
    height_shift_range: float | Sequence[float] = 0.0
    brightness_range: Sequence[float] | None = None
    shear_range: float = 0.0
    zoom_range: float | Sequence[float] = 0.0
    channel_shift_range: float = 0.0
    fill_mode: str = "nearest"
    cval: float = 0.0
    horizontal_flip: bool = False
    vertical_flip: bool = False
    rescale: float | None = None
    preprocessing_function: Callable[[np.ndarray], np.ndarray] | None = None
    samplewise_center: bool = False
    samplewise_std_normalization: bool = False
    interpolation_order: int = 1
    stroke: float = 0.0
    blur: float = 0.0
    contrast: Sequence[float] | None = None
    invert: float = 0.0
    noise: float = 0.0

    def __post_init__(self):
        for name, (least, most, unit) in LIMITS.items():
            self._demand(name, _all_between([getattr(self, name)], least, most), f"{unit} from {least} to {most}")
        shifts = "a part of the side below 1, or pixels, or a list of these to choose from"
        for name in ("width_shift_range", "height_shift_range"):
            self._demand(name, _all_between(np.atleast_1d(getattr(self, name)).tolist(), -np.inf, np.inf), shifts)
        zooms = isinstance(self.zoom_range, Real | Iterable) and _is_pair(self.zooms, above=0)
        self._demand("zoom_range", zooms, "a number under 1, or two factors above 0")
        brightness = self.brightness_range is None or _is_pair(self.brightness_range)
        self._demand("brightness_range", brightness, "two factors of 0 or more, such as (0.7, 1.3)")
        contrast = self.contrast is None or (_is_pair(self.contrast) and self.contrast[0] <= self.contrast[1])
        self._demand("contrast", contrast, "two factors, low and high, such as (0.7, 1.3)")
        self._demand("fill_mode", self.fill_mode in spline_transforms.FILL_MODES, spline_transforms.FILL_MODES)
        self._demand("interpolation_order", self.interpolation_order in range(6), "a spline's order, 0 to 5")
        self._demand("cval", _all_between([self.cval], -np.inf, np.inf), "a level")
        self._demand("rescale", _all_between([self.rescale or 0], -np.inf, np.inf), "a factor, such as 1 / 255")

    @property
    def zooms(self) -> tuple[float, float]:
        """The least and the greatest factor of a zoom."""
        if isinstance(self.zoom_range, Real):
            return 1 - self.zoom_range, 1 + self.zoom_range
        return tuple(self.zoom_range)

    @property
    def random(self) -> bool:
        """Whether any random transform is switched on."""
        moves = (self.rotation_range, self.shear_range, self.horizontal_flip, self.vertical_flip)
        shifts = any(np.any(shift) for shift in (self.width_shift_range, self.height_shift_range))
        tones = self.channel_shift_range or self.brightness_range is not None or self.touches
        return bool(any(moves) or shifts or self.zooms != (1, 1) or tones)

    @property
    def touches(self) -> bool:
        """Whether any setting of ours is switched on."""
        return any(getattr(self, name) for name in transforms.OURS)

    @property
    def standardizes(self) -> bool:
        """Whether more than a factor is applied after the transform."""
        return bool(self.preprocessing_function or self.samplewise_center or self.samplewise_std_normalization)

    def draw(self, shape: Sequence[int], seed: int, epoch: int, index: int) -> dict:
        """Parameters of one image's transform, for `apply`; `shape` is the image's, (height, width, channels)."""
        return self.draws(shape, seed, epoch, [index])[0]

    def draws(self, shape: Sequence[int], seed: int, epoch: int, indices: Sequence[int]) -> list[dict]:
        """`draw` for many images at once."""
        return [
            sampling.parameters(self, shape, row)
            for row in sampling.uniforms(seed, epoch, indices, len(sampling.NUMBERS)).tolist()
        ]

    def batch(self, images: np.ndarray, rows: np.ndarray, seed: int, epoch: int, *, augment: bool = True) -> np.ndarray:
        """The images of `rows`, each with its own draw of that epoch; only standardised without `augment`."""
        if not (augment and self.random and len(rows)):
            return self.apply(images[rows])
        return self.apply([images[row] for row in rows], self.draws(images.shape[1:], seed, epoch, rows))

    def apply(self, images: Sequence[np.ndarray], parameters: Sequence[dict] | None = None) -> np.ndarray:
        """Transform and standardise images: float32 of shape (n, height, width, channels), what a network is fed.

        uint8 images take one pass of OpenCV; others, and what OpenCV does otherwise than Keras, take scipy.
        """
        alone = not self.standardizes  # then the factor is part of the warp
        scale = self.rescale or 1.0 if alone else 1.0
        shape = images.shape[1:] if isinstance(images, np.ndarray) else images[0].shape
        out = np.empty((len(images), *shape), np.float32)
        if parameters is None:
            np.multiply(images, np.float32(scale), out=out, casting="same_kind")
        else:
            for image, drawn, target in zip(images, parameters, out, strict=True):
                if self._native(image, drawn):
                    transforms.transform(image, drawn, target, fill_mode=self.fill_mode, cval=self.cval, scale=scale)
                else:
                    np.multiply(self.transform(image.astype(np.float32), drawn), np.float32(scale), out=target)
        if not alone:
            for target in out:
                target[...] = self.standardize(target)
        return out

    def transform(self, image: np.ndarray, parameters: dict) -> np.ndarray:
        """One image (height, width, channels) of any type, on the scale 0..255, the slow way and not standardised."""
        return spline_transforms.transform(
            image, parameters, order=self.interpolation_order, fill_mode=self.fill_mode, cval=self.cval
        )

    def standardize(self, x: np.ndarray) -> np.ndarray:
        """`preprocessing_function`, `rescale` and the samplewise settings, in place where that can be."""
        if self.preprocessing_function:
            x = self.preprocessing_function(x)
        if self.rescale:
            x *= self.rescale
        if self.samplewise_center or self.samplewise_std_normalization:  # Keras centres for both
            x -= np.mean(x, keepdims=True)
        if self.samplewise_std_normalization:
            x /= np.std(x, keepdims=True) + 1e-6
        return x

    def _native(self, image: np.ndarray, drawn: dict) -> bool:
        """Whether OpenCV gives what Keras would."""
        # two channels OpenCV warps on a grid of 1/32 pixel
        if image.dtype != np.uint8 or image.shape[2] not in (1, 3, 4) or self.interpolation_order != 1:
            return False
        if self.fill_mode not in transforms.BORDERS and transforms.matrix(drawn, 2, 2) is not None:
            return False
        # outside 0..255 Keras' brightness stretches the picture before it
        return self.fill_mode != "constant" or drawn.get("brightness") is None or 0 <= self.cval <= 255

    def _demand(self, name: str, fits: bool, expected: object) -> None:
        if not fits:
            raise UsageValueError(f"{name}={getattr(self, name)!r}: expected {expected}")


def _all_between(values: Sequence, least: float, most: float) -> bool:
    return bool(values) and all(isinstance(v, Real) and isfinite(v) and least <= v <= most for v in values)


def _is_pair(values: object, *, above: float = -1) -> bool:
    """Two factors of 0 or more, and above a limit."""
    pair = isinstance(values, Sequence) and len(values) == 2
    return pair and _all_between(values, 0, np.inf) and min(values) > above
