"""Class weights for training on unequal classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

BALANCED = 1.5


def class_weights(labels: Sequence[Hashable]) -> dict | None:
    """What `--balance auto` gives to Keras: n / (classes * count) for each label, so that classes weigh the same.

    None where the commonest class has at most 1.5 times the images of the rarest: weights would change nothing much.
    """
    counts = Counter(labels)
    if not counts or max(counts.values()) <= BALANCED * min(counts.values()):
        return None
    return {label: counts.total() / (len(counts) * count) for label, count in sorted(counts.items())}
