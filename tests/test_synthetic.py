"""The drawn dataset: same seed same bytes, nothing overwritten, and nothing but the shape tells the class."""

import csv
import io
import itertools
import json
import time

import numpy as np
import pytest
from PIL import Image
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ox_classifier.errors import UsageError
from ox_classifier.synthetic import camera, fonts, handwriting, make, paper, sampler, sources
from ox_classifier.synthetic.sampler import Sampler
from tests.conftest import REPOSITORY

SCREEN = ("paint", "memo", "scan", "bitmap")  # need no fonts


def listed(folder):
    with (folder / make.LIST).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def files(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def found():
    return fonts.find()


@pytest.fixture(scope="module")
def drawn(found):
    """240 images of each class, of all sources: (Image, label, number of bytes)."""
    images = []
    for number in range(240):
        source = list(sources.SOURCES)[number % len(sources.SOURCES)]
        for label in make.LABELS:
            data, _, _ = make.draw(make.Job(3, "", label, number, source, "all"), found)
            images.append((Image.open(io.BytesIO(data)).convert("RGB"), label, len(data)))
    return images


def test_same_seed_same_bytes_for_any_number_of_workers(tmp_path):
    make.make(tmp_path / "a", per_class=34, seed=5, source=SCREEN, workers=1)
    make.make(tmp_path / "b", per_class=34, seed=5, source=SCREEN, workers=3)
    make.make(tmp_path / "c", per_class=34, seed=6, source=SCREEN, workers=1)
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert files(tmp_path / "a")["marks.csv"] != files(tmp_path / "c")["marks.csv"]


@pytest.mark.parametrize("source", sources.SOURCES)
def test_each_source_draws_the_same_twice_and_differs_by_number_label_and_split(source, found):
    job = make.Job(1, "train", "o", 7, source, "train")
    assert make.draw(job, found) == make.draw(job, found)
    others = [
        make.Job(1, "train", "o", 8, source, "train"),
        make.Job(1, "train", "x", 7, source, "train"),
        make.Job(1, "val", "o", 7, source, "train"),
        make.Job(2, "train", "o", 7, source, "train"),
    ]
    assert len({make.draw(j, found)[0] for j in [job, *others]}) == 5


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(UsageError, match="--append"):
        make.make(tmp_path, per_class=1, source=["paint"])
    assert files(tmp_path) == {"mine.txt": b"keep"}


def test_append_goes_on_where_the_folder_ends_and_changes_no_file(tmp_path):
    make.make(tmp_path / "all", per_class=9, seed=2, source=SCREEN)
    make.make(tmp_path / "two", per_class=4, seed=2, source=SCREEN)
    before = files(tmp_path / "two")
    make.make(tmp_path / "two", per_class=5, seed=2, source=SCREEN, append=True)
    after = files(tmp_path / "two")
    assert {name: after[name] for name in before if name != "marks.csv"} == {
        n: b for n, b in before.items() if n != "marks.csv"
    }
    assert {n: b for n, b in after.items() if n != "marks.csv"} == {
        n: b for n, b in files(tmp_path / "all").items() if n != "marks.csv"
    }


def test_append_never_takes_a_name_that_is_there(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "00004.gif").write_bytes(b"mine")
    make.make(tmp_path, per_class=2, source=["paint"], append=True)
    assert sorted(p.stem for p in tmp_path.glob("*/*")) == ["00004", "00005", "00005", "00006", "00006"]
    assert (tmp_path / "x" / "00004.gif").read_bytes() == b"mine"


def test_splits_and_the_list(tmp_path):
    make.make(tmp_path, per_class=5, val=2, test=3, seed=1, source=SCREEN)
    rows = listed(tmp_path)
    there = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.suffix in (".png", ".jpg")}
    assert {row["path"] for row in rows} == there
    assert len(rows) == len(there) == 20
    for row in rows:
        split, label, _ = row["path"].split("/")
        assert (split, label) == (row["split"], row["label"])
        with Image.open(tmp_path / row["path"]) as image:
            assert image.size == (int(row["width"]), int(row["height"]))
        assert json.loads(row["parameters"])["hand"] in handwriting.HANDS[label]


def test_names_and_sources_are_the_same_for_both_classes(tmp_path):
    make.make(tmp_path, per_class=40, source=SCREEN)
    rows = listed(tmp_path)
    by_label = {
        label: sorted((r["path"][2:7], r["source"]) for r in rows if r["label"] == label) for label in make.LABELS
    }
    assert by_label["o"] == by_label["x"]


@pytest.mark.parametrize(
    "given, match", [({"source": ["crayon"]}, "crayon.*paint"), ({"font_folders": ["nowhere"]}, "no such folder")]
)
def test_unknown_sources_and_font_folders_are_refused(tmp_path, given, match):
    with pytest.raises(UsageError, match=match):
        make.make(tmp_path / "out", per_class=1, **given)
    assert not (tmp_path / "out").exists()


def test_a_font_folder_without_fonts_is_refused(tmp_path):
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    with pytest.raises(UsageError, match="1 font files, none"):
        fonts.find([tmp_path])


def test_fonts_have_both_letters_and_test_has_families_of_its_own(found):
    assert len(found) >= 4  # matplotlib's DejaVu at least
    assert all(font.o and font.x for font in found)
    families = {font.family for font in found}
    assert len(families) == 1 or 0 < len(fonts.held_out(found)) <= len(families) / 2


def test_traits_of_train_and_test_do_not_meet():
    drawn = {pool: [Sampler((i,), pool).trait(0, 1) for i in range(3000)] for pool in sampler.POOLS}
    held = lambda v: any(low <= v < high for low, high in sampler.HELD_OUT)  # noqa: E731
    assert not any(map(held, drawn["train"]))
    assert all(map(held, drawn["test"]))
    # uniform over what is left: the share of a fifth of the range that holds no band of test is 0.2 / 0.8
    assert np.mean([v < 0.2 for v in drawn["train"]]) == pytest.approx(0.25, abs=0.03)
    assert np.mean(list(map(held, drawn["all"]))) == pytest.approx(0.2, abs=0.03)


def test_papers_of_test_are_its_own():
    def kinds(pool):
        seen = set()
        for i in range(200):
            draw = Sampler((i,), pool)
            paper.lay(draw, 16, paper.PAPERS, np.full(4, 0.2))
            seen.add(draw.drawn["paper"])
        return seen

    assert kinds("train").isdisjoint(kinds("test"))
    assert kinds("train") | kinds("test") == kinds("all") == set(paper.PAPERS)


@pytest.mark.parametrize("label", make.LABELS)
def test_every_hand_fills_its_box(label):
    for number in range(300):
        strokes, breadth = handwriting.draw(label, Sampler((number,)))
        points = np.concatenate(strokes)
        low, high = points.min(axis=0), points.max(axis=0)
        np.testing.assert_allclose(low + high, 0, atol=1e-9)
        assert (high - low).max() == pytest.approx(2)
        assert 0 < breadth <= 2


def test_an_o_is_empty_in_the_middle_and_an_x_is_not():
    """Oracle of shape, whatever the hand: how near to the middle of the mark the pen came, in half-sides."""

    def nearest(label, number):
        strokes, _ = handwriting.draw(label, Sampler((number,)))
        dense = [np.linspace(p, q, 8) for stroke in strokes for p, q in itertools.pairwise(stroke)]
        return np.hypot(*np.concatenate(dense).T).min()

    rings, crosses = ([nearest(label, number) for number in range(200)] for label in make.LABELS)
    assert np.quantile(rings, 0.1) > np.quantile(crosses, 0.75)


def nuisance(image, size):
    """Everything that must not tell the class: colour, polarity, amount and place of ink, bytes of the file."""
    pixels = np.asarray(image.resize((48, 48)), dtype=float) / 255
    grey = pixels.mean(axis=2)
    ground = np.median(grey)
    ink = np.abs(grey - ground)
    weight = ink / max(ink.sum(), 1e-9)
    place = [np.arange(48) @ weight.sum(axis=1), np.arange(48) @ weight.sum(axis=0)]
    return [
        *pixels.mean(axis=(0, 1)),
        ground,
        float(ground < 0.5),
        ink.mean(),
        ink.max(),
        *place,
        *image.size,
        np.log(size),
    ]


@pytest.mark.parametrize("judge", ["linear", "forest"])
def test_nothing_but_the_shape_tells_the_class(drawn, judge):
    features = np.array([nuisance(image, size) for image, _, size in drawn])
    labels = np.array([label for _, label, _ in drawn])
    model = (
        make_pipeline(StandardScaler(), LogisticRegression())
        if judge == "linear"
        else RandomForestClassifier(100, min_samples_leaf=8, random_state=0)
    )
    assert cross_val_score(model, features, labels, cv=5).mean() < 0.65


def test_no_feature_alone_differs_between_the_classes(drawn):
    """Finer than accuracy: the difference of the class means, in standard deviations (0.09 by chance alone)."""
    features = np.array([nuisance(image, size) for image, _, size in drawn])
    is_x = np.array([label == "x" for _, label, _ in drawn])
    differences = (features[is_x].mean(axis=0) - features[~is_x].mean(axis=0)) / features.std(axis=0)
    assert np.abs(differences).max() < 0.3


def test_within_each_source_both_classes_are_as_often_dark(drawn):
    for start, source in enumerate(sources.SOURCES):
        own = [
            entry for number in range(start, 240, len(sources.SOURCES)) for entry in drawn[2 * number : 2 * number + 2]
        ]
        dark = {
            wanted: np.mean([np.median(image.convert("L")) < 100 for image, label, _ in own if label == wanted])
            for wanted in make.LABELS
        }
        assert abs(dark["o"] - dark["x"]) < 0.35, source


def test_sizes(drawn):
    sides = [image.width for image, _, _ in drawn]
    assert all(image.width == image.height for image, _, _ in drawn)
    assert min(sides) >= 10 and max(sides) <= 200
    assert np.mean([size for _, _, size in drawn]) < 5000


def test_both_polarities_are_common(drawn):
    dark = np.mean([np.median(np.asarray(image.convert("L"))) < 100 for image, _, _ in drawn])
    assert 0.15 < dark < 0.5


def test_speed(found):
    """5,000 images in 90 s on two cores leave 36 ms an image; several times that is allowed to a busy machine."""
    start = time.process_time()
    for number, source in enumerate(list(sources.SOURCES) * 5):
        make.draw(make.Job(0, "", "x", number, source, "all"), found)
    assert (time.process_time() - start) / (5 * len(sources.SOURCES)) < 0.036


@pytest.mark.parametrize(("slack", "cut"), [(6, False), (100, True)])
def test_the_camera_cuts_no_mark_that_has_room(slack, cut):
    side, margin, gap = 100, 14, 6
    scene = np.zeros((side + 2 * margin,) * 2 + (3,), np.float32)
    scene[margin + gap : -margin - gap, margin + gap : -margin - gap] = 1
    views = [camera._view(scene, side, Sampler((seed,)), slack) for seed in range(40)]
    edges = [max(view[0].max(), view[-1].max(), view[:, 0].max(), view[:, -1].max()) for view in views]
    assert bool(max(edges) > 0.99) is cut


@pytest.mark.skipif(not (REPOSITORY / "dataset" / "outliers").is_dir(), reason="the bundled dataset is not there")
def test_the_bundled_outliers_take_three_megabytes():
    paths = sorted((REPOSITORY / "dataset" / "outliers").iterdir())
    assert len(paths) == 3750 and sum(path.stat().st_size for path in paths) <= 3_000_000


def test_what_is_no_mark_is_saved_in_few_bytes(tmp_path):
    make.make(tmp_path / "out", per_class=0, other=60, seed=3, source=("paint",))
    modes = set()
    for path in (tmp_path / "out" / "outliers").glob("*.png"):
        with Image.open(path) as image:
            modes.add(image.mode)
            assert image.mode == "L" or len(image.convert("RGB").getcolors(2**24)) <= make.COLOURS
    assert "P" in modes
