"""Files → photographs of sheets: pictures of any format that ox reads, and each page of a PDF."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np

from ox_classifier.data import images
from ox_classifier.data.images import ImageError
from ox_classifier.data.listing import natural_key
from ox_classifier.errors import UsageError
from ox_classifier.wording import counted

PDF = ".pdf"
MOST_PAGES = 1000  # of one PDF
PDF_DETAIL = 200 / 72  # pixels a point: 8 pixels a millimetre, as a scanner's usual 200 dpi
MOST_SIDE = 9000  # pixels of a page of a PDF
PDFIUM = Lock()  # which may be used by one thread at a time


@dataclass(frozen=True)
class Source:
    """One photograph that is still to be opened: a file, or one `page` (from 1) of a PDF."""

    path: Path
    page: int | None = None

    @property
    def name(self) -> str:
        return self.path.name if self.page is None else f"{self.path.name}, page {self.page}"

    def read(self) -> np.ndarray:
        """Its pixels the right way up, uint8 (h, w, 3).

        Raises:
            ImageError: If it can't be read.
        """
        if self.page is not None:
            with PDFIUM:
                return _rendered(self.path, self.page)
        image = images.open_picture(self.path).image
        return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def sources(given: Sequence[Path | str]) -> Iterator[Source]:
    """The photographs in files, in order: each picture, each page of each PDF, each picture in a folder; none twice.

    Raises:
        UsageError: If one isn't there, a folder holds none, or a PDF can't be opened.
    """
    seen = set()
    for path in map(Path, given):
        for file in _files(path):
            if file.absolute() in seen:
                continue
            seen.add(file.absolute())
            if file.suffix.lower() == PDF:
                yield from (Source(file, page) for page in range(1, _pages(file) + 1))
            else:
                yield Source(file)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        if not path.exists():
            raise UsageError(f"{path} does not exist: give photos, scans, PDFs or a folder of them")
        return [path]
    suffixes = (*images.SUFFIXES, PDF)
    found = sorted(
        (p for p in path.iterdir() if p.suffix.lower() in suffixes and p.name[0] != "."),
        key=lambda p: natural_key(p.name),
    )
    if not found:
        raise UsageError(f"no photo in {path}: looked for {' '.join(suffixes)}")
    return found


def _open(path: Path):
    try:
        import pypdfium2
    except ImportError:
        raise UsageError(f"{path} is a PDF; to read it: pip install pypdfium2") from None
    try:
        return pypdfium2.PdfDocument(path)
    except (pypdfium2.PdfiumError, OSError, ValueError) as error:
        text = str(error).lower()
        if "password" in text or "security" in text:
            raise UsageError(f"{path} is locked by a password: save it without one, or photograph its pages") from None
        raise UsageError(f"{path} is no PDF that can be read ({' '.join(str(error).split())[:80]})") from None


def _pages(path: Path) -> int:
    document = _open(path)
    try:
        count = len(document)
    finally:
        document.close()
    if count > MOST_PAGES:
        raise UsageError(f"{path} has {counted(count, 'page')}, at most {MOST_PAGES:,} are read at once: split it")
    if not count:
        raise UsageError(f"{path} has no page: give a PDF of scanned sheets")
    return count


def _rendered(path: Path, number: int) -> np.ndarray:
    document = _open(path)
    try:
        page = document[number - 1]
        width, height = page.get_size()
        scale = min(PDF_DETAIL, MOST_SIDE / max(width, height, 1))
        if min(width, height) * scale < 1:
            raise ImageError(path, f"page {number} is {width:.3g} by {height:.3g} points: nothing can be seen on it")
        bitmap = page.render(scale=scale, rev_byteorder=True)
        pixels = bitmap.to_numpy()
        return np.ascontiguousarray(pixels[:, :, :3] if pixels.ndim == 3 else np.stack([pixels] * 3, axis=2))
    except ImageError:
        raise
    except Exception as error:  # pdfium's own, and what its bindings raise for damaged pages
        raise ImageError(path, f"page {number} can't be read ({' '.join(str(error).split())[:80]})") from None
    finally:
        document.close()
