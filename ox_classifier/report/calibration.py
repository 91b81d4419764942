"""What leaving out the least certain images would buy."""

from __future__ import annotations

import numpy as np


def accuracy_by_coverage(confidence: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of the images answered, and the accuracy on these, when the least certain are left to a person.

    One point for each different probability of the answer, from the most certain images to all of them.
    """
    order = np.argsort(-confidence, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(confidence[order])), len(order) - 1)
    counts = ends + 1
    return counts / len(order), np.cumsum(right[order])[ends] / counts
