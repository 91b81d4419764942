"""A data folder with known faults, planted for the tests of copies and of the audit."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

FILTERS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS, Image.Resampling.BOX)
FLIPS = (ImageOps.mirror, ImageOps.flip, lambda image: image.rotate(180))


@dataclass
class Planted:
    """Where everything lies: `origin` of each file, and by kind the (original, copy) pairs."""

    root: Path
    origin: dict[Path, int] = field(default_factory=dict)
    pairs: dict[str, list[tuple[Path, Path]]] = field(default_factory=dict)
    broken: list[Path] = field(default_factory=list)


def plant(root: Path, pictures: list[tuple[str, Image.Image]], seed: int = 0) -> Planted:
    """Write (label, image) pictures to train, and of each a few copies of one kind elsewhere, kinds in turn."""
    rng = np.random.default_rng(seed)
    planted = Planted(root)
    kinds = (_exact, _recoded, _resized, _flipped, _two_labels)
    for number, (label, image) in enumerate(pictures):
        original = _path(root, "train", label, f"{number:04}.png")
        image.save(original)
        planted.origin[original] = number
        kind = kinds[number % len(kinds)]
        split, where, copy, suffix, options = kind(label, image, rng)
        path = _path(root, split, where, f"copy-{number:04}{suffix}")
        copy.save(path, **options)
        planted.origin[path] = number
        planted.pairs.setdefault(kind.__name__.strip("_"), []).append((original, path))
    _break(planted, pictures[0][1])
    return planted


def _exact(label, image, rng):
    suffix = (".bmp", ".tiff", ".png")[int(rng.integers(3))]
    return "test", label, image, suffix, {}


def _recoded(label, image, rng):
    if rng.integers(4) == 0:
        return "val", label, image, ".webp", {"quality": int(rng.integers(60, 96))}
    return "val", label, image, ".jpg", {"quality": int(rng.integers(50, 96))}


def _resized(label, image, rng):
    factor = rng.uniform(0.5, 2)
    size = tuple(max(8, round(side * factor)) for side in image.size)
    copy = image.resize(size, FILTERS[int(rng.integers(len(FILTERS)))])
    if rng.integers(2):
        return "train", label, copy, ".png", {}
    return "train", label, copy, ".jpg", {"quality": int(rng.integers(75, 96))}


def _flipped(label, image, rng):
    return "test", label, FLIPS[int(rng.integers(len(FLIPS)))](image), ".jpg", {"quality": 90}


def _two_labels(label, image, rng):
    return "train", "x" if label == "o" else "o", image, ".png", {}


def _break(planted: Planted, image: Image.Image) -> None:
    whole = _path(planted.root, "train", "o", "whole.jpg")
    image.convert("RGB").resize((120, 120)).save(whole)
    head = whole.read_bytes()
    whole.unlink()
    contents = {
        "cut.jpg": head[: len(head) // 2],
        "empty.png": b"",
        "words.png": b"<html>not found</html>",
        "noise.jpg": bytes(range(256)),
    }
    for name, content in contents.items():
        path = _path(planted.root, "train", "o", name)
        path.write_bytes(content)
        planted.broken.append(path)


def _path(root: Path, split: str, label: str, name: str) -> Path:
    path = root / split / label / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
