"""The connected pieces of a picture of yes and no: by OpenCV where it is installed, else the same by NumPy."""

from __future__ import annotations

import numpy as np

try:
    import cv2
except ModuleNotFoundError:  # the small install goes without: 150 MB for this
    cv2 = None

Boxes = list[tuple[int, int, int, int]]  # left, top, right, bottom


def pieces(marked: np.ndarray) -> tuple[np.ndarray, Boxes]:
    """Which piece each cell of a bool array belongs to (int, from 1; 0: none), and the box about each.

    Cells that touch by a side or a corner are of one piece. The pieces have no order of their own.
    """
    if cv2 is None:
        return by_runs(marked)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(marked.astype(np.uint8), connectivity=8)
    return labels, [(x, y, x + w, y + h) for x, y, w, h in stats[1:count, :4].tolist()]


def by_runs(marked: np.ndarray) -> tuple[np.ndarray, Boxes]:
    """The same without OpenCV: runs of marked cells in a row, joined with those of the row above that they touch."""
    change = np.diff(np.pad(marked, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    first = np.nonzero(change == 1)
    runs = np.stack([*first, np.nonzero(change == -1)[1]])
    rows, starts, ends = runs.tolist()
    parent = list(range(len(rows)))

    def root(run: int) -> int:
        while parent[run] != run:
            parent[run] = run = parent[parent[run]]
        return run

    above = start = 0  # the first run of the row above that may still touch; the first of this row
    for run, row in enumerate(rows):
        if run and row != rows[run - 1]:
            above = start if rows[run - 1] == row - 1 else run
            start = run
        while above < start and ends[above] < starts[run]:
            above += 1
        touching = above
        while touching < start and starts[touching] <= ends[run]:
            parent[root(touching)] = root(run)
            touching += 1
    _, whose = np.unique(np.array([root(run) for run in range(len(rows))], int), return_inverse=True)
    boxes = np.full((whose.max(initial=-1) + 1, 4), max(marked.shape))
    for side, values in enumerate((runs[1], runs[0], -runs[2], -runs[0] - 1)):
        np.minimum.at(boxes[:, side], whose, values)
    labels = np.zeros(marked.shape, np.int32)
    labels[marked] = np.repeat(whose + 1, runs[2] - runs[1])
    return labels, [tuple(box) for box in (boxes * (1, 1, -1, -1)).tolist()]
