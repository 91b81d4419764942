"""Every network of the course has exactly the parameters it was published with, and refuses what it can't be."""

import keras
import numpy as np
import pytest

from ox_classifier.errors import UsageError
from ox_classifier.networks.builders import BUILDERS, ModelError, cnn, lenet

pytestmark = pytest.mark.tensorflow

# A convolution has filters x (3 x 3 x channels in + 1 bias), a dense layer outputs x (inputs + 1).
PUBLISHED = {
    # 512 x (784 + 1) + 10 x (512 + 1)
    "mlp1": 401_920 + 5_130,
    # the same with 512 x (512 + 1) between
    "mlp": 401_920 + 262_656 + 5_130,
    # 32 x (9 + 1) + 64 x (9 x 32 + 1); 28 → 14 → 7, so 7 x 7 x 64 = 3,136 and 10 x (3,136 + 1)
    "cnn": 320 + 18_496 + 31_370,
    # the same convolutions; 100 x (3,136 + 1) + 10 x (100 + 1)
    "cnn-dense": 320 + 18_496 + 313_700 + 1_010,
    # 28 → 26 → 24 → 12, so 12 x 12 x 64 = 9,216 and 128 x (9,216 + 1) + 10 x (128 + 1)
    "cnn-dropout": 320 + 18_496 + 1_179_776 + 1_290,
    # 28 → 26 → 13 → 11 → 5 → 3 → 1; 32 x 10 + 32 x 289 + 64 x 289; 64 x (64 + 1) + 10 x (64 + 1)
    "lenet": 320 + 9_248 + 18_496 + 4_160 + 650,
}
SMALLEST = {"lenet": 22, "mlp1": 1, "mlp": 1, "cnn": 4, "cnn-dense": 4, "cnn-dropout": 6}


@pytest.mark.parametrize("arch", BUILDERS)
def test_parameters_at_28x28x1_with_ten_classes(arch):
    assert BUILDERS[arch]((28, 28, 1), 10).count_params() == PUBLISHED[arch]


def test_the_sums_above_are_the_published_ones():
    assert [PUBLISHED[arch] for arch in ("mlp1", "mlp", "cnn", "cnn-dense", "cnn-dropout")] == [
        407_050,
        669_706,
        50_186,
        333_526,
        1_199_882,
    ]


def test_lenet_of_the_ox_exercise():
    # 150 → 148 → 74 → 72 → 36 → 34 → 17; 32 x 28 + 32 x 289 + 64 x 289 + 64 x (17 x 17 x 64 + 1) + (64 + 1)
    assert lenet((150, 150, 3), 2).count_params() == 896 + 9_248 + 18_496 + 1_183_808 + 65 == 1_212_513


@pytest.mark.parametrize("arch", BUILDERS)
@pytest.mark.parametrize("shape", [(24, 31, 1), (31, 24, 3)])
@pytest.mark.parametrize("num_classes", [2, 5])
def test_any_shape_and_number_of_classes_gives_probabilities(arch, shape, num_classes):
    model = BUILDERS[arch](shape, num_classes)
    answer = model(np.random.default_rng(0).random((3, *shape), dtype="float32")).numpy()
    one = arch == "lenet" and num_classes == 2
    assert answer.shape == (3, 1 if one else num_classes)
    assert (answer >= 0).all() and (answer <= 1).all()
    if not one:
        np.testing.assert_allclose(answer.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("arch", BUILDERS)
def test_smallest_side_is_the_real_limit(arch):
    side = SMALLEST[arch]
    BUILDERS[arch]((side, side, 1), 3)
    if side > 1:
        with pytest.raises(ModelError, match=rf"40x{side - 1} pixels.*at least {side}"):
            BUILDERS[arch]((side - 1, 40, 1), 3)


@pytest.mark.parametrize("arch", BUILDERS)
def test_graph_is_flat_and_uncompiled(arch):
    model = BUILDERS[arch]((28, 28, 3), 4)
    assert not any(isinstance(layer, keras.Model) for layer in model.layers)
    assert not model.compiled
    assert model.input.name == "pixels"


@pytest.mark.parametrize(
    ("arch", "rates"),
    [("lenet", [0.5]), ("mlp1", []), ("mlp", []), ("cnn", []), ("cnn-dense", [0.4]), ("cnn-dropout", [0.25, 0.5])],
)
def test_default_dropout_is_that_of_the_course(arch, rates):
    assert _rates(BUILDERS[arch]((28, 28, 1), 10)) == rates


@pytest.mark.parametrize("arch", BUILDERS)
def test_dropout_is_taken_from_the_argument(arch):
    expected = {"mlp": [0.2, 0.2], "cnn-dropout": [0.1, 0.2]}.get(arch, [0.2])
    assert _rates(BUILDERS[arch]((28, 28, 1), 10, dropout=0.2)) == expected
    assert _rates(BUILDERS[arch]((28, 28, 1), 10, dropout=0)) == []


@pytest.mark.parametrize("dropout", [-0.1, 1, 1.5])
def test_impossible_dropout(dropout):
    with pytest.raises(ModelError, match="--dropout"):
        cnn((28, 28, 1), 10, dropout=dropout)


def test_one_class_is_refused_as_the_users_error():
    with pytest.raises(UsageError, match="at least 2"):
        cnn((28, 28, 1), 1)


def _rates(model):
    return [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]


def test_lenet_reads_faint_ink_as_it_reads_dark_ink():
    pixels = np.random.default_rng(0).random((3, 30, 30, 3), dtype=np.float32)
    network = lenet((30, 30, 3), 2)
    expected = keras.ops.convert_to_numpy(network(pixels))
    assert np.ptp(expected) > 1e-4
    np.testing.assert_allclose(keras.ops.convert_to_numpy(network(pixels * 0.5 + 0.4)), expected, atol=2e-3)
