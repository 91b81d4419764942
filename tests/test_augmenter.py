"""The augmenter alone: Keras' settings and draws without Keras or TensorFlow."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ox_classifier.architectures import ARCHITECTURES
from ox_classifier.augmentation.augmenter import Augmenter
from ox_classifier.errors import UsageError


def test_it_imports_neither_keras_nor_tensorflow():
    code = (
        "import sys\nimport numpy as np\nfrom ox_classifier.augmentation.augmenter import Augmenter\n"
        "Augmenter(rotation_range=9, fill_mode='wrap', brightness_range=(0.5, 1), stroke=1, noise=2, rescale=1 / 255)"
        ".batch(np.zeros((4, 9, 9, 1), np.uint8), np.arange(4), 0, 0)\n"
        "print(sorted({'keras', 'tensorflow', 'tf_keras'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_the_settings_that_a_run_keeps_build_it(arch):
    augmenter = Augmenter(rescale=1 / 255, **ARCHITECTURES[arch].settings.get("augmentation", {}))
    images = np.random.default_rng(0).integers(0, 256, (3, 20, 20, 1), dtype=np.uint8)
    views = augmenter.batch(images, np.array([2, 0]), seed=0, epoch=1)
    assert views.shape == (2, 20, 20, 1)
    assert 0 <= views.min() <= views.max() <= 1
    assert augmenter.random == bool(ARCHITECTURES[arch].settings.get("augmentation", {}))


@given(
    shift=st.one_of(
        st.floats(0.01, 0.99), st.floats(1, 30), st.integers(1, 30), st.lists(st.integers(1, 9), min_size=1)
    ),
    zoom=st.floats(0, 0.9),
    seed=st.integers(0, 2**40),
    epoch=st.integers(0, 10_000),
    index=st.integers(0, 10**9),
)
@settings(deadline=None, max_examples=60)
def test_draws_stay_in_range_and_depend_on_their_key_alone(shift, zoom, seed, epoch, index):
    augmenter = Augmenter(width_shift_range=shift, zoom_range=zoom, rotation_range=10, blur=2, noise=3)
    drawn = augmenter.draw((40, 90, 3), seed, epoch, index)
    limit = max(shift) if isinstance(shift, list) else shift
    assert abs(drawn["tx"]) <= (limit if limit >= 1 else limit * 90)
    assert drawn["ty"] == 0
    assert abs(drawn["theta"]) <= 10
    assert 1 - zoom <= min(drawn["zx"], drawn["zy"])
    assert max(drawn["zx"], drawn["zy"]) <= 1 + zoom
    assert 0 <= drawn["blur"] <= 2
    assert 0 <= drawn["noise"] <= 3
    assert augmenter.draws((40, 90, 3), seed, epoch, [index + 1, index])[1] == drawn
    others = [(seed + 1, epoch, index), (seed, epoch + 1, index), (seed, epoch, index + 1), (epoch, seed, index)]
    assert all(augmenter.draw((40, 90, 3), *key) != drawn for key in others if key != (seed, epoch, index))


def test_draws_are_uniform_and_one_option_leaves_another_alone():
    drawn = Augmenter(rotation_range=10, horizontal_flip=True).draws((40, 40, 3), 0, 0, range(20_000))
    counts, _ = np.histogram([d["theta"] for d in drawn], bins=10, range=(-10, 10))
    assert np.abs(counts - 2000).max() < 250  # six standard deviations of 42
    assert abs(np.mean([d["flip_horizontal"] for d in drawn]) - 0.5) < 0.02
    steps = Augmenter(width_shift_range=[1, 4]).draws((40, 40, 3), 0, 0, range(100))
    assert {d["tx"] for d in steps} == {-4, -1, 1, 4}
    more = Augmenter(rotation_range=10, horizontal_flip=True, stroke=1, zoom_range=0.2)
    assert [d["theta"] for d in more.draws((40, 40, 3), 0, 0, range(9))] == [d["theta"] for d in drawn[:9]]


def ink(image: np.ndarray) -> float:
    return float((255 - image.astype(float)).sum() / 255)


@pytest.fixture
def cross() -> np.ndarray:
    image = np.full((1, 64, 64, 3), 255, np.uint8)
    image[:, 30:34, 8:56] = image[:, 8:56, 30:34] = 20
    return image


def test_stroke_changes_the_width_of_ink_by_twice_the_radius(cross):
    """Two bars of 48 x 4; one pixel more on each side makes them 6 wide and 2 longer, one less 2 wide and 2 shorter."""

    def width(radius: float) -> float:
        return ink(Augmenter().apply(cross, [{"stroke": radius}])[0, :, 12]) / ink(cross[0, 32, 12])

    assert width(1) == pytest.approx(6)
    assert width(-1) == pytest.approx(2)
    assert width(0.5) == pytest.approx(5, abs=0.05)
    assert width(2) == pytest.approx(8)


def test_invert_contrast_blur_and_noise(cross):
    apply = Augmenter().apply
    np.testing.assert_array_equal(apply(cross, [{"invert": True}])[0], 255 - cross[0].astype(float))
    softer = apply(cross, [{"contrast": 0.5}])[0]
    mean = cross.mean()
    np.testing.assert_allclose(softer, mean + 0.5 * (cross[0] - mean), atol=0.5)
    blurred = apply(cross, [{"blur": 2.0}])[0]
    assert ink(blurred) == pytest.approx(ink(cross), rel=0.01)
    assert np.abs(np.diff(blurred, axis=0)).max() < 80
    grey = np.full((1, 64, 64, 3), 128, np.uint8)
    noisy = apply(grey, [{"noise": 10.0, "noise_start": 5}])[0]
    assert noisy.std() == pytest.approx(10, rel=0.05)
    assert noisy.mean() == pytest.approx(128, abs=0.5)
    white = apply(cross, [{"noise": 50.0, "noise_start": 5}])
    assert white.max() == 255
    assert white.min() == 0


def test_our_settings_work_beside_the_slow_way(cross):
    ours = {"stroke": 1.0, "invert": True, "noise": 1e-6, "noise_start": 0, "tx": 3}
    expected = Augmenter().apply(cross, [ours])
    np.testing.assert_allclose(Augmenter(fill_mode="wrap").apply(cross, [ours]), expected, atol=0.01)


@pytest.mark.parametrize("order", [1, 0], ids=["native", "as Keras"])
def test_a_negative_is_filled_with_the_negative_of_cval(cross, order):
    augmenter = Augmenter(fill_mode="constant", cval=250, interpolation_order=order)
    negative = augmenter.apply(cross, [{"invert": True, "tx": 10}])[0]
    assert (negative[:, -10:] == 5).all()
    assert (negative[:8, :-10] == 0).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"invert": 2},
        {"blur": -1},
        {"contrast": (2, 1)},
        {"contrast": 1.5},
        {"noise": -0.1},
        {"stroke": -1},
        {"rotation_range": 400},
        {"rotation_range": "20"},
        {"shear_range": float("nan")},
        {"width_shift_range": float("inf")},
        {"width_shift_range": []},
        {"height_shift_range": None},
        {"zoom_range": 1.0},
        {"zoom_range": (0, 1.2)},
        {"zoom_range": (0.5, 1, 2)},
        {"brightness_range": 0.2},
        {"brightness_range": (-1, 1)},
        {"fill_mode": "edge"},
        {"interpolation_order": 6},
        {"rescale": "1/255"},
    ],
    ids=str,
)
def test_a_setting_out_of_range_is_named(wrong):
    (name,) = wrong
    with pytest.raises(UsageError, match=rf"^{name}=.*expected"):
        Augmenter(**wrong)
    with pytest.raises(ValueError, match=name):
        Augmenter(**wrong)


def test_what_switches_chance_on():
    assert not Augmenter(rescale=1 / 255, samplewise_center=True, zoom_range=(1, 1)).random
    for setting in (
        {"width_shift_range": [0, 2]},
        {"zoom_range": 0.1},
        {"brightness_range": (1, 2)},
        {"contrast": (1, 2)},
    ):
        assert Augmenter(**setting).random
