"""Files → batches: folders and dataframes, numbered as Keras does, read by our decoder; pictures saved for the eye."""

from __future__ import annotations

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tensorflow.keras.preprocessing.image import DirectoryIterator, Iterator
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
BOTH = pytest.mark.parametrize("make", [Stock, ImageDataGenerator], ids=["stock", "ours"])


def draw(root, *names):
    """Noise under each name; the same name gives the same picture."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(list(name.encode()))
        Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)).save(path)
    return root


@pytest.fixture
def folder(tmp_path):
    """o: 1, 2, 10; x: two pictures; and what isn't to be seen."""
    names = "o/2.png o/10.png o/1.png x/a.png x/b.webp .ipynb_checkpoints/c.png o/._1.png".split()
    return draw(tmp_path / "train", *names)


def damage(path):
    path.write_bytes(path.read_bytes()[:40])


def test_flow_from_directory_reads_as_in_every_tutorial(folder, capsys):
    generator = ImageDataGenerator(rescale=1 / 255, horizontal_flip=True, **SHIFTS)
    batches = generator.flow_from_directory(folder, target_size=(20, 24), batch_size=2, class_mode="binary", seed=0)
    assert batches.class_indices == {"o": 0, "x": 1}
    assert batches.filenames == ["o/1.png", "o/10.png", "o/2.png", "x/a.png", "x/b.webp"]
    assert batches.filepaths[0] == str(folder / "o" / "1.png")
    assert batches.classes.tolist() == batches.labels.tolist() == [0, 0, 0, 1, 1]
    assert (batches.n, batches.samples, batches.num_classes, len(batches)) == (5, 5, 2, 3)
    assert (batches.image_shape, batches.target_size, batches.color_mode) == ((20, 24, 3), (20, 24), "rgb")
    assert (batches.directory, batches.class_mode, batches.subset) == (str(folder), "binary", None)
    assert isinstance(batches, DirectoryIterator)
    assert "Found 5 images belonging to 2 classes." in capsys.readouterr().err
    for i in range(3):
        x, y = batches[i]
        rows = batches.order(0)[2 * i : 2 * i + 2]
        assert x.dtype == y.dtype == np.float32
        np.testing.assert_array_equal(y, batches.classes[rows])
        np.testing.assert_array_equal(x, generator.batch(batches.images, rows, 0, 0))


@BOTH
def test_class_indices_are_those_of_keras(tmp_path, make):
    """Sorted as text, empty folders counted, `classes` in the order given: an empty val/o must not make x class 0."""
    draw(tmp_path, "1/a.png", "10/a.png", "2/a.png", "Dog/a.png", "cat/a.png")
    (tmp_path / "Ant").mkdir()
    found = make().flow_from_directory(tmp_path, class_mode="sparse", shuffle=False)
    assert list(found.class_indices.items()) == [("1", 0), ("10", 1), ("2", 2), ("Ant", 3), ("Dog", 4), ("cat", 5)]
    assert found.classes.tolist() == found[0][1].tolist() == [0, 1, 2, 4, 5]
    assert found.num_classes == 6
    assert make().flow_from_directory(tmp_path)[0][1].shape == (5, 6)
    chosen = make().flow_from_directory(tmp_path, classes=["cat", "gone", "1"], class_mode="sparse", shuffle=False)
    assert chosen.class_indices == {"cat": 0, "gone": 1, "1": 2}
    assert chosen.filenames == ["cat/a.png", "1/a.png"]
    assert chosen.classes.tolist() == [0, 2]
    flat = make().flow_from_directory(tmp_path / "cat", classes=["."], class_mode=None)
    assert (flat.samples, flat.filenames) == (1, ["./a.png"])


@BOTH
def test_files_come_folder_by_folder_in_the_order_of_plain_text(tmp_path, make):
    draw(tmp_path, *(f"o/{name}.png" for name in ("10", "2", "b/1", "B/3", "a", "A")), "x/1.png")
    found = make().flow_from_directory(tmp_path)
    assert found.filenames == [f"o/{name}.png" for name in ("10", "2", "A", "a", "B/3", "b/1")] + ["x/1.png"]


def test_hidden_folders_are_no_classes(folder, capsys):
    assert ImageDataGenerator().flow_from_directory(folder).class_indices == {"o": 0, "x": 1}
    assert ".ipynb_checkpoints" in capsys.readouterr().err
    assert ".ipynb_checkpoints" in Stock().flow_from_directory(folder).class_indices


@pytest.mark.parametrize("color", ["rgb", "grayscale"])
def test_pixels_are_those_of_the_one_decoder(folder, color):
    batches = ImageDataGenerator().flow_from_directory(
        folder, target_size=(20, 24), color_mode=color, class_mode=None, shuffle=False
    )
    rule = PixelRule(20, 24, color)
    np.testing.assert_array_equal(batches[0], [read(path, rule) for path in batches.filepaths])


OPTIONS = {
    "nearest": {"interpolation": "nearest"},
    "bicubic, cut": {"interpolation": "bicubic", "keep_aspect_ratio": True},
    "alpha": {"color_mode": "rgba", "interpolation": "bilinear"},
}


@pytest.mark.parametrize("option", OPTIONS)
def test_interpolation_named_as_in_keras_gives_keras_pixels(tmp_path, option):
    draw(tmp_path, "o/1.png", "o/2.jpg")
    rgba = np.random.default_rng(0).integers(0, 256, (30, 40, 4), dtype=np.uint8)
    Image.fromarray(rgba if option == "alpha" else rgba[..., :3]).save(tmp_path / "o" / "3.png")
    arguments = {"target_size": (20, 24), "class_mode": None, "shuffle": False, **OPTIONS[option]}
    ours, stock = (make().flow_from_directory(tmp_path, **arguments) for make in (ImageDataGenerator, Stock))
    assert ours.filenames == stock.filenames
    assert ours.image_shape == stock.image_shape
    np.testing.assert_array_equal(ours[0], stock[0])


def test_alpha_is_resized_with_antialiasing_too(folder):
    whole = ImageDataGenerator().flow_from_directory(folder, (20, 24), color_mode="rgba", shuffle=False)[0][0]
    plain = ImageDataGenerator().flow_from_directory(folder, (20, 24), shuffle=False)[0][0]
    assert (whole[..., 3] == 255).all()
    np.testing.assert_array_equal(whole[..., :3], plain)


@BOTH
@pytest.mark.parametrize(
    ("class_mode", "expected"),
    [("binary", [0, 0, 0, 1]), ("sparse", [0, 0, 0, 1]), ("categorical", [[1, 0]] * 3 + [[0, 1]])],
)
def test_class_modes(folder, make, class_mode, expected):
    arguments = {"classes": ["o", "x"], "shuffle": False}
    for name in ("o/._1.png", "x/b.webp"):
        (folder / name).unlink()
    x, y = make().flow_from_directory(folder, class_mode=class_mode, **arguments)[0]
    np.testing.assert_array_equal(y, expected)
    assert y.dtype == np.float32
    x, same = make().flow_from_directory(folder, class_mode="input", **arguments)[0]
    np.testing.assert_array_equal(x, same)


def test_links_and_the_disk(folder, tmp_path):
    draw(tmp_path / "elsewhere", "linked.png")
    (folder / "x" / "link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    arguments = {"target_size": (9, 9), "classes": ["x", "o"], "shuffle": False}
    assert ImageDataGenerator().flow_from_directory(folder, **arguments).samples == 5
    batches = ImageDataGenerator(rescale=1 / 255).flow_from_directory(
        folder, **arguments, follow_links=True, memory_budget=0
    )
    assert batches.filenames[:3] == ["x/a.png", "x/b.webp", "x/link/linked.png"]
    assert isinstance(batches.images, np.memmap)
    assert batches[0][0].max() <= 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"color_mode": "cmyk"}, "color_mode='cmyk': expected one of rgb"),
        ({"class_mode": "other"}, "class_mode='other': expected"),
        ({"interpolation": "sharp"}, "interpolation='sharp': expected"),
        ({"on_error": "ignore"}, "on_error='ignore': expected one of raise, drop"),
        ({"subset": "test"}, "subset='test': expected"),
    ],
)
def test_a_wrong_argument_is_named_in_an_error_that_keras_users_catch(folder, arguments, words):
    with pytest.raises(ValueError, match=words):
        ImageDataGenerator(validation_split=0.2).flow_from_directory(folder, **arguments)
    with pytest.raises(UsageError):
        ImageDataGenerator(validation_split=0.2).flow_from_directory(folder, **arguments)


def test_an_empty_or_missing_folder_is_named(tmp_path):
    for make in (Stock, ImageDataGenerator):
        with pytest.raises(FileNotFoundError, match="nowhere"):
            make().flow_from_directory(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="no images found"):
        ImageDataGenerator().flow_from_directory(tmp_path)
    with pytest.raises(FileNotFoundError, match="make it first"):
        ImageDataGenerator().flow(np.zeros((1, 9, 9, 1)), save_to_dir=tmp_path / "views")


@BOTH
def test_a_subset_without_a_split_is_everything_or_nothing(folder, make):
    arguments = {"classes": ["x"], "target_size": (9, 9)}
    assert make().flow_from_directory(folder, subset="training", **arguments).samples >= 1
    nothing = make().flow_from_directory(folder, subset="validation", **arguments)
    assert (nothing.samples, len(nothing)) == (0, 0)
    assert next(nothing)[0].shape == (0, 9, 9, 3)


@BOTH
def test_a_split_takes_as_many_of_every_class_as_keras(tmp_path, make):
    draw(tmp_path, *(f"o/{i}.png" for i in range(7)), *(f"x/{i}.png" for i in range(12)))
    both = [
        make(validation_split=0.3).flow_from_directory(tmp_path, (9, 9), subset=subset)
        for subset in ("training", "validation")
    ]
    assert [np.bincount(part.classes).tolist() for part in both] == [[5, 9], [2, 3]]
    assert len({name for part in both for name in part.filenames}) == 19


def test_the_validation_subset_is_random_and_never_augmented(tmp_path):
    draw(tmp_path, *(f"o/{i:02}.png" for i in range(20)))
    generator = ImageDataGenerator(validation_split=0.2, rotation_range=90)
    val = generator.flow_from_directory(tmp_path, (9, 9), subset="validation", shuffle=False)
    stock = Stock(validation_split=0.2).flow_from_directory(tmp_path, (9, 9), subset="validation")
    assert stock.filenames == [f"o/{i:02}.png" for i in range(4)]
    assert len(val.filenames) == 4
    assert val.filenames != stock.filenames
    np.testing.assert_array_equal(val[0][0], val.images)


# damaged files


def test_a_damaged_file_ends_a_flow_by_its_name(folder):
    damage(folder / "o" / "2.png")
    for error in (UsageError, OSError):
        with pytest.raises(error, match=r'2\.png: .*on_error="drop"'):
            ImageDataGenerator().flow_from_directory(folder)
    frame = pd.DataFrame({"filename": ["o/1.png", "o/2.png"], "class": ["o", "o"]})
    with pytest.raises(OSError, match=r"2\.png"):
        ImageDataGenerator().flow_from_dataframe(frame, folder)


def test_a_damaged_file_is_dropped_if_told_so(folder, capsys):
    damage(folder / "o" / "10.png")
    batches = ImageDataGenerator().flow_from_directory(folder, (9, 9), class_mode="sparse", on_error="drop")
    assert batches.filenames == ["o/1.png", "o/2.png", "x/a.png", "x/b.webp"]
    assert batches.classes.tolist() == [0, 0, 1, 1]
    assert [error.path.name for error in batches.bad_files] == ["10.png"]
    assert "Set aside 1 files" in capsys.readouterr().err
    frame = pd.DataFrame({"filename": ["o/10.png", "x/a.png"], "value": [1.5, 2.5]})
    kept = ImageDataGenerator().flow_from_dataframe(frame, folder, y_col="value", class_mode="raw", on_error="drop")
    assert kept[0][1].tolist() == [2.5]


def test_images_and_masks_stay_pairs(tmp_path):
    """The first column of each picture is its number: the same in both flows, or an error that names the file."""
    for number in range(9):
        for part, value in (("images", 20 * number), ("masks", 20 * number + 1)):
            path = tmp_path / part / "all" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (16, 16), value).save(path)
    arguments = {"target_size": (16, 16), "color_mode": "grayscale", "class_mode": None, "batch_size": 4, "seed": 3}
    settings = {"rotation_range": 30, "horizontal_flip": True, "fill_mode": "reflect"}
    flows = [ImageDataGenerator(**settings).flow_from_directory(tmp_path / p, **arguments) for p in ("images", "masks")]
    for _ in range(8):
        image, mask = (next(flow) for flow in flows)
        np.testing.assert_allclose(mask, image + 1, atol=1e-3)
    damage(tmp_path / "masks" / "all" / "4.png")
    with pytest.raises(OSError, match=r"masks.all.4\.png"):
        ImageDataGenerator(**settings).flow_from_directory(tmp_path / "masks", **arguments)


# save_to_dir


def test_saved_pictures_never_take_the_place_of_others(folder, tmp_path):
    """The tutorial's loop: 10 photos, 5 augmentations each, gave 5 files instead of 50."""
    place = tmp_path / "views"
    place.mkdir()
    generator = ImageDataGenerator(rotation_range=40, validation_split=0.5)
    photos = np.random.default_rng(0).integers(0, 256, (10, 16, 16, 3), dtype=np.uint8)
    for photo in photos:
        for i, _ in enumerate(generator.flow(photo[None], batch_size=1, save_to_dir=place, save_prefix="cat")):
            if i >= 4:
                break
    assert len(list(place.glob("cat_0_*.png"))) == 50
    for _ in range(2):  # two runs of one script, over two splits
        for subset in ("training", "validation"):
            batches = generator.flow(
                photos, subset=subset, seed=1, save_to_dir=place, save_prefix="s", save_format="jpeg"
            )
            batches[0]
    saved = [path.name for path in place.glob("s_*.jpeg")]
    assert len(saved) == 20
    assert sorted(int(name.split("_")[1]) for name in saved) == sorted(list(range(10)) * 2)  # the photo's own number
    assert (batches.save_to_dir, batches.save_prefix, batches.save_format) == (str(place), "s", "jpeg")
    assert not list(place.glob(".*"))


# dataframes


@pytest.fixture
def frame(folder):
    return pd.DataFrame(
        {
            "filename": ["x/a.png", "o/1.png", "o/2.png", "o/10.png"],
            "class": ["cross", "ring", "ring", "ring"],
            "weight": [1.0, 2.0, 3.0, 4.0],
            "age": [5, 6, 7, 8],
        }
    )


@BOTH
@pytest.mark.parametrize(
    ("class_mode", "y_col", "expected"),
    [
        ("binary", "class", [0, 1, 1, 1]),
        ("sparse", "class", [0, 1, 1, 1]),
        ("categorical", "class", [[1, 0], [0, 1], [0, 1], [0, 1]]),
        ("raw", "age", [5, 6, 7, 8]),
        ("raw", ["age", "weight"], [[5, 1], [6, 2], [7, 3], [8, 4]]),
        ("multi_output", ["age", "weight"], [[5, 6, 7, 8], [1, 2, 3, 4]]),
    ],
)
def test_dataframes_give_the_targets_of_keras(folder, frame, make, class_mode, y_col, expected):
    flow = make().flow_from_dataframe(
        frame, folder, y_col=y_col, weight_col="weight", class_mode=class_mode, target_size=(9, 9), shuffle=False
    )
    x, y, weight = flow[0]
    np.testing.assert_array_equal(y, expected)
    assert weight.tolist() == [1, 2, 3, 4]
    assert x.shape == (4, 9, 9, 3)
    assert flow.filenames == frame["filename"].tolist()
    assert (flow.samples, flow.n, flow.class_mode, flow.color_mode) == (4, 4, class_mode, "rgb")
    if y_col == "class":
        assert flow.class_indices == {"cross": 0, "ring": 1}
        assert list(flow.classes) == list(flow.labels) == [0, 1, 1, 1]
    assert isinstance(flow, Iterator)


@BOTH
def test_dataframes_of_several_classes_an_image(folder, make):
    frame = pd.DataFrame({"filename": ["x/a.png", "o/1.png", "o/2.png"], "class": [["a", "b"], ["c"], "a"]})
    flow = make().flow_from_dataframe(frame, folder, target_size=(9, 9), shuffle=False)
    assert flow[0][1].tolist() == [[1, 1, 0], [0, 0, 1], [1, 0, 0]]
    some = make().flow_from_dataframe(frame, folder, target_size=(9, 9), classes=["b", "a"], shuffle=False)
    assert some[0][1].tolist() == [[1, 1], [0, 1]]
    assert some.class_indices == {"b": 0, "a": 1}


@BOTH
def test_dataframes_leave_out_names_that_are_no_images(folder, frame, make):
    (folder / "o" / "notes.txt").touch()
    frame.loc[1, "filename"], frame.loc[2, "filename"] = "o/gone.png", "o/notes.txt"
    with pytest.warns(UserWarning, match=r"Found 2 invalid image filename\(s\)"):
        flow = make().flow_from_dataframe(frame, folder, target_size=(9, 9), shuffle=False)
    assert flow.filenames == ["x/a.png", "o/10.png"]
    with pytest.raises(TypeError, match="must be strings"):
        make().flow_from_dataframe(frame, folder, x_col="age")
    with pytest.raises(ValueError, match="class_mode"):
        make().flow_from_dataframe(frame, folder, class_mode="classes")
    with pytest.raises(OSError, match="gone"):
        make().flow_from_dataframe(frame, folder, validate_filenames=False, class_mode=None, shuffle=False)[0]


def test_a_file_gives_the_same_pixels_through_all_three_flows(folder):
    generator = ImageDataGenerator(rotation_range=40, zoom_range=0.3, brightness_range=(0.5, 1.5), noise=5)
    arguments = {"target_size": (20, 24), "class_mode": None, "shuffle": False, "seed": 4}
    by_folder = generator.flow_from_directory(folder, **arguments)
    frame = pd.DataFrame({"filename": by_folder.filepaths})
    by_frame = generator.flow_from_dataframe(frame, **arguments)
    in_memory = generator.flow(by_folder.images, shuffle=False, seed=4)
    for _ in range(2):
        first = next(by_folder)
        np.testing.assert_array_equal(next(by_frame), first)
        np.testing.assert_array_equal(next(in_memory), first)


def test_a_dataframe_is_split_at_random_by_class_and_validation_is_left_alone(tmp_path):
    names = [f"{i:02}.png" for i in range(30)]
    draw(tmp_path, *names)
    frame = pd.DataFrame({"filename": names, "class": ["o"] * 20 + ["x"] * 10})
    generator = ImageDataGenerator(validation_split=0.2, rotation_range=90)
    train, val = (
        generator.flow_from_dataframe(frame, tmp_path, target_size=(9, 9), subset=subset, shuffle=False)
        for subset in ("training", "validation")
    )
    assert np.bincount(val.classes).tolist() == [4, 2]
    assert sorted(train.filenames + val.filenames) == names
    assert val.filenames != names[:6]
    np.testing.assert_array_equal(val[0][0], val.images)
    assert not np.array_equal(train[0][0], train.images)


def test_a_model_trains_on_a_dataframe_and_answers_in_its_order(folder, frame):
    flow = ImageDataGenerator(rescale=1 / 255).flow_from_dataframe(frame, folder, target_size=(8, 8), batch_size=3)
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2, activation="softmax")])
    model.compile("sgd", "categorical_crossentropy")
    model.fit(flow, epochs=2, verbose=0)
    still = ImageDataGenerator(rescale=1 / 255).flow_from_dataframe(
        frame, folder, target_size=(8, 8), batch_size=3, class_mode=None, shuffle=False
    )
    assert model.predict(still, verbose=0).shape == (4, 2)
