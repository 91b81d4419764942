"""Fonts of this machine that are put into a PDF: files that together have all letters of a sheet, or a sentence."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ox_classifier.errors import UsageError
from ox_classifier.names import JOINERS
from ox_classifier.typefaces import FAMILY, LETTERS, PACKAGES, fonts_for

if TYPE_CHECKING:
    from fpdf import FPDF


def put_fonts(pdf: FPDF, texts: Iterable[str]) -> str:
    """Put fonts for all texts into a PDF, plain and bold, only the letters that are used; give the first one's name.

    Where one font has all letters, such as a Korean one with Latin letters, it is the only one.

    Raises:
        UsageError: As in `families_for`.
    """
    families = families_for(texts)
    order = [*families[1:], FAMILY]
    with quiet():
        for family in order:
            for style, weight in (("", "normal"), ("B", "bold")):
                path = file_of(family, weight)
                pdf.add_font(family, style, str(path), collection_font_number=getattr(path, "face_index", 0))
    pdf.set_fallback_fonts(order[1:], exact_match=False)
    return order[0]


def families_for(texts: Iterable[str]) -> tuple[str, ...]:
    """Families that together have all letters of the texts, ours first.

    Raises:
        UsageError: If no font of this machine has a letter; it says what to install.
    """
    letters = dict.fromkeys("".join(texts))  # in order, so that a sentence names the teacher's own
    families, missing = fonts_for(frozenset(letters) - set(JOINERS))
    if missing:
        _refuse([letter for letter in letters if letter in missing])
    return families


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back what two libraries log of fonts that lack a weight, and of tables that aren't put into the PDF."""
    loggers = [logging.getLogger(name) for name in ("fontTools.subset", "matplotlib.font_manager")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def file_of(family: str, weight: str) -> str:
    """The family's file of a weight, or the nearest weight that it has."""
    from matplotlib.font_manager import FontProperties, findfont

    return findfont(FontProperties(family=[family], weight=weight), fallback_to_default=False)


def _refuse(missing: Sequence[str]) -> None:
    scripts = {unicodedata.name(letter, "UNKNOWN").split()[0].partition("-")[0] for letter in missing}
    packages = sorted({PACKAGES.get(script, LETTERS) for script in scripts})
    kind = "Korean letters" if scripts == {"HANGUL"} else "letters"
    some = " ".join(missing[:8]) + (" ..." if len(missing) > 8 else "")
    raise UsageError(
        f"no font on this machine has the {kind} {some}, which the sheet needs: install one that does, "
        f"on Debian and Ubuntu with: apt install {' '.join(packages)}"
    )
