"""The values of a JSON file from elsewhere, each of its type and within its limits; ValueError says what is wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import MISSING, fields
from typing import Any, NoReturn

from ox_classifier.names import is_printable


def fail(reason: str) -> NoReturn:
    """Raise the ValueError of a reason, such as "boxes 1 and 2 overlap"."""
    raise ValueError(reason)


def checked(told: Any, kind: type, *, about: Sequence[str] = ()) -> dict[str, Any]:
    """An object that has the fields of a dataclass, and those of `about`; what it lacks has the dataclass' default."""
    what = kind.__name__.lower()
    if not isinstance(told, dict):
        fail(f"its {what} is not an object")
    known = {field.name: field.default for field in fields(kind)} | dict.fromkeys(about, MISSING)
    for name, default in known.items():
        if name not in told and default is MISSING:
            fail(f"its {what} has no {name}")
    if unknown := [name for name in told if name not in known]:
        fail(f"its {what} has {unknown[0]!r:.40}, which is unknown")
    return {name: told.get(name, default) for name, default in known.items()}


def items(value: Any, what: str, most: int, *, least: int = 1) -> list | tuple:
    """A list of `least` to `most` entries."""
    if not isinstance(value, list | tuple) or not least <= len(value) <= most:
        fail(f"{what} is not a list of {least} to {most:,} entries")
    return value


def text(value: Any, what: str, most: int) -> str:
    """Printable text of at most so many letters."""
    if not isinstance(value, str) or len(value) > most or not is_printable(value):
        fail(f"{what} is not printable text of at most {most} letters")
    return value


def integer(value: Any, what: str, least: int, most: int) -> int:
    """A whole number in a range."""
    if type(value) is not int or not least <= value <= most:
        fail(f"{what} is not a whole number from {least} to {most}")
    return value


def length(value: Any, what: str, least: float, most: float) -> float:
    """A finite length in a range, in mm."""
    if type(value) not in (int, float) or not math.isfinite(value) or not least <= value <= most:
        fail(f"{what} is not a length from {least:g} to {most:g} mm")
    return float(value)
