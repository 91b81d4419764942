"""What can be wrong with a listing of images, one function a kind; judges measurements, opens no file."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ox_classifier.audit.columns import Columns
from ox_classifier.audit.duplicates import DuplicatePair
from ox_classifier.audit.families import families
from ox_classifier.data.class_weights import BALANCED
from ox_classifier.data.images import ImageError
from ox_classifier.data.listing import SPLITS, LabelledImage, Listing, outside_note
from ox_classifier.wording import counted

LEVELS = ("error", "warning", "note")
BLANK = 10.0  # grey levels: photographed empty paper reaches 9.6, the faintest of 770 real marks 33

OUTLYING_SHARE = 0.02  # more than this are a second kind of image, not outliers
OUTLYING_OCTAVES = 2.0  # a quarter of the usual side, or four times it
OUTLYING_LEVELS = 60.0  # of 255 beyond the middle half; real marks of one source reach 39
EXTENSIONS = {
    "JPEG": (".jpg", ".jpeg"),
    "MPO": (".jpg", ".jpeg"),
    "PNG": (".png",),
    "BMP": (".bmp",),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "GIF": (".gif",),
    "PPM": (".ppm", ".pgm", ".pbm"),
    "HEIF": (".heic", ".heif"),
}


@dataclass(frozen=True)
class Finding:
    """Something to know about the data. `cases` are the files it is about, those that belong together side by side."""

    level: str  # one of LEVELS
    kind: str
    sentence: str
    cases: tuple[tuple[Path, ...], ...] = ()

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every file of every case, each once."""
        return tuple(dict.fromkeys(path for case in self.cases for path in case))


@dataclass(frozen=True)
class Family:
    """Pictures that are copies of each other, and the flips that were met among them."""

    images: tuple[LabelledImage, ...]
    flips: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[Path, ...]:
        """Those to learn from first."""
        return tuple(image.path for image in sorted(self.images, key=lambda image: ("", *SPLITS).index(image.split)))

    @property
    def splits(self) -> set[str]:
        return {image.split for image in self.images}

    @property
    def labels(self) -> set[str]:
        return {image.label for image in self.images}


@dataclass(frozen=True)
class Copies:
    """The copies among images: families of equal pixels, and of pictures that are near copies of each other."""

    equal: tuple[Family, ...]
    near: tuple[Family, ...]

    @classmethod
    def of(cls, images: Sequence[LabelledImage], pairs: Sequence[DuplicatePair]) -> Copies:
        equal = families(len(images), ((pair.a, pair.b) for pair in pairs if pair.exact))
        same = {members[0]: members for members in equal}  # a set of equal ones stands in pairs by its first
        number, flips = {}, defaultdict(list)
        near = families(len(images), ((pair.a, pair.b) for pair in pairs if not pair.exact))
        for i, members in enumerate(near):
            number |= dict.fromkeys(members, i)
        for pair in pairs:
            if pair.flip:
                flips[number[pair.a]].append(pair.flip)
        return cls(
            tuple(Family(tuple(images[row] for row in members)) for members in equal),
            tuple(
                Family(tuple(images[row] for head in members for row in same.get(head, [head])), tuple(flips[i]))
                for i, members in enumerate(near)
            ),
        )

    def together(self) -> list[tuple[Path, ...]]:
        """What splits must not divide."""
        return [tuple(image.path for image in family.images) for family in (*self.equal, *self.near)]


def unreadable(errors: Sequence[ImageError], lost: Sequence[str] = ()) -> list[Finding]:
    """Files that are set aside, first one for each reason; an error where that leaves nothing of the classes `lost`."""
    first = {error.reason: error for error in reversed(errors)}
    ordered = sorted(errors, key=lambda error: first[error.reason] is not error)
    left = f", so no image is left of {', '.join(lost[:4])}{', ...' if len(lost) > 4 else ''}" if lost else ""
    told = "{n} can't be read and {are} set aside" + left.replace("{", "{{").replace("}", "}}")
    return _some("error" if lost else "warning", "unreadable", [(error.path,) for error in ordered], told)


def outside(listing: Listing) -> list[Finding]:
    """Images that lie beside the class folders."""
    if not listing.outside:
        return []
    cases = tuple((Path(file),) for file in listing.outside)
    return [Finding("warning", "outside", outside_note(listing.outside), cases)]


def unread(errors: Sequence[ImageError]) -> list[Finding]:
    """Folders that can't be read."""
    cases = [(error.path,) for error in errors]
    return _some("warning", "unread", cases, "{n} can't be read, so whatever is in {them} is missing", what="folder")


def leaks(copies: Copies) -> list[Finding]:
    """The same picture on two sides of a split: an error when equal, a warning when nearly so."""
    return _of_families(
        "error",
        "leak",
        [family for family in copies.equal if len(family.splits) > 1],
        "{n} stand{s} in more than one split, so the network is judged on what it has learned: keep each on one side",
    ) + _of_families(
        "warning",
        "near-leak",
        [family for family in copies.near if len(family.splits) > 1],
        "{n} stand{s} in two splits re-encoded, resized or mirrored{flips}: keep all copies on one side",
    )


def label_conflicts(copies: Copies) -> list[Finding]:
    """The same picture under two labels."""
    return _of_families(
        "error",
        "two-labels",
        [family for family in copies.equal if len(family.labels) > 1],
        "{n} stand{s} under two labels: decide for one and remove the other",
    ) + _of_families(
        "warning",
        "near-two-labels",
        [family for family in copies.near if len(family.labels) > 1],
        "{n} stand{s} under two labels re-encoded, resized or mirrored{flips}: decide for one label",
    )


def duplicates(copies: Copies) -> list[Finding]:
    """Copies inside one split and class: no lie, but each counts as often as it stands there."""
    equal, near = (
        [family for family in kind if len(family.splits) < 2 and len(family.labels) < 2]
        for kind in (copies.equal, copies.near)
    )
    extra = sum(len(family.images) - 1 for family in equal)
    return _of_families(
        "warning",
        "copies",
        equal,
        "{n} stand{s} in one class more than once (" + f"{counted(extra, 'file')} too many): training counts each copy",
    ) + _of_families(
        "note",
        "near-copies",
        near,
        "{n} stand{s} in one class more than once, re-encoded, resized or mirrored{flips}",
    )


def blanks(images: Sequence[LabelledImage], measured: Columns) -> list[Finding]:
    """Pictures of nothing."""
    return _some(
        "warning",
        "blank",
        _cases(images, measured.mark < BLANK),
        "{n} {are} blank or almost so: remove {them}, or say what stands there in a class of its own",
    )


def misread(images: Sequence[LabelledImage], measured: Columns) -> list[Finding]:
    """What other tools skip or misread, and what ox does with it."""
    formats, modes = measured.format, measured.mode
    fitting = {form: EXTENSIONS.get(form, ()) for form in np.unique(formats).tolist()}
    lies = [
        not image.file.lower().endswith(fitting[form]) for image, form in zip(images, formats.tolist(), strict=True)
    ]
    kinds = (
        (
            "suffix",
            np.array(lies),
            "{n} {are} of another format than the suffix says: ox goes by content, other tools may stop or skip {them}",
        ),
        (
            "rotated",
            measured.rotated,
            "{n} {are} stored turned, with an EXIF note: ox shows {them} upright, stock Keras as stored",
        ),
        (
            "transparent",
            measured.transparent,
            "{n} {have} transparency: ox puts {them} on white, stock Keras shows the hidden colour",
        ),
        (
            "deep",
            np.isin(modes, ("I", "F")) | np.char.startswith(modes, "I;16"),
            "{n} {have} 16 bits or more a pixel: ox scales {them} to 8, stock Keras clips {them} at 255",
        ),
        ("cmyk", modes == "CMYK", "{n} {are} in print colours (CMYK): ox converts {them} to RGB"),
        ("animated", (measured.frames > 1) & (formats != "MPO"), "{n} {have} several frames: ox reads the first"),
    )
    return [
        finding for kind, mask, sentence in kinds for finding in _some("note", kind, _cases(images, mask), sentence)
    ]


def outliers(images: Sequence[LabelledImage], measured: Columns) -> list[Finding]:
    """Few files much larger, smaller, lighter or darker than the middle half."""
    sides = np.log2(measured.size.prod(axis=1)) / 2
    found = []
    for kind, values, least, words in (
        ("size", sides, OUTLYING_OCTAVES, ("smaller", "larger")),
        ("brightness", measured.brightness, OUTLYING_LEVELS, ("darker", "lighter")),
    ):
        low, high = _outlying(values, least)
        if not 0 < len(low) + len(high) <= max(1, OUTLYING_SHARE * len(values)):
            continue
        for rows, word in zip((low, high), words, strict=True):
            found += _some("note", kind, [(images[i].path,) for i in rows], "{n} {are} much " + word + " than the rest")
    return found


def imbalance(images: Sequence[LabelledImage]) -> list[Finding]:
    """One class far more common than another in training."""
    counts = Counter(image.label for image in images if image.split in ("train", ""))
    if len(counts) < 2:
        return []
    (most, many), (least, few) = counts.most_common()[0], counts.most_common()[-1]
    if many <= BALANCED * few:
        return []
    sentence = (
        f"{most} has {many / few:.1f} times as many training images as {least} ({many:,} and {few:,}): "
        f"always answering {most} is right {100 * many / counts.total():.0f} % of the time; ox train weighs the "
        f"classes equally unless --balance none is given, and more images of {least} are better still"
    )
    return [Finding("warning", "imbalance", sentence)]


def _cases(images: Sequence[LabelledImage], mask: np.ndarray) -> list[tuple[Path, ...]]:
    return [(images[i].path,) for i in np.flatnonzero(mask)]


def _outlying(values: np.ndarray, least: float) -> tuple[list[int], list[int]]:
    first, third = np.percentile(values, (25, 75))
    reach = max(least, 3 * (third - first))
    return np.flatnonzero(values < first - reach).tolist(), np.flatnonzero(values > third + reach).tolist()


def _some(
    level: str, kind: str, cases: Sequence[tuple[Path, ...]], sentence: str, *, what: str = "file"
) -> list[Finding]:
    """One finding of these cases, or none; the sentence's verbs agree with their number."""
    if not cases:
        return []
    one = len(cases) == 1
    text = sentence.format(
        n=f"{len(cases):,} {what}{'' if one else 's'}",
        s="s" if one else "",
        are="is" if one else "are",
        have="has" if one else "have",
        them="it" if one else "them",
    )
    return [Finding(level, kind, text, tuple(cases))]


def _of_families(level: str, kind: str, families: Sequence[Family], sentence: str) -> list[Finding]:
    """One finding of these families, or none; {flips} says how many were met flipped."""
    flips = Counter(flip for family in families for flip in family.flips)
    told = f" ({', '.join(f'{count:,} {flip}' for flip, count in flips.most_common())})" if flips else ""
    return _some(level, kind, [family.paths for family in families], sentence.replace("{flips}", told), what="picture")
