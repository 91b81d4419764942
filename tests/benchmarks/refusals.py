"""How much of what is no mark a run refuses, and how many marks: python -m tests.benchmarks.refusals RUN [FOLDER]

Refused is what is answered `unsure`. FOLDER holds <source>/<class>/* of real marks, as for tests.benchmarks.real.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ox_classifier import runs
from ox_classifier.classifier import Classifier
from ox_classifier.console import say
from ox_classifier.decision import BLANK, UNLIKE
from ox_classifier.errors import OxError
from tests.benchmarks import real, strangers
from tests.conftest import REAL

MOST_REAL = 0.03  # of real marks that may be refused as no mark


def refused(classifier: Classifier, name: str) -> tuple[int, int, Counter]:
    """How many pictures of a set are refused, of how many, and for which reasons."""
    make, _ = strangers.SETS[name]
    answers = list(classifier.predict(make(np.random.default_rng(0))))
    reasons = Counter(answer.reason or "answered" for answer in answers)
    return len(answers) - reasons["answered"], len(answers), reasons


def main(arguments: Sequence[str]) -> int:
    """Print a line for each set; 1 if one is refused less than it must be, 2 if RUN is unusable."""
    missed = False
    try:
        classifier = Classifier(runs.find(arguments[0] if arguments else None))
        folder = Path(arguments[1]) if len(arguments) > 1 else REAL
        if folder.is_dir():
            reasons = Counter(answer.reason for answer in real.answers(classifier, folder))
            sure, no_mark = (reasons[None] / reasons.total(), (reasons[UNLIKE] + reasons[BLANK]) / reasons.total())
            print(f"{'real marks':22} {sure:.4f} answered, {no_mark:.4f} refused as no mark (<={MOST_REAL})")
            missed = no_mark > MOST_REAL
        for name, (_, least) in strangers.SETS.items():
            count, total, reasons = refused(classifier, name)
            print(
                f"{name:22} {count / total:.4f} of {total} refused (>={least}): {reasons[UNLIKE]} as "
                f"{UNLIKE}, {reasons[BLANK]} as {BLANK}"
            )
            missed |= count / total < least
    except OxError as error:
        say(f"refusals: {error}")
        return error.exit_code
    return int(missed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
