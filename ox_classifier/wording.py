"""Counts and guesses in sentences: `1 file`, `2 files`, the name that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def counted(count: int, noun: str) -> str:
    """A number with its noun in the form that fits: `1 file`, `2,000 files`, `2 entries`, `2 boxes`."""
    if count == 1:
        return f"1 {noun}"
    if noun.endswith("ry"):
        return f"{count:,} {noun[:-1]}ies"
    return f"{count:,} {noun}es" if noun.endswith("x") else f"{count:,} {noun}s"


def nearest(word: str, names: Iterable[str]) -> str | None:
    """The name that a misspelled word was probably meant to be, upper and lower case being the same; None: no idea."""
    known = {name.casefold(): name for name in names}
    found = get_close_matches(word.casefold(), known, n=1)
    return known[found[0]] if found else None
