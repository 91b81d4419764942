"""The decoder, against pixels written by hand."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from ox_classifier.data import images
from ox_classifier.data.images import ImageError
from ox_classifier.pixels import INK_CROPPED, PixelRule

RULE = PixelRule(20, 30)
GRAY = PixelRule(20, 30, "grayscale")


@pytest.fixture
def picture() -> np.ndarray:
    """Smooth colours, so that lossy formats stay close."""
    y, x = np.mgrid[0:20, 0:30]
    return np.stack([x * 8, y * 12, 255 - x * 8], axis=-1).astype(np.uint8)


@pytest.mark.parametrize(
    ("name", "options", "tolerance"),
    [
        ("a.png", {}, 0),
        ("a.bmp", {}, 0),
        ("a.tiff", {}, 0),
        ("a.ppm", {}, 0),
        ("a.webp", {"lossless": True}, 0),
        ("a.jpg", {"quality": 98, "subsampling": 0}, 4),
    ],
)
def test_every_format_gives_its_pixels(tmp_path, picture, name, options, tolerance):
    Image.fromarray(picture).save(tmp_path / name, **options)
    decoded = images.read(tmp_path / name, RULE)
    assert decoded.dtype == np.uint8
    assert np.abs(decoded.astype(int) - picture).max() <= tolerance


def test_gif_gives_its_first_frame(tmp_path):
    frames = [Image.new("RGB", (30, 20), color) for color in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert (images.read(tmp_path / "a.gif", RULE) == (255, 0, 0)).all()
    assert images.open_picture(tmp_path / "a.gif").frames == 2


def test_grayscale_has_one_channel(tmp_path, picture):
    Image.fromarray(picture).save(tmp_path / "a.png")
    expected = np.asarray(Image.fromarray(picture).convert("L"))[..., None]
    np.testing.assert_array_equal(images.read(tmp_path / "a.png", GRAY), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(tmp_path, picture, orientation):
    upright = Image.fromarray(picture)
    undo = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_90"}
    undo |= {7: "TRANSVERSE", 8: "ROTATE_270"}
    stored = upright.transpose(Image.Transpose[undo[orientation]]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[images.EXIF_ORIENTATION] = orientation
    stored.save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(images.read(tmp_path / "a.png", RULE), picture)
    opened = images.open_picture(tmp_path / "a.png")
    assert (opened.rotated, opened.size) == (orientation > 1, (30, 20))


def test_hidden_colour_of_transparent_pixels_is_white(tmp_path):
    pixels = np.zeros((20, 30, 4), np.uint8)  # black, fully transparent ...
    pixels[:, 15:] = (0, 0, 0, 255)  # ... and black, opaque
    Image.fromarray(pixels).save(tmp_path / "a.png")
    decoded = images.read(tmp_path / "a.png", RULE)
    assert (decoded[:, :15] == 255).all()
    assert (decoded[:, 15:] == 0).all()
    assert images.open_picture(tmp_path / "a.png").transparent


def test_transparent_palette_is_white(tmp_path):
    image = Image.new("P", (30, 20), 0)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.paste(1, (15, 0, 30, 20))
    image.save(tmp_path / "a.png", transparency=0)
    decoded = images.read(tmp_path / "a.png", RULE)
    assert (decoded[:, :15] == 255).all()
    assert (decoded[:, 15:] == (255, 0, 0)).all()
    assert images.open_picture(tmp_path / "a.png").transparent


def test_sixteen_bits_are_scaled_not_clipped(tmp_path):
    ramp = np.linspace(0, 65535, 20 * 30).reshape(20, 30).astype(np.uint16)
    Image.fromarray(ramp).save(tmp_path / "a.png")
    decoded = images.read(tmp_path / "a.png", GRAY)[..., 0]
    assert np.abs(decoded - ramp / 257).max() <= 1


def test_sixteen_bit_scan_that_is_dark_all_over_stays_dark(tmp_path):
    Image.fromarray(np.full((20, 30), 200, np.uint16)).save(tmp_path / "a.tiff")
    assert images.read(tmp_path / "a.tiff", GRAY).max() <= 1


def test_cmyk_is_read_as_colour(tmp_path):
    Image.new("CMYK", (30, 20), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=95)
    red, green, blue = images.read(tmp_path / "a.jpg", RULE)[10, 15]
    assert red > 200 and green < 60 and blue < 60


def test_content_decides_not_the_suffix(tmp_path, picture):
    Image.fromarray(picture).save(tmp_path / "a.webp", lossless=True)
    (tmp_path / "a.webp").rename(tmp_path / "a.jpg")
    np.testing.assert_array_equal(images.read(tmp_path / "a.jpg", RULE), picture)


def test_a_thin_line_survives_shrinking(tmp_path):
    """Keras' default, nearest, drops most of it."""
    pixels = np.full((700, 700), 255, np.uint8)
    pixels[::70] = 0
    Image.fromarray(pixels).save(tmp_path / "a.png")
    rows = images.read(tmp_path / "a.png", PixelRule(150, 150, "grayscale"))[:, 75, 0]
    assert (rows < 235).sum() >= 10


def test_large_jpeg_reduced_while_decoding_looks_the_same(tmp_path):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (40, 40, 3), dtype=np.uint8)).resize((1600, 1600)).save(tmp_path / "a.jpg")
    fast = images.read(tmp_path / "a.jpg", PixelRule(100, 100)).astype(int)
    with Image.open(tmp_path / "a.jpg") as full:
        slow = np.asarray(full.resize((100, 100), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(fast - slow).mean() < 2


def truncated_jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((200, 200), 80).save(buffer, "JPEG")
    return buffer.getvalue()[:3000]


def bomb() -> bytes:
    """A PNG of a few kilobytes that says it has 400 million pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 20000, 20000, 1, 0, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"not an image at all\n", "begins with the text 'not an image"),
        (b"\x00\x01\x02\x03" * 30, "not an image of a known format"),
        (truncated_jpeg(), "truncated"),
        (bomb(), "million pixels"),
        (b"\x00\x00\x00\x18ftypheic" + bytes(40), "HEIC|damaged"),
    ],
)
def test_unreadable_files_name_path_and_reason(tmp_path, content, reason):
    path = tmp_path / "bad.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=reason) as caught:
        images.read(path, RULE)
    assert caught.value.path == path
    assert str(path) in str(caught.value)
    assert path.read_bytes() == content


def test_missing_file_says_so(tmp_path):
    with pytest.raises(ImageError, match="no such file"):
        images.read(tmp_path / "none.png", RULE)


def test_as_float_is_exact_at_both_ends():
    np.testing.assert_array_equal(images.as_float(np.array([0, 255], np.uint8)), np.array([0, 1], np.float32))


@pytest.mark.parametrize(("color", "channels"), [("rgb", 3), ("grayscale", 1)])
def test_an_array_of_the_right_shape_is_what_its_lossless_file_is(tmp_path, color, channels):
    pixels = np.random.default_rng(0).integers(0, 256, (30, 20, channels), dtype=np.uint8)
    Image.fromarray(pixels.squeeze()).save(tmp_path / "a.png")
    rule = PixelRule(30, 20, color)
    read = images.read(pixels, rule)
    np.testing.assert_array_equal(read, images.read(tmp_path / "a.png", rule))
    assert not np.shares_memory(read, pixels)  # the caller may go on writing into it
    other = PixelRule(30, 20, color, INK_CROPPED)
    np.testing.assert_array_equal(images.read(pixels, other), images.read(tmp_path / "a.png", other))
