"""Transform parameters → pixels, in OpenCV and NumPy. Knows no Keras and draws nothing at random.

Parameters are the dictionary of Keras' own ImageDataGenerator (theta, tx, ty, shear, zx, zy, flip_horizontal,
flip_vertical, channel_shift_intensity, brightness), with Keras' meaning and pixels, and five of ours:
stroke, blur, contrast, invert, noise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

import cv2
import numpy as np

Parameters = Mapping[str, float]
OURS = ("stroke", "blur", "contrast", "invert", "noise")  # what Keras has no setting for

# scipy's name → OpenCV's border. "wrap" is missing: scipy's has a period of n - 1 pixels. OpenCV's constant border
# blends with the outside where scipy's doesn't, so pixels are taken from the edge and overwritten afterwards.
BORDERS = {"nearest": cv2.BORDER_REPLICATE, "reflect": cv2.BORDER_REFLECT, "constant": cv2.BORDER_REPLICATE}
NOISE_TABLE = 2**18
NEAR = 2e-4  # levels for each pixel of the longer side; four times what float32 coordinates were seen to err


def transform(
    image: np.ndarray,
    parameters: Parameters,
    out: np.ndarray,
    *,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    scale: float = 1.0,
) -> None:
    """Write one transformed picture, times `scale`, to `out`.

    `image` is uint8 (height, width, channels) with 1 to 4 channels; `out` is float32 of the same shape, contiguous.
    The order is stroke, blur, contrast, invert (on uint8) → one warp or shift → noise, channel shift, brightness
    → scale.

    `fill_mode` is a key of `BORDERS`.
    """
    image = retouch(image, parameters)
    if parameters.get("invert"):
        cval = 255 - cval
    toned = any(parameters.get(name) is not None for name in ("channel_shift_intensity", "brightness", "noise"))
    # a factor costs nothing inside the warp, but tone works on 0..255
    _move(image, parameters, out, fill_mode, cval, 1.0 if toned else scale)
    if toned:
        tone(out, parameters)
        if scale != 1:
            np.multiply(out, np.float32(scale), out=out)


def retouch(image: np.ndarray, parameters: Parameters) -> np.ndarray:
    """Stroke, blur, contrast and inversion of a uint8 image; returns `image` itself if none is asked for.

    `stroke` > 0 makes dark ink that many pixels thicker on each side, < 0 thinner; `blur` is a Gaussian sigma in
    pixels; `contrast` stretches about the mean of the image; `invert` gives 255 - x.
    """
    shape = image.shape
    if parameters.get("stroke"):
        image = _stroke(image, parameters["stroke"])
    if parameters.get("blur"):
        image = cv2.GaussianBlur(image, (0, 0), parameters["blur"], borderType=cv2.BORDER_REPLICATE)
    contrast, invert = parameters.get("contrast"), parameters.get("invert")
    if contrast is not None or invert:
        levels = np.arange(256, dtype=np.float64)
        if contrast is not None:
            mean = cv2.mean(image.reshape(shape[0], -1))[0]
            levels = np.clip(np.rint(mean + contrast * (levels - mean)), 0, 255)
        image = cv2.LUT(image, (255 - levels if invert else levels).astype(np.uint8))
    return image.reshape(shape)  # OpenCV drops a last axis of one


def tone(out: np.ndarray, parameters: Parameters) -> None:
    """Noise, channel shift and brightness, in place, on float32 values in 0..255."""
    if parameters.get("noise"):
        flat = out.reshape(out.shape[0], -1)
        cv2.scaleAdd(_noise(flat.shape, int(parameters["noise_start"])), parameters["noise"], flat, dst=flat)
        np.clip(out, 0, 255, out=out)
    if parameters.get("channel_shift_intensity") is not None:
        low, high = out.min(), out.max()
        np.add(out, np.float32(parameters["channel_shift_intensity"]), out=out)
        np.clip(out, low, high, out=out)
    if parameters.get("brightness") is not None:
        # what Pillow's ImageEnhance.Brightness does to whole levels, its truncations included
        np.floor(out, out=out)
        colours = out[..., :3]  # alpha stays
        np.multiply(colours, np.float32(parameters["brightness"]), out=colours)
        np.floor(out, out=out)
        np.clip(out, 0, 255, out=out)


def matrix(parameters: Parameters, height: int, width: int) -> np.ndarray | None:
    """Where an output pixel (row, column, 1) comes from, shape (2, 3), flips left out; None if nothing moves.

    The arithmetic is Keras' `apply_affine_transform`, step by step, so that the last bit agrees: with a constant border
    it decides whether an edge pixel lies inside. `tx` moves columns and `ty` rows, which Keras' own draws mix up.
    """
    theta, shear = parameters.get("theta", 0), parameters.get("shear", 0)
    tx, ty = parameters.get("tx", 0), parameters.get("ty", 0)
    zx, zy = parameters.get("zx", 1), parameters.get("zy", 1)
    x, y = float(height) / 2 - 0.5, float(width) / 2 - 0.5  # the centre; Keras takes x from the height
    if theta == 0 and shear == 0 and zx == 1 and zy == 1:  # what the products below come to
        return np.array([[1, 0, (ty + y) - y], [0, 1, (tx + x) - x]]) if tx != 0 or ty != 0 else None
    steps = []
    if theta != 0:
        theta = np.deg2rad(theta)
        steps.append([[np.cos(theta), -np.sin(theta), 0], [np.sin(theta), np.cos(theta), 0], [0, 0, 1]])
    if tx != 0 or ty != 0:
        steps.append([[1, 0, tx], [0, 1, ty], [0, 0, 1]])
    if shear != 0:
        shear = np.deg2rad(shear)
        steps.append([[1, -np.sin(shear), 0], [0, np.cos(shear), 0], [0, 0, 1]])
    if zx != 1 or zy != 1:
        steps.append([[zx, 0, 0], [0, zy, 0], [0, 0, 1]])
    total = np.array(steps[0], dtype=np.float64)
    for step in steps[1:]:
        total = np.dot(total, np.array(step, dtype=np.float64))
    centre, back = np.array([[1, 0, x], [0, 1, y], [0, 0, 1]]), np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1]])
    total = np.dot(np.dot(centre, total), back)
    return total[[1, 0]][:, [1, 0, 2]]


def _move(
    image: np.ndarray, parameters: Parameters, out: np.ndarray, fill_mode: str, cval: float, scale: float
) -> None:
    """Warp or shift, then flip, into `out`."""
    height, width = image.shape[:2]
    across, down = bool(parameters.get("flip_horizontal")), bool(parameters.get("flip_vertical"))
    source = matrix(parameters, height, width)
    if source is None:
        np.multiply(_flip(image, across, down), np.float32(scale), out=out)
        return
    flipped, border = _flipped(source, height, width, across, down), BORDERS[fill_mode]
    if _is_small_shift(source, height, width):
        # of the flipped picture, shifted the other way: flipping uint8 is cheaper than flipping float32
        dy, dx = source[0, 2] * (-1 if down else 1), source[1, 2] * (-1 if across else 1)
        _shift(_flip(image, across, down), dy, dx, out, border, scale)
    else:
        _warp(image, flipped, out, border, scale)
    if parameters.get("brightness") is not None and not parameters.get("noise"):
        _settle(out, image, flipped, border, parameters.get("channel_shift_intensity") or 0)
    if fill_mode == "constant":
        _overwrite_outside(out, source, cval * scale, across, down)


def _flip(image: np.ndarray, across: bool, down: bool) -> np.ndarray:
    if not across and not down:
        return image
    return cv2.flip(image, -1 if across and down else int(across)).reshape(image.shape)


def _flipped(source: np.ndarray, height: int, width: int, across: bool, down: bool) -> np.ndarray:
    """`source` for the output read backwards, so that flipping costs nothing."""
    source = source.copy()
    for axis, size, flip in ((0, height, down), (1, width, across)):
        if flip:
            source[:, 2] += source[:, axis] * (size - 1)
            source[:, axis] *= -1
    return source


def _is_small_shift(source: np.ndarray, height: int, width: int) -> bool:
    """Whether nothing but a shift by less than half the picture happens (a border of reflections needs that half)."""
    turns = source[0, 0] != 1 or source[1, 1] != 1 or source[0, 1] != 0 or source[1, 0] != 0
    return not turns and abs(source[0, 2]) < height // 2 - 1 and abs(source[1, 2]) < width // 2 - 1


def _shift(image: np.ndarray, dy: float, dx: float, out: np.ndarray, border: int, scale: float) -> None:
    """Bilinear shift as two weighted sums, a third of the time of a warp."""
    height, width, channels = image.shape
    top, left = int(np.floor(dy)), int(np.floor(dx))
    part_y, part_x = dy - top, dx - left
    inner = image[max(top, 0) : height + top + 1, max(left, 0) : width + left + 1]
    edges = max(-top, 0), max(top + 1, 0), max(-left, 0), max(left + 1, 0)
    padded = cv2.copyMakeBorder(inner, *edges, border).reshape(height + 1, (width + 1) * channels)
    rows = cv2.addWeighted(padded[:height], (1 - part_y) * scale, padded[1:], part_y * scale, 0, dtype=cv2.CV_32F)
    wide = width * channels
    cv2.addWeighted(rows[:, :wide], 1 - part_x, rows[:, channels:], part_x, 0, dst=out.reshape(height, wide))


def _warp(image: np.ndarray, source: np.ndarray, out: np.ndarray, border: int, scale: float) -> None:
    """One bilinear warp on float32."""
    height, width, channels = image.shape
    target = out[..., 0] if channels == 1 else out
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    pixels = np.multiply(image, np.float32(scale))
    cv2.warpAffine(pixels, _as_opencv(source), (width, height), dst=target, flags=flags, borderMode=border)


def _as_opencv(source: np.ndarray) -> np.ndarray:
    """OpenCV wants (x, y) where scipy has (row, column)."""
    return source[::-1][:, [1, 0, 2]]


def _settle(out: np.ndarray, image: np.ndarray, source: np.ndarray, border: int, later: float) -> None:
    """Make values next to a whole level exact: brightness cuts fractions off, and 254.9999 must not become 254.

    Among equal neighbours the level itself is meant; the few others are computed again in float64.
    `later` is what will be added before the cut.
    """
    height, width = out.shape[:2]
    limit = np.float32(NEAR * max(height, width))
    whole = np.rint(out)
    near = np.abs(out - whole) < limit
    np.copyto(out, whole, where=near)
    if later:
        after = out + np.float32(later)
        near |= np.abs(after - np.rint(after)) < limit
    steps = cv2.morphologyEx(image, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    steps = cv2.warpAffine(steps, _as_opencv(source), (width, height), flags=flags, borderMode=border)
    near &= steps.reshape(out.shape) > 0
    row, column, channel = np.nonzero(near)
    y, x = (line[2] + row * line[0] + column * line[1] for line in source)
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    part_y, part_x = y - top, x - left
    rows = [_inside(top + i, height, border) for i in (0, 1)]
    columns = [_inside(left + i, width, border) for i in (0, 1)]
    upper, lower = (image[r, columns[0], channel] * (1 - part_x) + image[r, columns[1], channel] * part_x for r in rows)
    out[near] = upper * (1 - part_y) + lower * part_y


def _inside(place: np.ndarray, size: int, border: int) -> np.ndarray:
    """The pixel that stands for one outside."""
    if border == cv2.BORDER_REPLICATE:
        return np.clip(place, 0, size - 1)
    place = place % (2 * size)
    return np.minimum(place, 2 * size - 1 - place)


def _overwrite_outside(out: np.ndarray, source: np.ndarray, value: float, across: bool, down: bool) -> None:
    """Set pixels of `out` (already flipped) to `value` where they come from outside of the picture."""
    height, width = out.shape[:2]
    flipped = out[:: -1 if down else 1, :: -1 if across else 1]
    for block in _blocks(height, width):
        rows, columns = _coordinates(source, block, width)
        outside = (rows < 0) | (rows > height - 1) | (columns < 0) | (columns > width - 1)
        flipped[block][outside] = value


def _coordinates(source: np.ndarray, block: slice, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Source row and column of the output pixels in a block of rows, summed in scipy's order."""
    row, column = np.arange(block.start, block.stop, dtype=np.float64)[:, None], np.arange(width, dtype=np.float64)
    return tuple((line[2] + row * line[0]) + column * line[1] for line in source)


def _blocks(height: int, width: int) -> Iterator[slice]:
    """Rows, a few at a time: float64 temporaries above 128 KB cost more in page faults than in arithmetic."""
    step = max(1, 8192 // width)
    return (slice(start, min(start + step, height)) for start in range(0, height, step))


def _stroke(image: np.ndarray, radius: float) -> np.ndarray:
    """Grey morphology with a disc; a radius between whole pixels is a blend of the two discs around it."""
    change = cv2.erode if radius > 0 else cv2.dilate  # the darkest neighbour, or the lightest
    whole = int(abs(radius))
    part = abs(radius) - whole
    inner = (
        change(image, _disc(whole)) if whole else image.reshape(image.shape[:2] if image.shape[2] == 1 else image.shape)
    )
    if not part:
        return inner
    return cv2.addWeighted(inner, 1 - part, change(image, _disc(whole + 1)), part, 0)


@lru_cache(maxsize=32)
def _disc(radius: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))


def _noise(shape: tuple[int, int], start: int) -> np.ndarray:
    """A stretch of one fixed table of Gaussian numbers: drawing 67,500 of them costs more than all the rest."""
    count = shape[0] * shape[1]
    table = _noise_table(max(NOISE_TABLE, 2 * count))
    start %= len(table) - count
    return table[start : start + count].reshape(shape)


@lru_cache(maxsize=2)
def _noise_table(size: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(size, dtype=np.float32)
