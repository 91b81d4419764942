"""How often --crop ink looks at another place than where the mark is: python -m tests.benchmarks.places [MARKS]

Draws marks that no training has seen, MARKS of each kind, and compares the part that is looked at with where the mark
was drawn: it is wrong if it cuts the mark, or is over half too large, or all of the picture though the mark is small.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial

import numpy as np

from ox_classifier.data import images, ink_crop
from ox_classifier.synthetic import fonts, make, sources

SEED = 779_000  # of no bundled dataset and no training of the locator
KINDS = {
    "as chance has it": {},
    "alone": {"framed": False, "joined": False},
    "framed": {"framed": True},
    "joined": {"framed": False, "joined": True},
    "letters of joined writing": {"framed": False, "joined": True, "letter": True},
}
SLACK = 0.15  # of a mark's half-side: not all of it is ink
SMALL = 0.35  # half of a mark's side: of a larger one, all of the picture is the right part


def verdict(kind: str, number: int) -> str:
    """Whether the part that is looked at of one drawn mark is "right", or what is wrong with it."""
    names = [name for name in sources.SOURCES if name != "font" or _fonts()]
    job = make.Job(SEED, "", make.LABELS[number % 2], number, names[number // 2 % len(names)], "all")
    data, _, about = make.draw(job, _fonts(), **KINDS[kind])
    image, place = images.open_picture(data).image, about["place"]
    box = ink_crop.region(image)
    if box == (0, 0, *image.size):
        return "whole" if place.half < SMALL else "right"
    sides, middle = np.array(box).reshape(2, 2) / image.size, np.array(place[:2])
    reach = place.half * (1 - SLACK)
    cut = (sides[0] > np.maximum(middle - reach, 0)) | (sides[1] < np.minimum(middle + reach, 1))
    if cut.any():
        return "cut"
    size = (sides[1, 0] - sides[0, 0]) / 2 / ink_crop.ROOM
    return "large" if size > 1.5 * place.half else "right"


@cache
def _fonts() -> list[fonts.Font]:
    return fonts.find()


def main(arguments: Sequence[str]) -> None:
    """Print a line for each kind."""
    marks = int(arguments[0]) if arguments else 700
    with ProcessPoolExecutor() as workers:
        for kind in KINDS:
            counts = Counter(workers.map(partial(verdict, kind), range(marks), chunksize=25))
            wrong = ", ".join(f"{name} {counts[name]}" for name in ("whole", "cut", "large"))
            share = 1 - counts["right"] / marks
            print(f"{kind:26} {marks - counts['right']:4} of {marks} wrong ({share:.1%}): {wrong}")


if __name__ == "__main__":
    main(sys.argv[1:])
