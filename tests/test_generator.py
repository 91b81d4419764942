"""Augmentation against Keras' own, pixel by pixel, and what `flow` makes of arrays."""

from __future__ import annotations

import re

import numpy as np
import pytest
from tensorflow.keras.preprocessing.image import ImageDataGenerator as Stock

from ox_classifier.augmentation.generator import ImageDataGenerator
from ox_classifier.errors import UsageError
from tests.conftest import REPOSITORY

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


def test_brightness_takes_channels_first_images_as_such(pictures):
    last, first = (
        ImageDataGenerator(brightness_range=(2, 2), data_format=f"channels_{end}") for end in ("last", "first")
    )
    bright = first.flow(np.moveaxis(pictures, 3, 1), batch_size=6, seed=0, shuffle=False)[0]
    np.testing.assert_array_equal(np.moveaxis(bright, 1, 3), last.flow(pictures, batch_size=6, shuffle=False)[0])
    assert (bright.max(axis=(1, 2, 3)) == 255).all()


def test_draws_by_a_seed_leave_numpys_global_generator_alone():
    generator = ImageDataGenerator(rotation_range=30)
    np.random.seed(3)
    expected = np.random.random()
    np.random.seed(3)
    assert generator.get_random_transform((9, 9, 3), seed=5) == generator.get_random_transform((9, 9, 3), seed=5)
    assert np.random.random() == expected
    np.random.seed(3)
    drawn = generator.get_random_transform((9, 9, 3))
    np.random.seed(3)
    assert generator.get_random_transform((9, 9, 3)) == drawn


@pytest.mark.parametrize(("dtype", "atol"), [("float16", 1e-3), ("float64", 1e-6)])
def test_dtype(pictures, dtype, atol):
    batch = ImageDataGenerator(rescale=1 / 255, dtype=dtype).flow(pictures, batch_size=6, shuffle=False)[0]
    assert batch.dtype == dtype
    np.testing.assert_allclose(batch, pictures / 255, atol=atol)


@pytest.mark.parametrize("option", ["everything", "constant", "shift and flips"])
def test_two_channels_and_alpha_equal_keras(option):
    """OpenCV warps two channels on a coarser grid, and Pillow's brightness leaves alpha alone."""
    images = np.random.default_rng(0).integers(0, 256, (4, 24, 31, 4), dtype=np.uint8)
    arguments = {"zoom_range": 0.3, "fill_mode": "constant"} if option == "constant" else OPTIONS[option]
    for channels in (2, 4):
        options = {name: value for name, value in arguments.items() if channels == 4 or name != "brightness_range"}
        ours, stock = ImageDataGenerator(**options), Stock(**options)
        some = np.ascontiguousarray(images[..., :channels])
        drawn = ours.draws(some.shape[1:], 0, 0, range(4))
        np.testing.assert_allclose(ours.apply(some, drawn), keras_pixels(stock, some, drawn), atol=0.02)


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
    assert np.bincount(val.y).tolist() == [12, 6, 2]
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


def test_every_difference_from_keras_that_the_docs_list_has_its_test():
    text = (REPOSITORY / "docs" / "generator.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| Keras", "| ---"))]
    known = "".join(path.read_text() for path in (REPOSITORY / "tests").glob("test_*.py"))
    assert len(rows) >= 15
    for row in rows:
        names = re.findall(r"`(test_\w+)`", row.split("|")[4])
        assert names, row
        assert [name for name in names if f"def {name}(" not in known] == []
