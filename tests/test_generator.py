"""Augmentation against Keras' own, pixel by pixel, and the same batches whoever asks for them, in any order."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from tensorflow.keras.preprocessing.image import ImageDataGenerator as Stock

from ox_classifier.augmentation.generator import ImageDataGenerator
from ox_classifier.data.images import read
from ox_classifier.errors import UsageError
from ox_classifier.pixels import PixelRule

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore:Please .* `affine_transform` from the `scipy.ndimage`:DeprecationWarning"),
]

SHIFTS = {"width_shift_range": 0.1, "height_shift_range": 0.1}
FLIPS = {"horizontal_flip": True, "vertical_flip": True}
TURNS = {"rotation_range": 40, "shear_range": 25.0, "zoom_range": (0.7, 1.4)}
TONES = {"brightness_range": (0.3, 1.8), "channel_shift_range": 60.0}
OPTIONS = {
    "nothing": {},
    "flips": FLIPS,
    "shift": SHIFTS,
    "shift and flips": SHIFTS | FLIPS,
    "int and list shifts": {"width_shift_range": 6, "height_shift_range": [1, 4, 9], **FLIPS},
    "shift beyond the picture": {"width_shift_range": 70.0, "height_shift_range": 50.0, **FLIPS},
    "shift far down": {"height_shift_range": 40.0, **FLIPS},
    "rotation": {"rotation_range": 90},
    "zoom": {"zoom_range": 0.5},
    "shear": {"shear_range": 40.0},
    "turns": SHIFTS | FLIPS | TURNS,
    "channel shift": {"channel_shift_range": 80.0, **SHIFTS},
    "brightness": {"brightness_range": (0.2, 2.0)},
    "brightness and shift": {"brightness_range": (0.2, 2.0)} | SHIFTS | FLIPS,
    "everything": SHIFTS | FLIPS | TURNS | TONES,
    "samplewise": {"samplewise_center": True, "samplewise_std_normalization": True, "rotation_range": 20},
    "preprocessing": {"preprocessing_function": lambda x: np.sqrt(np.abs(x)), **SHIFTS},
    "cubic": {"interpolation_order": 3, **TURNS},
}


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    """Noise, where any slip shows, and ink on white, where rounding at whole levels does; higher than wide."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, 44, 36, 3), dtype=np.uint8)
    images[3:] = 255
    images[3:, 10:20, 5:30] = [3, 90, 200]
    return images


def keras_pixels(stock: Stock, images: np.ndarray, drawn: list[dict]) -> np.ndarray:
    moved = [stock.apply_transform(x.astype("float32"), d) for x, d in zip(images, drawn, strict=True)]
    return np.stack([stock.standardize(x) for x in moved])


@pytest.mark.parametrize("fill_mode", ["nearest", "constant", "reflect", "wrap"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("option", OPTIONS)
def test_pixels_equal_keras(pictures, option, channels, fill_mode):
    arguments = {"rescale": 1 / 255, "fill_mode": fill_mode, "cval": 200.0, **OPTIONS[option]}
    ours, stock = ImageDataGenerator(**arguments), Stock(**arguments)
    images = np.ascontiguousarray(pictures[..., :channels])
    for epoch in range(2):
        drawn = ours.draws(images.shape[1:], 1, epoch, range(len(images)))
        np.testing.assert_allclose(ours.apply(images, drawn), keras_pixels(stock, images, drawn), atol=1e-4)


def test_pixels_equal_keras_for_what_it_draws_itself(pictures):
    arguments = {"rescale": 1 / 255, **SHIFTS, **FLIPS, **TURNS}
    ours, stock = ImageDataGenerator(**arguments), Stock(**arguments)
    drawn = [stock.get_random_transform(pictures.shape[1:], seed=i) for i in range(len(pictures))]
    np.testing.assert_allclose(ours.apply(pictures, drawn), keras_pixels(stock, pictures, drawn), atol=1e-4)


@pytest.mark.parametrize("kind", ["featurewise_center", "featurewise_std_normalization", "zca_whitening"])
@pytest.mark.filterwarnings("ignore:This ImageDataGenerator specifies")
def test_fitted_statistics_equal_keras(pictures, kind):
    images = pictures[:, :8, :8]
    ours, stock = (make(rescale=1 / 255, horizontal_flip=True, **{kind: True}) for make in (ImageDataGenerator, Stock))
    for generator in (ours, stock):
        generator.fit(images)
    drawn = ours.draws(images.shape[1:], 0, 0, range(len(images)))
    np.testing.assert_allclose(ours.apply(images, drawn), keras_pixels(stock, images, drawn), rtol=1e-4, atol=1e-3)


def test_channels_first_and_float_images_take_keras_way(pictures):
    arguments = {"rotation_range": 30, "data_format": "channels_first"}
    first = np.moveaxis(pictures, 3, 1)
    for images, options in ((first, arguments), (pictures / np.float32(300), {"rotation_range": 30})):
        ours, stock = ImageDataGenerator(**options), Stock(**options)
        batches = ours.flow(images, batch_size=6, seed=0, shuffle=False)
        drawn = ours.draws(images.shape[1:], 0, 0, range(6))
        np.testing.assert_allclose(batches[0], keras_pixels(stock, batches.images, drawn), atol=1e-4)


@pytest.mark.parametrize(("dtype", "atol"), [("float16", 1e-3), ("float64", 1e-6)])
def test_dtype(pictures, dtype, atol):
    batch = ImageDataGenerator(rescale=1 / 255, dtype=dtype).flow(pictures, batch_size=6, shuffle=False)[0]
    assert batch.dtype == dtype
    np.testing.assert_allclose(batch, pictures / 255, atol=atol)


def test_width_moves_columns_and_height_moves_rows():
    """A bright row and column in 40 x 90 pixels: Keras 3.15 moves the wrong one, and by the other side's length."""
    image = np.zeros((40, 90, 1), np.uint8)
    image[20], image[:, 45] = 100, 200
    wide = ImageDataGenerator(width_shift_range=[0.2]).flow(image[None], batch_size=1, seed=0)[0][0, ..., 0]
    high = ImageDataGenerator(height_shift_range=[0.2]).flow(image[None], batch_size=1, seed=0)[0][0, ..., 0]
    assert np.argmax(wide[0]) in (45 - 18, 45 + 18)
    assert np.argmax(wide[:, 0]) == 20
    assert np.argmax(high[:, 0]) in (20 - 8, 20 + 8)
    assert np.argmax(high[0]) == 45


def make_batches(seed: int = 7, **arguments):
    rng = np.random.default_rng(0)
    generator = ImageDataGenerator(rescale=1 / 255, **SHIFTS, **FLIPS, rotation_range=20, noise=8, stroke=1.5)
    images, labels = rng.integers(0, 256, (50, 24, 24, 1), dtype=np.uint8), np.arange(50) % 2
    return generator.flow(images, labels, batch_size=8, seed=seed, **arguments)


def test_batches_are_the_same_in_any_order_and_from_any_thread():
    batches = make_batches()
    expected = [batches[i] for i in range(len(batches))]
    scattered = random.Random(0).sample(range(7), 7) * 3
    with ThreadPoolExecutor(4) as pool:
        for i, (x, y) in zip(scattered, pool.map(make_batches().__getitem__, scattered), strict=True):
            np.testing.assert_array_equal(x, expected[i][0])
            np.testing.assert_array_equal(y, expected[i][1])
    assert [len(y) for _, y in expected] == [8] * 6 + [2]
    assert sorted(np.concatenate([batches.order(0)])) == list(range(50))


def test_a_batch_asked_for_twice_in_an_epoch_is_the_next_epochs():
    """What Keras does with steps_per_epoch: it fetches ahead before it calls on_epoch_end."""
    batches = make_batches()
    np.testing.assert_array_equal(batches[0][0], batches[0][0])  # outside of an epoch nothing changes
    batches.on_epoch_end()
    batches.on_epoch_begin()
    for i in range(7):
        np.testing.assert_array_equal(batches[i][0], batches.batch(i, 0)[0])
    np.testing.assert_array_equal(batches[0][0], batches.batch(0, 1)[0])
    batches.on_epoch_end()
    batches.on_epoch_begin()
    np.testing.assert_array_equal(batches[1][0], batches.batch(1, 1)[0])


def test_another_seed_or_epoch_gives_other_batches():
    batches, other = make_batches(), make_batches(seed=8)
    assert not np.array_equal(batches.batch(0, 0)[0], batches.batch(0, 1)[0])
    assert not np.array_equal(batches[0][0], other[0][0])
    assert not np.array_equal(batches.order(0), batches.order(1))


class Recorder(keras.Model):
    """Takes part in `fit` and keeps the pixels it was shown, summed, one number an image."""

    def __init__(self):
        super().__init__(name="recorder")
        self.seen, self.bias = [], self.add_weight(shape=(), name="bias")

    def call(self, x):
        return keras.ops.sum(x, axis=(1, 2, 3)) + 0 * self.bias

    def train_step(self, data):
        self.seen.append(self(data[0]).numpy())
        return {"loss": 0.0}


def seen_by_fit(batches, epochs: int = 2, **arguments) -> np.ndarray:
    model = Recorder()
    model.compile(run_eagerly=True)
    model.fit(batches, epochs=epochs, shuffle=False, verbose=0, **arguments)
    return np.concatenate(model.seen)


def test_fit_sees_the_same_batches_for_any_number_of_workers():
    batches = make_batches()
    expected = np.concatenate([batches.batch(i, e)[0].sum(axis=(1, 2, 3)) for e in (0, 1) for i in range(7)])
    for workers, arguments in ((1, {}), (4, {}), (1, {"steps_per_epoch": 7})):
        batches = make_batches()
        batches.workers = workers
        np.testing.assert_allclose(seen_by_fit(batches, **arguments), expected, rtol=1e-5)
        assert batches.epoch == 2


def test_a_run_continued_at_an_epoch_sees_what_it_would_have_seen():
    whole = seen_by_fit(make_batches(), epochs=3)
    rest = make_batches()
    rest.epoch = 1
    np.testing.assert_array_equal(seen_by_fit(rest), whole[50:])


def test_next_never_ends_and_reshuffles():
    batches, expected = make_batches(), make_batches()
    for epoch in (0, 1):
        for i in range(7):
            x, _ = next(batches)
            np.testing.assert_array_equal(x, expected.batch(i, epoch)[0])
    next(batches)
    batches.reset()
    np.testing.assert_array_equal(batches.next()[0], expected.batch(0, 2)[0])
    with pytest.raises(IndexError, match="expected 0 to 6"):
        batches[7]


def test_flow_keeps_weights_and_further_inputs_beside_their_images():
    images = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 1), np.uint8)
    numbers = np.arange(10)
    batches = ImageDataGenerator().flow((images, numbers * 2), numbers, batch_size=4, sample_weight=numbers * 3, seed=1)
    for i in range(3):
        (x, double), y, weight = batches[i]
        np.testing.assert_array_equal(x[:, 0, 0, 0], y)
        np.testing.assert_array_equal(double, 2 * y)
        np.testing.assert_array_equal(weight, 3 * y)


def test_whole_numbers_of_any_type_are_kept_as_bytes():
    images = np.full((2, 4, 4, 1), 7)
    for same in (images, images.astype("float64"), images.astype("uint8")):
        assert ImageDataGenerator().flow(same).images.dtype == np.uint8
    assert ImageDataGenerator().flow(images + 0.5).images.dtype == np.float32
    assert ImageDataGenerator().flow(images + 250).images.dtype == np.float32


def test_validation_subset_is_random_stratified_and_left_alone():
    labels = np.repeat([0, 1, 2], [60, 30, 10])
    images = np.random.default_rng(0).integers(0, 256, (100, 6, 6, 1), dtype=np.uint8)
    generator = ImageDataGenerator(rotation_range=90, validation_split=0.2)
    train = generator.flow(images, labels, subset="training", seed=3)
    val = generator.flow(images, labels, subset="validation", shuffle=False, batch_size=100)
    assert np.bincount(val.targets).tolist() == [12, 6, 2]
    assert len(train.images) == 80
    x, _ = val[0]
    np.testing.assert_array_equal(x, val.images)
    known = {image.tobytes() for image in images}
    assert {image.tobytes() for image in train.images} | {image.tobytes() for image in val.images} == known
    first = {image.tobytes() for image in images[:12]}
    assert not first <= {image.tobytes() for image in val.images}
    one_hot = generator.flow(images, np.eye(3)[labels], subset="validation", shuffle=False)
    np.testing.assert_array_equal(one_hot.images, val.images)


def test_our_settings_are_off_by_default():
    assert set(ImageDataGenerator(**SHIFTS).draw((64, 64, 3), 0, 0, 0)) == set(
        Stock().get_random_transform((64, 64, 3))
    )


def test_settings_out_of_range_are_refused_as_keras_refuses_its_own():
    for wrong in ({"invert": 2}, {"rotation_range": 400}, {"brightness_range": 3}):
        with pytest.raises(ValueError, match="|".join(wrong)):
            ImageDataGenerator(**wrong)


def test_settings_may_be_changed_after_construction(pictures):
    generator = ImageDataGenerator()
    generator.rescale, generator.horizontal_flip = 1 / 255, True
    x = generator.apply(pictures[:1], [{"flip_horizontal": True}])
    np.testing.assert_allclose(x[0], pictures[0, :, ::-1] / 255, atol=1e-6)
    assert {d["flip_horizontal"] for d in generator.draws((9, 9, 1), 0, 0, range(9))} == {True, False}


def test_our_settings_refuse_pixels_that_were_rescaled():
    with pytest.raises(UsageError, match="before rescaling"):
        ImageDataGenerator(blur=1).flow(np.full((2, 4, 4, 1), 0.3))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """o: 1, 2, 10 and an unreadable file; x: two pictures; and what isn't to be seen."""
    rng = np.random.default_rng(0)
    for name in ("o/2.png", "o/10.png", "o/1.png", "x/a.png", "x/b.webp", ".ipynb_checkpoints/c.png", "o/._1.png"):
        path = tmp_path / "train" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)).save(path)
    (tmp_path / "train" / "o" / "3.jpg").write_bytes(b"")
    return tmp_path / "train"


def test_flow_from_directory_reads_as_in_every_tutorial(folder, capsys):
    generator = ImageDataGenerator(rescale=1 / 255, horizontal_flip=True, **SHIFTS)
    batches = generator.flow_from_directory(folder, target_size=(20, 24), batch_size=2, class_mode="binary", seed=0)
    assert batches.class_indices == {"o": 0, "x": 1}
    assert batches.filenames == ["o/1.png", "o/2.png", "o/10.png", "x/a.png", "x/b.webp"]
    assert batches.filepaths[0] == str(folder / "o" / "1.png")
    assert batches.classes.tolist() == batches.labels.tolist() == [0, 0, 0, 1, 1]
    assert (batches.n, batches.samples, batches.num_classes, len(batches)) == (5, 5, 2, 3)
    assert batches.image_shape == (20, 24, 3)
    assert [error.path.name for error in batches.bad_files] == ["3.jpg"]
    assert "Found 5 images belonging to 2 classes." in capsys.readouterr().err
    for i in range(3):
        x, y = batches[i]
        rows = batches.order(0)[2 * i : 2 * i + 2]
        assert x.dtype == y.dtype == np.float32
        np.testing.assert_array_equal(y, batches.classes[rows])
        expected = generator.batch(batches.images, rows, 0, 0)
        np.testing.assert_array_equal(x, expected)


def test_pixels_are_those_of_the_one_decoder(folder):
    batches = ImageDataGenerator().flow_from_directory(
        folder, target_size=(20, 24), color_mode="grayscale", class_mode=None, shuffle=False
    )
    rule = PixelRule(20, 24, "grayscale")
    np.testing.assert_array_equal(batches[0], [read(path, rule) for path in batches.filepaths])


@pytest.mark.parametrize(
    "option", [{"interpolation": "nearest"}, {"interpolation": "bicubic", "keep_aspect_ratio": True}]
)
def test_interpolation_named_as_in_keras_gives_keras_pixels(folder, option):
    (folder / "o" / "3.jpg").unlink()
    (folder / "o" / "._1.png").unlink()
    arguments = {"target_size": (20, 24), "class_mode": None, "shuffle": False, "classes": ["o"], **option}
    ours, stock = (make().flow_from_directory(folder, **arguments) for make in (ImageDataGenerator, Stock))
    rows = [stock.filenames.index(name) for name in ours.filenames]  # Keras sorts 10 before 2
    np.testing.assert_array_equal(ours[0], stock[0][rows])


@pytest.mark.parametrize(
    ("class_mode", "expected"),
    [("binary", [0, 0, 0, 1, 1]), ("sparse", [0, 0, 0, 1, 1]), ("categorical", [[1, 0]] * 3 + [[0, 1]] * 2)],
)
def test_class_modes(folder, class_mode, expected):
    _, y = ImageDataGenerator().flow_from_directory(folder, class_mode=class_mode, shuffle=False)[0]
    np.testing.assert_array_equal(y, expected)
    x, same = ImageDataGenerator().flow_from_directory(folder, class_mode="input", shuffle=False)[0]
    np.testing.assert_array_equal(x, same)


def test_classes_links_saving_and_the_disk(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    Image.new("L", (9, 9)).save(tmp_path / "elsewhere" / "linked.png")
    (folder / "x" / "link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    batches = ImageDataGenerator(rescale=1 / 255, **SHIFTS).flow_from_directory(
        folder,
        target_size=(9, 9),
        classes=["x", "o"],
        follow_links=True,
        shuffle=False,
        save_to_dir=pictures,
        save_prefix="view",
        save_format="jpeg",
        memory_budget=0,
    )
    assert batches.class_indices == {"x": 0, "o": 1}
    assert batches.filenames[:3] == ["x/a.png", "x/b.webp", "x/link/linked.png"]
    assert isinstance(batches.images, np.memmap)
    assert batches[0][0].max() <= 1
    assert sorted(p.name for p in pictures.iterdir()) == [f"view_{row}_0.jpeg" for row in range(6)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"color_mode": "rgba"}, "color_mode"),
        ({"class_mode": "other"}, "class_mode"),
        ({"interpolation": "sharp"}, "interpolation"),
        ({"classes": ["o", "y"]}, "no folder for class 'y'"),
        ({"subset": "validation"}, "validation_split"),
    ],
)
def test_a_wrong_argument_is_named(folder, arguments, words):
    with pytest.raises(UsageError, match=words):
        ImageDataGenerator().flow_from_directory(folder, **arguments)


def test_an_empty_or_missing_folder_is_named(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        ImageDataGenerator().flow_from_directory(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="no images found"):
        ImageDataGenerator().flow_from_directory(tmp_path)
