"""What can be wrong with a listing of images, one function a kind; judges measurements, opens no file."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ox_classifier.audit.columns import Columns
from ox_classifier.audit.duplicates import DuplicatePair
from ox_classifier.data.class_weights import BALANCED
from ox_classifier.data.images import ImageError
from ox_classifier.data.listing import SPLITS, LabelledImage

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
class Copies:
    """The copies among images: `sets` of equal pixels, and `duplicates` pairs of these by index, with their flip."""

    sets: tuple[tuple[LabelledImage, ...], ...]
    duplicates: tuple[tuple[int, int, str], ...]

    @classmethod
    def of(cls, images: Sequence[LabelledImage], pairs: Sequence[DuplicatePair]) -> Copies:
        members = defaultdict(list)
        for pair in pairs:
            if pair.exact:
                members[pair.a].append(pair.b)
        heads = sorted({pair.a for pair in pairs} | {pair.b for pair in pairs if not pair.exact})
        number = {head: i for i, head in enumerate(heads)}
        sets = tuple(tuple(images[i] for i in (head, *members[head])) for head in heads)
        return cls(sets, tuple((number[p.a], number[p.b], p.flip) for p in pairs if not p.exact))

    def together(self) -> list[tuple[Path, ...]]:
        """What splits must not divide: every set, and a member of each of two near sets."""
        sets = [tuple(image.path for image in same) for same in self.sets if len(same) > 1]
        return sets + [(self.sets[a][0].path, self.sets[b][0].path) for a, b, _ in self.duplicates]


def unreadable(errors: Sequence[ImageError]) -> list[Finding]:
    """Files that are set aside."""
    return _some("warning", "unreadable", [(error.path,) for error in errors], "{n} can't be read and {are} set aside")


def leaks(copies: Copies) -> list[Finding]:
    """The same picture on two sides of a split: an error when equal, a warning when nearly so."""
    exact = [_paths(same) for same in copies.sets if len(_splits(same)) > 1]
    near = [
        (_paths(copies.sets[a] + copies.sets[b]), flip)
        for a, b, flip in copies.duplicates
        if len(_splits(copies.sets[a]) | _splits(copies.sets[b])) > 1
    ]
    return _some(
        "error",
        "leak",
        exact,
        "{n} stand{s} in more than one split, so the network is judged on what it has learned: keep each on one side",
        what="picture",
    ) + _some(
        "warning",
        "near-leak",
        [case for case, _ in near],
        "{n} stand{s} in two splits re-encoded, resized or mirrored" + _flipped(near) + ": keep all copies on one side",
        what="picture",
    )


def label_conflicts(copies: Copies) -> list[Finding]:
    """The same picture under two labels."""
    exact = [_paths(same) for same in copies.sets if len(_labels(same)) > 1]
    near = [
        (_paths(copies.sets[a] + copies.sets[b]), flip)
        for a, b, flip in copies.duplicates
        if len(_labels(copies.sets[a]) | _labels(copies.sets[b])) > 1
    ]
    return _some(
        "error",
        "two-labels",
        exact,
        "{n} stand{s} under two labels: decide for one and remove the other",
        what="picture",
    ) + _some(
        "warning",
        "near-two-labels",
        [case for case, _ in near],
        "{n} stand{s} under two labels re-encoded, resized or mirrored" + _flipped(near) + ": decide for one label",
        what="picture",
    )


def duplicates(copies: Copies) -> list[Finding]:
    """Copies inside one split and class: no lie, but each counts as often as it stands there."""
    exact = [
        _paths(same) for same in copies.sets if len(same) > 1 and len(_splits(same)) < 2 and len(_labels(same)) < 2
    ]
    near = []
    for a, b, flip in copies.duplicates:
        both = copies.sets[a] + copies.sets[b]
        if len(_splits(both)) < 2 and len(_labels(both)) < 2:
            near.append((_paths(both), flip))
    extra = sum(len(case) - 1 for case in exact)
    return _some(
        "warning",
        "copies",
        exact,
        "{n} stand{s} in one class more than once (" + f"{_files(extra)} too many): training counts each copy",
        what="picture",
    ) + _some(
        "note",
        "near-copies",
        [case for case, _ in near],
        "{n} of one class {are} the same picture re-encoded, resized or mirrored" + _flipped(near),
        what="pair",
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


def _flipped(near: Sequence[tuple[tuple[Path, ...], str]]) -> str:
    flips = Counter(flip for _, flip in near if flip)
    return f" ({', '.join(f'{count:,} {flip}' for flip, count in flips.most_common())})" if flips else ""


def _files(count: int) -> str:
    return f"{count:,} file{'' if count == 1 else 's'}"


def _paths(images: Sequence[LabelledImage]) -> tuple[Path, ...]:
    """Those to learn from first."""
    return tuple(image.path for image in sorted(images, key=lambda image: ("", *SPLITS).index(image.split)))


def _splits(images: Sequence[LabelledImage]) -> set[str]:
    return {image.split for image in images}


def _labels(images: Sequence[LabelledImage]) -> set[str]:
    return {image.label for image in images}
