"""Augmented pictures on disk for the eye, as `save_to_dir`, `save_prefix` and `save_format` ask for them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tensorflow.keras.preprocessing.image import array_to_img

from ox_classifier import files
from ox_classifier.errors import MissingFileError


@dataclass(frozen=True)
class Saving:
    """Where pictures go. A name is {prefix}_{index}_{hash}.{format} as with Keras, so patterns go on matching.

    The index is the image's place in what the flow was given (`filenames`, or the array); the hash is the epoch and
    64 random bits, so that no two calls, splits or runs ever write the same name.

    Raises:
        MissingFileError: If the folder does not exist.
    """

    folder: Path
    prefix: str = ""
    format: str = "png"

    def __post_init__(self):
        if not self.folder.is_dir():
            raise MissingFileError(f"save_to_dir={os.fspath(self.folder)!r} is no folder: make it first")

    def write(self, x: np.ndarray, indices: Sequence[int], epoch: int, data_format: str) -> None:
        """Write a batch, each picture stretched to 0..255 as Keras does."""
        for picture, index in zip(x, indices, strict=True):
            name = f"{self.prefix}_{index}_{epoch}-{secrets.token_hex(8)}.{self.format}"
            with files.replacing(self.folder / name) as beside:
                array_to_img(picture, data_format, scale=True).save(beside)
