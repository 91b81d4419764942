"""One image file → one array: the only decoder in the project. Imports no TensorFlow."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ox_classifier.data import ink_crop, png
from ox_classifier.data.levels import eight_bits, on_white
from ox_classifier.data.memory import DECODING, NoRoomError
from ox_classifier.data.regular_file import NotAFileError, open_file, why
from ox_classifier.errors import UsageError
from ox_classifier.pixels import PixelRule

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".pbm", ".heic", ".heif")
PILLOW_FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF", "PPM")
COLORS = {"rgb": "RGB", "grayscale": "L"}
MAX_PIXELS = 60_000_000  # a 48-megapixel phone photo passes, a decompression bomb doesn't
BYTES_A_PIXEL = 13  # that decoding takes at its worst: RGBA, turned, and RGB, 4 each
EXIF_ORIENTATION = 0x0112
HEAD = 64  # bytes at a file's beginning that say what it is
BUFFERS = bytes | bytearray | memoryview  # what may hold the bytes of a file
JPEGS = ("JPEG", "MPO")  # which can be decoded at half, a quarter or an eighth of their size


class ImageError(UsageError):
    """A file that can't be read as an image; `path` and `reason` say which and why."""

    def __init__(self, path: Path | str, reason: str):
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = Path(path), reason

    def __reduce__(self) -> tuple:
        return type(self), (self.path, self.reason)  # what it is made of, which pickle would not find out


@dataclass(frozen=True)
class Picture:
    """A file opened for reading: 8-bit pixels the right way up, on white, and what the file itself said."""

    image: Image.Image  # mode L or RGB (RGBA where alpha was asked for)
    format: str
    mode: str  # as stored: RGBA, P, CMYK, I;16 ...
    size: tuple[int, int]  # (width, height) as shown, before any reduction
    rotated: bool  # the EXIF orientation asked for a turn or a mirroring
    frames: int

    @property
    def transparent(self) -> bool:
        """Whether the stored file had an alpha channel or a transparent colour."""
        return self.mode in ("RGBA", "LA", "PA", "La", "RGBa") or self.mode.endswith("+transparency")

    def fitted(self, rule: PixelRule) -> np.ndarray:
        """The picture by a rule: uint8, shape (height, width, channels)."""
        image = self.image.convert(COLORS[rule.color])
        box = ink_crop.region(image) if rule.crop == "ink" else None
        if box or image.size != (rule.width, rule.height):
            image = image.resize((rule.width, rule.height), Image.Resampling.BILINEAR, box=box)
        return np.asarray(image).reshape(rule.shape)


def read(source: Path | str | bytes | bytearray | memoryview | Image.Image | np.ndarray, rule: PixelRule) -> np.ndarray:
    """Decode a file to uint8, shape (height, width, channels), as training, prediction and report all see it.

    The bytes of a file, a PIL image or a uint8 array (see `from_array`) go the same way.

    Raises:
        ImageError: If the file is missing, unreadable, truncated, of no known format or too large.
    """
    if (
        isinstance(source, np.ndarray)
        and source.dtype == np.uint8
        and source.shape == rule.shape
        and rule.crop == "none"
    ):
        return source.copy()  # what all the rest would make of it
    return open_picture(source, at_least=rule.detail).fitted(rule)


def open_and_read(path: Path | str, rule: PixelRule) -> tuple[Picture, np.ndarray]:
    """What `open_picture` and `read` give of a file, from one decoding unless `read` would take a JPEG reduced.

    Raises:
        ImageError: As in `read`.
    """
    picture = open_picture(path)
    if picture.format in JPEGS and min(picture.size) // _reduced_side(rule.detail) > 1:
        return picture, read(path, rule)
    return picture, picture.fitted(rule)


def as_float(images: np.ndarray) -> np.ndarray:
    """Turn uint8 images of any shape into the float32 in [0, 1] that every network takes."""
    return images.astype(np.float32) * np.float32(1 / 255)


def open_picture(
    source: Path | str | bytes | bytearray | memoryview | Image.Image | np.ndarray,
    *,
    at_least: tuple[int, int] | None = None,
    alpha: bool = False,
) -> Picture:
    """Open, fully decode and normalise an image: upright, 8 bits, alpha composited on white, mode L or RGB.

    With `alpha` the mode is RGBA, and nothing is composited.

    `at_least` (width, height) lets a large JPEG be decoded at half, a quarter or an eighth of its size,
    never under twice the size asked for, which is many times faster and looks the same after resizing.

    Raises:
        ImageError: As in `read`.
    """
    path = Path(source) if isinstance(source, str | Path) else Path(f"the {type(source).__name__} given")
    try:
        if isinstance(source, np.ndarray):
            return _normalised(from_array(source), alpha=alpha)
        if isinstance(source, Image.Image):
            if 0 in source.size:
                raise ImageError(path, f"{source.width}x{source.height} pixels: expected one or more each way")
            return _normalised(source, alpha=alpha)
        if not isinstance(source, str | Path | BUFFERS):
            raise ImageError(path, no_image(source))
        with io.BytesIO(source) if isinstance(source, BUFFERS) else open_file(path) as stream:
            head = stream.read(HEAD)
            return _decode(stream, path, head, at_least, alpha)
    except (ImageError, NoRoomError):
        raise
    except UnidentifiedImageError:
        raise ImageError(path, _unidentified(head)) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageError(path, f"over {MAX_PIXELS // 1_000_000} million pixels") from None
    except OSError as error:
        said = why(error) if error.errno or isinstance(error, NotAFileError) else _damaged(error)
        raise ImageError(path, said) from error
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error and more
        raise ImageError(path, _damaged(error)) from error


def from_array(array: np.ndarray) -> Image.Image:
    """A uint8 array of shape (h, w) or (h, w, c), with 1 (grey), 3 (RGB) or 4 (RGB and alpha) channels, as an image.

    Raises:
        ImageError: If it is of another shape or type. Floats are refused, as their range is anyone's guess.
    """
    grey = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
    fits = grey.ndim == 2 or (grey.ndim == 3 and grey.shape[2] in (3, 4))
    if not fits or grey.dtype != np.uint8 or 0 in grey.shape:
        raise ImageError(
            Path("the array given"),
            f"{array.dtype} of shape {array.shape}: expected uint8 of shape (h, w) or (h, w, c) with 1, 3 or 4 channels"
            + ("; for values in [0, 1] give (255 * array).round().astype('uint8')" if array.dtype.kind == "f" else ""),
        )
    return Image.fromarray(np.ascontiguousarray(grey))


def no_image(source: object) -> str:
    """What to say of something that is no image."""
    if hasattr(source, "read"):
        return f"{type(source).__name__} is an open file: give its path, or the bytes that its read() gives"
    return f"{type(source).__name__} is no image: give a path, the bytes of a file, a PIL image or a uint8 array"


def _damaged(error: Exception) -> str:
    return f"damaged or truncated ({' '.join(str(error).split()) or type(error).__name__})"


def _decode(stream: BinaryIO, path: Path, head: bytes, at_least: tuple[int, int] | None, alpha: bool) -> Picture:
    if not head:
        raise ImageError(path, "the file is empty (0 bytes)")
    formats = _formats(path, head)
    stream.seek(0)
    try:
        with Image.open(stream, formats=formats) as file:
            return _normalised(file, at_least, alpha=alpha)
    except ValueError as error:
        if "MAX_TEXT" not in str(error):  # Pillow's limit to a PNG's colour profile and texts
            raise
    stream.seek(0)
    with Image.open(png.pixels_only(stream), formats=formats) as file:
        return _normalised(file, at_least, alpha=alpha)


def _normalised(file: Image.Image, at_least: tuple[int, int] | None = None, *, alpha: bool = False) -> Picture:
    mode, size, form = file.mode, file.size, file.format or ""
    if size[0] * size[1] > MAX_PIXELS:
        raise Image.DecompressionBombError
    if "transparency" in file.info and mode in ("P", "L", "RGB"):
        mode += "+transparency"
    turn = file.getexif().get(EXIF_ORIENTATION, 1)
    frames = getattr(file, "n_frames", 1)
    if at_least and form in JPEGS:
        file.draft(None, (_reduced_side(at_least),) * 2)
    with DECODING.reserve(file.size[0] * file.size[1] * BYTES_A_PIXEL):
        file.load()
        image = ImageOps.exif_transpose(file) if turn in range(2, 9) else file
        if turn in (5, 6, 7, 8):
            size = size[::-1]
        pixels = eight_bits(image)
        pixels = pixels.convert("RGBA") if alpha else on_white(pixels)
        return Picture(pixels, form, mode, size, turn in range(2, 9), frames)


def _reduced_side(at_least: tuple[int, int]) -> int:
    """The least that a JPEG is reduced to, both ways, as the picture may still be turned."""
    return max(at_least) * 2


def _formats(path: Path, head: bytes) -> tuple[str, ...]:
    """Formats to try; HEIC joins them when the file says it is one and the extra is installed."""
    if head[4:8] != b"ftyp" or head[8:12] not in (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"heim", b"heis"):
        return PILLOW_FORMATS
    try:
        import pillow_heif
    except ImportError:
        raise ImageError(path, "a HEIC photo; to read it: pip install pillow-heif") from None
    pillow_heif.register_heif_opener()
    return (*PILLOW_FORMATS, "HEIF")


def _unidentified(head: bytes) -> str:
    if (head.isascii() and head.decode("ascii").isprintable()) or (b"\n" in head and head.isascii()):
        return f"not an image: it begins with the text {head[:20].decode('ascii', 'replace')!r}"
    return "not an image of a known format (JPEG, PNG, BMP, WebP, TIFF, GIF, PPM, HEIC)"
