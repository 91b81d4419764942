"""Pictures changed on purpose, a little and then more: smaller, turned, thinner, blurred ... Knows no network."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageFilter

from ox_classifier.data import ink_crop
from ox_classifier.report.ink import ink

SEED = 0
LARGEST = 640  # pixels a side: larger pictures are reduced first, so that all of this takes a minute
BROADEST = 320  # pixels of the shorter side where strokes are made thicker or thinner, which is slow
LOOKED_AT = 96  # pixels a side in which ink is told from paper
EDGE = 2  # pixels at the edges that count as paper
INK = 0.002  # of the pixels: so few at least are ink wherever there is a mark
FADING = 0.06  # of the side: so far past its edge a picture goes on, ever more like plain paper
GAP = 0.02  # of the side, from a frame to the edge

Color = tuple[int, int, int]


@dataclass(frozen=True)
class Original:
    """A picture to be changed: what colours its paper and its ink have, and the box that its mark lies in.

    `share` is how much of the area is ink. `number` tells pictures apart whose noise or sense of rotation is drawn.
    `least` is how many pixels a side the network looks at, which a picture is given before its strokes are changed.
    """

    image: Image.Image
    paper: Color
    ink: Color
    dark: bool
    share: float
    box: tuple[float, float, float, float]
    number: int
    least: int

    @classmethod
    def of(cls, image: Image.Image, *, number: int = 0, least: int = 1) -> Original:
        """What there is to know of a decoded picture, mode L or RGB."""
        image = image.convert("RGB")
        if max(image.size) > LARGEST:
            image.thumbnail((LARGEST, LARGEST), Image.Resampling.BILINEAR)
        pixels = np.asarray(image)
        sides = (pixels[:EDGE], pixels[-EDGE:], pixels[:, :EDGE], pixels[:, -EDGE:])
        paper = np.median(np.concatenate([side.reshape(-1, 3) for side in sides]), axis=0)
        small = image.copy()
        small.thumbnail((LOOKED_AT, LOOKED_AT), Image.Resampling.BOX)
        (seen,) = ink(np.asarray(small, dtype=np.float32)[None] / np.float32(255))
        flat = pixels.reshape(-1, 3)
        order = np.argsort(flat.sum(axis=1, dtype=np.int32), kind="stable")
        count = max(1, round(INK * len(flat)))
        inked = np.median(flat[order[:count] if seen.dark else order[-count:]], axis=0)
        return cls(image, _color(paper), _color(inked), seen.dark, seen.share, ink_crop.region(image), number, least)

    @property
    def contrast(self) -> float:
        """How far ink and paper are apart, in grey levels."""
        return float(np.abs(np.subtract(self.paper, self.ink)).mean())

    @property
    def side(self) -> int:
        """The shorter side, in pixels."""
        return min(self.image.size)

    def sized(self, most: int = LARGEST) -> Original:
        """The same with a shorter side of `least` pixels or more, so that thin lines have room, and at most `most`."""
        side = min(max(self.side, self.least), max(most, self.least))
        factor = min(side / self.side, max(1.0, LARGEST / max(self.image.size)))
        if factor == 1:
            return self
        size = tuple(max(1, round(length * factor)) for length in self.image.size)
        image = self.image.resize(size, Image.Resampling.BILINEAR)
        box = tuple(value * factor for value in self.box)
        return Original(image, self.paper, self.ink, self.dark, self.share, box, self.number, self.least)

    def on_paper(self) -> tuple[np.ndarray, int]:
        """The picture within a margin that fades into plain paper, and how broad the margin is, in pixels."""
        margin = max(1, round(FADING * self.side))
        pixels = np.asarray(self.image)
        wide = cv2.copyMakeBorder(pixels, *[margin] * 4, cv2.BORDER_REPLICATE).astype(np.float32)
        away = [np.maximum(np.maximum(-at, at - length + 1), 0) for at, length in _places(pixels, margin)]
        left = np.clip(1 - np.maximum(away[0][:, None], away[1][None]) / margin, 0, 1)[..., None]
        return _levels(left * wide + (1 - left) * np.float32(self.paper)), margin


def shrunk(original: Original, part: float) -> Image.Image:
    """The picture at `part` of its size, in the middle of a sheet of its own paper.

    The sheet is larger than the picture where that spares the picture's pixels.
    """
    pixels = original.on_paper()[0]
    size = original.image.size
    sheet = min(1 / part, max(1.0, LARGEST / max(size)))  # in sides of the picture
    canvas = Image.new("RGB", tuple(round(length * sheet) for length in size), original.paper)
    inner = Image.fromarray(pixels)
    if sheet * part < 1:
        inner = inner.resize([max(1, round(length * sheet * part)) for length in inner.size], Image.Resampling.BILINEAR)
    canvas.paste(inner, tuple((canvas.size[i] - inner.size[i]) // 2 for i in (0, 1)))
    return canvas


def turned(original: Original, degrees: float) -> Image.Image:
    """The picture turned about its mark, one half of all pictures to the left, the other to the right.

    The mark is moved where it would leave the picture otherwise.
    """
    original = original.sized()
    pixels, margin = original.on_paper()
    width, height = original.image.size
    left, top, right, bottom = original.box
    degrees = degrees if original.number % 2 else -degrees
    x, y = (left + right) / 2 + margin - 0.5, (top + bottom) / 2 + margin - 0.5
    matrix = cv2.getRotationMatrix2D((x, y), degrees, 1.0)
    cos, sin = np.abs(matrix[0, :2])
    reach = ((right - left) * cos + (bottom - top) * sin) / 2, ((right - left) * sin + (bottom - top) * cos) / 2
    goal = _within((left + right) / 2, reach[0], width), _within((top + bottom) / 2, reach[1], height)
    matrix[:, 2] += [goal[0] - 0.5 - x, goal[1] - 0.5 - y]
    return Image.fromarray(cv2.warpAffine(pixels, matrix, (width, height), borderValue=original.paper))


def thinner(original: Original, share: float) -> Image.Image:
    """Strokes thinner by a share of the picture's side, by grey morphology."""
    return _thickened(original, -share)


def thicker(original: Original, share: float) -> Image.Image:
    """Strokes thicker by a share of the picture's side, by grey morphology."""
    return _thickened(original, share)


def blurred(original: Original, share: float) -> Image.Image:
    """A Gaussian blur, whose standard deviation is a share of the side."""
    return original.image.filter(ImageFilter.GaussianBlur(share * original.side))


def paler(original: Original, part: float) -> Image.Image:
    """All colours nearer to that of the paper, of which they keep `part` of their distance."""
    paper = np.float32(original.paper)
    return Image.fromarray(_levels(paper + np.float32(part) * (np.asarray(original.image) - paper)))


def compressed(original: Original, quality: float) -> Image.Image:
    """The picture as a JPEG file of Pillow gives it back."""
    file = io.BytesIO()
    original.image.copy().save(file, "JPEG", quality=int(quality))  # Pillow keeps the quality in the image it saves
    file.seek(0)
    image = Image.open(file)
    image.load()
    return image


def framed(original: Original, share: float) -> Image.Image:
    """A rectangle of lines of a share of the side, in the colour of the ink, drawn around the mark.

    Nothing of the mark is covered: the picture grows where the frame would lie outside.
    """
    original = original.sized()
    line = max(1, round(share * original.side))
    gap = max(1, round(GAP * original.side))
    left, top, right, bottom = (round(value) for value in original.box)
    width, height = original.image.size
    frame = np.array([left - line, top - line, right + line, bottom + line])
    out = [max(0, gap - frame[0]), max(0, gap - frame[1]), max(0, frame[2] + gap - width)]
    out.append(max(0, frame[3] + gap - height))
    pixels = np.asarray(original.image)
    wide = cv2.copyMakeBorder(pixels, out[1], out[3], out[0], out[2], cv2.BORDER_CONSTANT, value=original.paper)
    x0, y0, x1, y1 = (frame + [out[0], out[1]] * 2).tolist()
    hole = wide[y0 + line : y1 - line, x0 + line : x1 - line].copy()
    wide[y0:y1, x0:x1] = original.ink
    wide[y0 + line : y1 - line, x0 + line : x1 - line] = hole
    return Image.fromarray(wide)


def noisy(original: Original, levels: float) -> Image.Image:
    """Gaussian noise of a standard deviation in grey levels, the same in all colours; each picture has its own."""
    pixels = np.asarray(original.image, dtype=np.float32)
    noise = np.random.default_rng([SEED, original.number]).standard_normal(pixels.shape[:2], dtype=np.float32)
    return Image.fromarray(_levels(pixels + np.float32(levels) * noise[..., None]))


def percent(share: float) -> str:
    """A level that is a share."""
    return f"{100 * share:g} %"


@dataclass(frozen=True)
class Kind:
    """A way to change pictures, in levels from mild to strong, and the words for it.

    `phrase` names a level in a sentence, `down` says that smaller levels are the stronger ones.
    """

    name: str
    title: str
    change: Callable[[Original, float], Image.Image]
    levels: tuple[float, ...]
    text: Callable[[float], str]
    axis: str
    phrase: str
    down: bool = False


KINDS = (
    Kind(
        "size",
        "Size of the mark",
        shrunk,
        (0.5, 0.3, 0.2, 0.1, 0.05),
        percent,
        "of its own size",
        "{} of its own size",
        down=True,
    ),
    Kind("rotation", "Rotation", turned, (5, 10, 20, 30, 45), "{:g}°".format, "turned by", "a turn of {}"),
    Kind(
        "thinner",
        "Thinner strokes",
        thinner,
        (0.005, 0.01, 0.02, 0.03, 0.05),
        percent,
        "of the side taken from the thickness",
        "strokes thinner by {} of the side",
    ),
    Kind(
        "thicker",
        "Thicker strokes",
        thicker,
        (0.02, 0.04, 0.07, 0.1, 0.15),
        percent,
        "of the side added to the thickness",
        "strokes thicker by {} of the side",
    ),
    Kind("blur", "Blur", blurred, (0.01, 0.02, 0.03, 0.05, 0.08), percent, "of the side", "a blur of {} of the side"),
    Kind(
        "contrast",
        "Contrast",
        paler,
        (0.5, 0.2, 0.1, 0.05, 0.03),
        percent,
        "of the contrast left",
        "{} of the contrast",
        down=True,
    ),
    Kind("jpeg", "JPEG", compressed, (30, 15, 8, 4, 1), "{:g}".format, "quality", "JPEG quality {}", down=True),
    Kind(
        "frame",
        "Frame around the mark",
        framed,
        (0.01, 0.02, 0.05, 0.1, 0.15),
        percent,
        "of the side, thickness of its lines",
        "a frame of lines {} of the side thick",
    ),
    Kind("noise", "Noise", noisy, (20, 40, 60, 90, 120), "{:g}".format, "grey levels", "noise of {} grey levels"),
)


def _thickened(original: Original, share: float) -> Image.Image:
    original = original.sized(BROADEST)
    change = cv2.erode if (share > 0) == original.dark else cv2.dilate  # the darkest neighbour, or the lightest
    pixels, radius = np.asarray(original.image), abs(share) * original.side / 2
    whole = int(radius)
    inner, outer = (change(pixels, _disc(r)) if r else pixels for r in (whole, whole + 1))
    return Image.fromarray(cv2.addWeighted(inner, whole + 1 - radius, outer, radius - whole, 0))


def _disc(radius: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))


def _within(middle: float, reach: float, length: float) -> float:
    """Where the middle of something must lie for it to be inside, or in the middle if it is too large."""
    return min(max(middle, reach), length - reach) if 2 * reach <= length else length / 2


def _places(pixels: np.ndarray, margin: int) -> list[tuple[np.ndarray, int]]:
    """Of rows and columns: their places with a margin around them, and their count without."""
    return [(np.arange(-margin, length + margin, dtype=np.float32), length) for length in pixels.shape[:2]]


def _levels(values: np.ndarray) -> np.ndarray:
    return np.clip(values + np.float32(0.5), 0, 255).astype(np.uint8)


def _color(values: np.ndarray) -> Color:
    red, green, blue = (round(float(value)) for value in values)
    return red, green, blue
