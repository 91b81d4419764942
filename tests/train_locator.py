"""Train the network that finds a mark in a picture: python -m tests.train_locator PHOTOGRAPHS [FOLDER]

Draws 48,000 pictures, learns from them for ten epochs, and for five more from pieces of photographs, too, which show no
mark (about 40 minutes on two cores), and writes ox_classifier/data/locator.npz. PHOTOGRAPHS is a folder of pictures of
anything: the network in the repository learned from 126, each once and with at most 1,400 pixels a side, of Debian's
packages mate-backgrounds, gnome-backgrounds, ukui-wallpapers, lomiri-wallpapers-16.04, lomiri-wallpapers-20.04 and
plasma-workspace-wallpapers. With a folder, what was drawn is kept there.

It learned in three sittings, not by one call of this: ten epochs and two with photographs while fewer marks were drawn
joined and cut out (a tenth and a twentieth), then three with the same pieces of photographs from pictures as they are
drawn now, from a rate of 6e-4 on, and last seven from a rate of 8e-4 on, with letters of joined writing, all but 3,000
of the 32,000 pictures of the first four seeds, 5,000 of the fifth, and pieces of 114 of those photographs.

Another network looks at other parts of pictures: raise DECODING in ox_classifier/pixels.py, give INK_CROPPED another
name, and train and measure again whatever is said of --crop ink.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from ox_classifier.data import ink_crop, locator, locator_file
from tests import locator_views

FINE, COARSE, JOINED = (12, 20, 28, 40), (40,) * 4, (32, 32)  # channels
DRAWN = {seed: {"count": 8000, "other": 0.38, "framed": 0.45} for seed in (11, 12, 13, 14)}
DRAWN[21] = {"count": 8000, "other": 0.2, "framed": 0.9}
DRAWN[31] = {"count": 8000, "other": 0.05, "framed": 0.25, "letters": True}
HELD_OUT = {"seed": 99, "count": 2000, "other": 0.38, "framed": 0.45}
EPOCHS, LAST, BATCH = 10, 5, 64  # without photographs, and with them
RATE, WARM = 2e-3, 300  # the highest learning rate, and the steps until it is reached
LAST_RATE = 7e-4  # at the start of the last epochs
SPOTS = locator.SPOTS
CENTRES = (np.arange(SPOTS, dtype=np.float32) + 0.5) / SPOTS
STRONGEST = 127  # of 8 bits


def network() -> keras.Model:
    """What `locator` computes, before the answers are read."""

    def convolved(values, channels: int):
        return layers.Conv2D(channels, 3, padding="same", activation="relu")(values)

    found = view = keras.Input((locator.VIEW, locator.VIEW, 1))
    for number, channels in enumerate(FINE):
        found = convolved(found, channels)
        found = layers.MaxPooling2D()(found) if number < 2 else found
    near, found = found, layers.MaxPooling2D()(found)
    for channels in COARSE:
        found = convolved(found, channels)
    found = layers.Concatenate()([layers.UpSampling2D()(found), near])
    for channels in JOINED:
        found = convolved(found, channels)
    return keras.Model(view, layers.Conv2D(4, 1)(found))


def standardised(views: tf.Tensor) -> tf.Tensor:
    """As `locator.find` does it."""
    grey = tf.cast(views, tf.float32)
    grey -= tf.reduce_mean(grey, axis=(1, 2), keepdims=True)
    return (grey / tf.maximum(tf.math.reduce_std(grey, axis=(1, 2), keepdims=True), locator.CONTRAST))[..., None]


def turned(views: tf.Tensor, places: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Each view in one of its eight ways round, and half of them as negatives."""
    x, y, half = tf.unstack(places, axis=1)

    def some() -> tf.Tensor:
        return tf.random.uniform((tf.shape(views)[0],)) < 0.5

    chosen = some()
    views, x = tf.where(chosen[:, None, None], views[:, :, ::-1], views), tf.where(chosen, 1 - x, x)
    chosen = some()
    views, y = tf.where(chosen[:, None, None], views[:, ::-1], views), tf.where(chosen, 1 - y, y)
    chosen = some()
    views = tf.where(chosen[:, None, None], tf.transpose(views, (0, 2, 1)), views)
    x, y = tf.where(chosen, y, x), tf.where(chosen, x, y)
    return tf.where(some()[:, None, None], 255 - views, views), tf.stack([x, y, half], axis=1)


def loss(answers: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    """How far answers (n, SPOTS, SPOTS, 4) are from places (n, 3): a soft spot about the mark's middle, as in
    CenterNet (arXiv 1904.07850), and in the spot the way to the middle and the logarithm of the size.
    """
    none = tf.math.is_nan(places[:, 0])
    marked = tf.cast(~none, tf.float32)
    x, y, half = (
        part[:, None, None] for part in tf.unstack(tf.where(none[:, None], [[0.5, 0.5, 0.3]], places), axis=1)
    )
    right, down = x - CENTRES[None, None, :], y - CENTRES[None, :, None]
    heat = tf.exp(-(right**2 + down**2) / (2 * tf.maximum(half / 4, 0.5 / SPOTS) ** 2)) * marked[:, None, None]
    heat /= tf.maximum(tf.reduce_max(heat, axis=(1, 2), keepdims=True), 1e-6)
    score = answers[..., 0]
    unlike = tf.nn.sigmoid_cross_entropy_with_logits(heat, score) * (heat - tf.sigmoid(score)) ** 2
    size = half * SPOTS
    off = sum(
        _huber(part)
        for part in (
            (answers[..., 1] - right * SPOTS) / size * 3,
            (answers[..., 2] - down * SPOTS) / size * 3,
            (answers[..., 3] - tf.math.log(half * 4)) * 4,
        )
    )
    weight = heat * tf.cast(heat > 0.3, tf.float32)
    off = tf.reduce_sum(off * weight, axis=(1, 2)) / tf.maximum(tf.reduce_sum(weight, axis=(1, 2)), 1e-3)
    return tf.reduce_mean(tf.reduce_sum(unlike, axis=(1, 2)) + 0.5 * off * marked)


def _huber(off: tf.Tensor) -> tf.Tensor:
    return tf.where(tf.abs(off) < 1, 0.5 * off**2, tf.abs(off) - 0.5)


def train(model: keras.Model, views: np.ndarray, places: np.ndarray, epochs: int, rate: Callable) -> None:
    """Teach the model where the marks of the views are; `rate` makes the learning rate of a number of steps."""
    steps, rng = len(views) // BATCH, np.random.default_rng(0)
    step = _stepper(model, keras.optimizers.AdamW(rate(epochs * steps), weight_decay=1e-4))
    for epoch in range(epochs):
        order = rng.permutation(len(views))[: steps * BATCH].reshape(steps, BATCH)
        losses = [step(views[some], places[some]) for some in order]
        print(f"epoch {epoch + 1} of {epochs}: loss {np.mean(losses):.4f}", flush=True)


def rising(steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    return keras.optimizers.schedules.CosineDecay(0.0, steps, warmup_target=RATE, warmup_steps=WARM)


def falling(steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    return keras.optimizers.schedules.CosineDecay(LAST_RATE, steps)


def _stepper(model: keras.Model, optimizer: keras.optimizers.Optimizer) -> Callable:
    """One step of the training on some views and the places in them, which returns the loss."""

    @tf.function
    def step(views: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        views, places = turned(tf.cast(views, tf.float32), places)
        with tf.GradientTape() as tape:
            value = loss(model(standardised(views), training=True), places)
        gradients, _ = tf.clip_by_global_norm(tape.gradient(value, model.trainable_variables), 5.0)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return value

    return step


def write(model: keras.Model, path: Path) -> None:
    """The weights, kernels in 8 bits with a scale for each channel they lead to."""
    stored = {}
    for number, layer in enumerate(layer for layer in model.layers if layer.get_weights()):
        kernels, biases = layer.get_weights()
        kernels = kernels[0, 0] if kernels.shape[:2] == (1, 1) else kernels
        scales = np.abs(kernels).reshape(-1, kernels.shape[-1]).max(axis=0).clip(1e-9) / STRONGEST
        stored[f"kernels{number}"] = np.rint(kernels / scales).astype(np.int8)
        stored[f"scales{number}"], stored[f"biases{number}"] = scales.astype(np.float32), biases
    np.savez(path, **stored)


def misplaced(views: np.ndarray, places: np.ndarray) -> tuple[float, float]:
    """The share of marks that `locator` puts more than half their size away or measures over 1.5 times too large or
    too small, and the share of views without a mark in which it sees one.
    """
    found = np.array([locator.find(view) for view in views])
    marked = ~np.isnan(places[:, 0])
    off = np.abs(found[:, 1:3] - places[:, :2]).max(axis=1) / places[:, 2]
    wrong = (off > 0.5) | (np.abs(np.log(found[:, 3] / places[:, 2])) > np.log(1.5)) | (found[:, 0] < ink_crop.LIKELY)
    return float(wrong[marked].mean()), float((found[~marked, 0] >= ink_crop.LIKELY).mean())


def main(arguments: Sequence[str]) -> int:
    photographs, folder = (Path(arguments[i]) if len(arguments) > i else None for i in (0, 1))
    if photographs is None:
        raise SystemExit("train_locator: name a folder of photographs that show no mark")

    def drawn(seed: int, **options) -> tuple:
        return locator_views.drawn(seed, **options, kept=folder and folder / f"g_{seed}.npz")

    views, places = (np.concatenate(part) for part in zip(*[drawn(s, **o) for s, o in DRAWN.items()], strict=True))
    held_out = drawn(**HELD_OUT)  # now: processes are not forked once TensorFlow has run
    keras.utils.set_random_seed(0)
    model, file = network(), Path(locator.__file__).with_name(locator_file.NAME)
    train(model, views, places, EPOCHS, rising)
    write(model, file)  # what it takes for marks in photographs it then learns not to
    locator._layers.cache_clear()
    pieces = locator_views.of_photographs(photographs)
    views = np.concatenate([views, pieces])
    places = np.concatenate([places, np.full((len(pieces), 3), np.nan, np.float32)])
    train(model, views, places, LAST, falling)
    write(model, file)
    locator._layers.cache_clear()
    print("misplaced {:.2%}, seen where there is none {:.1%}".format(*misplaced(*held_out)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
