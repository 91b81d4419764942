"""compare.html: several runs side by side, and the images that any of them has wrong, in one file."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ox_classifier.names import printable
from ox_classifier.report import template
from ox_classifier.report.compared import Compared
from ox_classifier.report.comparison import Comparison


def html(found: Comparison, compared: Compared, images: Mapping[str, object]) -> str:
    """The page as one text; whatever names hold is shown, never run. `images` is `comparison_gallery.images`."""
    values = {
        "title": f"{', '.join(map(printable, found.names))} compared",
        "names": list(map(printable, found.names)),
        "compared": compared,
        "views": [_view(found, run) for run in range(1, len(found.names))],
        "missed": len(images["path"]),
        "notes": _notes(images),
        "data": template.in_script(images),
    }
    return template.render("comparison.html", values, style="report.css", script="gallery.js")


def _view(found: Comparison, run: int) -> dict:
    """What became of the images from the first run to this one, together and class by class."""
    before, now, labels = found.right(0), found.right(run), np.array(found.labels, dtype=object)
    order = dict.fromkeys(name for answer in found.answers for name in answer.classes)
    classes = [(number, name, labels == name) for number, name in enumerate(order)]
    return {
        "run": printable(found.names[run]),
        "counts": _counts(before, now),
        "classes": [
            {"number": number, "name": printable(name)} | _counts(before[which], now[which])
            for number, name, which in classes
            if which.any()
        ],
    }


def _counts(before: np.ndarray, now: np.ndarray) -> dict[str, int]:
    """How many images there are, and how many of each kind."""
    kinds = {"right": before & now, "fixed": ~before & now, "broke": before & ~now, "both": ~before & ~now}
    return {"images": len(before)} | {name: int(which.sum()) for name, which in kinds.items()}


def _notes(images: Mapping[str, object]) -> list[str]:
    inside, total = sum(map(bool, images["picture"])), len(images["path"])
    explained = len(images["runs"][0]["map"])
    found = []
    if inside < total:
        found.append(
            f"The pictures of {inside:,} of {total:,} images are in this page: those that changed the most. The others "
            "are shown from disk, where they are still there."
        )
    if 0 < explained < total:
        found.append(f"The {explained:,} images that changed the most show, once opened, which places decided.")
    return found
