"""Where a mark stands: the locator against Keras, and on pictures drawn where the place is known."""

import cv2
import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from ox_classifier.data import images, ink_crop, locator, locator_file
from ox_classifier.synthetic import camera, make, places
from ox_classifier.synthetic.sampler import Sampler
from tests import locator_views


@pytest.fixture
def fresh_layers():
    locator._layers.cache_clear()
    yield
    locator._layers.cache_clear()


@pytest.mark.usefixtures("fresh_layers")
def test_numpy_computes_what_keras_does(tmp_path, monkeypatch):
    import keras

    from tests import train_locator

    keras.utils.set_random_seed(5)
    model = train_locator.network()
    for layer in model.layers:
        if layer.get_weights():
            kernels, biases = layer.get_weights()
            layer.set_weights([kernels, np.random.default_rng(1).normal(0, 0.3, biases.shape)])
    train_locator.write(model, tmp_path / "stored.npz")
    monkeypatch.setattr(locator_file, "content", (tmp_path / "stored.npz").read_bytes)
    stored = [layer for layer in model.layers if layer.get_weights()]
    for layer, (kernels, biases) in zip(stored, locator._layers(), strict=True):
        before = layer.get_weights()[0]
        assert np.abs(kernels.reshape(before.shape) - before).max() <= np.abs(before).max() / 250  # 8 bits
        layer.set_weights([kernels.reshape(before.shape), biases])
    views = np.random.default_rng(2).integers(0, 256, (5, locator.VIEW, locator.VIEW)).astype(np.uint8)
    expected = model.predict(np.asarray(train_locator.standardised(views)), verbose=0)
    for view, answers in zip(views, expected, strict=True):
        grey = (view - view.mean()) / view.std()
        np.testing.assert_allclose(locator._answers(grey[:, :, None].astype(np.float32)), answers, atol=1e-4)
        row, column = np.unravel_index(answers[:, :, 0].argmax(), (locator.SPOTS, locator.SPOTS))
        score, right, down, size = answers[row, column]
        middle = (column + 0.5 + right) / locator.SPOTS, (row + 0.5 + down) / locator.SPOTS
        found = locator.find(view)
        np.testing.assert_allclose(found, (1 / (1 + np.exp(-score)), *middle, np.exp(size) / 4), atol=6e-4)


@pytest.mark.usefixtures("fresh_layers")
def test_the_training_of_the_locator_draws_learns_and_writes(tmp_path, monkeypatch, capsys):
    from tests import train_locator

    few = {"count": 40, "other": 0.4, "framed": 0.5}
    monkeypatch.setattr(train_locator, "DRAWN", {1: few})
    monkeypatch.setattr(train_locator, "HELD_OUT", {"seed": 2, **few})
    monkeypatch.setattr(train_locator, "EPOCHS", 12)
    monkeypatch.setattr(train_locator, "LAST", 1)
    monkeypatch.setattr(locator_views, "PIECES", 6)
    monkeypatch.setattr(train_locator, "WARM", 1)
    monkeypatch.setattr(locator, "__file__", str(tmp_path / "locator.py"))
    monkeypatch.setattr(locator_file, "__file__", str(tmp_path / "locator_file.py"))
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    for number in range(3):
        grain = np.random.default_rng(number).integers(0, 256, (9, 16, 3)).astype(np.uint8)
        Image.fromarray(grain).resize((320, 180)).save(photographs / f"{number}.jpg")
    assert train_locator.main([str(photographs), str(tmp_path)]) == 0
    *epochs, _, last = capsys.readouterr().out.splitlines()[-14:]
    losses = [float(line.split()[-1]) for line in epochs]
    assert losses[-1] < 0.9 * losses[0] and "misplaced" in last
    assert (tmp_path / "locator.npz").exists()
    views, found = locator_views.drawn(1, **few, kept=tmp_path / "g_1.npz")
    assert views.shape == (120, locator.VIEW, locator.VIEW) and found.shape == (120, 3)
    assert 10 < np.isfinite(found[:, 0]).sum() < 120


@pytest.mark.parametrize("source", ["paint", "memo", "scan", "pen", "marker"])
def test_a_place_is_where_the_ink_of_the_mark_is(source):
    """Within the place there is most of what the picture has from dark to light."""
    for number in range(6):
        data, _, about = make.draw(make.Job(3, "", "ox"[number % 2], number, source, "all"), framed=False)
        grey = np.asarray(images.open_picture(data).image.convert("L"), dtype=float)
        place, side = about["place"], len(grey)
        assert 0 < place.half < 0.6 and 0 <= place.x <= 1 and 0 <= place.y <= 1
        low, high = ((np.array(place[:2]) + way * place.half * 1.2) * side for way in (-1, 1))
        inside = grey[max(int(low[1]), 0) : int(high[1]) + 1, max(int(low[0]), 0) : int(high[0]) + 1]
        assert np.ptp(inside) > 0.5 * np.ptp(grey)


def test_a_place_goes_through_the_camera_as_the_mark_does():
    """A dot on a sheet, seen by the camera at an angle, is where `places.of` says."""
    side, margin = 160, 20
    moved = []
    for number in range(12):
        sampler = Sampler((number,))
        assert places.of(sampler) is None
        x, y = 0.3 + 0.03 * number, 0.7 - 0.04 * number
        sampler.note(size=0.1, x=x, y=y, hand="ring")
        assert places.of(sampler) == pytest.approx((x, y, 0.1), abs=1e-3)
        scene = np.zeros((side + 2 * margin,) * 2, np.float32)
        cv2.circle(scene, (round(x * side) + margin, round(y * side) + margin), 4, 1.0, -1)
        seen = camera._view(scene, side, sampler, slack=30.0)
        down, right = np.unravel_index(cv2.GaussianBlur(seen, (0, 0), 2).argmax(), seen.shape)
        place = places.of(sampler)
        assert (place.x, place.y) == pytest.approx((right / side, down / side), abs=0.015)
        moved.append(np.hypot(place.x - x, place.y - y))
    assert max(moved) > 0.03


def test_turned_views_and_places_go_together():
    from tests import train_locator

    views = np.full((64, locator.VIEW, locator.VIEW), 100, np.uint8)
    views[:, 10:14, 40:44] = 255  # rows 10 to 13, columns 40 to 43
    given = np.tile(np.array([42, 12, 8]) / locator.VIEW, (64, 1)).astype(np.float32)
    turned, found = (part.numpy() for part in train_locator.turned(views.astype(np.float32), given))
    spots = set()
    for view, (x, y, half) in zip(turned, found, strict=True):
        down, right = np.argwhere(np.abs(view - np.median(view)) > 50).mean(axis=0) + 0.5
        assert (x, y, half) == pytest.approx((right / locator.VIEW, down / locator.VIEW, 8 / locator.VIEW), abs=1e-6)
        spots.add((round(float(x), 3), round(float(y), 3), bool(np.median(view) > 120)))
    assert len(spots) == 16  # eight ways round, each also as a negative


def test_no_product_is_so_large_that_numpy_would_share_it_out_among_threads(monkeypatch):
    products, multiply = [], np.matmul
    monkeypatch.setattr(np, "matmul", lambda a, b, out: products.append(len(a) * b.size) or multiply(a, b, out=out))
    locator.find(np.random.default_rng(0).integers(0, 256, (locator.VIEW, locator.VIEW)).astype(np.uint8))
    assert len(products) > 20 and 100_000 < max(products) <= 1 << 18


def test_of_photographs_mostly_all_is_looked_at():
    """Of pieces of scikit-learn's two photographs, which no training has seen: first and second look say so."""
    rng, cropped = np.random.default_rng(0), 0
    pictures = [Image.fromarray(pixels) for pixels in load_sample_images().images]
    for number in range(300):
        picture = pictures[number % 2]
        side = int(rng.integers(60, min(picture.size)))
        left, top = (int(rng.integers(0, most - side + 1)) for most in picture.size)
        piece = picture.crop((left, top, left + side, top + side))
        cropped += ink_crop.region(piece) != (0, 0, side, side)
    assert cropped <= 4


def test_a_mark_that_was_cut_out_has_the_place_where_it_was_pasted():
    found = 0
    for number in range(120):
        _, _, about = make.draw(make.Job(6, "", "ox"[number % 2], number, ("pen", "marker")[number // 2 % 2], "all"))
        notes = about["parameters"]
        if notes.get("cut_out"):
            assert about["place"] == (notes["x"], notes["y"], notes["size"])
            found += 1
    assert found > 4


def test_of_a_picture_without_ink_the_locator_is_not_asked(monkeypatch):
    monkeypatch.setattr(locator, "find", lambda view: pytest.fail("asked"))
    grain = 200 + np.random.default_rng(0).integers(0, 8, (64, 64)).astype(np.uint8)
    assert ink_crop.region(Image.fromarray(grain)) == (0, 0, 64, 64)


def test_what_is_no_mark_has_a_place_where_it_was_written_and_none_where_nothing_was():
    kinds = {}
    for number in range(60):
        _, _, about = make.draw(make.Job(4, "", make.OTHER, number, "memo", "all"))
        written = "hand" in about["parameters"]
        kinds[written] = kinds.get(written, 0) + 1
        assert (about["place"] is not None) == written
    assert min(kinds.values()) > 5


@pytest.mark.parametrize(("letter", "least"), [(False, (0.95, 0.95)), (True, (0.9, 0.85))], ids=["alone", "in writing"])
def test_marks_that_no_training_has_drawn_are_found_framed_or_not(letter, least):
    """The mark's box lies in the part that is looked at, and fills half of its side or more."""
    counts = np.zeros(3, int)
    for number in range(240):
        source = ("paint", "memo", "pen", "marker", "board", "scan")[number // 2 % 6]
        job = make.Job(20_261_127, "", "ox"[number % 2], number, source, "all")
        data, _, about = make.draw(job, framed=number % 4 < 2, joined=True if letter else None, letter=letter)
        image, (x, y, half) = images.open_picture(data).image, about["place"]
        if half < 0.06:
            continue
        left, top, right, bottom = np.array(ink_crop.region(image)) / np.tile(image.size, 2)
        slack = half * 0.15
        holds = left - slack <= max(x - half, 0) and right + slack >= min(x + half, 1)
        holds = holds and top - slack <= max(y - half, 0) and bottom + slack >= min(y + half, 1)
        counts += 1, holds, holds and 2 * half / (right - left) > 0.5
    assert counts[0] > 180 and all(counts[1:] >= np.array(least) * counts[0]), counts
