"""compare.html: several runs side by side and the images that they answer differently, in one file without scripts."""

from __future__ import annotations

from collections.abc import Sequence

from ox_classifier.report import template
from ox_classifier.report.compared import Changed, Compared
from ox_classifier.report.comparison import BROKE, FIXED, OTHER
from ox_classifier.report.shots import data_uri

HEADINGS = {BROKE: "Broken", FIXED: "Fixed", OTHER: "Wrong in another way"}


def html(names: Sequence[str], compared: Compared, changed: Sequence[Changed]) -> str:
    """The page as one text; whatever names hold is shown, never run."""
    parts = [
        (name, heading, kind, rows)
        for number, name in enumerate(names[1:])
        for kind, heading in HEADINGS.items()
        if (rows := [one for one in changed if one.kinds[number] == kind])
    ]
    values = {
        "names": names,
        "compared": compared,
        "parts": parts,
        "picture": data_uri,
        "missing": sum(not one.picture for one in changed),
    }
    return template.render("comparison.html", values, style="comparison.css")
