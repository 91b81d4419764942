"""Frozen bases of keras.applications under a new head: one flat graph from pixels in [0, 1] to probabilities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
from keras import layers

from ox_classifier.networks import second_look
from ox_classifier.networks import weights as weight_files
from ox_classifier.networks.builders import ImageShape, ModelError
from ox_classifier.networks.weights import Origin

BLUE, GREEN, RED = 103.939, 116.779, 123.68  # ImageNet's mean, 0-255 scale, that VGG16 was trained on

ROOT_FROM = 0.01  # added before the square root is taken
LENGTH = 20.0  # of the features of one place after that: about what it was before, so that a head learns as fast
# What a head that learns from outliers makes of a score under 0 before scores become probabilities. What speaks against
# a class counts so little that where nothing speaks for any, all are about equally likely. A softmax of the scores
# themselves is undecided only where they are equal, which a single layer can't make of all that is no class. At 0 (or
# with ELU, which ends there) a class whose scores all fell under 0 would learn nothing more.
AGAINST = 0.05


@dataclass(frozen=True)
class Base:
    """How one network of keras.applications is used: its convention for pixels and what its head gets."""

    application: Callable[..., keras.Model]
    convention: Callable[[keras.KerasTensor], keras.KerasTensor]  # pixels in [0, 1] → the values it was trained on
    pooling: str | None = "avg"  # None: the head gets the whole last feature map, as in the exercise
    evened: bool = False  # the head gets evened features, which must not be negative: see `_evening`
    twice: bool = False  # pictures that are large enough are seen a second time, made small: see `second_look`
    smallest: int = 32


def vgg16(
    image_shape: ImageShape, num_classes: int, *, dropout: float = 0.5, weights: str | Path = "imagenet"
) -> keras.Model:
    """Frozen ImageNet VGG16 with a new head: less training and better results on a few hundred images.

    Maps float32 pixels in [0, 1], shape (batch, height, width, 3), to class probabilities, shape
    (batch, num_classes). The layers from `dropout` on are the head; `transfer.split` cuts there.
    `weights` is "imagenet", "official", "none" (random) or a file; see `weights.load`.

    Raises:
        ModelError: If the images are not RGB or a side is under 32 pixels.
        UsageError: If the file holds no weights of this network.
        OxError: If no source has the ImageNet weights.

    Source: the second half of the O/X exercise: 50,178 trainable and 14,714,688 frozen parameters at
    224x224 with two classes. Its Dropout drops whole feature maps here (Tompson et al. 2015, section 3.2).
    """
    return build("vgg16", image_shape, num_classes, dropout=dropout, weights=weights)[0]


def mobilenetv2(
    image_shape: ImageShape, num_classes: int, *, dropout: float = 0.5, weights: str | Path = "imagenet"
) -> keras.Model:
    """Frozen MobileNetV2 with a new head: small and fast, for phones. Shapes and errors as in `vgg16`."""
    return build("mobilenetv2", image_shape, num_classes, dropout=dropout, weights=weights)[0]


def efficientnetv2b0(
    image_shape: ImageShape, num_classes: int, *, dropout: float = 0.5, weights: str | Path = "imagenet"
) -> keras.Model:
    """Frozen EfficientNetV2-B0 with a new head: for photos. Shapes and errors as in `vgg16`."""
    return build("efficientnetv2b0", image_shape, num_classes, dropout=dropout, weights=weights)[0]


def resnet50v2(
    image_shape: ImageShape, num_classes: int, *, dropout: float = 0.5, weights: str | Path = "imagenet"
) -> keras.Model:
    """Frozen ResNet50V2 with a new head: the usual baseline. Shapes and errors as in `vgg16`."""
    return build("resnet50v2", image_shape, num_classes, dropout=dropout, weights=weights)[0]


def build(
    arch: str,
    image_shape: ImageShape,
    num_classes: int,
    *,
    dropout: float = 0.5,
    weights: str | Path = "imagenet",
    outliers: bool = False,
) -> tuple[keras.Model, Origin]:
    """A frozen base with a new head, and where the base's weights came from.

    Shapes and errors as in `vgg16`; `arch` is a key of `BASES`. With `outliers`, the head is one that can learn to be
    undecided on images of no class; it has as many parameters.
    """
    base = BASES[arch]
    _check(arch, base, image_shape, num_classes, dropout)
    pixels = keras.Input(image_shape, name="pixels")
    # built on our input, not called as a layer: Grad-CAM and feature maps need one flat graph (tensorflow#44462)
    shown = base.convention(pixels)
    under = base.application(include_top=False, weights=None, input_tensor=shown, pooling=base.pooling)
    frozen = keras.Model(pixels, under.output, name=arch)
    evening = _evening() if base.evened else []
    features = under.output
    for step in evening:
        features = step(features)
    if base.twice and second_look.fits(image_shape):
        before = keras.Model(pixels, shown).layers
        own = [layer for layer in under.layers if layer not in before]
        features = second_look.joined(shown, [*own, *evening], features)
    origin = weight_files.load(frozen, arch, weights)
    for layer in frozen.layers:
        layer.trainable = False  # batch normalisation then uses its stored statistics
    # neighbouring values of a feature map are much alike, so a single dropped one would hide nothing: drop whole maps
    dropping = layers.Dropout if base.pooling else layers.SpatialDropout2D
    x = dropping(dropout, name="dropout")(features)
    x = layers.Flatten(name="flatten")(x)
    # float32 under mixed precision, too: a float16 softmax rounds small probabilities to 0
    if outliers:
        x = layers.Dense(num_classes, dtype="float32", name="scores")(x)
        x = layers.LeakyReLU(negative_slope=AGAINST, dtype="float32", name="evidence")(x)
        answer = layers.Softmax(dtype="float32", name="probabilities")(x)
    else:
        answer = layers.Dense(num_classes, activation="softmax", dtype="float32", name="probabilities")(x)
    return keras.Model(pixels, answer, name=arch), origin


def _check(arch: str, base: Base, image_shape: ImageShape, num_classes: int, dropout: float) -> None:
    height, width, channels = image_shape
    if channels != 3:
        raise ModelError(f"{arch} was trained on colour images and can't take grayscale ones: use --color rgb")
    if min(height, width) < base.smallest:
        raise ModelError(
            f"{arch} can't take images of {width}x{height} pixels: each side must be at least {base.smallest}; "
            "choose a larger --image-size"
        )
    if num_classes < 2:
        raise ModelError(f"{arch} was asked for {num_classes} classes: it needs at least 2")
    if not 0 <= dropout < 1:
        raise ModelError(f"dropout {dropout} is no rate: choose --dropout from 0 up to, but not including, 1")


def _evening() -> list[Callable[[keras.KerasTensor], keras.KerasTensor]]:
    """The steps to the features' square roots, 0 for 0, made equally long at each place; they take no parameters.

    The roots keep a few strong features from hiding the many weak ones: on drawn and on real marks a quarter to a half
    of the wrong answers disappeared. The equal length keeps a place full of texture from speaking louder than a stroke,
    so that a head can learn to be undecided on what it has never seen.
    Source: Perronnin et al. 2010, "Improving the Fisher Kernel for Large-Scale Image Classification", sections 3.1-3.2.
    """
    return [
        layers.Rescaling(1.0, offset=ROOT_FROM, name="root_from"),  # at 0 a square root's gradient is infinite
        keras.ops.sqrt,
        layers.Rescaling(1.0, offset=-(ROOT_FROM**0.5), name="root"),
        layers.UnitNormalization(axis=-1, dtype="float32", name="one_length"),  # float16 would make NaN of zeros
        layers.Rescaling(LENGTH, dtype="float32", name="evened"),
    ]


def _blue_green_red(pixels: keras.KerasTensor) -> keras.KerasTensor:
    x = keras.ops.take(pixels, [2, 1, 0], axis=-1)
    return layers.Rescaling(255.0, offset=[-BLUE, -GREEN, -RED], name="imagenet_mean")(x)


def _minus_one_to_one(pixels: keras.KerasTensor) -> keras.KerasTensor:
    return layers.Rescaling(2.0, offset=-1.0, name="minus_one_to_one")(pixels)


def _to_255(pixels: keras.KerasTensor) -> keras.KerasTensor:
    return layers.Rescaling(255.0, name="to_255")(pixels)


BASES: dict[str, Base] = {
    "vgg16": Base(keras.applications.VGG16, _blue_green_red, pooling=None, evened=True, twice=True),
    "mobilenetv2": Base(keras.applications.MobileNetV2, _minus_one_to_one),
    "efficientnetv2b0": Base(keras.applications.EfficientNetV2B0, _to_255),  # normalises inside
    "resnet50v2": Base(keras.applications.ResNet50V2, _minus_one_to_one),
}

BUILDERS: dict[str, Callable[..., keras.Model]] = {
    "vgg16": vgg16,
    "mobilenetv2": mobilenetv2,
    "efficientnetv2b0": efficientnetv2b0,
    "resnet50v2": resnet50v2,
}
