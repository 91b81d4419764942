"""Fonts of this machine that hold an O and an X, and their glyphs as ink coverage."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from fontTools.ttLib import TTFont, TTLibError
from PIL import Image, ImageDraw, ImageFont

from ox_classifier.console import track
from ox_classifier.errors import UsageError

SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")
CHARACTERS = {"o": "OoОоΟο○◯〇", "x": "XxХхΧ×✕✗✘╳χ"}  # Latin, Cyrillic, Greek letters and signs
# no ring or nearly one (0, Q, C, D, c), no cross or nearly one (K, Y, k, y, t, +, *)
OTHERS = "123456789ABEFGHIJLMNPRSTUVWZabdefghijlmnprsuvwzΓΔΛΠΣГЛПШЦ가나다라?!&§<>=√△▲♥★☆"
PROBE = 48  # size, in pixels, of the glyphs by which fonts are judged


@dataclass(frozen=True)
class Font:
    """One font file: the characters it has for each class, and a name that doesn't depend on the file's place."""

    path: Path
    name: str  # family and style, "Breip Regular"
    o: str
    x: str
    other: str = ""  # of OTHERS

    @property
    def family(self) -> str:
        """The first word of the name: Noto Sans and Noto Serif count as one, so that test gets fonts unlike train's."""
        return re.match(r"\W*\w[a-z]*", self.name)[0]


def find(folders: Sequence[Path] = ()) -> list[Font]:
    """Fonts under `folders`, or of this machine (matplotlib's DejaVu at least), sorted by name.

    Fonts whose O or X is missing, is no O or X (symbols, barcodes) or looks like another font's are left out.

    Raises:
        UsageError: If one of `folders` is no folder, or they hold no usable font.
    """
    for folder in folders:
        if not Path(folder).is_dir():
            raise UsageError(f"--fonts {folder}: no such folder; give one that holds .ttf or .otf files")
    below = [path for folder in folders for path in Path(folder).rglob("*") if path.suffix.lower() in SUFFIXES]
    paths = sorted({*(below if folders else _system())}, key=lambda path: (path.name, path))
    found: dict[str, Font] = {}
    for path in track(paths, label="reading fonts"):
        font = _open(path)
        if font is not None:
            found.setdefault(_looks(font), font)
    if folders and not found:
        where = " and ".join(map(str, folders))
        raise UsageError(f"--fonts {where}: {len(paths)} font files, none with both an O and an X; give Latin fonts")
    return sorted(found.values(), key=lambda font: (font.name, font.path.name))


def held_out(fonts: list[Font]) -> set[str]:
    """Families that only test images use: every fourth one."""
    return set(sorted({font.family for font in fonts})[2::4])


def glyph(font: Font, character: str, size: int, *, bold: int = 0, hollow: bool = False) -> np.ndarray:
    """Coverage of one character, float32 in [0, 1], cropped to its ink; `size` pixels an em, `bold` pixels wider."""
    face = _face(font.path, size)
    left, top, right, bottom = face.getbbox(character, stroke_width=bold)
    image = Image.new("L", (max(1, int(right - left)), max(1, int(bottom - top))))
    ImageDraw.Draw(image).text((-left, -top), character, fill=255, font=face, stroke_width=bold, stroke_fill=255)
    if hollow:
        ImageDraw.Draw(image).text((-left, -top), character, fill=0, font=face)
    return np.asarray(image, dtype=np.float32) / 255


@lru_cache(maxsize=64)
def _face(path: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def _system() -> list[Path]:
    from matplotlib import font_manager, get_data_path

    bundled = Path(get_data_path(), "fonts", "ttf")
    return [Path(p) for p in font_manager.findSystemFonts()] + sorted(bundled.glob("DejaVu*.ttf"))


def _open(path: Path) -> Font | None:
    try:
        with path.open("rb") as opened, TTFont(opened, lazy=True, fontNumber=0) as file:
            codes = set(file.getBestCmap() or ())
            names = file["name"]
            name = f"{names.getBestFamilyName()} {names.getBestSubFamilyName() or ''}".strip()
            has = {label: "".join(c for c in text if ord(c) in codes) for label, text in CHARACTERS.items()}
            other = "".join(c for c in OTHERS if ord(c) in codes)
            if not {"O", "X"} <= set(has["o"] + has["x"]) or "CBDT" in file or "COLR" in file:
                return None
    except (TTLibError, OSError, KeyError, ValueError, AssertionError):
        return None
    font = Font(path, name, has["o"], has["x"])
    try:
        kept = {label: "".join(c for c in has[label] if _is(label, glyph(font, c, PROBE))) for label in has}
    except OSError:  # FreeType refuses what fontTools could read
        return None
    return Font(path, name, kept["o"], kept["x"], other) if kept["o"] and kept["x"] else None


def _is(label: str, ink: np.ndarray) -> bool:
    """An O has a hole in its middle and ink on all sides; an X has ink in its middle and none left and right of it."""
    height, width = ink.shape
    if min(height, width) < PROBE / 8 or max(height, width) / min(height, width) > 2.5:
        return False
    rows, columns = slice(int(height * 0.4), int(height * 0.6) + 1), slice(int(width * 0.4), int(width * 0.6) + 1)
    middle = ink[rows, columns].mean()
    sides = [
        ink[rows, : width // 3].max(),
        ink[rows, -(width // 3) :].max(),
        ink[: height // 3, columns].max(),
        ink[-(height // 3) :, columns].max(),
    ]
    if label == "o":
        return bool(middle < 0.1 and min(sides) > 0.4)
    gaps = [ink[rows, : width // 8].max(), ink[rows, -(width // 8) :].max()]
    return bool(middle > 0.25 and max(gaps) < 0.6)


def _looks(font: Font) -> str:
    return hashlib.sha256(b"".join(glyph(font, c, PROBE).tobytes() for c in (font.o[0], font.x[0]))).hexdigest()
