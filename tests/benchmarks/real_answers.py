"""What a run answers to strangers' marks, as a table of numbers: python -m tests.benchmarks.real_answers RUN

Writes tests/data/real_answers.csv, from which a test learns whether promises are kept; no image goes into it.
"""

from __future__ import annotations

import sys

from ox_classifier import runs
from ox_classifier.classifier import Classifier
from ox_classifier.files import write_text
from tests.benchmarks import real
from tests.conftest import REAL, REPOSITORY

TABLE = REPOSITORY / "tests" / "data" / "real_answers.csv"

if __name__ == "__main__":
    found = real.answers(Classifier(runs.find(sys.argv[1])), REAL)
    rows = [f"{answer.source},{answer.truth},{answer.probabilities[1]:.6f}" for answer in found]
    write_text(TABLE, "\n".join(["source,truth,p_x", *rows]) + "\n")
