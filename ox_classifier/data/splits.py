"""Which image is for training, which for validation, which for the test: seeded, stratified, never through a group."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from types import MappingProxyType

from ox_classifier.data.groups import Group, gather
from ox_classifier.data.listing import LabelledImage
from ox_classifier.errors import UsageError

MIXED = ""  # the stratum of groups that hold more than one label; no class can have an empty name


def split(
    images: Sequence[LabelledImage],
    *,
    val_fraction: float,
    test_fraction: float = 0.0,
    seed: int = 0,
    duplicates: Iterable[Iterable[Path]] = (),
    root: Path | None = None,
    before: Mapping[Path, str] = MappingProxyType({}),
) -> tuple[LabelledImage, ...]:
    """Decide the split of images that have none; where all have one and none is "val", draw val from train.

    A split that is there already is never drawn again. Images of one `.group` and images that stand together
    in `duplicates` (pairs or larger sets of paths) stay on one side. Without groups each class gives
    round(fraction * n) images within one, and at least one to val. Who goes is decided by a hash of the seed and of
    the path under `root` (default: the folder common to all), so neither the order of the listing nor the place of
    the folder matters.

    With `before`, the sides of an earlier split, every group of it stays where it was and new ones go where most is
    lacking, so that adding one file moves nothing but the groups it links. Without, the same files give the same
    split whatever came earlier, and one file more moves, beside the group it joins, at most one other group for each
    split drawn (a class too small for its fraction may choose its one group anew).

    Raises:
        UsageError: If fractions are no fractions, or a class has a single image or group, so that none can be held out.
    """
    _check_fractions(val_fraction, test_fraction)
    taken = {image.split for image in images}
    fractions = {
        "test": test_fraction if "test" not in taken else 0.0,
        "val": val_fraction if "val" not in taken else 0.0,
    }
    groups = gather(images, duplicates, root, seed)
    if "" in taken:
        free = [group for group in groups if group.splits == {""}]
        sides = {
            image.file: _side_of_the_decided(group) for group in groups for image in group.images if not image.split
        }
    else:
        free, sides = [part for group in groups if (part := group.only("train"))], {}
    kept = {id(group): side for group in free if (side := _earlier(group, before, taken))}
    if any(fractions.values()):
        _refuse_single_images(free)
    if any(fractions.values()) or kept:
        drawn = _draw(free, fractions, kept)
        sides |= {image.file: drawn[id(group)] for group in free for image in group.images}
    return tuple(replace(image, split=sides.get(image.file, image.split)) for image in images)


def folds(
    images: Sequence[LabelledImage],
    k: int,
    seed: int = 0,
    *,
    duplicates: Iterable[Iterable[Path]] = (),
    root: Path | None = None,
) -> tuple[tuple[LabelledImage, ...], ...]:
    """Cross-validation: `k` listings in which every image that is not "test" is "val" once and "train" otherwise.

    Stratified and grouped as `split`; without groups the folds' shares of a class differ by one image at most.

    Raises:
        UsageError: If `k` is under 2 or a class has fewer groups than folds.
    """
    if k < 2:
        raise UsageError(f"--folds {k}: cross-validation needs at least 2 folds; 5 is usual")
    groups = gather([image for image in images if image.split != "test"], duplicates, root, seed)
    totals = sum((group.labels for group in groups), Counter())
    for label, there in sorted(_independent(groups).items()):
        if there < k:
            raise UsageError(
                f"--folds {k}: class {label!r} has {there} independent images (copies and groups count once), "
                f"fewer than the folds; {f'use --folds {there} or ' if there > 1 else ''}add images"
            )
    counts = [Counter() for _ in range(k)]
    fold_of = {}
    for group in sorted(groups, key=lambda group: (-len(group.images), group.rank)):
        best = min(range(k), key=lambda fold: (_crowding(group, counts[fold], totals), counts[fold].total(), fold))
        counts[best] += group.labels
        fold_of |= {image.file: best for image in group.images}
    return tuple(
        tuple(
            image if image.split == "test" else replace(image, split="val" if fold_of[image.file] == fold else "train")
            for image in images
        )
        for fold in range(k)
    )


def most_folds(
    images: Sequence[LabelledImage], *, duplicates: Iterable[Iterable[Path]] = (), root: Path | None = None
) -> int:
    """The most folds that `folds` can make of these images."""
    groups = gather([image for image in images if image.split != "test"], duplicates, root, 0)
    return min(_independent(groups).values(), default=0)


def _independent(groups: Sequence[Group]) -> Counter:
    """Of each class, how many of its images can be parted: copies and groups count once."""
    return Counter(label for group in groups for label in group.labels)


def _check_fractions(val_fraction: float, test_fraction: float) -> None:
    for name, value in (("--val-fraction", val_fraction), ("--test-fraction", test_fraction)):
        if not 0 <= value < 1:
            raise UsageError(
                f"{name} {value:g}: give a share of the images from 0 up to, not including, 1, such as 0.2"
            )
    if val_fraction + test_fraction >= 1:
        raise UsageError(
            f"--val-fraction {val_fraction:g} and --test-fraction {test_fraction:g} leave nothing to train on: "
            "together they must stay under 1"
        )


def _refuse_single_images(groups: list[Group]) -> None:
    for label, count in sorted(sum((group.labels for group in groups), Counter()).items()):
        if count == 1:
            raise UsageError(
                f"class {label!r} has one image to train and validate with, where two are the least: add images of it"
            )


def _draw(groups: list[Group], fractions: dict[str, float], kept: dict[int, str]) -> dict[int, str]:
    """Split by group id: in a stratum test takes the first of the ranking, val the last, train keeps one.

    A stratum of which some groups are `kept` where they were is filled up instead.
    """
    strata = defaultdict(list)
    for group in groups:
        strata[next(iter(group.labels)) if len(group.labels) == 1 else MIXED].append(group)
    sides = {id(group): "train" for group in groups} | kept
    for stratum in strata.values():
        if any(id(group) in kept for group in stratum):
            _fill_up(stratum, fractions, kept, sides)
            continue
        val = _nearest(stratum[::-1], fractions["val"], most=len(stratum) - 1)
        test = _nearest(stratum, fractions["test"], most=len(stratum) - 1 - max(val, fractions["val"] > 0))
        sides |= {id(group): "test" for group in stratum[:test]}
        sides |= {id(group): "val" for group in stratum[len(stratum) - val :]}
    if fractions["val"]:
        _give_every_class_to_val(groups, fractions["val"], sides, kept)
    for label in sorted({label for group in groups for label in group.labels}):
        if not any(sides[id(group)] == "train" and label in group.labels for group in groups):
            raise _too_few(label, groups, sides)
    return sides


def _fill_up(stratum: list[Group], fractions: dict[str, float], kept: dict[int, str], sides: dict[int, str]) -> None:
    """Each new group goes to the side that lacks most; one by one, no side gets off its share by a whole image."""
    total = sum(len(group.images) for group in stratum)
    shares = {"train": 1 - sum(fractions.values())} | {side: share for side, share in fractions.items() if share}
    lacking = {side: share * total for side, share in shares.items()}
    for group in sorted(stratum, key=lambda group: id(group) not in kept):  # stable: new ones in order of rank
        side = kept.get(id(group)) or max(lacking, key=lacking.get)
        sides[id(group)] = side
        lacking[side] = lacking.get(side, 0.0) - len(group.images)


def _nearest(ranked: list[Group], fraction: float, *, most: int) -> int:
    """How many groups from the front come nearest to `fraction` of all the stratum's images."""
    sums = [0, *accumulate(len(group.images) for group in ranked)]
    target = fraction * sums[-1]
    return min(range(max(most, 0) + 1), key=lambda count: (abs(sums[count] - target), count))


def _give_every_class_to_val(groups: list[Group], fraction: float, sides: dict[int, str], kept: dict[int, str]) -> None:
    for label in sorted({label for group in groups for label in group.labels}):
        holders = [group for group in groups if label in group.labels]
        if any(sides[id(group)] == "val" for group in holders):
            continue
        spare = [group for group in reversed(holders) if sides[id(group)] == "train" and _spared(group, groups, sides)]
        if not spare:
            raise _too_few(label, groups, sides)
        target = fraction * sum(group.labels[label] for group in holders)
        best = min(spare, key=lambda group: (id(group) in kept, abs(len(group.images) - target)))
        sides[id(best)] = "val"


def _too_few(label: str, groups: list[Group], sides: dict[int, str]) -> UsageError:
    count = sum(group.labels[label] for group in groups if sides[id(group)] != "test")
    if count < 2:
        return UsageError(
            f"class {label!r} has {count} images outside the test, where two are the least: add images of it"
        )
    return UsageError(
        f"class {label!r}: its {count} images are copies of each other or share a group, so none can be held "
        "out for validation without leaking: add independent images of it, or give a val folder"
    )


def _spared(group: Group, groups: list[Group], sides: dict[int, str]) -> bool:
    """Whether train keeps every label of `group` without it."""
    left = set().union(*(other.labels for other in groups if other is not group and sides[id(other)] == "train"))
    return set(group.labels) <= left


def _side_of_the_decided(group: Group) -> str:
    """Undecided images go where the decided ones of their group are; to the test when these are divided already."""
    return next((side for side in ("test", "val", "train") if side in group.splits), "train")


def _earlier(group: Group, before: Mapping[Path, str], taken: set[str]) -> str:
    """Where the group was; "" if it is new, or if that side is no longer drawn because there is a folder of it.

    Groups that have since been linked go to the test if one was there, else where more of their images were.
    """
    there = Counter(before.get(image.path, "") for image in group.images) if before else Counter()
    sides = [side for side in ("test", "train", "val") if there[side] and side not in taken - {"train"}]
    return "test" if "test" in sides else max(sides, key=there.get, default="")


def _crowding(group: Group, fold: Counter, totals: Counter) -> float:
    """How much fuller, by the squares of the classes' shares, a fold gets with this group."""
    return sum(
        ((fold[label] + count) / totals[label]) ** 2 - (fold[label] / totals[label]) ** 2
        for label, count in group.labels.items()
    )
