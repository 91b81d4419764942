"""What a stranger's folder may hold: names, sizes and files that are made to break a reader. More in `make fuzz`."""

from __future__ import annotations

import csv
import io
import shutil
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from typer.testing import CliRunner

from ox_classifier import runs
from ox_classifier.audit import audit
from ox_classifier.cli import app
from ox_classifier.data import folders, png
from ox_classifier.data.images import MAX_PIXELS, ImageError, open_picture, read
from ox_classifier.data.memory import Memory, NoRoomError
from ox_classifier.pixels import PixelRule
from ox_classifier.training import preparation
from tests.conftest import draw_folder
from tests.processes import cost

RULE = PixelRule(22, 22)
NAMES = [
    "new\nline",
    "carriage\rreturn",
    "both\r\nof them",
    "bytes \udcff\udcfe",
    "e" * 251,
    "다" * 83,
    "quo'te\"s, and; semicolons",
    "=cmd|' '!A1",
    "$\\frac{$",
    "\x1b[31mred",
    " leading and trailing ",
    "tab\tand\x7f",
    "-rf",
    "%s{0}",
]


@pytest.fixture
def strange(tmp_path, monkeypatch) -> Path:
    """A folder whose classes and files have the strangest names that a Linux disk takes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OX_CACHE", str(tmp_path / "cache"))
    root = draw_folder(tmp_path / "marks", {"": len(NAMES)})
    for label, strange in (("o", "ro\rund\n\udcff"), ("x", "c" * 255)):
        for number, name in enumerate(NAMES):
            (root / label / f"{number:03}.png").rename(root / label / f"{name}.png")
        (root / label).rename(root / strange)
    return root


def test_strange_names_are_checked(strange):
    done = CliRunner().invoke(app, ["dataset", "check", "marks", "--json"])
    assert done.exit_code == 0, done.stderr
    page = CliRunner().invoke(app, ["dataset", "check", "marks"])
    assert page.exit_code == 0 and "\x1b" not in page.stdout + page.stderr
    listing = folders.find(Path("marks"))
    assert {image.path.stem for image in listing.images} == set(NAMES)
    assert not audit.check(listing).bad


@pytest.mark.tensorflow
def test_strange_names_are_trained_on_and_come_back_from_split_csv(strange):
    listing = folders.find(Path("marks"))
    done = CliRunner().invoke(app, "train --data marks --image-size 22 --epochs 1 --batch-size 4 --name run".split())
    assert done.exit_code == 0, done.stderr
    expected = sorted((listing.name(image.path), image.label) for image in listing.images)
    rows = runs.find("run").read_table("split.csv")
    assert sorted((row["path"], row["label"]) for row in rows) == expected
    with Path("runs/run/split.csv").open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        assert sorted((row["path"], row["label"]) for row in csv.DictReader(file)) == expected
    earlier = runs.find("run").splits()
    again = preparation.prepare(Path("marks"), val_fraction=0.2, test_fraction=0.0, seed=9, earlier=earlier)
    assert {listing.name(image.path): image.split for image in again.images} == earlier


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (2, 1)])
def test_the_smallest_pictures_are_checked_and_drawn(tmp_path, size):
    for label in "ox":
        (tmp_path / "m" / label).mkdir(parents=True)
        for number in range(4):
            mode = ("L", "RGB", "RGBA", "I;16")[number]
            Image.new(mode, size, 7).save(tmp_path / "m" / label / f"{number}.png")
    done = CliRunner().invoke(app, ["dataset", "check", str(tmp_path / "m"), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "check.png").is_file()


# colour profiles and texts of a PNG


def with_chunks(image: Image.Image, *chunks: tuple[bytes, bytes], at_end: bool = False) -> bytes:
    """A PNG with more chunks after its header, or before its end."""
    file = io.BytesIO()
    image.save(file, "PNG")
    data, more = file.getvalue(), b""
    for kind, content in chunks:
        more += len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")
    place = len(data) - 12 if at_end else 33
    return data[:place] + more + data[place:]


@pytest.fixture
def picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8))


def test_a_png_with_a_large_colour_profile_is_read(tmp_path, picture):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile += np.random.default_rng(0).bytes(3 << 20)
    (tmp_path / "a.png").write_bytes(with_chunks(picture, (b"iCCP", b"name\0\0" + zlib.compress(profile))))
    np.testing.assert_array_equal(open_picture(tmp_path / "a.png").image, picture)


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"tEXt"])
@pytest.mark.parametrize("at_end", [False, True])
def test_a_png_with_large_texts_is_read(tmp_path, picture, kind, at_end):
    text = b"x" * (2 << 20)
    content = {
        b"zTXt": b"key\0\0" + zlib.compress(text),
        b"iTXt": b"key\0\1\0\0\0" + zlib.compress(text),
        b"tEXt": b"key\0" + text,
    }[kind]
    chunks = [(kind, content)] * (1 if kind != b"tEXt" else 40)
    (tmp_path / "a.png").write_bytes(with_chunks(picture, *chunks, at_end=at_end))
    np.testing.assert_array_equal(open_picture(tmp_path / "a.png").image, picture)


def test_what_is_left_of_a_png_is_the_rest_byte_for_byte(picture):
    plain = with_chunks(picture)
    assert png.pixels_only(io.BytesIO(with_chunks(picture, (b"iCCP", b"abc"), (b"tEXt", b"")))).read() == plain
    for cut in (8, 9, 20, 40, len(plain) - 3):
        assert png.pixels_only(io.BytesIO(plain[:cut])).read() == plain[:cut]
    lying = plain[:33] + b"\xff\xff\xff\xf0iCCPabc" + plain[33:]
    assert png.pixels_only(io.BytesIO(lying)).read() == plain[:33]


# memory


def test_pictures_as_large_as_allowed_take_turns(tmp_path):
    """Four of 59 million pixels in four threads: under a gigabyte, where each took 0.7 before and all ran at once."""
    (tmp_path / "o").mkdir(), (tmp_path / "x").mkdir()
    tall = np.zeros((7680, 7680, 4), np.uint8)
    tall[::9] = (200, 30, 90, 128)
    Image.fromarray(tall, "RGBA").save(tmp_path / "o" / "0.png", compress_level=1)
    deep = (np.arange(7680 * 7680, dtype=np.uint32) % 65000).astype(np.uint16).reshape(7680, 7680)
    Image.fromarray(deep).save(tmp_path / "x" / "0.png", compress_level=1)
    for label in "ox":
        shutil.copy(tmp_path / label / "0.png", tmp_path / label / "1.png")
    program = (
        "import sys; from ox_classifier.audit import audit; from ox_classifier.data import folders;"
        "assert not audit.check(folders.find(sys.argv[1])).bad"
    )
    _, megabytes = cost([sys.executable, "-c", program, tmp_path], OX_CACHE=tmp_path / "cache")
    assert megabytes < 1000, megabytes


def test_strips_give_what_the_whole_gives(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    made = {
        "rgba": Image.fromarray(rng.integers(0, 256, (37, 29, 4), dtype=np.uint8), "RGBA"),
        "la": Image.fromarray(rng.integers(0, 256, (37, 29, 2), dtype=np.uint8), "LA"),
        "deep": Image.fromarray(rng.integers(0, 65536, (37, 29), dtype=np.uint16)),
        "float": Image.fromarray(rng.uniform(0, 1, (37, 29)).astype(np.float32)),
        "palette": Image.fromarray(rng.integers(0, 256, (37, 29), dtype=np.uint8)).convert("P"),
    }
    for name, image in made.items():
        image.save(tmp_path / f"{name}.tif") if name == "float" else image.save(
            tmp_path / f"{name}.png", **({"transparency": bytes(range(256))} if name == "palette" else {})
        )
    paths = sorted(tmp_path.glob("*.*"))
    whole = [np.asarray(open_picture(path).image) for path in paths]
    monkeypatch.setattr("ox_classifier.data.levels.STRIP_PIXELS", 70)
    for path, expected in zip(paths, whole, strict=True):
        np.testing.assert_array_equal(open_picture(path).image, expected)


def test_memory_is_never_given_out_twice():
    memory, held, most = Memory(100), [0], [0]

    def take(need: int) -> None:
        with memory.reserve(need):
            held[0] += min(need, 100)
            most[0] = max(most[0], held[0])
            time.sleep(0.001)
            held[0] -= min(need, 100)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(take, [60, 70, 10, 300, 50, 40, 5, 100] * 10))
    assert most[0] <= 100 and held[0] == 0
    memory.refuse_over(50)
    with pytest.raises(NoRoomError), memory.reserve(51):
        pass
    with memory.reserve(50):
        pass


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path):
    side = int(MAX_PIXELS**0.5) + 1
    header = b"IHDR" + side.to_bytes(4, "big") * 2 + b"\x08\x06\0\0\0"
    data = png.SIGNATURE + b"\0\0\0\r" + header + zlib.crc32(header).to_bytes(4, "big")
    body = b"IDAT" + zlib.compress(bytes(1 << 24), 9)
    data += (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big") + b"\0\0\0\0IEND\xaeB`\x82"
    (tmp_path / "bomb.png").write_bytes(data)
    start = time.perf_counter()
    with pytest.raises(ImageError, match="over 60 million pixels"):
        read(tmp_path / "bomb.png", RULE)
    assert time.perf_counter() - start < 1
