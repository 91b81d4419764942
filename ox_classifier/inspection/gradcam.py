"""Grad-CAM: which parts of an image speak for the predicted class."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

# Layers that keep places but decide nothing: the map is taken before them.
PASSIVE = (
    keras.layers.InputLayer,
    keras.layers.MaxPooling2D,
    keras.layers.AveragePooling2D,
    keras.layers.Dropout,
    keras.layers.SpatialDropout2D,
    keras.layers.ZeroPadding2D,
    keras.layers.Rescaling,
    keras.layers.UnitNormalization,
    keras.layers.Average,
)


@dataclass(frozen=True)
class GradCam:
    """`maps` (n, height, width) in [0, 1], at the resolution of `layer`; `predicted` (n,) and `probability` (n,).

    A map that is 0 everywhere found nothing that speaks for the class.
    """

    layer: str
    maps: np.ndarray
    predicted: np.ndarray
    probability: np.ndarray


def grad_cam(model: keras.Model, pixels: np.ndarray) -> GradCam:
    """Explain the predicted class of float32 pixels in [0, 1], shape (n, height, width, channels).

    The last layer whose values still have places is weighted, channel by channel, by the mean gradient of the class's
    score before softmax or sigmoid. A network without convolution is explained pixel by pixel instead: pixel times
    gradient, without its sign; `layer` is then the input.

    Source: Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization" (2017).
    """
    layer = _last_with_places(model)
    last = model.output._keras_history.operation
    forward = keras.Model(model.input, [layer.output if layer else model.input, last.input])
    with tf.GradientTape() as tape:
        images = tf.constant(pixels, tf.float32)
        tape.watch(images)  # what follows is then recorded whether the layers are frozen or not
        values, features = forward(images, training=False)
        scores = _scores(last, features)
        predicted = tf.argmax(scores, axis=1)
        chosen = tf.gather(scores, predicted, axis=1, batch_dims=1)
    if layer:
        gradient = tf.cast(tape.gradient(chosen, values), tf.float32)
        weights = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)
        maps = tf.nn.relu(tf.reduce_sum(tf.cast(values, tf.float32) * weights, axis=-1))
    else:
        maps = tf.reduce_sum(tf.abs(images * tape.gradient(chosen, images)), axis=-1)
    return GradCam(
        layer=layer.name if layer else model.input.name,
        maps=_scaled(maps.numpy()),
        predicted=predicted.numpy(),
        probability=tf.gather(tf.nn.softmax(scores), predicted, axis=1, batch_dims=1).numpy(),
    )


def _last_with_places(model: keras.Model) -> keras.Layer | None:
    with_places = [layer for layer in model.layers if len(layer.output.shape) == 4 and not isinstance(layer, PASSIVE)]
    return with_places[-1] if with_places else None


def _scores(last: keras.Layer, features: tf.Tensor) -> tf.Tensor:
    """What stands before softmax, shape (n, classes); a sigmoid's score z counts as (-z/2, z/2), the same to it."""
    if isinstance(last, keras.layers.Softmax):
        return tf.cast(features, tf.float32)
    kernel, bias = (tf.cast(weight.value, tf.float32) for weight in (last.kernel, last.bias))
    scores = tf.cast(features, tf.float32) @ kernel + bias
    return tf.concat([-scores / 2, scores / 2], axis=1) if scores.shape[1] == 1 else scores


def _scaled(maps: np.ndarray) -> np.ndarray:
    """Each map divided by its largest value; a map of zeros stays one."""
    largest = maps.max(axis=(1, 2), keepdims=True)
    return np.divide(maps, largest, out=np.zeros_like(maps), where=largest > 0)
