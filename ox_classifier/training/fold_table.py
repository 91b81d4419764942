"""Cross-validation in a table: each fold, the mean, the spread, and how far the whole can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, stdev

from ox_classifier.intervals import wilson


def cross_validation_table(results: Sequence[tuple[str, int, int]]) -> str:
    """Text for a terminal from (name of the run, right, images) of every fold.

    The interval is Wilson's over all folds together, as every image is judged once. The spread between folds
    (standard deviation) says how much a single split could have misled.
    """
    wide = max([4, *(len(name) for name, _, _ in results)])
    lines = [f"{'fold':<{wide}}  accuracy   right  images"]
    lines += [f"{name:<{wide}}  {right / total:8.4f}  {right:6,}  {total:6,}" for name, right, total in results]
    right, images = sum(row[1] for row in results), sum(row[2] for row in results)
    shares = [r / n for _, r, n in results]
    low, high = wilson(right, images)
    lines.append(f"{'mean':<{wide}}  {fmean(shares):8.4f}  {right:6,}  {images:6,}")
    if len(shares) > 1:
        between = f"(lowest {min(shares):.4f}, highest {max(shares):.4f})"
        lines.append(f"standard deviation between folds {stdev(shares):.4f} {between}")
    lines.append(f"all folds together: {right / images:.4f}, 95 % interval {low:.3f} to {high:.3f}")
    return "\n".join(lines)
