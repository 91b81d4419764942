"""Whether a frame around a mark changes the answer: python -m tests.benchmarks.frames RUN

Draws 500 marks that no training has seen, each with and without a frame of any kind, and compares the accuracies.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

from ox_classifier import runs
from ox_classifier.classifier import Classifier
from ox_classifier.console import say
from ox_classifier.data import images, ink_crop
from ox_classifier.errors import OxError
from ox_classifier.synthetic import fonts, frames, make, sources

MARKS = 500
SEED = 20_261_125  # of no bundled dataset
LIMIT = 0.005


def drawn(marks: int = MARKS) -> list[tuple[bytes, bytes, str]]:
    """Marks without and with a frame, as files, and their labels."""
    found = fonts.find()
    names = [name for name in sources.SOURCES if name != "font" or found]
    jobs = [make.Job(SEED, "", make.LABELS[i % 2], i, names[i // 2 % len(names)], "all") for i in range(2 * marks)]
    pairs = [(*(make.draw(job, found, framed=framed)[0] for framed in (False, True)), job.label) for job in jobs]
    # a small bitmap has no room for a frame, and a frame may fall out of the picture
    return [pair for pair in pairs if pair[0] != pair[1]][:marks]


def accuracies(classifier: Classifier, pairs: Sequence[tuple[bytes, bytes, str]]) -> tuple[float, float]:
    """The share of right answers without and with a frame, on the same marks."""
    right = []
    for framed in (0, 1):
        answers = classifier.predict([pair[framed] for pair in pairs])
        right.append(np.mean([answer.label == pair[2] for answer, pair in zip(answers, pairs, strict=True)]))
    return float(right[0]), float(right[1])


def elsewhere(pairs: Sequence[tuple[bytes, bytes, str]]) -> int:
    """Of how many marks the part that --crop ink looks at is another with a frame: less than half is common to both."""
    return sum(
        _common(*(ink_crop.region(images.open_picture(data).image) for data in pair[:2])) < 0.5 for pair in pairs
    )


def _common(one: ink_crop.Box, other: ink_crop.Box) -> float:
    """What two boxes share, of what both take."""
    width = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    height = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    both = sum((right - left) * (bottom - top) for left, top, right, bottom in (one, other))
    return width * height / (both - width * height)


def main(arguments: Sequence[str]) -> int:
    """Print both accuracies; 1 if they differ by more than LIMIT."""
    pairs = drawn()
    try:
        plain, framed = accuracies(Classifier(runs.find(arguments[0] if arguments else None)), pairs)
    except OxError as error:
        say(f"frames: {error}")
        return error.exit_code
    kinds = ", ".join(frames.KINDS)
    print(f"{MARKS} marks without a frame {plain:.4f}, with one ({kinds}) {framed:.4f}: {framed - plain:+.4f}")
    print(f"--crop ink looks at another part of {elsewhere(pairs)} of them where there is a frame")
    return int(abs(framed - plain) > LIMIT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
