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
from ox_classifier.errors import OxError
from ox_classifier.synthetic import fonts, frames, make, sources

MARKS = 500
SEED = 20_261_125  # of no bundled dataset
LIMIT = 0.005


def accuracies(classifier: Classifier, marks: int = MARKS) -> tuple[float, float]:
    """The share of right answers without and with a frame, on the same marks."""
    found = fonts.find()
    names = [name for name in sources.SOURCES if name != "font" or found]
    jobs = [make.Job(SEED, "", make.LABELS[i % 2], i, names[i // 2 % len(names)], "all") for i in range(2 * marks)]
    pairs = [([make.draw(job, found, framed=framed) for framed in (False, True)], job.label) for job in jobs]
    # a small bitmap has no room for a frame, and a frame may fall out of the picture
    pairs = [(pair, label) for pair, label in pairs if pair[0][0] != pair[1][0]][:marks]
    right = []
    for framed in (0, 1):
        answers = classifier.predict([pair[framed][0] for pair, _ in pairs])
        right.append(np.mean([answer.label == label for answer, (_, label) in zip(answers, pairs, strict=True)]))
    return float(right[0]), float(right[1])


def main(arguments: Sequence[str]) -> int:
    """Print both accuracies; 1 if they differ by more than LIMIT."""
    try:
        plain, framed = accuracies(Classifier(runs.find(arguments[0] if arguments else None)))
    except OxError as error:
        say(f"frames: {error}")
        return error.exit_code
    kinds = ", ".join(frames.KINDS)
    print(f"{MARKS} marks without a frame {plain:.4f}, with one ({kinds}) {framed:.4f}: {framed - plain:+.4f}")
    return int(abs(framed - plain) > LIMIT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
