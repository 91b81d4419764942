"""How far a measured accuracy can be trusted."""

from __future__ import annotations

import math

Z95 = 1.959963984540054  # two-sided 95 % of the normal distribution


def wilson(correct: int, total: int, z: float = Z95) -> tuple[float, float]:
    """The 95 % Wilson interval of a proportion: where the true accuracy lies when `correct` of `total` were right.

    Source: Wilson 1927. Unlike the usual mean ± error it stays inside [0, 1] and is honest at 0 and at 1.
    """
    if total == 0:
        return 0.0, 1.0
    share = correct / total
    middle = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def accuracy_text(correct: int, total: int) -> str:
    """An accuracy as people should read it: with what it is made of and how far it can be trusted."""
    if total == 0:
        return "no images"
    low, high = wilson(correct, total)
    return f"{correct / total:.4f} ({correct} of {total} right; 95 % interval {low:.3f} to {high:.3f})"
