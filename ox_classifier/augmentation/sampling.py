"""Random numbers that depend on (seed, epoch, index) and on nothing else: not on threads, order or earlier draws."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

NAMES = """theta tx tx_sign ty ty_sign shear zx zy flip_horizontal flip_vertical channel_shift brightness
stroke blur contrast invert noise noise_start"""
NUMBERS = tuple(NAMES.split())  # a column of `uniforms` each: one option more leaves the others' draws alone
NOISE_STARTS = 2**18
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def uniforms(seed: int, epoch: int, indices: Sequence[int] | np.ndarray, count: int) -> np.ndarray:
    """`count` numbers in [0, 1) for each index, shape (len(indices), count), float64.

    A hash instead of a generator object: one call serves a batch (making 32 generators takes a millisecond),
    and no NumPy version can change the stream.

    Source: SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
    """
    state = _mix(_words([seed]) + GOLDEN)
    state = _mix(state + GOLDEN * _words([epoch + 1]))
    state = _mix(state + GOLDEN * (_words(indices) + np.uint64(1)))
    columns = GOLDEN * np.arange(1, count + 1, dtype=np.uint64)
    return (_mix(state[:, None] + columns) >> np.uint64(11)) * 2.0**-53


def permutation(seed: int, epoch: int, n: int) -> np.ndarray:
    """The order in which `n` samples are seen in an epoch, int64."""
    return np.argsort(uniforms(seed, epoch, [n], n)[0], kind="stable")


def parameters(settings, shape: Sequence[int], numbers: Sequence[float]) -> dict:
    """Parameters of one transform: Keras' own, and those of ours that are on.

    `settings` is an Augmenter, `numbers` holds one number in [0, 1) for each of `NUMBERS`, `shape` is the image's,
    (height, width, channels).
    """
    number = dict(zip(NUMBERS, numbers, strict=True))

    def between(low: float, high: float, name: str) -> float:
        return low + (high - low) * number[name]

    rows, columns = shape[:2]
    zooms = settings.zooms
    drawn = {
        "theta": between(-settings.rotation_range, settings.rotation_range, "theta") if settings.rotation_range else 0,
        "tx": _shift(settings.width_shift_range, columns, number["tx"], number["tx_sign"]),
        "ty": _shift(settings.height_shift_range, rows, number["ty"], number["ty_sign"]),
        "shear": between(-settings.shear_range, settings.shear_range, "shear") if settings.shear_range else 0,
        "zx": between(*zooms, "zx") if zooms != (1, 1) else 1,
        "zy": between(*zooms, "zy") if zooms != (1, 1) else 1,
        "flip_horizontal": bool(settings.horizontal_flip) and number["flip_horizontal"] < 0.5,
        "flip_vertical": bool(settings.vertical_flip) and number["flip_vertical"] < 0.5,
        "channel_shift_intensity": None,
        "brightness": None,
    }
    if settings.channel_shift_range:
        drawn["channel_shift_intensity"] = between(
            -settings.channel_shift_range, settings.channel_shift_range, "channel_shift"
        )
    if settings.brightness_range is not None:
        drawn["brightness"] = between(*settings.brightness_range, "brightness")
    if settings.stroke:
        drawn["stroke"] = between(-settings.stroke, settings.stroke, "stroke")
    if settings.blur:
        drawn["blur"] = between(0, settings.blur, "blur")
    if settings.contrast is not None:
        drawn["contrast"] = between(*settings.contrast, "contrast")
    if settings.invert:
        drawn["invert"] = number["invert"] < settings.invert
    if settings.noise:
        drawn["noise"] = between(0, settings.noise, "noise")
        drawn["noise_start"] = int(number["noise_start"] * NOISE_STARTS)
    return drawn


def _shift(limits, size: int, number: float, sign: float) -> float:
    """Pixels to shift by: a list to choose from (either way), an int (whole pixels below it) or a float (up to it);
    below 1 it is a fraction of `size`."""
    sign = 1 if sign < 0.5 else -1
    if np.ndim(limits):
        pixels = limits[int(number * len(limits))] * sign
    elif isinstance(limits, (int, np.integer)):
        pixels = int(number * limits) * sign
    else:
        pixels = (2 * number - 1) * limits
    return pixels * size if np.max(limits) < 1 else pixels


def _words(numbers: Sequence[int] | np.ndarray) -> np.ndarray:
    return np.asarray(numbers, dtype=np.int64).astype(np.uint64)


def _mix(z: np.ndarray) -> np.ndarray:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
