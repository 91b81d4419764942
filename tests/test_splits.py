"""Splits: sizes, groups, seeds and what one more file may move."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ox_classifier.data.listing import LabelledImage
from ox_classifier.data.splits import folds, split
from ox_classifier.errors import UsageError

ROOT = Path("/data")
fractions = st.sampled_from([0.05, 0.1, 0.2, 0.25, 1 / 3, 0.5])
seeds = st.integers(0, 10_000)


def listing(counts: dict[str, int], groups=None, split="") -> list[LabelledImage]:
    """`counts` images a class; `groups[label]` gives the sizes of its groups instead."""
    images = [
        LabelledImage(str(ROOT / label / f"{i}.png"), label, split)
        for label, count in counts.items()
        for i in range(count)
    ]
    for label, sizes in (groups or {}).items():
        for g, size in enumerate(sizes):
            images += [
                LabelledImage(str(ROOT / label / f"g{g}-{i}.png"), label, split, group=f"{label}{g}")
                for i in range(size)
            ]
    return images


def sides(images) -> dict[Path, str]:
    return {image.path: image.split for image in images}


def moved(before, after) -> list[LabelledImage]:
    now = sides(after)
    return [image for image in before if now[image.path] != image.split]


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(3, 90), min_size=2),
    fractions,
    st.sampled_from([0, 0.1, 0.25]),
    seeds,
)
def test_ungrouped_sizes_are_within_one_of_the_fraction_in_every_class(counts, val, test, seed):
    result = split(listing(counts), val_fraction=val, test_fraction=test, seed=seed, root=ROOT)
    assert [image.path for image in result] == [image.path for image in listing(counts)]  # every file exactly once
    for label, n in counts.items():
        there = Counter(image.split for image in result if image.label == label)
        assert there["train"] >= 1
        assert there["val"] >= 1
        assert abs(there["val"] - val * n) <= 1
        assert abs(there["test"] - test * n) <= 1


@given(st.lists(st.integers(1, 9), min_size=2, max_size=12), fractions, seeds, st.randoms())
def test_order_of_the_listing_and_place_of_the_folder_change_nothing(sizes, fraction, seed, random):
    images = listing({"x": 7}, groups={"o": sizes})
    first = split(images, val_fraction=fraction, seed=seed, root=ROOT)
    shuffled = random.sample(images, len(images))
    assert sides(split(shuffled, val_fraction=fraction, seed=seed, root=ROOT)) == sides(first)
    elsewhere = [
        LabelledImage(str(Path("/other/place") / i.path.relative_to(ROOT)), i.label, "", i.group) for i in shuffled
    ]
    there = split(elsewhere, val_fraction=fraction, seed=seed, root=Path("/other/place"))
    assert {p.relative_to("/other/place"): s for p, s in sides(there).items()} == {
        p.relative_to(ROOT): s for p, s in sides(first).items()
    }


@given(
    st.lists(st.integers(1, 9), min_size=3, max_size=12),
    st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=12),
    fractions,
    seeds,
)
def test_groups_are_never_divided_whatever_links_them(sizes, links, fraction, seed):
    images = listing({"x": 20, "o": 20}, groups={"o": sizes, "x": sizes})
    images += [
        LabelledImage(str(ROOT / "x" / f"{g}.jpg"), "x", group=f"o{g}") for g in range(2)
    ]  # groups of two labels
    near = [(ROOT / "x" / f"{a}.png", ROOT / "x" / f"{b}.png") for a, b in links]
    result = split(images, val_fraction=fraction, test_fraction=0.1, seed=seed, duplicates=near, root=ROOT)
    place = sides(result)
    assert all(place[a] == place[b] for a, b in near)
    groups = {}
    for image in result:
        if image.group:
            groups.setdefault(image.group, set()).add(image.split)
    assert all(len(there) == 1 for there in groups.values())
    for k_fold in folds(images, 3, seed, duplicates=near, root=ROOT):
        place = sides(k_fold)
        assert all(place[a] == place[b] for a, b in near)


@settings(max_examples=100)
@given(st.integers(2, 60), fractions, seeds, st.text("abcxyz", min_size=1, max_size=6))
def test_one_more_file_moves_at_most_one_other(n, fraction, seed, name):
    images = listing({"o": n, "x": 10})
    new = LabelledImage(str(ROOT / "o" / f"{name}.png"), "o")
    before = split(images, val_fraction=fraction, seed=seed, root=ROOT)
    after = split([*images, new], val_fraction=fraction, seed=seed, root=ROOT)
    assert len(moved(before, after)) <= 1
    assert all(image.label == "o" for image in moved(before, after))


@settings(max_examples=100)
@given(st.lists(st.integers(1, 9), min_size=12, max_size=40), st.booleans(), seeds, st.integers(0, 11), st.booleans())
def test_one_more_file_moves_at_most_one_other_group_for_each_split(sizes, joins, seed, which, with_test):
    images = listing({"x": 10}, groups={"o": sizes})
    options = {"val_fraction": 0.2, "test_fraction": 0.15 if with_test else 0, "seed": seed, "root": ROOT}
    own = f"o{which}" if joins else "newcomer"
    before = split(images, **options)
    after = split([*images, LabelledImage(str(ROOT / "o" / "new.png"), "o", group=own)], **options)
    others = {image.group for image in moved(before, after)} - {own}
    assert len(others) <= 1 + with_test


@given(st.lists(st.integers(1, 9), min_size=12, max_size=40), seeds)
def test_grouped_sizes_are_within_half_the_largest_group(sizes, seed):
    result = split(
        listing({}, groups={"o": sizes, "x": sizes}), val_fraction=0.2, test_fraction=0.15, seed=seed, root=ROOT
    )
    for label in "ox":
        there = Counter(image.split for image in result if image.label == label)
        assert abs(there["val"] - 0.2 * sum(sizes)) <= max(sizes) / 2
        assert abs(there["test"] - 0.15 * sum(sizes)) <= max(sizes) / 2


@settings(max_examples=60)
@given(
    st.integers(2, 40),
    st.sampled_from([0.1, 0.2, 0.37, 0.5]),
    st.sampled_from([0, 0.1, 0.33]),
    seeds,
    st.lists(st.text("abcxyz", min_size=1, max_size=6), max_size=12, unique=True),
)
def test_files_added_to_an_earlier_split_move_none_and_sizes_stay_within_one(n, val, test, seed, names):
    options = {"val_fraction": val, "test_fraction": test, "seed": seed, "root": ROOT}
    images = listing({"o": n, "x": 10})
    result = split(images, **options)
    for name in names:  # one after the other, as a folder grows
        images = [*images, LabelledImage(str(ROOT / "o" / f"{name}.png"), "o")]
        before, result = result, split(images, before=sides(result), **options)
        assert moved(before, result) == []
        there = Counter(image.split for image in result if image.label == "o")
        assert abs(there["val"] - val * there.total()) <= 1
        assert abs(there["test"] - test * there.total()) <= 1
        assert sides(split(images[::-1], before=sides(before), **options)) == sides(result)


@settings(max_examples=60)
@given(st.lists(st.integers(1, 9), min_size=4, max_size=20), seeds, st.integers(0, 3), st.integers(0, 3))
def test_a_file_added_to_an_earlier_split_moves_at_most_the_groups_it_links(sizes, seed, a, b):
    options = {"val_fraction": 0.2, "test_fraction": 0.15, "seed": seed, "root": ROOT}
    images = listing({"x": 10}, groups={"o": sizes})
    before = split(images, **options)
    linked = {f"o{a}", f"o{b}"}
    others = {image.group: image.split for image in before if image.label == "o" and image.group not in linked}
    assume("train" in others.values() and len(others) - list(others.values()).count("test") > 1)  # else it is refused
    new = LabelledImage(str(ROOT / "o" / "new.png"), "o", group=f"o{a}")
    near = [(new.path, ROOT / "o" / f"g{b}-0.png")]
    after = split([*images, new], before=sides(before), duplicates=near, **options)
    if not {image.group for image in before if image.label == "o" and image.split == "val"} <= linked:
        assert {image.group for image in moved(before, after)} <= linked
    place = sides(after)
    assert len({place[image.path] for image in after if image.group in (f"o{a}", f"o{b}")}) == 1
    if a == b:
        assert moved(before, after) == []


def test_an_earlier_test_stays_out_of_train_whatever_fractions_are_asked():
    images = listing({"o": 10, "x": 10})
    before = sides(split(images, val_fraction=0.2, test_fraction=0.2, seed=0, root=ROOT))
    for fraction in (0, 0.2, 0.5):
        assert sides(split(images, val_fraction=fraction, seed=1, root=ROOT, before=before)) == before
    decided = [
        LabelledImage(str(ROOT / "v.png"), label, "val") for label in "o"
    ]  # a val folder, and a test from before
    result = sides(split([*images, *decided], val_fraction=0.2, seed=0, root=ROOT, before=before))
    assert {path for path, side in result.items() if side == "test"} == {p for p, s in before.items() if s == "test"}


def test_linked_groups_go_where_most_of_them_were_and_train_is_never_emptied():
    images = listing({"x": 10}, groups={"o": [100, 1, 1]})
    before = {image.path: "val" if image.group == "o1" else "train" for image in images}
    new = LabelledImage(str(ROOT / "o" / "new.png"), "o", group="o0")
    near = [(new.path, ROOT / "o" / "g1-0.png")]
    result = split([*images, new], val_fraction=0.2, seed=0, root=ROOT, before=before, duplicates=near)
    assert Counter(image.split for image in result if image.group in ("o0", "o1")) == {"train": 102}
    two = [*listing({"x": 4}, groups={"o": [1, 1]})]
    before = {image.path: "val" if image.group == "o1" else "train" for image in two}
    with pytest.raises(UsageError, match="class 'o': its 3 images are copies"):
        split([*two, new], val_fraction=0.2, seed=0, root=ROOT, before=before, duplicates=near)
    alone = [*listing({"x": 4, "o": 2})]
    before = {image.path: "test" if image.path.stem == "0" and image.label == "o" else "" for image in alone}
    with pytest.raises(UsageError, match="class 'o' has 1 images outside the test"):
        split(alone, val_fraction=0.2, seed=0, root=ROOT, before=before)


def test_an_earlier_split_yields_to_the_folders_and_a_class_without_validation_gets_one():
    images = listing({"o": 10, "x": 10}, split="train")
    images += [LabelledImage(str(ROOT / "test" / "t.png"), "o", "test")]
    before = {image.path: "test" if image.label == "o" else "train" for image in images}
    result = split(images, val_fraction=0.2, seed=0, root=ROOT, before=before)
    there = Counter((image.label, image.split) for image in result)
    assert there["o", "val"] == 2 and there["o", "test"] == 1  # its files under train/ may no longer be test
    assert there["x", "val"] == 1 and there["x", "train"] == 9  # one moves, or nothing could be said of the class


def test_another_seed_gives_another_split():
    images = listing({"o": 50, "x": 50})
    assert sides(split(images, val_fraction=0.2, seed=0)) != sides(split(images, val_fraction=0.2, seed=1))


def test_the_drawn_files_are_not_the_first_in_order():
    # 200 draws of 20 out of 100: the first file is taken as often as any other
    images = listing({"o": 100, "x": 100})
    first = sum(split(images, val_fraction=0.2, seed=s, root=ROOT)[0].split == "val" for s in range(200))
    assert 20 <= first <= 60  # 40 expected, standard deviation 5.7


def test_val_is_drawn_from_train_and_a_given_test_stays():
    images = listing({"o": 20, "x": 20}, split="train")
    images += [LabelledImage(str(ROOT / "test" / f"{i}.png"), "o", "test") for i in range(5)]
    near = [(ROOT / "o" / "0.png", ROOT / "test" / "0.png")]  # a leak that is there already is told, not mended
    result = split(images, val_fraction=0.2, test_fraction=0.5, seed=3, duplicates=near, root=ROOT)
    assert Counter(image.split for image in result) == {"train": 32, "val": 8, "test": 5}
    assert all(image.split == "test" for image in result if "test" in image.path.parts)


def test_a_given_val_is_kept_and_nothing_is_drawn():
    images = [*listing({"o": 20, "x": 20}, split="train"), LabelledImage(str(ROOT / "v.png"), "o", "val")]
    assert list(split(images, val_fraction=0.2, seed=3)) == images


def test_an_undecided_file_follows_the_decided_ones_of_its_group():
    images = [*listing({"o": 5, "x": 5}), LabelledImage(str(ROOT / "t.png"), "o", "test", group="Ann")]
    images += [LabelledImage(str(ROOT / "u.png"), "x", group="Ann")]
    result = split(images, val_fraction=0.2, seed=0, root=ROOT)
    assert sides(result)[ROOT / "u.png"] == "test"


def test_two_images_a_class_give_one_to_each_side():
    result = split(listing({"o": 2, "x": 2}), val_fraction=0.01, seed=0)
    assert sorted((image.label, image.split) for image in result) == [
        ("o", "train"),
        ("o", "val"),
        ("x", "train"),
        ("x", "val"),
    ]


@pytest.mark.parametrize(
    ("images", "options", "says"),
    [
        (listing({"o": 1, "x": 9}), {"val_fraction": 0.2}, "class 'o' has one image"),
        (listing({"x": 9}, groups={"o": [4]}), {"val_fraction": 0.2}, "class 'o': its 4 images are copies"),
        (listing({"o": 9, "x": 9}), {"val_fraction": 1.0}, "--val-fraction 1"),
        (listing({"o": 9, "x": 9}), {"val_fraction": 0.5, "test_fraction": 0.5}, "leave nothing to train on"),
    ],
)
def test_what_cannot_be_split_says_why(images, options, says):
    with pytest.raises(UsageError, match=says):
        split(images, seed=0, **options)


@given(st.integers(5, 40), st.integers(5, 40), st.integers(2, 5), seeds)
def test_every_image_is_val_in_exactly_one_fold_and_shares_differ_by_one(o, x, k, seed):
    images = [*listing({"o": o, "x": x}), LabelledImage(str(ROOT / "t.png"), "o", "test")]
    found = folds(images, k, seed, root=ROOT)
    assert len(found) == k
    val = Counter(image.path for fold in found for image in fold if image.split == "val")
    assert val == Counter(image.path for image in images[:-1])
    for label, n in (("o", o), ("x", x)):
        counts = [sum(i.split == "val" and i.label == label for i in fold) for fold in found]
        assert max(counts) - min(counts) <= 1
        assert sum(counts) == n
    totals = [sum(i.split == "val" for i in fold) for fold in found]
    assert max(totals) - min(totals) <= 1


def test_folds_say_when_a_class_is_too_small():
    with pytest.raises(UsageError, match="class 'o' has 3 independent images"):
        folds(listing({"x": 20}, groups={"o": [5, 5, 5]}), 5)
    with pytest.raises(UsageError, match="at least 2 folds"):
        folds(listing({"o": 9, "x": 9}), 1)
