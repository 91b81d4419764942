"""A page of one file: its style and script stand in it, and its rules allow these and nothing from any network."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ox_classifier import __version__
from ox_classifier.names import printable

LOOK = "look.css"  # colours and type, which all pages share


def render(name: str, values: Mapping[str, object], *, style: str, script: str | None = None) -> str:
    """The page as text. Whatever its `values` hold is shown, never run; `style` and `script` name our own files."""
    environment = Environment(
        loader=PackageLoader("ox_classifier.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: _shown(value) if isinstance(value, str) and not hasattr(value, "__html__") else value,
    )
    own = {"style": _text([LOOK, style])} | ({"script": _text([script])} if script else {})
    hashes = {f"{kind}_hash": _hash(text) for kind, text in own.items()}
    return environment.get_template(name).render(values, version=__version__, **own, **hashes)


def in_script(data: object) -> Markup:
    """Plain values as JSON that can stand in a script element, whatever the texts in it hold."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def _shown(text: str) -> str:
    return re.sub(r"(?<=\d) %", "\u00a0%", printable(text))  # a line never ends between number and sign


def _text(names: Sequence[str]) -> Markup:
    folder = files("ox_classifier.report") / "templates"
    return Markup("\n".join((folder / name).read_text(encoding="utf-8").strip() for name in names))


def _hash(text: str) -> Markup:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return Markup(f"'sha256-{digest}'")
