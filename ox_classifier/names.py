"""Names of files and classes as a terminal can show them and a shell can take them."""

from __future__ import annotations

import os
import shlex
import unicodedata

JOINERS = "\u200c\u200d"  # parts of Persian and Indic words and of emoji
ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def is_printable(text: str) -> bool:
    """Whether a terminal shows every character as it is: no control or direction character, no broken UTF-8."""
    return text.isprintable() or all(map(_shown, text))


def printable(text: object) -> str:
    """The text with an escape (`\\x1b`, `\\n`) for every character that a terminal would obey or can't show."""
    text = str(text)
    return text if is_printable(text) else "".join(c if _shown(c) else _escaped(c) for c in text)


def width_of(text: str) -> int:
    """Columns that a terminal needs for a text: two for a Korean, Chinese or Japanese letter, none for an accent."""
    composed = unicodedata.normalize("NFC", text)  # macOS writes names of files in parts
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in composed)
    return len(composed) + wide - sum(unicodedata.category(c) in ("Mn", "Me", "Cf") for c in composed)


def padded(text: str, width: int, *, left: bool = True) -> str:
    """The text with spaces up to so many columns of a terminal, on its right or, if not `left`, before it."""
    spaces = " " * (width - width_of(text))
    return text + spaces if left else spaces + text


def quoted(path: object) -> str:
    """The path as a shell takes it, for commands that are shown to be copied."""
    text = str(path)
    if is_printable(text):
        return shlex.quote(text)
    body = "".join(c if _shown(c) and c not in "\\'" else _escaped(c) for c in text)
    return f"$'{body}'"  # bash and zsh read the escapes


def _shown(character: str) -> bool:
    if character in JOINERS:
        return True
    kind = unicodedata.category(character)
    return kind == "Zs" or kind[0] not in "CZ"


def _escaped(character: str) -> str:
    if character in ESCAPES:
        return ESCAPES[character]
    if character in "\\'":
        return f"\\{character}"
    if "\udc80" <= character <= "\udcff":  # a byte that is no UTF-8
        return f"\\x{os.fsencode(character)[0]:02x}"
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
