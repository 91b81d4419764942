"""Text as pictures show it: in one line, in fonts that have its letters, no wider than its place."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable

from ox_classifier.names import JOINERS, printable
from ox_classifier.typefaces import fonts_for, tell

PLACEHOLDER = "?"
SELECTORS = {*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)}  # "as an emoji", "as a plain sign"


class Lettering:
    """The lettering of one figure, made from all texts of others (classes, files, folders) that it shows;
    `dpi` is the figure's, as letters are drawn to whole dots.

    Every text of the figure takes `**style`: a list of fonts that together have its letters, and matplotlib's
    mathematics off, which would read `$` in a name. Letters that no font of this machine has are shown as `?`,
    and a sentence on stderr says so once.
    """

    def __init__(self, texts: Iterable[str], *, dpi: float):
        from matplotlib.backends.backend_agg import RendererAgg

        letters = frozenset("".join(_bare(text) for text in texts))
        self.families, self.missing = fonts_for(letters)
        self.style = {"fontfamily": list(self.families), "parse_math": False}
        self._renderer = RendererAgg(1, 1, dpi)
        tell(self.missing, placeholder=PLACEHOLDER)

    def line(self, text: str) -> str:
        """The text on one line, in letters that can be drawn."""
        return "".join(PLACEHOLDER if letter in self.missing else letter for letter in _bare(text))

    def width(self, text: str, size: float) -> float:
        """Inches that a line takes at `size` points."""
        from matplotlib.font_manager import FontProperties

        font = FontProperties(family=list(self.families), size=size)
        return self._renderer.get_text_width_height_descent(text, font, False)[0] / self._renderer.dpi

    def cut(self, text: str, inches: float, size: float, *, keep: str = "end") -> str:
        """`line`, shortened by … where it is wider than `inches`; `keep` its "end", which tells files apart, or "both"
        ends."""
        text = self.line(text)
        if self.width(text, size) <= inches:
            return text
        return _kept(text, self._fitting(lambda letters: _kept(text, letters, keep), len(text) - 1, inches, size), keep)

    def wrap(self, text: str, inches: float, size: float, *, most: int = 3) -> list[str]:
        """The text in lines of `inches`, broken at spaces; what doesn't fit into `most` lines is cut."""
        lines, rest = [], self.line(text).split()
        while rest:
            if len(lines) == most - 1:
                return [*lines, self.cut(" ".join(rest), inches, size, keep="both")]
            count = 1
            while count < len(rest) and self.width(" ".join(rest[: count + 1]), size) <= inches:
                count += 1
            line, rest = " ".join(rest[:count]), rest[count:]
            fits = self._fitting(lambda letters, line=line: line[:letters], len(line), inches, size)
            if fits < len(line):  # one word, wider than the place
                line, rest = line[: max(1, fits)], [line[max(1, fits) :], *rest]
            lines.append(line)
        return lines or [""]

    def _fitting(self, text: Callable[[int], str], most: int, inches: float, size: float) -> int:
        """How many letters, up to `most`, `text` can keep."""
        fewest = 0
        while fewest < most:
            middle = (fewest + most + 1) // 2
            fits = self.width(text(middle), size) <= inches
            fewest, most = (middle, most) if fits else (fewest, middle - 1)
        return fewest


def _kept(text: str, letters: int, keep: str) -> str:
    end = letters if keep == "end" else letters // 2
    return text[: letters - end] + "…" + text[len(text) - end :]


def _bare(text: str) -> str:
    """The text on one line, without what fonts have no shape for; letters that macOS writes in parts are whole."""
    whole = unicodedata.normalize("NFC", printable(text))
    shown = (c for c in whole if c not in JOINERS and ord(c) not in SELECTORS)
    return "".join(" " if c.isspace() else c for c in shown)
