"""Where ox keeps what later runs can use again: features and measurements."""

from __future__ import annotations

import os
from pathlib import Path


def folder() -> Path:
    """`$OX_CACHE`, else `ox` under `$XDG_CACHE_HOME` or `~/.cache`; safe to delete at any time."""
    if os.environ.get("OX_CACHE"):
        return Path(os.environ["OX_CACHE"]).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser() / "ox"
