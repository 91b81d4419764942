"""Where ox keeps what later runs can use again: features, pixels and measurements."""

from __future__ import annotations

import os
from pathlib import Path

from ox_classifier.errors import UsageError

LIMIT_GB = 10.0


def folder() -> Path:
    """`$OX_CACHE`, else `ox` under `$XDG_CACHE_HOME` or `~/.cache`; safe to delete at any time."""
    if os.environ.get("OX_CACHE"):
        return Path(os.environ["OX_CACHE"]).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser() / "ox"


def limit_bytes() -> int:
    """How large the cache of features may grow: `$OX_CACHE_GB` gigabytes, 10 unless told otherwise.

    Raises:
        UsageError: If the variable is no positive number.
    """
    text = os.environ.get("OX_CACHE_GB") or str(LIMIT_GB)
    try:
        size = float(text)
    except ValueError:
        size = -1.0
    if not 0 < size < float("inf"):
        raise UsageError(f"OX_CACHE_GB is {text!r}: give a positive number of gigabytes")
    return int(size * 1e9)
