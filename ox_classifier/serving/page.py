"""The page at /: to draw a mark, or to choose, drop or photograph pictures. One answer holds it all; no jinja2."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files

from ox_classifier import __version__
from ox_classifier.names import printable

LOOK = ("ox_classifier.report", "look.css")  # colours and type, which all pages share
OWN = "ox_classifier.serving"


def page(name: str, classes: Sequence[str], unsure: str) -> tuple[str, str]:
    """The page of a run, and the Content-Security-Policy that it is to be sent with; `unsure` is "" where none is."""
    style, script = f"{_text(*LOOK)}\n{_text(OWN, 'page.css')}", _text(OWN, "page.js")
    marks = set(classes) == {"o", "x"}
    told = json.dumps({"classes": classes, "unsure": unsure})
    for sign in "<>&":
        told = told.replace(sign, f"\\u{ord(sign):04x}")
    values = {
        "name": escape(printable(name)),
        "title": "O or X?" if marks else "Which class is it?",
        "what": "an O or an X" if marks else "something",
        "classes": escape(", ".join(map(printable, classes))),
        "version": __version__,
        "style": style,
        "script": script,
        "data": told,
    }
    text = _text(OWN, "page.html")
    for key, value in values.items():  # in this order, as what stands in style, script and data is no marker
        text = text.replace(f"{{{{ {key} }}}}", value)
    rules = {
        "default-src": "'none'",
        "connect-src": "'self'",
        "img-src": "blob: data:",
        "style-src": _hash(style),
        "script-src": _hash(script),
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    return text, "; ".join(f"{rule} {value}" for rule, value in rules.items())


def _text(package: str, name: str) -> str:
    return (files(package) / "templates" / name).read_text(encoding="utf-8").strip()


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"
