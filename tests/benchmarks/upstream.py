"""Keras' own tests of ImageDataGenerator, once with stock Keras' class and once with ours.

`python -m tests.benchmarks upstream` downloads source distributions from the package index into a temporary folder,
mends their tests for the NumPy, Pillow and Keras of today, runs them, and shows every test of which the two classes
make something different. A difference without a reason in `REASONS` is a failure. (The distributions of tf-keras
hold no tests; its suite descends from these two.)
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from xml.etree import ElementTree

from tests.conftest import REPOSITORY

# distribution → its tests of images
SUITES = {
    "keras-preprocessing==1.1.2": "tests/image",
    "keras==2.1.6": "tests/keras/preprocessing/image_test.py",
}
# where today's Keras keeps what these tests import
SHIM = """
import os
from keras.src.legacy.preprocessing.image import *
from keras.src.legacy.preprocessing.image import (
    BatchFromFilesMixin, DataFrameIterator, _iter_valid_files, _list_valid_filenames_in_directory, flip_axis,
    transform_matrix_offset_center, validate_filename
)
from keras.src.utils.image_utils import array_to_img, img_to_array, load_img, save_img

Iterator.next = Iterator.__next__  # as Keras 2 had it
if os.environ["OX_UPSTREAM"] == "ours":
    from ox_classifier.augmentation.generator import ImageDataGenerator
"""
MODULES = """affine_transformations dataframe_iterator directory_iterator image_data_generator iterator
numpy_array_iterator utils"""
MENDS = {
    "from keras.preprocessing import image": "from keras_preprocessing import image",
    "grayscale=True": 'color_mode="grayscale"',
    "imarray.astype('uint32')": "imarray.astype('uint16')",  # Pillow 13 writes no PNG of 32 bits
}
# test → why it fails with ours, and what its failure says, so that no other failure hides behind the reason
REASONS = {
    "dataframe_iterator_test::test_dataframe_iterator_validate_filenames": (
        "files are decoded at once, so that a missing one is named now and not in the middle of training",
        "test.jpp: no such file",
    ),
    "dataframe_iterator_test::test_dataframe_iterator_absolute_path": (
        "the validation subset is drawn at random, not the first files",
        ">           assert np.array_equal(a1, a5)",  # the last line of the test
    ),
    "image_data_generator_test::test_image_data_generator_with_validation_split": (
        "sorted labels are no longer refused: the validation subset is stratified",
        "DID NOT RAISE",
    ),
    "image_data_generator_test::test_image_data_generator_fit": (
        "brightness takes channels_first images as such; Keras takes their last axis for the colours",
        "Unsupported channel number: 10",
    ),
}


def figures() -> list[tuple[str, str, str, float, str]]:
    """(figure, ours, stock, ratio, limit): tests passed by our class of those that stock Keras' passes."""
    with tempfile.TemporaryDirectory() as place:
        shim = Path(place) / "shim"
        write_shim(shim)
        found = {}
        for suite in SUITES:
            folder = fetched(suite, Path(place))
            found[suite] = {whose: run(folder, whose, shim) for whose in ("stock", "ours")}
    rows = []
    for suite, outcomes in found.items():
        stock, ours = outcomes["stock"], outcomes["ours"]
        passing = [name for name, outcome in stock.items() if outcome == "passed"]
        unexplained = [name for name in passing if ours[name] != "passed" and not reason(name, ours[name])]
        for name in (name for name in stock if kind(stock[name]) != kind(ours[name])):
            why = reason(name, ours[name]) or f"UNEXPLAINED {ours[name][-300:]}"
            print(f"  {name:<90} {kind(stock[name]):>8} {kind(ours[name]):>8}  {why}")
        held = len(passing) - len(unexplained)
        label = f"tests of {suite}: passed, or explained, of those passed by stock ({len(stock)} in all)"
        rows.append((label, str(held), str(len(passing)), held / len(passing), ">=1"))
    failing = {name for kinds in found.values() for name, outcome in kinds["ours"].items() if outcome != "passed"}
    applying = sum(name in failing for name in REASONS)
    rows.append(("reasons that still apply", str(applying), str(len(REASONS)), applying / len(REASONS), ">=1"))
    return rows


def kind(outcome: str) -> str:
    """An outcome without its message."""
    return outcome.partition(":")[0]


def reason(name: str, outcome: str) -> str:
    """Why a test may fail with ours as it does; empty if there is no reason."""
    why, message = REASONS.get(name, ("", ""))
    return why if why and message in outcome else ""


def fetched(suite: str, place: Path) -> Path:
    """Download a source distribution and give a folder that holds its mended tests and nothing else of it."""
    with tempfile.TemporaryDirectory() as download:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        subprocess.run([*pip, "--no-build-isolation", "--dest", download, suite], check=True, capture_output=True)
        (archive,) = Path(download).glob("*.tar.gz")
        with tarfile.open(archive) as tar:
            tar.extractall(download, filter="data")
        (root,) = (p for p in Path(download).iterdir() if p.is_dir())
        tests = root / SUITES[suite]
        folder = place / re.sub(r"\W", "_", suite)
        folder.mkdir()
        for path in [tests] if tests.is_file() else tests.glob("*.py"):
            text = path.read_text()
            for old, new in MENDS.items():
                text = text.replace(old, new)
            (folder / path.name).write_text(text)
    return folder


def run(folder: Path, whose: str, shim: Path) -> dict[str, str]:
    """Outcome of every test: passed, skipped, or failed and its report."""
    results = folder / f"{whose}.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", str(folder)]
    options = ["-p", "no:cacheprovider", "-W", "ignore", "--junitxml", str(results)]
    path = os.pathsep.join([str(shim), str(REPOSITORY)])
    environment = os.environ | {"OX_UPSTREAM": whose, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([*command, *options, "."], env=environment, cwd=folder, capture_output=True, text=True)
    if os.environ.get("OX_VERBOSE"):
        print(done.stdout)
    outcomes = {}
    for case in ElementTree.parse(results).iter("testcase"):
        name = f"{case.get('classname').rpartition('.')[2]}::{case.get('name')}"
        outcomes[name] = "passed"
        for child in case:
            if child.tag in ("failure", "error"):
                outcomes[name] = f"failed: {child.text}"
            elif child.tag == "skipped":
                outcomes[name] = "skipped"
    return outcomes


def write_shim(folder: Path) -> None:
    """A package `keras_preprocessing` that gives what today's Keras has under those names."""
    package = folder / "keras_preprocessing" / "image"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").write_text("from keras_preprocessing import image\n")
    for name in ("__init__", *MODULES.split()):
        (package / f"{name}.py").write_text(SHIM)
