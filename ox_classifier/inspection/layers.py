"""What a trained network holds: its layers, its kernels before and after training, its feature maps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np


@dataclass(frozen=True)
class LayerRow:
    """One line of the layer table; `output_shape` is that of one image."""

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    trainable: int  # how many of the parameters training may change


@dataclass(frozen=True)
class Kernels:
    """The kernels of one layer, shape (height, width, channels in, filters), before training and after.

    `note` says what a layer other than a convolution shows.
    """

    layer: str
    before: np.ndarray
    after: np.ndarray
    note: str = ""

    @property
    def changed(self) -> bool:
        """Whether training moved any weight (a frozen layer keeps all)."""
        return not np.array_equal(self.before, self.after)


def untrained(build: Callable[[], keras.Model], seed: int) -> keras.Model:
    """The network before training: built again right after the same seed, so with the same first weights."""
    keras.utils.set_random_seed(seed)
    return build()


def layer_table(model: keras.Model) -> list[LayerRow]:
    """The layers from pixels to probabilities, as `model.summary()` has them, as data."""
    return [
        LayerRow(
            layer.name,
            type(layer).__name__,
            tuple(layer.output.shape[1:]),
            layer.count_params(),
            sum(int(np.prod(weight.shape)) for weight in layer.trainable_weights),
        )
        for layer in model.layers
    ]


def layer_text(rows: list[LayerRow]) -> str:
    """The layer table as aligned text, with the totals in the last line."""
    cells = [("layer", "kind", "output", "parameters")]
    cells += [(r.name, r.kind, "x".join(map(str, r.output_shape)), f"{r.parameters:,}") for r in rows]
    total, trainable = sum(r.parameters for r in rows), sum(r.trainable for r in rows)
    cells.append(("total", "", "", f"{total:,}"))
    widths = [max(len(row[i]) for row in cells) for i in range(4)]
    lines = [f"{a:{widths[0]}}  {b:{widths[1]}}  {c:{widths[2]}}  {d:>{widths[3]}}" for a, b, c, d in cells]
    return "\n".join([*lines, f"{trainable:,} trainable, {total - trainable:,} frozen"])


def kernels(model: keras.Model, before: keras.Model) -> list[Kernels]:
    """The kernels of every convolution of `model` beside those of `before`, the same network untrained.

    Those of a first layer stand in the order red, green, blue, whatever order the network has them in. A network
    without convolution shows its first dense layer instead, each unit's weights laid out as an image.
    """
    found = []
    for layer in _convolutions(model):
        order = _channel_order(model, layer)
        both = (_kernel(source.get_layer(layer.name))[:, :, order] for source in (before, model))
        found.append(Kernels(layer.name, *both))
    return found or _dense_as_kernels(model, before)


def convolutions_frozen(model: keras.Model) -> bool:
    """Whether training left every convolution as it was."""
    layers = _convolutions(model)
    return bool(layers) and not any(layer.trainable for layer in layers)


def feature_maps(model: keras.Model, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """What every convolution makes of images: layer name → (n, height, width, filters), activation included.

    `pixels` are float32 in [0, 1], shape (n, height, width, channels).
    """
    layers = _convolutions(model)
    if not layers:
        return {}
    answers = keras.Model(model.input, [layer.output for layer in layers])(pixels, training=False)
    answers = answers if isinstance(answers, list | tuple) else [answers]
    maps = (keras.ops.convert_to_numpy(answer).astype(np.float32) for answer in answers)
    return dict(zip((layer.name for layer in layers), maps, strict=True))


def _convolutions(model: keras.Model) -> list[keras.Layer]:
    return [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D)]


def _kernel(layer: keras.Layer) -> np.ndarray:
    kernel = layer.kernel.numpy()
    # a depthwise kernel has one filter for each channel: as filters that each look at one channel
    return np.swapaxes(kernel, 2, 3) if isinstance(layer, keras.layers.DepthwiseConv2D) else kernel


def _channel_order(model: keras.Model, layer: keras.Layer) -> np.ndarray:
    """Which channel of `layer`'s kernels looks at red, green and blue, found by trying: VGG16 takes BGR.

    A layer of other than three channels keeps its order.
    """
    channels = _kernel(layer).shape[2]
    if channels != 3 or model.input_shape[-1] != 3:
        return np.arange(channels)
    colours = np.zeros((4, *model.input_shape[1:]), np.float32)
    for colour in range(3):
        colours[1 + colour, ..., colour] = 1
    answers = keras.ops.convert_to_numpy(keras.Model(model.input, layer.input)(colours, training=False))
    return np.abs(answers[1:] - answers[0]).sum(axis=(1, 2)).argmax(axis=1)


def _dense_as_kernels(model: keras.Model, before: keras.Model) -> list[Kernels]:
    dense = next((layer for layer in model.layers if isinstance(layer, keras.layers.Dense)), None)
    shape = model.input_shape[1:]
    if dense is None or dense.kernel.shape[0] != np.prod(shape):
        return []
    both = (_kernel(source.get_layer(dense.name)).reshape(*shape, -1) for source in (before, model))
    return [Kernels(dense.name, *both, note="each unit's weights, laid out as the image it looks at")]
