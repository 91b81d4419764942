"""What public notebooks do with ImageDataGenerator, once with stock Keras' class and once with ours.

Each idiom is written down as it is found and gives what its author would look at: shapes, counts, labels, how many
pictures differ. The two classes must give the same.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from PIL import Image
from sklearn.model_selection import StratifiedKFold
from tensorflow.keras.preprocessing.image import ImageDataGenerator as Stock

from ox_classifier.augmentation.generator import ImageDataGenerator

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore:Please .* `affine_transform` from the `scipy.ndimage`:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Your input ran out of data"),
    pytest.mark.filterwarnings("ignore:`shuffle=True` was passed, but will be ignored"),
]
AUGMENT = {"rotation_range": 40, "width_shift_range": 0.2, "zoom_range": 0.2, "horizontal_flip": True}
SIZE = (16, 16)


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """train/{cats,dogs}: 11 and 9 pictures of noise; the same 20, unsorted, in flat."""
    place = tmp_path_factory.mktemp("idioms")
    rng = np.random.default_rng(0)
    for i in range(20):
        picture = Image.fromarray(rng.integers(0, 256, (20, 24, 3), dtype=np.uint8))
        for path in (place / "train" / ("cats" if i < 11 else "dogs") / f"{i}.png", place / "flat" / f"{i}.png"):
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(path)
    return place


@pytest.fixture(scope="module")
def arrays() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (20, 16, 16, 3)).astype("float32"), np.arange(20) % 2


def distinct(pictures) -> int:
    return len({np.ascontiguousarray(picture).tobytes() for picture in pictures})


def small_model(outputs: int = 1, activation: str = "sigmoid") -> keras.Model:
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(outputs, activation=activation)])
    model.compile("sgd", "binary_crossentropy" if outputs == 1 else "categorical_crossentropy", metrics=["accuracy"])
    return model


def augment_one_photo(make, root, arrays, tmp):
    """Keras' blog: 20 pictures of one cat."""
    i = 0
    for _ in make(**AUGMENT).flow(arrays[0][:1], batch_size=1, save_to_dir=tmp, save_prefix="cat", save_format="jpeg"):
        i += 1
        if i > 20:
            break
    saved = list(tmp.glob("cat*.jpeg"))
    return i, len(saved), distinct(np.asarray(Image.open(path)) for path in saved)


def augment_ten_photos(make, root, arrays, tmp):
    """10 photos, 5 augmentations each; stock loses one in a few thousand to equal names."""
    datagen = make(**AUGMENT)
    for photo in arrays[0][:10]:
        it = datagen.flow(np.expand_dims(photo, 0), batch_size=1, save_to_dir=tmp, save_prefix="aug")
        for _ in range(5):
            next(it)
    return len(list(tmp.iterdir())) >= 49


def five_views_of_the_first(make, root, arrays, tmp):
    """TensorFlow's tutorial on cats and dogs."""
    train = make(**AUGMENT).flow_from_directory(root / "train", target_size=SIZE, class_mode="binary", batch_size=8)
    views = [train[0][0][0] for _ in range(5)]
    return len(train), distinct(views), views[0].shape, views[0].dtype


def plot_grid(make, root, arrays, tmp):
    it = make(**AUGMENT).flow(arrays[0][:1], batch_size=1)
    tiles = [next(it)[0].astype("uint8") for _ in range(9)]
    return distinct(tiles), tiles[0].shape


def fit_by_steps(make, root, arrays, tmp):
    """fit_generator's successor."""
    train = make(rescale=1 / 255, **AUGMENT).flow_from_directory(
        root / "train", SIZE, batch_size=5, class_mode="binary"
    )
    history = small_model().fit(train, steps_per_epoch=train.samples // train.batch_size, epochs=3, verbose=0)
    return len(history.history["loss"]), train.samples, train.class_indices


def fit_with_validation_split(make, root, arrays, tmp):
    datagen = make(rescale=1 / 255, validation_split=0.2)
    arguments = {"target_size": SIZE, "batch_size": 4, "class_mode": "categorical"}
    train = datagen.flow_from_directory(root / "train", subset="training", **arguments)
    val = datagen.flow_from_directory(root / "train", subset="validation", **arguments)
    history = small_model(2, "softmax").fit(train, validation_data=val, epochs=2, verbose=0)
    together = set(train.filenames) | set(val.filenames)
    return train.samples, val.samples, len(together), np.bincount(val.classes).tolist(), sorted(history.history)


def images_and_masks(make, root, arrays, tmp):
    images, _ = arrays
    settings = {"rotation_range": 90, "horizontal_flip": True, "fill_mode": "reflect"}
    image_datagen, mask_datagen = make(**settings), make(**settings)
    image_datagen.fit(images, augment=True, seed=1)
    mask_datagen.fit(images, augment=True, seed=1)
    pairs = zip(
        image_datagen.flow(images, batch_size=5, seed=1),
        mask_datagen.flow(255 - images, batch_size=5, seed=1),
        strict=False,
    )
    return [bool(np.abs(x + y - 255).max() < 0.01) for _, (x, y) in zip(range(8), pairs, strict=False)]


def folds_over_a_dataframe(make, root, arrays, tmp):
    names = [f"{i}.png" for i in range(20)]
    df = pd.DataFrame({"filename": names, "label": ["cat"] * 11 + ["dog"] * 9})
    held, shapes = [], []
    for train_idx, val_idx in StratifiedKFold(3, shuffle=True, random_state=0).split(df, df["label"]):
        arguments = {"directory": root / "flat", "y_col": "label", "target_size": SIZE, "class_mode": "categorical"}
        train = make(**AUGMENT).flow_from_dataframe(df.iloc[train_idx], **arguments)
        val = make().flow_from_dataframe(df.iloc[val_idx], shuffle=False, **arguments)
        held += list(zip(val.filenames, val[0][1].argmax(1).tolist(), strict=True))
        shapes.append((train.n, val.n, train[0][0].shape, val.class_indices))
    return sorted(held), shapes


class Noisy(keras.utils.PyDataset):
    """A wrapper of one's own."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def __len__(self):
        return len(self.inner)

    def __getitem__(self, i):
        x, y = self.inner[i]
        return x + 1, y

    def on_epoch_end(self):
        self.inner.on_epoch_end()


def custom_wrapper(make, root, arrays, tmp):
    wrapped = Noisy(make(**AUGMENT).flow(*arrays, batch_size=8, seed=1))
    epochs = []
    for _ in range(3):
        epochs.append([wrapped[i] for i in range(len(wrapped))])
        wrapped.on_epoch_end()
    pictures = [x for epoch in epochs for batch, _ in epoch for x in batch]
    orders = [np.concatenate([y for _, y in epoch]) for epoch in epochs]
    history = small_model().fit(wrapped, epochs=2, verbose=0).history
    return distinct(pictures), distinct(orders), [sum(order) for order in orders], len(history["loss"])


def predict_and_name(make, root, arrays, tmp):
    test = make(rescale=1 / 255).flow_from_directory(root / "train", SIZE, batch_size=1, class_mode=None, shuffle=False)
    test.reset()
    pred = small_model(2, "softmax").predict(test, steps=len(test), verbose=0)
    labels = {v: k for k, v in test.class_indices.items()}
    results = pd.DataFrame({"Filename": test.filenames, "of": [labels[k] for k in test.classes]})
    return pred.shape, results.to_numpy().tolist()


def confusion_matrix_order(make, root, arrays, tmp):
    it = make(**AUGMENT).flow_from_directory(root / "train", SIZE, batch_size=6, class_mode="sparse", shuffle=False)
    labels = np.concatenate([it[i][1] for i in range(len(it))])
    return labels.tolist(), it.classes.tolist(), it.labels.tolist()


def class_weights(make, root, arrays, tmp):
    it = make().flow_from_directory(root / "train", SIZE)
    values, counts = np.unique(it.classes, return_counts=True)
    return dict(zip(values.tolist(), (len(it.classes) / (len(values) * counts)).tolist(), strict=True))


def train_by_hand(make, root, arrays, tmp):
    """Keras' documentation: a loop that must be left, as the generator is endless."""
    x_train, y_train = arrays
    it, model, seen, steps = make(**AUGMENT).flow(x_train, y_train, batch_size=8), small_model(), [], []
    for _ in range(2):
        batches = 0
        for x_batch, y_batch in it:
            model.train_on_batch(x_batch, y_batch)
            seen += list(x_batch)
            batches += 1
            if batches >= len(x_train) / 8:
                break
        steps.append(batches)
    return steps, len(seen), distinct(seen)


def names_of_a_batch(make, root, arrays, tmp):
    it = make().flow_from_directory(root / "train", SIZE, batch_size=6, class_mode="sparse", shuffle=False)
    named = []
    for _ in range(3):
        _, y = next(it)
        idx = (it.batch_index - 1) * it.batch_size
        named.append((it.filenames[idx : idx + it.batch_size], y.tolist()))
    return named


def names_of_a_shuffled_batch(make, root, arrays, tmp):
    it = make().flow_from_directory(root / "train", SIZE, batch_size=6, class_mode="sparse", seed=3)
    _, y = next(it)
    chosen = it.index_array[(it.batch_index - 1) * it.batch_size :][: it.batch_size]
    return [it.filenames[i].startswith("dogs") for i in chosen] == y.astype(bool).tolist()


def featurewise(make, root, arrays, tmp):
    datagen = make(featurewise_center=True, featurewise_std_normalization=True)
    datagen.fit(arrays[0])
    x, y = next(datagen.flow(*arrays, batch_size=20))
    return x.shape, y.shape, round(float(x.mean()), 3) + 0.0, round(float(x.std()), 2)


def preprocessing_function(make, root, arrays, tmp):
    shown = []

    def preprocess(image):
        shown.append((image.shape, image.dtype, type(image)))
        return image / 127.5 - 1

    x, _ = make(preprocessing_function=preprocess).flow_from_directory(root / "train", SIZE, batch_size=4)[0]
    return shown, x.dtype, -1 <= x.min() < x.max() <= 1


def extract_features(make, root, arrays, tmp):
    """Deep Learning with Python, 5.3."""
    sample_count, batch_size = 20, 5
    features, labels = np.zeros((sample_count, 16)), np.full(sample_count, -1)
    generator = make(rescale=1 / 255).flow_from_directory(root / "train", SIZE, batch_size=5, class_mode="binary")
    i = 0
    for inputs_batch, labels_batch in generator:
        features[i * batch_size : (i + 1) * batch_size] = inputs_batch.mean(axis=(2, 3))
        labels[i * batch_size : (i + 1) * batch_size] = labels_batch
        i += 1  # noqa: SIM113 - as it is found
        if i * batch_size >= sample_count:
            break
    return distinct(features), sorted(labels.tolist())


def autoencoder(make, root, arrays, tmp):
    x, y = next(make(rescale=1 / 255, **AUGMENT).flow_from_directory(root / "train", SIZE, class_mode="input"))
    return x.shape, bool((x == y).all()), x is y


def one_image(make, root, arrays, tmp):
    datagen = make(**AUGMENT)
    a, b = datagen.random_transform(arrays[0][0]), datagen.random_transform(arrays[0][0])
    turned = datagen.apply_transform(arrays[0][0], {"flip_vertical": True, "tx": 0})
    same = datagen.random_transform(arrays[0][0], seed=4), datagen.random_transform(arrays[0][0], seed=4)
    return a.shape, a.dtype, distinct([a, b]), distinct(same), bool((turned == arrays[0][0][::-1]).all())


def two_inputs(make, root, arrays, tmp):
    images, labels = arrays
    (x, extra), y = next(make(**AUGMENT).flow((images, np.arange(20)), labels, batch_size=7, shuffle=False))
    return x.shape, extra.tolist(), y.tolist()


def generator_function(make, root, arrays, tmp):
    it = make(**AUGMENT).flow(*arrays, batch_size=10)

    def noisy():
        while True:
            x, y = next(it)
            yield x + np.random.normal(0, 1, x.shape), y

    return len(small_model().fit(noisy(), steps_per_epoch=3, epochs=2, verbose=0).history["loss"])


def as_tf_data(make, root, arrays, tmp):
    it = make(**AUGMENT).flow_from_directory(root / "train", SIZE, batch_size=8)
    signature = tf.TensorSpec((None, *SIZE, 3), tf.float32), tf.TensorSpec((None, 2), tf.float32)
    data = tf.data.Dataset.from_generator(lambda: it, output_signature=signature)
    return [(x.shape.as_list(), y.shape.as_list()) for x, y in data.take(4)]


def flat_test_folder(make, root, arrays, tmp):
    by_parent = make().flow_from_directory(root, SIZE, classes=["flat"], class_mode=None, shuffle=False)
    by_itself = make().flow_from_directory(root / "flat", SIZE, classes=["."], class_mode=None, shuffle=False)
    return by_parent.filenames, by_itself.samples, by_itself[0].shape, bool((by_itself[0] == by_parent[0]).all())


def evaluate_both_ways(make, root, arrays, tmp):
    it = make(rescale=1 / 255).flow_from_directory(
        root / "train", SIZE, batch_size=3, class_mode="binary", shuffle=False
    )
    model = small_model()
    loss, _ = model.evaluate(it, verbose=0)
    x, y = (np.concatenate(part) for part in zip(*(it[i] for i in range(len(it))), strict=True))
    return x.shape, y.shape, bool(np.isclose(loss, model.evaluate(x, y, verbose=0)[0], rtol=1e-3))


IDIOMS: list[Callable] = [
    augment_one_photo,
    augment_ten_photos,
    five_views_of_the_first,
    plot_grid,
    fit_by_steps,
    fit_with_validation_split,
    images_and_masks,
    folds_over_a_dataframe,
    custom_wrapper,
    predict_and_name,
    confusion_matrix_order,
    class_weights,
    train_by_hand,
    names_of_a_batch,
    names_of_a_shuffled_batch,
    featurewise,
    preprocessing_function,
    extract_features,
    autoencoder,
    one_image,
    two_inputs,
    generator_function,
    as_tf_data,
    flat_test_folder,
    evaluate_both_ways,
]


@pytest.mark.parametrize("idiom", IDIOMS, ids=lambda idiom: idiom.__name__)
def test_an_idiom_gives_what_it_gives_with_keras(idiom, root, arrays, tmp_path):
    found = []
    for make in (Stock, ImageDataGenerator):
        place = tmp_path / make.__module__
        place.mkdir()
        keras.utils.set_random_seed(0)
        found.append(idiom(make, root, arrays, place))
    assert found[1] == found[0]
