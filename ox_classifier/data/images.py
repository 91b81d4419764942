"""One image file → one array: the only decoder in the project. Imports no TensorFlow."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ox_classifier.errors import UsageError
from ox_classifier.pixels import PixelRule

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".pbm", ".heic", ".heif")
PILLOW_FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF", "PPM")
COLORS = {"rgb": "RGB", "grayscale": "L"}
MAX_PIXELS = 60_000_000  # a 48-megapixel phone photo passes, a decompression bomb doesn't
EXIF_ORIENTATION = 0x0112


class ImageError(UsageError):
    """A file that can't be read as an image; `path` and `reason` say which and why."""

    def __init__(self, path: Path | str, reason: str):
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = Path(path), reason


@dataclass(frozen=True)
class Picture:
    """A file opened for reading: 8-bit pixels the right way up, on white, and what the file itself said."""

    image: Image.Image  # mode L or RGB
    format: str
    mode: str  # as stored: RGBA, P, CMYK, I;16 ...
    size: tuple[int, int]  # (width, height) as shown, before any reduction
    rotated: bool  # the EXIF orientation asked for a turn or a mirroring
    frames: int

    @property
    def transparent(self) -> bool:
        """Whether the stored file had an alpha channel or a transparent colour."""
        return self.mode in ("RGBA", "LA", "PA", "La", "RGBa") or self.mode.endswith("+transparency")


def read(source: Path | str | bytes | Image.Image | np.ndarray, rule: PixelRule) -> np.ndarray:
    """Decode a file to uint8, shape (height, width, channels), as training, prediction and report all see it.

    The bytes of a file, a PIL image or a uint8 array (see `from_array`) go the same way.

    Raises:
        ImageError: If the file is missing, unreadable, truncated, of no known format or too large.
    """
    picture = open_picture(source, at_least=(rule.width, rule.height))
    image = picture.image.convert(COLORS[rule.color])
    if image.size != (rule.width, rule.height):
        image = image.resize((rule.width, rule.height), Image.Resampling.BILINEAR)
    return np.asarray(image).reshape(rule.shape)


def as_float(images: np.ndarray) -> np.ndarray:
    """Turn uint8 images of any shape into the float32 in [0, 1] that every network takes."""
    return images.astype(np.float32) * np.float32(1 / 255)


def open_picture(
    source: Path | str | bytes | Image.Image | np.ndarray, *, at_least: tuple[int, int] | None = None
) -> Picture:
    """Open, fully decode and normalise an image: upright, 8 bits, alpha composited on white, mode L or RGB.

    `at_least` (width, height) lets a large JPEG be decoded at half, a quarter or an eighth of its size,
    never under twice the size asked for, which is many times faster and looks the same after resizing.

    Raises:
        ImageError: As in `read`.
    """
    path = Path(source) if isinstance(source, str | Path) else Path(f"the {type(source).__name__} given")
    try:
        if isinstance(source, np.ndarray):
            return _normalised(from_array(source))
        if isinstance(source, Image.Image):
            return _normalised(source)
        if not isinstance(source, str | Path | bytes):
            raise ImageError(path, no_image(source))
        if (len(source) if isinstance(source, bytes) else path.stat().st_size) == 0:
            raise ImageError(path, "the file is empty (0 bytes)")
        with io.BytesIO(source) if isinstance(source, bytes) else path.open("rb") as stream:
            return _decode(stream, path, at_least)
    except ImageError:
        raise
    except FileNotFoundError:
        raise ImageError(path, "no such file") from None
    except IsADirectoryError:
        raise ImageError(path, "a folder: give the files in it") from None
    except UnidentifiedImageError:
        raise ImageError(path, _unidentified(source)) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageError(path, f"over {MAX_PIXELS // 1_000_000} million pixels") from None
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error and more
        raise ImageError(
            path, f"damaged or truncated ({' '.join(str(error).split()) or type(error).__name__})"
        ) from error


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
    return f"{type(source).__name__} is no image: give a path, the bytes of a file, a PIL image or a uint8 array"


def _decode(stream: BinaryIO, path: Path, at_least: tuple[int, int] | None) -> Picture:
    with Image.open(stream, formats=_formats(stream, path)) as file:
        return _normalised(file, at_least)


def _normalised(file: Image.Image, at_least: tuple[int, int] | None = None) -> Picture:
    mode, size, form = file.mode, file.size, file.format or ""
    if size[0] * size[1] > MAX_PIXELS:
        raise Image.DecompressionBombError
    if "transparency" in file.info and mode in ("P", "L", "RGB"):
        mode += "+transparency"
    turn = file.getexif().get(EXIF_ORIENTATION, 1)
    frames = getattr(file, "n_frames", 1)
    if at_least and form in ("JPEG", "MPO"):
        side = max(at_least) * 2  # both sides, as the picture may still be turned
        file.draft(None, (side, side))
    file.load()
    image = ImageOps.exif_transpose(file) if turn in range(2, 9) else file
    if turn in (5, 6, 7, 8):
        size = size[::-1]
    return Picture(_on_white(_eight_bits(image)), form, mode, size, turn in range(2, 9), frames)


def _formats(stream: BinaryIO, path: Path) -> tuple[str, ...]:
    """Formats to try; HEIC joins them when the file says it is one and the extra is installed."""
    head = stream.read(12)
    stream.seek(0)
    if head[4:8] != b"ftyp" or head[8:12] not in (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"heim", b"heis"):
        return PILLOW_FORMATS
    try:
        import pillow_heif
    except ImportError:
        raise ImageError(path, "a HEIC photo; to read it: pip install pillow-heif") from None
    pillow_heif.register_heif_opener()
    return (*PILLOW_FORMATS, "HEIF")


def _unidentified(source: Path | str | bytes) -> str:
    if isinstance(source, bytes):
        head = source[:64]
    else:
        with Path(source).open("rb") as file:
            head = file.read(64)
    if (head.isascii() and head.decode("ascii").isprintable()) or (b"\n" in head and head.isascii()):
        return f"not an image: it begins with the text {head[:20].decode('ascii', 'replace')!r}"
    return "not an image of a known format (JPEG, PNG, BMP, WebP, TIFF, GIF, PPM, HEIC)"


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit and wider grey to 0..255, where Pillow's own conversion clips at 255."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        values = np.asarray(image.convert("I") if image.mode.startswith("I;16") else image, dtype=np.float64)
        top = 65535.0 if values.max(initial=0) > 255 or image.mode.startswith("I;16") else 255.0
        if image.mode == "F" and values.max(initial=0) <= 1:
            top = 1.0
        return Image.fromarray(np.clip(values / top * 255 + 0.5, 0, 255).astype(np.uint8), "L")
    return image


def _on_white(image: Image.Image) -> Image.Image:
    """Composite alpha on white, as a viewer shows it, and bring the rest to L or RGB."""
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")
