"""Transform parameters → pixels as Keras does it: slowly, with any fill mode, spline order and type of pixels.

What `transforms` does in OpenCV for uint8 images, in scipy and Pillow, and what OpenCV can't do.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageEnhance

from ox_classifier.augmentation import transforms
from ox_classifier.augmentation.transforms import Parameters

FILL_MODES = ("nearest", "constant", "reflect", "wrap", "mirror", "grid-mirror", "grid-wrap", "grid-constant")


def transform(x: np.ndarray, parameters: Parameters, *, order: int, fill_mode: str, cval: float) -> np.ndarray:
    """One transformed image, shape (height, width, channels), on the scale 0..255.

    The order is stroke, blur, contrast, invert (on whole levels) → warp → channel shift → flips → brightness → noise.
    """
    if any(parameters.get(name) is not None for name in transforms.OURS):
        whole = np.ascontiguousarray(np.clip(np.rint(x), 0, 255), dtype=np.uint8)
        x = transforms.retouch(whole, parameters).astype(x.dtype)
    source = transforms.matrix(parameters, *x.shape[:2])
    if source is not None:
        x = _warp(x, source, order, fill_mode, 255 - cval if parameters.get("invert") else cval)
    if parameters.get("channel_shift_intensity") is not None:
        x = np.clip(x + parameters["channel_shift_intensity"], x.min(), x.max())
    if parameters.get("flip_horizontal"):
        x = x[:, ::-1]
    if parameters.get("flip_vertical"):
        x = x[::-1]
    if parameters.get("brightness") is not None:
        x = _brightened(x, parameters["brightness"])
    if parameters.get("noise"):
        x = np.array(x, dtype=np.float32, order="C")
        transforms.tone(x, {name: parameters[name] for name in ("noise", "noise_start")})
    return x


def _warp(x: np.ndarray, source: np.ndarray, order: int, fill_mode: str, cval: float) -> np.ndarray:
    """Channel by channel, by scipy's name of today: Keras calls it by one that SciPy 2 removes."""
    from scipy import ndimage

    settings = {"order": order, "mode": fill_mode, "cval": cval}
    planes = (x[..., channel] for channel in range(x.shape[2]))
    return np.stack([ndimage.affine_transform(p, source[:, :2], source[:, 2], **settings) for p in planes], axis=2)


def _brightened(x: np.ndarray, factor: float) -> np.ndarray:
    """As Pillow brightens whole levels; values outside 0..255 are first brought into that range, and back.

    Raises:
        ValueError: If there are no 1, 3 or 4 channels.
    """
    if x.shape[2] not in (1, 3, 4):
        raise ValueError(f"Unsupported channel number: {x.shape[2]}")
    low, high = np.min(x), np.max(x)
    stretched = low < 0 or high > 255
    levels = np.asarray(x, dtype=np.float32)
    if stretched:
        levels = levels - np.min(levels)
        top = np.max(levels)
        if top != 0:
            levels /= top
        levels *= 255
    whole = levels.astype(np.uint8)
    picture = Image.fromarray(whole[..., 0] if x.shape[2] == 1 else whole)
    bright = np.asarray(ImageEnhance.Brightness(picture).enhance(factor), dtype=np.float32).reshape(x.shape)
    return bright / 255 * (high - low) + low if stretched else bright
