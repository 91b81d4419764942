"""Pictures of what a network holds: each function takes arrays and returns a matplotlib `Figure`."""

from __future__ import annotations

import math

import numpy as np
import seaborn as sns
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

from ox_classifier.lettering import Lettering
from ox_classifier.report.figures import BLUE, INK, LINE, MUTED, ORANGE, heading

BINS = 61  # odd: one bin holds zero in its middle
MOST_FILTERS, MOST_MAPS = 32, 32  # what a picture can hold and still be read
MOST_COLUMNS, MOST_CHANNELS = 16, 8
DPI = 160
COLUMNS = 8
SMALLEST_TILE = 12
WIDTH = 7.2  # inches: letters stay readable when a phone shrinks the picture


def kernel_histograms(layer: str, before: np.ndarray, after: np.ndarray) -> Figure:
    """The weights of a layer before training beside those after, on the same axes, with mean ± standard deviation."""
    reach = max(float(np.abs(before).max()), float(np.abs(after).max()), 1e-6)
    edges = np.linspace(-reach, reach, BINS + 1)
    figure = Figure(figsize=(WIDTH, 2.8), dpi=DPI, layout="constrained")
    pair = figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, when, kernel, color in zip(pair, ("before", "after"), (before, after), (MUTED, BLUE), strict=True):
        axes.stairs(np.histogram(kernel, edges)[0] / kernel.size, edges, fill=True, color=color, alpha=0.85)
        axes.axvline(kernel.mean(), color=ORANGE, linewidth=1.4)
        axes.set_title(f"{when} training: {kernel.mean():.3f} ± {kernel.std():.3f}", fontsize=11, color=INK)
        axes.set_xlabel("weight")
        axes.yaxis.set_major_formatter(lambda share, _: f"{share:.1%}")
        axes.grid(axis="y", color=LINE, linewidth=0.6)
        axes.set_axisbelow(True)
        sns.despine(ax=axes)
    pair[0].set_ylabel("share of weights")
    _title(figure, f"{layer}: {before.size:,} weights, their mean ± standard deviation")
    return figure


def kernel_picture(layer: str, kernel: np.ndarray) -> Figure:
    """Kernels of shape (height, width, channels in, filters) as squares: blue below zero, white zero, red above.

    Three channels in: each filter in its own colours, gray being zero. More: a column a filter, a row a channel.
    """
    height, width, channels, filters = kernel.shape
    shown, depth = min(filters, MOST_FILTERS if channels in (1, 3) else MOST_COLUMNS), min(channels, MOST_CHANNELS)
    kernel = kernel[:, :, :, :shown]
    reach = max(float(np.quantile(np.abs(kernel), 0.995)), 1e-6)  # one outlier would leave the rest white
    what, columns = f"{_first(shown, filters)} filters", COLUMNS
    if channels == 1:
        tiles = np.moveaxis(kernel[:, :, 0], -1, 0)
    elif channels == 3:
        tiles = np.clip(np.moveaxis(kernel, -1, 0) / reach / 2 + 0.5, 0, 1)
    else:
        tiles = np.transpose(kernel[:, :, :depth], (2, 3, 0, 1)).reshape(-1, height, width)
        what, columns = f"{what} (columns), {_first(depth, channels)} channels in (rows)", shown
    title = f"{layer}: {what}, {height}x{width} each"
    return _sheet(tiles, columns, title=title, cmap="RdBu_r", low=-reach, high=reach, bar=channels != 3)


def feature_maps(layer: str, maps: np.ndarray) -> Figure:
    """What one layer makes of one image, shape (height, width, filters): a picture a filter, all on one scale."""
    height, width, filters = maps.shape
    shown = min(filters, MOST_MAPS)
    tiles = np.moveaxis(maps[:, :, :shown], -1, 0)
    top = max(float(np.quantile(tiles, 0.998)), 1e-6)  # a few bright values would leave the rest black
    title = f"{layer}: {_first(shown, filters)} feature maps, {height}x{width} each"
    return _sheet(tiles, COLUMNS, title=title, cmap="viridis", low=min(float(tiles.min()), 0), high=top)


def grad_cam(pixels: np.ndarray, cam: np.ndarray, *, title: str) -> Figure:
    """An image, float32 in [0, 1] (height, width, channels), beside itself under its Grad-CAM (any size, in [0, 1])."""
    height, width = pixels.shape[:2]
    across = WIDTH * 0.72
    figure = Figure(figsize=(across, across / 2 * height / width + 0.55), dpi=DPI, layout="constrained")
    gray = pixels.mean(axis=-1)
    near = "nearest" if max(height, width) < 64 else "antialiased"
    left, right = figure.subplots(1, 2)
    left.imshow(pixels if pixels.shape[-1] == 3 else gray, cmap="gray", vmin=0, vmax=1, interpolation=near)
    right.imshow(gray * 0.7 + 0.15, cmap="gray", vmin=0, vmax=1, interpolation=near)
    grown = _grown(cam, height, width)
    right.imshow(grown, cmap="turbo", vmin=0, vmax=1, alpha=0.75 * grown, interpolation=near)
    for axes, label in ((left, "the image as the network sees it"), (right, "what speaks for the class")):
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_xlabel(label, fontsize=9, color=MUTED)
        for spine in axes.spines.values():
            spine.set_color(LINE)
    _title(figure, title)
    return figure


def mosaic(tiles: np.ndarray, columns: int) -> np.ndarray:
    """Pictures (n, height, width[, 3]) side by side, row after row; the gaps between are NaN, in colour white."""
    count, height, width = tiles.shape[:3]
    gap = _gap(height, width)
    size = math.ceil(count / columns) * (height + gap) - gap, columns * (width + gap) - gap
    sheet = np.full((*size, *tiles.shape[3:]), np.nan if tiles.ndim == 3 else 1, dtype=np.float32)
    for place, tile in enumerate(tiles):
        y, x = place // columns * (height + gap), place % columns * (width + gap)
        sheet[y : y + height, x : x + width] = tile
    return sheet


def _sheet(
    tiles: np.ndarray, columns: int, *, title: str, cmap: str, low: float, high: float, bar: bool = True
) -> Figure:
    zoom = max(1, SMALLEST_TILE // max(tiles.shape[1:3]))  # so that a gap is thin beside a 3x3 kernel, too
    sheet = mosaic(tiles.repeat(zoom, axis=1).repeat(zoom, axis=2), columns)
    down, across = sheet.shape[:2]
    figure = Figure(figsize=(WIDTH, min((WIDTH - 1.1) * down / across + 0.45, 14)), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.set_axis_off()
    shades = axes.imshow(
        sheet, cmap=colormaps[cmap].with_extremes(bad=LINE), vmin=low, vmax=high, interpolation="nearest"
    )
    if bar:
        scale = figure.colorbar(shades, ax=axes, shrink=0.9, aspect=18, pad=0.015)
        scale.outline.set_visible(False)
        scale.ax.yaxis.set_major_locator(MaxNLocator(5))
    _title(figure, title)
    return figure


def _title(figure: Figure, title: str) -> None:
    """A title on as many lines as it needs, for which the figure grows."""
    letters = Lettering([title], dpi=DPI)
    width, height = figure.get_size_inches()
    lines = heading(letters, title, width - 0.3, 10.5)
    figure.set_size_inches(width, height + (len(lines) - 1) * 0.19)
    figure.suptitle("\n".join(lines), fontsize=10.5, color=INK, **letters.style)


def _grown(cam: np.ndarray, height: int, width: int) -> np.ndarray:
    """The map at the size of the image, so that it can let the image through where it is low."""
    return np.asarray(Image.fromarray(cam.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)).clip(
        0, 1
    )


def _gap(height: int, width: int) -> int:
    return max(2, round(max(height, width) / 14))


def _first(shown: int, there: int) -> str:
    return f"all {there}" if shown == there else f"first {shown} of {there}"
