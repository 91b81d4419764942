"""Pictures for training to be undecided on: what stands where a mark was expected, and is no O and no X."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ox_classifier.synthetic import cutouts, fonts, handwriting, no_marks, sources
from ox_classifier.synthetic.sampler import Sampler

# written or printed like a mark; a mark's surroundings without one; a picture of anything else
KINDS = {handwriting.OTHER: 70, handwriting.NOTHING: 2, "no mark": 28}
WEIGHTS = {"font": 32, "bitmap": 44}  # of sources that come up more often than for marks: letters and small digits
CUT_OUT = 0.1
PHOTO_SIDES = (64, 120)  # pixels a side: thousands of pictures have to fit into 3 MB
TRIES = 12
LEAST = 6.0  # pixels: half of what is drawn; in fewer a 9 may be read as an O
FINE = {"word": 12.0, "struck-out": 10.0, "both": 10.0, "scribble": 8.0, "shape": 8.0, "invented": 8.0}


def source_weights() -> dict[str, float]:
    """How often each source draws what is no mark."""
    return {name: WEIGHTS.get(name, weight) for name, (weight, _) in sources.SOURCES.items()}


def draw(
    key: tuple[int, ...], source: str, found: Sequence[fonts.Font], *, pool: str = "all"
) -> tuple[np.ndarray, str, bool, Sampler]:
    """Draw one: its pixels, where they are from, whether a JPEG suits them, and the sampler with its notes.

    What is written or printed comes from `source`, with the pens, papers, cameras and sizes of marks.
    """
    kind = Sampler(key, pool).pick(KINDS)
    for attempt in range(TRIES):
        sampler = Sampler((*key, attempt), pool)
        if kind == "no mark":
            pixels = no_marks.draw(sampler, found)
            name = str(sampler.drawn["no_mark"])
            return pixels, name, name in no_marks.LARGE or name in no_marks.PHOTOGRAPHS, sampler
        label = kind if source != "font" else handwriting.OTHER
        # with a frame around nothing, drawn or printed, one might read a square O
        sampler.framed = False if label == handwriting.NOTHING else None
        pixels = sources.SOURCES[source][1](label, sampler, found)
        if min(pixels.shape[:2]) >= cutouts.LEAST and sampler.happens(CUT_OUT):
            pixels = cutouts.pasted(pixels, sampler)
        photo = source in sources.PHOTOGRAPHED or "paper" in sampler.drawn
        if photo:
            pixels = _smaller(pixels, sampler)
        if _clear(label, len(pixels), sampler):
            break
    return pixels, source, photo, sampler


def _smaller(pixels: np.ndarray, sampler: Sampler) -> np.ndarray:
    side = sampler.count(*PHOTO_SIDES)
    return cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA) if side < len(pixels) else pixels


def _clear(label: str, side: int, sampler: Sampler) -> bool:
    """Whether nobody takes the picture for an O or an X: nothing too small to read, no printed box around nothing."""
    if label == handwriting.NOTHING:
        return sampler.drawn.get("paper") != "boxed"
    fine = len(str(sampler.drawn.get("character", ""))) > 1
    least = FINE["word"] if fine else FINE.get(str(sampler.drawn.get("hand")), LEAST)
    return float(sampler.drawn["size"]) * side >= least
