"""Draws a dataset of O and X marks into a folder: which image gets which source, number and name, and marks.csv."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ox_classifier.console import say, track
from ox_classifier.errors import UsageError
from ox_classifier.files import replacing
from ox_classifier.staging import check_place, filling
from ox_classifier.synthetic import cutouts, fonts, handwriting, others, places, sources
from ox_classifier.synthetic.sampler import Sampler
from ox_classifier.synthetic.workers import spread

LABELS = ("o", "x")
OTHER = handwriting.OTHER
OUTLIERS = "outliers"  # the folder of what is no mark, beside those of the classes or splits
SPLITS = ("", "train", "val", "test")
LIST = "marks.csv"
OTHERWISE = ", or give --append to add to it"
COLUMNS = ("path", "label", "split", "source", "width", "height", "parameters")
TRIES, FAINT = 6, 0.07  # an image whose strokes stand out by less than FAINT (of 1) is drawn again, TRIES times at most
COLOURS = 16  # of what is no mark, so that thousands of pictures fit into 3 MB
CUT_OUT = 0.1  # the share of pictures whose mark is cut out and pasted on another ground
CHUNK = 32  # images a worker draws between two reports
GOLDEN = 0.6180339887498949


@dataclass(frozen=True, slots=True)
class Job:
    """One image to draw; its bytes depend on these fields and on the fonts, not on which process draws it or when."""

    seed: int
    split: str  # "" where the folder has no splits
    label: str
    number: int
    source: str
    pool: str

    @property
    def stem(self) -> str:
        """Folder and number, the same for both classes."""
        if self.label == OTHER:
            return f"{OUTLIERS}/{self.number:05d}"
        return "/".join(part for part in (self.split, self.label, f"{self.number:05d}") if part)


def draw(
    job: Job,
    found: Sequence[fonts.Font] = (),
    *,
    framed: bool | None = None,
    joined: bool | None = None,
    letter: bool = False,
    cut_out: float = CUT_OUT,
) -> tuple[bytes, str, dict]:
    """Draw one mark, or what is none: the encoded file, its suffix, and what was drawn (for marks.csv), and where.

    `framed` draws the same mark with a frame around it, or without, `joined` with strokes that lead to it, or without;
    None leaves that to chance. With `letter` a written mark is small, flattened and leaning, as a letter of joined
    writing is, and the strokes that lead to it are long. `cut_out` is the share of marks that are cut out and pasted on
    another ground, of those whose frame is left to chance.
    """
    key = (job.seed, SPLITS.index(job.split), (*LABELS, OTHER).index(job.label), job.number)
    if job.label == OTHER:
        pixels, source, photo, sampler = others.draw(key, job.source, found, pool=job.pool)
        return _filed(pixels, source, sampler, photo=photo, small=True)
    drawer, joining = sources.SOURCES[job.source][1], {"joined": joined, "letter": letter}
    for attempt in range(TRIES):  # whether the mark can be seen is judged without a frame that was asked for
        sampler = Sampler((*key, attempt), job.pool, framed=None if framed is None else False, **joining)
        pixels = drawer(job.label, sampler, found)
        if _visible(pixels, sampler.drawn):
            break
    if framed:
        sampler = Sampler((*key, attempt), job.pool, framed=True, **joining)
        pixels = drawer(job.label, sampler, found)
    if min(pixels.shape[:2]) >= cutouts.LEAST and framed is None and sampler.happens(cut_out):
        pixels = cutouts.pasted(pixels, sampler)
    return _filed(pixels, job.source, sampler, photo=job.source in sources.PHOTOGRAPHED)


def _filed(
    pixels: np.ndarray, source: str, sampler: Sampler, *, photo: bool, small: bool = False
) -> tuple[bytes, str, dict]:
    """The encoded file, its suffix and what was drawn; `small` saves bytes where nobody sees it."""
    height, width = pixels.shape[:2]
    jpeg = sampler.happens(1.0 if photo else 0.05 if small else 0.2) and min(height, width) >= 48
    quality = sampler.count(45, 72 if small else 92)
    about = {
        "source": source,
        "width": width,
        "height": height,
        "parameters": sampler.drawn,
        "place": places.of(sampler),
    }
    return (
        _encode(pixels, quality if jpeg else None, colours=COLOURS if small else None),
        ".jpg" if jpeg else ".png",
        about,
    )


def make(
    out: Path | str,
    *,
    per_class: int = 1000,
    val: int = 0,
    test: int = 0,
    other: int = 0,
    seed: int = 0,
    source: Sequence[str] = (),
    font_folders: Sequence[Path] = (),
    append: bool = False,
    workers: int | None = None,
) -> int:
    """Draw `per_class` marks of each class into OUT/{o,x}; with `val` or `test`, into OUT/{train,val,test}/{o,x}.

    `other` pictures of what is no mark go into OUT/outliers. Where there is a test set, its fonts, papers and hands are
    ones that train and val don't use. With `append`, the numbers go on after the folder's highest. The same seed and
    fonts give the same bytes, whatever the number of worker processes. Returns how many images were written.

    Nothing is in OUT until everything is drawn.

    Raises:
        UsageError: If OUT isn't empty (without `append`), or a source or the fonts don't exist.
    """
    out = Path(out)
    names = _sources(source)
    check_place(out, adding=append, otherwise=OTHERWISE)
    found = fonts.find(font_folders) if "font" in names else []
    if "font" in names and not found:
        raise UsageError("no font with an O and an X on this machine; give --fonts DIR, or leave the source 'font' out")
    counts = {"train": per_class, "val": val, "test": test} if val or test else {"": per_class}
    jobs = list(
        chain.from_iterable(
            _jobs(out, split, count, seed, names, has_test=bool(test)) for split, count in counts.items()
        )
    )
    first = 1 + max((_number(path) for path in (out / OUTLIERS).glob("*")), default=-1)
    jobs += [
        Job(seed, "", OTHER, number, _source(number, others.source_weights(), names), "train" if test else "all")
        for number in range(first, first + other)
    ]
    earlier = _listed(out)
    with filling(out, adding=append) as stage:
        for folder in {(stage / job.stem).parent for job in jobs}:
            folder.mkdir(parents=True, exist_ok=True)
        # the list is moved in before the images, so that no image is ever without its row
        with (
            replacing((out if (out / LIST).exists() else stage) / LIST) as beside,
            beside.open("w", newline="", encoding="utf-8") as file,
        ):
            table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            table.writeheader()
            table.writerows(earlier)
            for data, row in track(_drawn(jobs, found, workers), label="drawing marks", total=len(jobs)):
                (stage / row["path"]).write_bytes(data)
                table.writerow(row)
    return len(jobs)


def _listed(out: Path) -> list[dict[str, str]]:
    """The rows of the list that is there, without those whose image is not.

    Raises:
        UsageError: If it is a list of something else.
    """
    try:
        with (out / LIST).open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            reader = csv.DictReader(file)
            rows, names = list(reader), reader.fieldnames
    except FileNotFoundError:
        return []
    if names is not None and tuple(names) != COLUMNS:
        raise UsageError(f"{out / LIST} has other columns than {','.join(COLUMNS)}: move it elsewhere")
    there = [row for row in rows if None not in row.values() and (out / row["path"]).is_file()]
    if len(there) < len(rows):
        say(f"left {len(rows) - len(there):,} rows out of {out / LIST}: their images are not there")
    return there


def _sources(wanted: Sequence[str]) -> list[str]:
    unknown = [name for name in wanted if name not in sources.SOURCES]
    if unknown:
        raise UsageError(f"--source {unknown[0]}: no such source; there are {', '.join(sources.SOURCES)}")
    return [name for name in sources.SOURCES if not wanted or name in wanted]


def _jobs(out: Path, split: str, count: int, seed: int, names: Sequence[str], *, has_test: bool) -> Iterator[Job]:
    """Numbers go on after the highest one found in either class folder, so both classes keep the same names."""
    first = 1 + max((_number(path) for label in LABELS for path in (out / split / label).glob("*")), default=-1)
    pool = ("test" if split == "test" else "train") if has_test else "all"
    weights = {name: weight for name, (weight, _) in sources.SOURCES.items()}
    for number in range(first, first + count):
        for label in LABELS:
            yield Job(seed, split, label, number, _source(number, weights, names), pool)


def _source(number: int, weights: dict[str, float], names: Sequence[str]) -> str:
    """The source of an image by its number: evenly over the sources `names`, however many images there are."""
    edges = np.cumsum([weights[name] for name in names])
    at = (number + 1) * GOLDEN % 1.0
    return names[int(np.searchsorted(edges, at * edges[-1], side="right"))]


def _number(path: Path) -> int:
    return int(path.stem) if path.stem.isdecimal() else -1


def _drawn(jobs: Sequence[Job], found: Sequence[fonts.Font], workers: int | None) -> Iterator[tuple[bytes, dict]]:
    """Each image's file and its row for marks.csv, in the order of `jobs`."""
    chunks = [jobs[at : at + CHUNK] for at in range(0, len(jobs), CHUNK)]
    workers = min(workers or os.cpu_count() or 1, len(chunks))
    if workers <= 1:
        yield from chain.from_iterable(_chunk(chunk, found) for chunk in chunks)
        return
    yield from chain.from_iterable(spread(partial(_chunk, found=found), chunks, workers))


def _chunk(jobs: Sequence[Job], found: Sequence[fonts.Font]) -> list[tuple[bytes, dict]]:
    entries = []
    for job in jobs:
        data, suffix, about = draw(job, found)
        del about["place"]
        parameters = json.dumps(about.pop("parameters"), ensure_ascii=False)
        row = {"path": job.stem + suffix, "label": job.label, "split": job.split, "parameters": parameters, **about}
        entries.append((data, row))
    return entries


def _visible(pixels: np.ndarray, drawn: dict) -> bool:
    """Whether strokes stand out from what is around them: an image that shows no mark has no right label."""
    side = len(pixels)
    half = min(0.5, 2 * float(drawn["size"]))  # of a small mark, only what is about it
    low = [int(np.clip(float(drawn[axis]) - half, 0, 1 - 2 * half) * side) for axis in "xy"]
    across = max(2, round(2 * half * side))
    pixels = pixels[low[1] : low[1] + across, low[0] : low[0] + across]
    small = cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), (64, 64), interpolation=cv2.INTER_AREA)
    grey = cv2.GaussianBlur(small.astype(np.float32) / 255, (0, 0), 0.6)
    difference = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 6)).ravel()
    return float(np.partition(difference, -120)[-120:].mean()) > FAINT


def _encode(pixels: np.ndarray, quality: int | None, *, colours: int | None = None) -> bytes:
    grey = bool((pixels == pixels[:, :, :1]).all())
    image = Image.fromarray(pixels[:, :, 0] if grey else pixels)
    file = io.BytesIO()
    if quality is None:
        if colours and image.mode == "RGB":
            image = image.quantize(colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        image.save(file, "PNG", compress_level=9)
    else:
        image.save(file, "JPEG", quality=quality, optimize=bool(colours))
    return file.getvalue()
