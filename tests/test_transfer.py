"""Bases under a new head: published parameters, pixels as each base was trained on, and one network from two halves."""

import itertools

import keras
import numpy as np
import onnxruntime
import pytest

from ox_classifier.augmentation.generator import ImageDataGenerator
from ox_classifier.errors import UsageError
from ox_classifier.networks import bases, onnx_export, transfer
from ox_classifier.networks import engine as engines
from ox_classifier.networks.bases import BASES, BUILDERS, vgg16
from ox_classifier.training.fit import Schedule, fit
from tests import tiny_base
from tests.tiny_base import Pictures

pytestmark = pytest.mark.tensorflow
rng = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("OX_CACHE", str(tmp_path / "cache"))
    tiny_base.install(monkeypatch)


def marks(count, seed):
    """Dark and light pictures: something a head can learn from random convolutions."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    return np.clip(random.normal(60 + 120 * labels[:, None, None, None], 30, (count, 16, 16, 3)), 0, 255).astype(
        np.uint8
    ), labels


def prepare(outliers=None, **settings):
    train, train_labels = marks(40, 1)
    val, val_labels = marks(16, 2)
    test, _ = marks(10, 3)
    keras.utils.set_random_seed(0)
    made = transfer.FrozenBase(
        "tiny",
        {"train": Pictures(train), "val": Pictures(val), "test": Pictures(test)}
        | ({} if outliers is None else {"outliers": Pictures(outliers)}),
        {"train": train_labels, "val": val_labels},
        2,
        **{"augmenter": generator(), "weights": "none", "batch_size": 8} | settings,
    )
    return made, made.compute()


def generator():
    return ImageDataGenerator(rescale=1 / 255, horizontal_flip=True, width_shift_range=0.1)


def fit_head(made, tmp_path, epochs=3):
    places = {"checkpoint": tmp_path / "head.keras", "state_file": tmp_path / "head.state.npz"}
    history = fit(made.head, made.train, made.val, Schedule(epochs, learning_rate=0.02), **places)
    places["state_file"].unlink()
    return history


def features_of(made, epoch):
    """The features of an epoch, in the order of the images."""
    rows = np.concatenate([made.train.batch(i, epoch)[0] for i in range(len(made.train))])
    return rows[np.argsort(made.train.order(epoch))]


def counts(model):
    return tuple(
        sum(int(np.prod(w.shape)) for w in weights)
        for weights in (model.trainable_weights, model.non_trainable_weights)
    )


@pytest.mark.parametrize(
    ("side", "classes", "trainable"),
    [
        (224, 2, 50_178),  # 224 / 2^5 = 7 a side: 7 x 7 x 512 = 25,088 and 2 x (25,088 + 1)
        (150, 10, 81_930),  # 4 a side: 10 x (8,192 + 1)
        (32, 2, 1_026),  # 1 a side: 2 x (512 + 1)
    ],
)
def test_vgg16_has_the_parameters_of_the_exercise(side, classes, trainable):
    # 13 convolutions, each filters x (9 x channels in + 1)
    channels = [3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    frozen = sum(out * (9 * into + 1) for into, out in itertools.pairwise(channels))
    assert frozen == 14_714_688
    model = vgg16((side, side, 3), classes, weights="none")
    assert counts(model) == (trainable, frozen)
    assert model.output_shape == (None, classes)


def test_vgg16_is_one_flat_graph():
    model = vgg16((32, 32, 3), 2, weights="none")
    assert not any(isinstance(layer, keras.Model) for layer in model.layers)
    names = [layer.name for layer in model.layers]
    assert names[2] == "block1_conv1"
    evened = ["root_from", "root", "one_length", "evened"]
    assert names[-8:] == ["block5_pool", *evened, "dropout", "flatten", "probabilities"]


def test_a_head_that_learns_from_outliers_has_the_parameters_of_the_exercise():
    model = bases.build("vgg16", (224, 224, 3), 2, weights="none", outliers=True)[0]
    assert counts(model) == (50_178, 14_714_688) and model.output_shape == (None, 2)
    assert [layer.name for layer in model.layers[-4:]] == ["flatten", "scores", "evidence", "probabilities"]
    layer = transfer.split(model)[1].get_layer("scores")
    layer.set_weights([np.eye(25_088, 2, dtype=np.float32), np.zeros(2, np.float32)])
    features = np.zeros((4, 7 * 7 * 512), np.float32)
    features[:, :2] = [(3, 0), (0, 5), (-4, -6), (-6, -3)]  # the last two: evidence for no class
    found = transfer.split(model)[1].predict_on_batch(features.reshape(-1, 7, 7, 512))
    evidence = np.where(features[:, :2] > 0, features[:, :2], features[:, :2] / 20)
    np.testing.assert_allclose(found, np.exp(evidence) / np.exp(evidence).sum(axis=1, keepdims=True), atol=1e-6)
    np.testing.assert_allclose(found[2:], 0.5, atol=0.08)


def test_vgg16_drops_whole_feature_maps_in_training_and_none_afterwards():
    drop = vgg16((64, 64, 3), 2, dropout=0.25, weights="none").get_layer("dropout")
    ones = np.ones((8, 2, 2, 512), np.float32)
    maps = keras.ops.convert_to_numpy(drop(ones, training=True)).reshape(8, 4, 512)
    assert (maps == maps[:, :1]).all()
    assert set(np.unique(maps)) == {0, np.float32(1 / 0.75)}
    assert (maps[:, 0] == 0).mean() == pytest.approx(0.25, abs=0.03)  # 4,096 maps: standard deviation 0.007
    np.testing.assert_array_equal(drop(ones, training=False), ones)


def test_vgg16_sees_pixels_as_keras_own_does():
    ours = transfer.split(vgg16((32, 40, 3), 2, weights="none"))[0]
    stock = keras.applications.VGG16(include_top=False, weights=None, input_shape=(32, 40, 3))
    stock.set_weights(ours.get_weights())
    bytes_ = rng.integers(0, 256, (3, 32, 40, 3)).astype(np.float32)
    expected = stock(keras.applications.vgg16.preprocess_input(bytes_.copy()), training=False)
    pool = keras.Model(ours.input, ours.get_layer("block5_pool").output)(bytes_ / 255, training=False)
    np.testing.assert_allclose(pool, expected, rtol=1e-4, atol=1e-6)
    roots = np.sqrt(expected + 0.01) - 0.1
    evened = 20 * roots / np.linalg.norm(roots, axis=-1, keepdims=True)
    np.testing.assert_allclose(ours(bytes_ / 255, training=False), evened, rtol=1e-4, atol=1e-5)


def test_a_place_where_vgg16_finds_nothing_stays_nothing():
    model = vgg16((32, 32, 3), 2, weights="none")
    model.get_layer("block5_conv3").set_weights([np.zeros((3, 3, 512, 512)), -np.ones(512)])
    base = transfer.split(model)[0]
    pixels = rng.random((2, 32, 32, 3)).astype(np.float32)
    assert not keras.ops.convert_to_numpy(base(pixels, training=False)).any()
    assert not engines.onnx_runtime(base).extract(pixels).any()


@pytest.mark.parametrize(
    ("arch", "module"),
    [
        ("vgg16", "vgg16"),
        ("mobilenetv2", "mobilenet_v2"),
        ("efficientnetv2b0", "efficientnet_v2"),
        ("resnet50v2", "resnet_v2"),
    ],
)
def test_each_base_gets_the_pixels_it_was_trained_on(arch, module):
    entry = keras.Input((4, 5, 3))
    convention = keras.Model(entry, BASES[arch].convention(entry))
    bytes_ = rng.integers(0, 256, (2, 4, 5, 3)).astype(np.float32)
    expected = getattr(keras.applications, module).preprocess_input(bytes_.copy())
    np.testing.assert_allclose(convention(bytes_ / 255), expected, atol=1e-4)


@pytest.mark.parametrize(("arch", "seen"), [("mobilenetv2", 1280), ("efficientnetv2b0", 1280), ("resnet50v2", 2048)])
def test_the_other_bases_freeze_everything_but_the_head(arch, seen):
    model = BUILDERS[arch]((32, 32, 3), 3, weights="none")
    assert counts(model)[0] == 3 * (seen + 1)
    base, _ = transfer.split(model)
    # a frozen batch normalisation keeps to its stored statistics, too, only if it is frozen itself
    assert not any(layer.trainable for layer in base.layers)


@pytest.mark.parametrize("arch", BASES)
@pytest.mark.parametrize(
    ("shape", "settings", "said"),
    [
        ((31, 64, 3), {}, "64x31 pixels: each side must be at least 32"),
        ((64, 64, 1), {}, "can't take grayscale ones: use --color rgb"),
        ((64, 64, 3), {"dropout": 1.0}, "dropout 1.0 is no rate"),
        ((64, 64, 3), {"num_classes": 1}, "needs at least 2"),
    ],
)
def test_what_a_base_cannot_take_is_one_sentence(arch, shape, settings, said):
    with pytest.raises(UsageError) as caught:
        BUILDERS[arch](shape, **{"num_classes": 2, "weights": "none"} | settings)
    assert said in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("views", [0, 1, 3])
def test_what_the_head_learns_the_whole_network_knows(tmp_path, views):
    made, _ = prepare(views=views)
    history = fit_head(made, tmp_path, epochs=8)
    assert history.best_row["val_accuracy"] > 0.9
    test, _ = marks(10, 3)
    pixels = test.astype(np.float32) / 255
    whole = keras.ops.convert_to_numpy(made.model(pixels, training=False))
    np.testing.assert_allclose(whole, made.probabilities("test"), atol=1e-4)
    made.model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    np.testing.assert_array_equal(again(pixels, training=False), whole)
    onnx_export.write(made.model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, {"pixels": pixels})[0], whole, atol=1e-4)


def test_each_epoch_takes_the_next_view():
    made, computed = prepare(views=3)
    rows = [features_of(made, epoch) for epoch in range(4)]
    assert np.array_equal(rows[0], rows[3])
    assert not np.array_equal(rows[0], rows[1]) and not np.array_equal(rows[1], rows[2])
    assert computed == 3 * 40 + 16 + 10


def test_no_views_means_a_fresh_one_every_epoch_and_none_kept():
    made, computed = prepare(views=0)
    assert computed == 16 + 10
    rows = [features_of(made, epoch) for epoch in range(4)]
    assert all(not np.array_equal(rows[i], rows[j]) for i in range(4) for j in range(i))
    # the same drawings as the kept views: epoch 2 is the view of that number
    kept, _ = prepare(views=3)
    np.testing.assert_allclose(features_of(kept, 2), rows[2], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("views", [0, 2])
def test_outliers_are_seen_in_the_views_of_training(views):
    """Shown pictures of the training as outliers, the base answers with the features of the same views."""
    train, _ = marks(40, 1)
    strangers = np.random.default_rng(7).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
    made, computed = prepare(outliers=np.concatenate([strangers, train[:4]]), views=views)
    assert computed == 16 + 10 + views * (40 + 5)
    for epoch in (1, 2):
        ours = made.outliers(epoch, np.array([8, 5, 0]))
        np.testing.assert_allclose(ours[:2], features_of(made, epoch)[[3, 0]], rtol=1e-5, atol=1e-6)
        assert not np.allclose(ours[2], ours[1])
    assert [layer.name for layer in made.head.layers[-2:]] == ["evidence", "probabilities"]
    without = prepare(views=views)[0]
    assert without.outliers is None and without.head.layers[-2].name == "flatten"


def test_without_augmentation_each_image_is_seen_once():
    assert prepare(augmenter=None, views=5)[1] == 40 + 16 + 10


def test_a_second_head_computes_nothing_and_ends_the_same(tmp_path):
    finals = []
    for _ in range(2):
        made, computed = prepare(views=2)
        fit_head(made, tmp_path)
        finals.append(made.head.get_weights())
    assert computed == 0
    for first, second in zip(*finals, strict=True):
        np.testing.assert_array_equal(first, second)
    assert prepare(views=2, dropout=0.3)[1] == 0
    assert prepare(views=3)[1] == 40


def test_views_under_zero_are_refused():
    with pytest.raises(UsageError, match="--views -1: give 0"):
        prepare(views=-1)


def test_nothing_is_computed_before_it_is_asked_for(monkeypatch):
    monkeypatch.setattr(transfer.features, "compute", None)
    made = transfer.FrozenBase("tiny", {"train": Pictures(marks(4, 1)[0])}, {}, 2, augmenter=None, weights="none")
    assert made.model.count_params() and made.head.count_params()


def test_releasing_makes_only_the_last_convolutions_trainable():
    model = bases.build("tiny", (16, 16, 3), 2, weights="none")[0]
    assert [layer.name for layer in transfer.release(model, 1)] == ["block5_conv3"]
    assert {layer.name for layer in model.layers if layer.trainable_weights} == {"block5_conv3", "probabilities"}


@pytest.mark.parametrize("count", [-1, 3])
def test_more_convolutions_than_there_are_are_refused(count):
    model = bases.build("tiny", (16, 16, 3), 2, weights="none")[0]
    with pytest.raises(UsageError, match=f"--fine-tune {count}: tiny has 2 convolution layers; give 0 to 2"):
        transfer.last_convolutions(model, count)
