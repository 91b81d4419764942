"""One look at every file of a listing: its content, what its picture measures and, where wanted, its pixels."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ox_classifier import caches
from ox_classifier.audit.measurement_cache import MeasurementCache
from ox_classifier.audit.measurements import Measurements, measure
from ox_classifier.console import track
from ox_classifier.data import decoding, digests, images
from ox_classifier.data.decoding import CHUNK, MANY, Decoding
from ox_classifier.data.images import ImageError
from ox_classifier.data.memory import NoRoomError
from ox_classifier.data.regular_file import Stamp, stamp
from ox_classifier.pixels import PixelRule

BATCH = 512  # files that are looked at together
FEW = 64  # new ones among them, up to which threads do


@dataclass(frozen=True, slots=True)
class Look:
    """What was found: the digest of the file's bytes (b"" if they can't be read), its stamp from before."""

    content: bytes
    stamp: Stamp
    found: Measurements | ImageError


def look(paths: Sequence[Path | str], *, cache: Path | None = None, decoded: Decoding | None = None) -> Iterator[Look]:
    """Look at every file, in the order of `paths`.

    Files known to the cache (default: $OX_CACHE or ~/.cache/ox) by path, size and times are not opened; those whose
    times are new, or too fresh to be believed, are compared by content, and only unknown contents are measured.
    `decoded`, of the same paths, gets the pixels of all that can be read: of those that are measured from the same
    picture, while the others are begun and not waited for. Memory holds a few hundred measurements (1.5 kB each)
    and a few decoded pictures.
    """
    with ExitStack() as stack:
        known = stack.enter_context(MeasurementCache(cache or caches.folder()))
        threads = stack.enter_context(ThreadPoolExecutor(os.cpu_count(), "look"))
        many = decoded.pool if decoded else decoding.pool(() if len(paths) >= MANY else None)
        if not decoded:
            stack.callback(many.shutdown, wait=True, cancel_futures=True)
        looker = _Looker(known, threads, many, decoded)
        yield from track(looker.looks(paths), label="looking at images", total=len(paths))


@dataclass(frozen=True)
class _Looker:
    known: MeasurementCache
    threads: Executor
    many: Executor
    decoded: Decoding | None

    def looks(self, paths: Sequence[Path | str]) -> Iterator[Look]:
        for start in range(0, len(paths), BATCH):
            files = [(start + i, os.fspath(path)) for i, path in enumerate(paths[start : start + BATCH])]
            with warnings.catch_warnings():  # what Pillow remarks about odd files is no news
                warnings.filterwarnings("ignore", module="PIL")
                looks = self._batch(files)
            yield from looks

    def _batch(self, files: list[tuple[int, str]]) -> list[Look]:
        places = {row: os.path.abspath(path) for row, path in files}  # noqa: PTH100  # a Path takes ten times as long
        stamps = {row: stamp(place) for row, place in places.items()}
        seen = self.known.by_stamps({places[row]: stamps[row] for row in places})
        contents = {row: seen[place][0] for row, place in places.items() if place in seen}
        found = {row: seen[place][1] for row, place in places.items() if place in seen}
        rest = [row for row in places if row not in found]
        contents |= zip(rest, self.threads.map(_content, [places[row] for row in rest]), strict=True)
        measured = self.known.by_content({contents[row] for row in rest} - {b""})
        found |= {row: measured[contents[row]] for row in rest if contents[row] in measured}
        if self.decoded:
            self.decoded.begin(list(found), contents)
        found |= self._measured([file for file in files if file[0] not in found])
        self.known.keep(
            (places[row], stamps[row], contents[row], found[row])
            for row in rest
            if contents[row] and isinstance(found[row], Measurements) and stamps[row] == stamp(places[row])
        )
        return [Look(contents[row], stamps[row], found[row]) for row, _ in files]

    def _measured(self, files: list[tuple[int, str]]) -> dict[int, Measurements | ImageError]:
        if self.decoded:
            found = self.decoded.collect(_look_at_some, self.decoded.submit(_look_at_some, files))
        else:
            found = {}
            pool = self.threads if len(files) <= FEW else self.many
            parts = [files[start : start + CHUNK] for start in range(0, len(files), CHUNK)]
            begun = [(part, pool.submit(_look_at_some, None, None, part)) for part in parts]
            for part, future in begun:
                found |= decoding.settled(_look_at_some, None, None, part, future, pool)
        paths = dict(files)
        for row, answer in found.items():
            if isinstance(answer, str):
                found[row] = ImageError(paths[row], answer)
            elif self.decoded:
                self.decoded.known(row, None)
        return found


def _look_at_some(
    write: decoding.Write | None, rule: PixelRule | None, files: list[decoding.File]
) -> dict[int, Measurements | str]:
    """Measurements of each file, or why it can't be read; its pixels go to `write`."""
    answers = {}
    for row, path in files:
        try:
            if write and rule:
                picture, pixels = images.open_and_read(path, rule)
                write(row, pixels)
            else:
                picture = images.open_picture(path)
            answers[row] = measure(picture, stamp(path)[0])
        except ImageError as error:
            answers[row] = error.reason
        except NoRoomError:
            continue  # left to the process that has it
    return answers


def _content(path: str) -> bytes:
    try:
        return digests.content(path)
    except OSError:
        return b""
