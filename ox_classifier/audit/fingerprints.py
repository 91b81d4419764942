"""What tells one picture from another: a digest of its pixels, and a fingerprint that outlives re-encoding."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from PIL import Image

from ox_classifier.data.levels import strips

SIDE = 24  # frequencies kept each way
THUMB = 64  # pixels each way that they are taken from

_COSINES = np.cos(np.pi * (2 * np.arange(THUMB) + 1) * np.arange(SIDE)[:, None] / (2 * THUMB)) * np.sqrt(2 / THUMB)
_COSINES[0] /= np.sqrt(2)


def digest(image: Image.Image) -> bytes:
    """16 bytes that two images share when their decoded size and RGB pixels are equal."""
    found = blake2b(key=repr(image.size).encode(), digest_size=16)
    for _, strip in strips(image):
        found.update(strip.convert("RGB").tobytes())
    return found.digest()


def thumbnail(image: Image.Image) -> np.ndarray:
    """Grey, THUMB x THUMB, stretched and antialiased; float32 in 0..255."""
    small = image.convert("L").resize((THUMB, THUMB), Image.Resampling.BILINEAR)
    return np.asarray(small, dtype=np.float32)


def waves(thumb: np.ndarray) -> np.ndarray:
    """The print of a thumbnail: its SIDE x SIDE lowest cosine frequencies in grey levels; [0, 0] is the mean."""
    return ((_COSINES @ thumb @ _COSINES.T) / THUMB).astype(np.float32)


def standing_out(image: Image.Image) -> float:
    """Levels by which the strongest spot differs from its smooth surroundings, in the colour where it does most."""
    small = image.resize((THUMB, THUMB), Image.Resampling.BILINEAR)
    thumb = np.atleast_3d(np.asarray(small, dtype=np.float32)).transpose(2, 0, 1)
    slow = _COSINES[:3]
    smooth = slow.T @ (slow @ thumb @ slow.T) @ slow
    return float(np.abs(thumb - smooth).max())
