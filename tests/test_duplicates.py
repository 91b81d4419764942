"""Copies are found, other marks are not taken for copies."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageOps

from ox_classifier.audit import candidates, duplicates, fingerprints, looks
from ox_classifier.audit.columns import Columns
from ox_classifier.audit.duplicates import FLIPS, DuplicatePair, duplicate_pairs
from ox_classifier.audit.families import LARGE, Families, families
from ox_classifier.audit.fingerprint_table import FingerprintTable
from ox_classifier.data import folders
from ox_classifier.data.images import ImageError, open_picture
from tests.conftest import REAL, draw_mark
from tests.planted import plant

TWICE = ("tempdata73", "kvuletic2_crops")  # one board photographed twice: their marks are copies of each other


def prints(images: list[Image.Image]) -> FingerprintTable:
    prints = FingerprintTable(io.BytesIO())
    for image in images:
        color = np.asarray(image.convert("RGB"), float).mean(axis=(0, 1))
        prints.add(fingerprints.waves(fingerprints.thumbnail(image)), color, image.size, fingerprints.digest(image))
    return prints


def found(*images: Image.Image) -> list[DuplicatePair]:
    return duplicate_pairs(prints(list(images)))


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file)


@pytest.fixture
def mark() -> Image.Image:
    """An x that no mirroring leaves as it is."""
    image = draw_mark("x", np.random.default_rng(4), 150)
    image.paste((30, 30, 30), (20, 100, 40, 112))
    return image


def test_digest_is_of_pixels_and_size_not_of_file_or_mode():
    gray = Image.new("L", (8, 4), 100)
    assert fingerprints.digest(gray) == fingerprints.digest(gray.convert("RGB"))
    assert fingerprints.digest(gray) != fingerprints.digest(Image.new("L", (4, 8), 100))
    assert fingerprints.digest(gray) != fingerprints.digest(Image.new("L", (8, 4), 101))


def test_waves_are_the_cosine_transform():
    from scipy.fft import dctn

    thumb = np.random.default_rng(0).uniform(0, 255, (fingerprints.THUMB, fingerprints.THUMB))
    expected = dctn(thumb, norm="ortho")[: fingerprints.SIDE, : fingerprints.SIDE] / fingerprints.THUMB
    np.testing.assert_allclose(fingerprints.waves(thumb), expected, atol=1e-3)
    assert fingerprints.waves(thumb)[0, 0] == pytest.approx(thumb.mean(), abs=1e-3)


@pytest.mark.parametrize(
    ("flip", "name"),
    [
        (ImageOps.mirror, "flipped left to right"),
        (ImageOps.flip, "flipped top to bottom"),
        (lambda image: image.rotate(180), "turned by half"),
    ],
)
def test_mirrored_copies_say_how(mark, flip, name):
    assert found(mark, flip(mark)) == [DuplicatePair(0, 1, exact=False, flip=name)]


def test_exact_copies_pair_with_the_first_of_their_set(mark):
    assert found(mark, mark.copy(), jpeg(mark, 60), mark.copy()) == [
        DuplicatePair(0, 1, exact=True),
        DuplicatePair(0, 2, exact=False),
        DuplicatePair(0, 3, exact=True),
    ]


@pytest.mark.parametrize("factor", [0.5, 0.7, 1.4, 2])
def test_a_resized_copy_is_found(mark, factor):
    copy = mark.resize((round(150 * factor),) * 2, Image.Resampling.LANCZOS)
    assert [pair.flip for pair in found(mark, copy)] == [""]


def test_another_colour_or_brightness_is_another_picture(mark):
    red, green, blue = mark.split()
    assert found(mark, Image.merge("RGB", (blue, green, red.point(lambda v: v // 2)))) == []
    assert found(mark, mark.point(lambda v: max(v - 12, 0))) == []


@pytest.mark.parametrize("side", [150, 100])
def test_another_mark_of_the_same_hand_is_another_picture(side):
    def circle(x: int) -> Image.Image:
        image = Image.new("L", (150, 150), 240)
        ImageDraw.Draw(image).ellipse((x, 40, x + 70, 110), outline=20, width=9)
        return image

    assert found(circle(40), circle(44).resize((side, side))) == []
    assert found(circle(40), circle(40).resize((side, side))) != []


def test_blank_pictures_are_no_near_copies():
    assert found(Image.new("L", (30, 30), 250), Image.new("L", (40, 40), 250)) == []


def test_blocks_lose_no_pair_and_find_none_twice(monkeypatch):
    """In one block, and in blocks so small that most pairs lie in two of them."""
    rng = np.random.default_rng(3)
    images = [draw_mark("ox"[i % 2], rng, (48, 80)[i % 3 == 0]) for i in range(120)]
    images += [image.copy() for image in images[:10]] + [ImageOps.mirror(image) for image in images[10:30]]
    images += [image.resize((60, 60), Image.Resampling.LANCZOS) for image in images[30:60]] + [images[0]]
    rng.shuffle(images)
    expected = found(*images)
    assert sum(pair.exact for pair in expected) == 11 and sum(pair.flip == FLIPS[1] for pair in expected) >= 20
    for sizes in ((16, 4, 3), (7, 3, 2), (1, 1, 1)):
        for name, size in zip(("BLOCK", "STRIP", "PAIRS"), sizes, strict=True):
            monkeypatch.setattr(candidates, name, size)
        assert found(*images) == expected


def test_images_of_one_size_are_sifted_without_loss(monkeypatch):
    """The pairs that are found are those that every pair, compared in full, gives."""
    rng = np.random.default_rng(5)
    images = [draw_mark("ox"[i % 2], rng, 28) for i in range(700)]
    images += [jpeg(image, 70) for image in images[:40]] + [ImageOps.flip(image) for image in images[40:80]]
    table = prints(images)
    rows = np.flatnonzero(table.energy > duplicates.FLAT**2)
    x, y = np.triu_indices(len(rows), 1)
    near = np.abs(table.means[rows[x]] - table.means[rows[y]]) <= candidates.MEAN_STEP
    near &= (np.abs(table.colors[rows[x]] - table.colors[rows[y]]) <= candidates.COLOR_STEP_SMALL).all(axis=1)
    every = {(pair.a, pair.b) for _, _, pair in duplicates._compare(table, rows, x[near], y[near])}
    found = {(pair.a, pair.b) for pair in duplicate_pairs(table)}  # some flipped ones are equal
    assert len(found) > 70 and found == every
    for name, size in zip(("BLOCK", "STRIP", "PAIRS"), (50, 8, 30), strict=True):
        monkeypatch.setattr(candidates, name, size)
    assert {(pair.a, pair.b) for pair in duplicate_pairs(table)} == every


def test_images_of_many_sizes_are_sifted_without_loss(monkeypatch):
    """Against the magnitudes of every pair, in every dimension and without blocks."""
    rng = np.random.default_rng(6)
    images = [draw_mark("ox"[i % 2], rng, int(rng.integers(24, 90))) for i in range(300)]
    images += [image.resize((50, 50), Image.Resampling.LANCZOS) for image in images[:60]]
    table = prints(images)
    sieve = table.sieve.astype(float)
    x, y = np.triu_indices(len(images), 1)
    colors = np.abs(table.colors[x] - table.colors[y]).max(axis=1)
    small = np.minimum(table.sizes[x].min(axis=1), table.sizes[y].min(axis=1)) < 40
    near = (colors <= np.where(small, candidates.COLOR_STEP_SMALL, candidates.COLOR_STEP)) & (
        np.abs(table.means[x] - table.means[y]) <= candidates.MEAN_STEP
    )
    lengths = np.linalg.norm(sieve, axis=1)
    near &= np.einsum("nk,nk->n", sieve[x], sieve[y]) >= candidates.SIFT_LIKENESS * lengths[x] * lengths[y]
    rows = np.arange(len(images))
    every = {(pair.a, pair.b) for _, _, pair in duplicates._compare(table, rows, x[near], y[near])}
    assert len(every) >= 57
    for name, size in zip(("BLOCK", "STRIP", "PAIRS", "TOGETHER_WITH"), (50, 8, 30, 16), strict=True):
        assert {(pair.a, pair.b) for pair in duplicate_pairs(table)} == every
        monkeypatch.setattr(candidates, name, size)


def burst(count: int, drift: float = 0.0) -> list[Image.Image]:
    """Near copies of one picture, as a camera takes them in a row; each `drift` grey levels lighter than the last."""
    rng = np.random.default_rng(1)
    base = np.asarray(draw_mark("x", rng, 64), np.float32) - 40
    noise = rng.normal(0, 2, (count, *base.shape))
    return [
        Image.fromarray(np.clip(base + drift * i + noise[i], 0, 255).astype(np.uint8)) for i in rng.permutation(count)
    ]


def compared(images: list[Image.Image], monkeypatch) -> tuple[int, list[list[int]]]:
    """How many pairs were compared in full, and the families that came out."""
    table, counts, agree = prints(images), [], duplicates._agree
    monkeypatch.setattr(duplicates, "_agree", lambda x, *rest: counts.append(len(x)) or agree(x, *rest))
    pairs = duplicate_pairs(table)
    monkeypatch.undo()
    return sum(counts), families(len(images), [(pair.a, pair.b) for pair in pairs])


def test_comparisons_grow_with_the_number_of_near_copies(monkeypatch):
    some, one = compared(burst(400), monkeypatch)
    many, all_of_them = compared(burst(1600), monkeypatch)
    assert one == [list(range(400))] and all_of_them == [list(range(1600))]
    assert many <= 4.4 * some, (some, many)  # with every pair compared it would be 16


@pytest.mark.parametrize("drift", [0.0, 0.05, 0.4])
def test_a_large_family_is_the_one_that_every_comparison_gives(drift, monkeypatch):
    images = burst(200, drift) + [draw_mark("o", np.random.default_rng(i), 64) for i in range(40)]
    _, found_by_few = compared(images, monkeypatch)
    monkeypatch.setattr("ox_classifier.audit.families.LARGE", 10**9)
    table = prints(images)
    every = families(len(images), [(pair.a, pair.b) for pair in duplicate_pairs(table)])
    assert found_by_few == every and len(every[0]) == 200


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=150))
def test_families_are_the_connected_parts(pairs):
    """Against SciPy's connected components; and however large a family is, some of it stands for it."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    known = Families(61)
    for a, b in pairs:
        known.join(a, b)
    a, b = np.array(pairs or [(0, 0)]).T
    _, labels = connected_components(coo_matrix((np.ones(len(a)), (a, b)), (61, 61)), directed=False)
    expected = [np.flatnonzero(labels == label).tolist() for label in dict.fromkeys(labels)]
    assert known.all() == [members for members in expected if len(members) > 1]
    for members in expected:
        assert known.active[members].sum() == min(len(members), LARGE)
    assert not known.worth_comparing(np.array([0]), np.array([0]))[0] or len(expected[0]) <= LARGE


def test_nothing_at_all():
    assert duplicate_pairs(FingerprintTable(io.BytesIO())) == []


def rates(planted, cache):
    """Share of planted pairs found by kind, and the reported pairs that are wrong, as (wrong, reported)."""
    paths = [image.path for image in folders.find(planted.root).images]
    measured = [look.found for look in looks.look(paths, cache=cache)]
    all_prints = FingerprintTable(io.BytesIO())
    columns, kept = Columns(all_prints), []
    for path, fact in zip(paths, measured, strict=True):
        if not isinstance(fact, ImageError):
            columns.add(fact)
            kept.append(path)
    assert sorted(set(paths) - set(kept)) == sorted(planted.broken)
    pairs = duplicate_pairs(all_prints)
    reported = {frozenset((kept[pair.a], kept[pair.b])) for pair in pairs}
    exact = {frozenset((kept[pair.a], kept[pair.b])) for pair in pairs if pair.exact}
    shares = {
        kind: sum(frozenset(pair) in (exact if kind in ("exact", "two_labels") else reported) for pair in there)
        / len(there)
        for kind, there in planted.pairs.items()
    }
    wrong = [pair for pair in reported if len({planted.origin[path] for path in pair}) > 1]
    return shares, wrong, reported


def test_copies_planted_among_generated_marks(tmp_path):
    rng = np.random.default_rng(7)
    pictures = [("ox"[i % 2], draw_mark("ox"[i % 2], rng, int(rng.integers(28, 200)))) for i in range(300)]
    shares, wrong, reported = rates(plant(tmp_path / "data", pictures), tmp_path / "cache")
    assert shares["exact"] == shares["two_labels"] == 1
    assert min(shares["recoded"], shares["resized"], shares["flipped"]) >= 0.95, shares
    assert len(wrong) <= 0.01 * len(reported), wrong


@pytest.mark.skipif(not REAL.is_dir(), reason="../shared/real, the marks real people drew, is absent")
def test_copies_planted_among_real_marks(tmp_path):
    files = [p for p in sorted(REAL.glob("*/[ox]/*")) if p.parts[-3] not in TWICE]
    pictures = [(path.parts[-2], open_picture(path).image) for path in files]
    pictures = [(label, image) for label, image in pictures if max(image.size) <= 400][::2]
    shares, wrong, reported = rates(plant(tmp_path / "data", pictures), tmp_path / "cache")
    assert shares["exact"] == shares["two_labels"] == 1
    assert min(shares["recoded"], shares["resized"], shares["flipped"]) >= 0.95, shares
    assert len(wrong) <= 0.01 * len(reported), wrong
