"""The file of the locator's weights; the pixels.py of an exported folder holds its bytes as text instead."""

from __future__ import annotations

from pathlib import Path

NAME = "locator.npz"


def content() -> bytes:
    return Path(__file__).with_name(NAME).read_bytes()
