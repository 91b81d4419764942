"""Which fonts of this machine draw some letters, and what to say where none does."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ox_classifier.console import say

if TYPE_CHECKING:
    from matplotlib.font_manager import FontEntry
    from matplotlib.ft2font import FT2Font

FAMILY = "DejaVu Sans"  # comes with matplotlib
BOXES = "Last Resort"  # comes with matplotlib, too: a labelled box for every letter there is
# what the Unicode name of a letter begins with: Debian's package of a font that has it
PACKAGES = {
    "HANGUL": "fonts-nanum",
    "CJK": "fonts-noto-cjk",
    "HIRAGANA": "fonts-noto-cjk",
    "KATAKANA": "fonts-noto-cjk",
    "IDEOGRAPHIC": "fonts-noto-cjk",
    "FULLWIDTH": "fonts-noto-cjk",
}
LETTERS, SIGNS = "fonts-noto-core", "fonts-symbola"  # of other scripts, and emoji
PLAIN = ("sans", "gothic", "malgun", "hei", "pingfang", "hiragino", "arial")  # fonts to read small text in
FANCY = ("serif", "mono", "coding", "script", "brush", "pen", "myeongjo", "mincho", "condensed", "display")
REGIONS = (" kr", " jp", " sc", " tc", " hk")
_told: set[str] = set()


@cache
def fonts_for(letters: frozenset[str]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Families that together draw the letters, ours first, and the letters that none draws."""
    from matplotlib import font_manager

    families, missing = [FAMILY], letters - _drawn_by(Path(font_manager.findfont(FAMILY)), letters)
    found: dict[str, frozenset[str]] = {}
    if missing:
        for family, path in _candidates(_region(letters)):
            found[family] = _drawn_by(path, missing)
            if found[family] == missing:
                break  # they come in order of preference
    while missing and found:
        best = max(found, key=lambda family: len(found[family] & missing))  # the first of equal ones
        if not found[best] & missing:
            break
        families.append(best)
        missing -= found.pop(best)
    return tuple(families), missing


def _candidates(region: str) -> Iterator[tuple[str, Path]]:
    """Upright fonts of this machine by family, plain ones first; then those installed since matplotlib listed them."""
    from matplotlib import font_manager

    manager = font_manager.fontManager
    listed, done = list(manager.ttflist), {FAMILY}
    yield from _upright(listed, done, region)
    known = {entry.fname for entry in listed}
    for path in font_manager.findSystemFonts():
        if path not in known:
            try:
                manager.addfont(path)
            except Exception:  # damaged, or of letters that are pictures: FreeType and matplotlib raise many kinds
                continue
    yield from _upright(manager.ttflist[len(listed) :], done, region)


def _upright(entries: list[FontEntry], done: set[str], region: str) -> Iterator[tuple[str, Path]]:
    plain = (e for e in entries if e.style == "normal" and e.weight in (400, "normal", "regular", "book"))
    for entry in sorted(plain, key=lambda entry: _rank(entry.name, region)):
        if entry.name not in done and not entry.name.startswith(BOXES) and Path(entry.fname).is_file():
            done.add(entry.name)
            yield entry.name, Path(entry.fname)


def _rank(family: str, region: str) -> tuple[bool, bool, bool, int, str]:
    name = family.lower()
    elsewhere = name[-3:] in REGIONS and name[-3:] != region  # Chinese signs look otherwise in Japan and Korea
    return (
        any(word in name for word in FANCY),
        not any(word in name for word in PLAIN),
        elsewhere,
        len(name),
        name,
    )


def _region(letters: frozenset[str]) -> str:
    scripts = {_script(letter) for letter in letters}
    return " kr" if "HANGUL" in scripts else " jp" if scripts & {"HIRAGANA", "KATAKANA"} else " sc"


def _drawn_by(path: Path, letters: frozenset[str]) -> frozenset[str]:
    """Which of the letters a font has a shape for."""
    from matplotlib.ft2font import FT2Font

    try:
        font = FT2Font(str(path))
        font.set_size(12, 72)
        return frozenset(letter for letter in letters if _has(font, letter))
    except (OSError, RuntimeError):  # a font gone or damaged since it was listed
        return frozenset()


def _has(font: FT2Font, letter: str) -> bool:
    index = font.get_char_index(ord(letter))
    if not index or letter.isspace():
        return bool(index)
    font.load_glyph(index)
    return len(font.get_path()[0]) > 0  # fonts of coloured emoji have pictures in place of outlines


def tell(missing: Iterable[str], *, placeholder: str) -> None:
    """Say which letters can't be drawn and what to install, each script once."""
    new = {letter: script for letter in sorted(missing) if (script := _script(letter)) not in _told}
    if not new:
        return
    _told.update(new.values())
    alone = [letter for letter in new if not unicodedata.category(letter).startswith("M")] or list(new)
    some = " ".join(alone[:8]) + (" ..." if len(new) > 8 else "")
    packages = {PACKAGES.get(script, SIGNS if script == "SIGN" else LETTERS) for script in new.values()}
    say(
        f"pictures show {placeholder} for letters that no font on this machine has ({some}): "
        f"install one that does, on Debian and Ubuntu with: apt install {' '.join(sorted(packages))}"
    )


def _script(letter: str) -> str:
    first = unicodedata.name(letter, "UNKNOWN").split()[0].partition("-")[0]
    return first if first in PACKAGES or letter.isalpha() else "SIGN"
