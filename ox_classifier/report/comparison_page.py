"""compare.html: several runs side by side and the images that they answer differently, in one file without scripts."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from ox_classifier import __version__
from ox_classifier.names import printable
from ox_classifier.report.compared import Changed, Compared
from ox_classifier.report.comparison import BROKE, FIXED, OTHER

HEADINGS = {BROKE: "Broken", FIXED: "Fixed", OTHER: "Wrong in another way"}
QUALITY = 62
TINY = 64  # pixels up to which a picture is kept exactly, as every pixel is seen


def html(names: Sequence[str], compared: Compared, changed: Sequence[Changed]) -> str:
    """The page as one text; whatever names hold is shown, never run."""
    pages = Environment(
        loader=PackageLoader("ox_classifier.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value,
    )
    style = pages.loader.get_source(pages, "comparison.css")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    parts = [
        (name, heading, kind, rows)
        for number, name in enumerate(names[1:])
        for kind, heading in HEADINGS.items()
        if (rows := [one for one in changed if one.kinds[number] == kind])
    ]
    return pages.get_template("comparison.html").render(
        names=names,
        compared=compared,
        parts=parts,
        picture=data_uri,
        missing=sum(not one.picture for one in changed),
        style=pages.filters["safe"](style),
        style_hash=pages.filters["safe"](f"'sha256-{digest}'"),
        version=__version__,
    )


def data_uri(webp: bytes) -> str:
    """A picture as a page takes it."""
    return f"data:image/webp;base64,{base64.b64encode(webp).decode('ascii')}"


def small(image: Image.Image, side: int) -> bytes:
    """A picture as WebP with no side longer than so many pixels."""
    if max(image.size) > side:
        image = image.copy()
        image.thumbnail((side, side))
    file = io.BytesIO()
    image.convert("RGB").save(file, "WEBP", lossless=max(image.size) <= TINY, quality=QUALITY)
    return file.getvalue()
