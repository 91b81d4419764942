"""The networks of the course: functions from an image shape and a number of classes to an uncompiled `keras.Model`.

Every network is one flat functional graph with named layers, takes float32 pixels in [0, 1] of shape
(batch, height, width, channels), and answers with probabilities. Parameter counts in the docstrings are
those of the course, at 28x28x1 with ten classes unless they say otherwise.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
from keras import layers

from ox_classifier.errors import UsageError

ImageShape = tuple[int, int, int]


class ModelError(UsageError):
    """A network that can't be built as asked."""


def lenet(image_shape: ImageShape, num_classes: int, *, dropout: float = 0.5) -> keras.Model:
    """Small convolutional network for a few hundred hand-drawn marks.

    Maps float32 pixels in [0, 1], shape (batch, height, width, channels), to class
    probabilities, shape (batch, num_classes); with two classes, to the probability of
    the second class, shape (batch, 1). Each image is first brought to mean 0 and standard deviation 1, which takes no
    parameters: images with faint ink or dim light then look like the others, and fewer epochs are needed.

    Raises:
        ModelError: If a side is under 22 pixels (three 3x3 convolutions and three poolings leave nothing).

    Source: the LeNet of the O/X exercise of the course: 1,212,513 parameters at 150x150x3 with two classes.
    """
    pixels = _pixels("lenet", image_shape, num_classes, dropout, smallest=22)
    x = layers.LayerNormalization(axis=(1, 2, 3), epsilon=1e-4, center=False, scale=False, name="standardized")(pixels)
    for number, filters in enumerate((32, 32, 64), start=1):
        x = layers.Conv2D(filters, 3, activation="relu", name=f"conv{number}")(x)
        x = layers.MaxPooling2D(name=f"pool{number}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(64, activation="relu", name="dense")(x)
    x = _dropout(x, dropout, "dropout")
    answer = _probability(x) if num_classes == 2 else _probabilities(x, num_classes)
    return keras.Model(pixels, answer, name="lenet")


def mlp1(image_shape: ImageShape, num_classes: int, *, dropout: float = 0.0) -> keras.Model:
    """One hidden layer of 512: the simplest network that reads digits.

    Shapes as in the module's docstring. Dropout, if any, follows the hidden layer.

    Raises:
        ModelError: If the image shape, the number of classes or the dropout makes no sense.

    Source: the second lesson of the course: 407,050 parameters.
    """
    return _mlp("mlp1", image_shape, num_classes, hidden=1, dropout=dropout)


def mlp(image_shape: ImageShape, num_classes: int, *, dropout: float = 0.0) -> keras.Model:
    """Two hidden layers of 512: how well digits are read without convolutions.

    Shapes as in the module's docstring. Dropout, if any, follows each hidden layer.

    Raises:
        ModelError: If the image shape, the number of classes or the dropout makes no sense.

    Source: the first lesson of the course: 669,706 parameters.
    """
    return _mlp("mlp", image_shape, num_classes, hidden=2, dropout=dropout)


def cnn(image_shape: ImageShape, num_classes: int, *, dropout: float = 0.0) -> keras.Model:
    """Two convolutions and the output layer: reads digits with the fewest parameters.

    Shapes as in the module's docstring. Dropout, if any, stands before the output.

    Raises:
        ModelError: If a side is under 4 pixels (two poolings leave nothing).

    Source: the third lesson of the course: 50,186 parameters.
    """
    pixels = _pixels("cnn", image_shape, num_classes, dropout, smallest=4)
    x = layers.Flatten(name="flatten")(_two_convolutions(pixels))
    x = _dropout(x, dropout, "dropout")
    return keras.Model(pixels, _probabilities(x, num_classes), name="cnn")


def cnn_dense(image_shape: ImageShape, num_classes: int, *, dropout: float = 0.4) -> keras.Model:
    """The convolutions of `cnn`, then a hidden layer and dropout: for images of clothes (Fashion-MNIST).

    Shapes as in the module's docstring.

    Raises:
        ModelError: If a side is under 4 pixels (two poolings leave nothing).

    Source: the fourth lesson of the course: 333,526 parameters.
    """
    pixels = _pixels("cnn-dense", image_shape, num_classes, dropout, smallest=4)
    x = layers.Flatten(name="flatten")(_two_convolutions(pixels))
    x = layers.Dense(100, activation="relu", name="dense")(x)
    x = _dropout(x, dropout, "dropout")
    return keras.Model(pixels, _probabilities(x, num_classes), name="cnn_dense")


def cnn_dropout(image_shape: ImageShape, num_classes: int, *, dropout: float = 0.5) -> keras.Model:
    """Two convolutions, one pooling, and dropout twice: the usual example of dropout against overfitting.

    Shapes as in the module's docstring. `dropout` is the rate before the output; half of it follows the pooling.

    Raises:
        ModelError: If a side is under 6 pixels (two 3x3 convolutions and a pooling leave nothing).

    Source: the second lesson of the course: 1,199,882 parameters.
    """
    pixels = _pixels("cnn-dropout", image_shape, num_classes, dropout, smallest=6)
    x = layers.Conv2D(32, 3, activation="relu", name="conv1")(pixels)
    x = layers.Conv2D(64, 3, activation="relu", name="conv2")(x)
    x = layers.MaxPooling2D(name="pool")(x)
    x = _dropout(x, dropout / 2, "dropout1")
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(128, activation="relu", name="dense")(x)
    x = _dropout(x, dropout, "dropout2")
    return keras.Model(pixels, _probabilities(x, num_classes), name="cnn_dropout")


BUILDERS: dict[str, Callable[..., keras.Model]] = {
    "lenet": lenet,
    "mlp1": mlp1,
    "mlp": mlp,
    "cnn": cnn,
    "cnn-dense": cnn_dense,
    "cnn-dropout": cnn_dropout,
}


def _mlp(name: str, image_shape: ImageShape, num_classes: int, *, hidden: int, dropout: float) -> keras.Model:
    pixels = _pixels(name, image_shape, num_classes, dropout, smallest=1)
    x = layers.Flatten(name="flatten")(pixels)
    for number in range(1, hidden + 1):
        x = layers.Dense(512, activation="relu", name=f"dense{number}")(x)
        x = _dropout(x, dropout, f"dropout{number}")
    return keras.Model(pixels, _probabilities(x, num_classes), name=name)


def _two_convolutions(x: keras.KerasTensor) -> keras.KerasTensor:
    for number, filters in enumerate((32, 64), start=1):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv{number}")(x)
        x = layers.MaxPooling2D(name=f"pool{number}")(x)
    return x


def _pixels(arch: str, shape: ImageShape, num_classes: int, dropout: float, *, smallest: int) -> keras.KerasTensor:
    """Check what was asked for, and return the input layer."""
    height, width = shape[:2]
    if min(height, width) < smallest:
        raise ModelError(
            f"{arch} can't take images of {width}x{height} pixels: each side must be at least {smallest}; "
            f"choose a larger --image-size"
        )
    if num_classes < 2:
        raise ModelError(f"{arch} was asked for {num_classes} classes: it needs at least 2")
    if not 0 <= dropout < 1:
        raise ModelError(f"dropout {dropout} is no rate: choose --dropout from 0 up to, but not including, 1")
    return keras.Input(shape, name="pixels")


def _dropout(x: keras.KerasTensor, rate: float, name: str) -> keras.KerasTensor:
    return layers.Dropout(rate, name=name)(x) if rate else x


# The answer stays float32 under mixed precision: a float16 softmax rounds small probabilities to 0.
def _probabilities(x: keras.KerasTensor, num_classes: int) -> keras.KerasTensor:
    return layers.Dense(num_classes, activation="softmax", dtype="float32", name="probabilities")(x)


def _probability(x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.Dense(1, activation="sigmoid", dtype="float32", name="probability")(x)
