"""Which labels are probably wrong, judged by networks that have not learned from them.

Source: Northcutt, Jiang & Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels". cleanlab,
their package, is under the AGPL and brings pandas; the part needed here is a page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

FOLDS = 5
WIDTH = 2048  # of the features that heads learn from
BLOCK = 256
STRENGTH = 0.001  # of scikit-learn's C for each image: heads that learn little do not follow wrong labels


@dataclass(frozen=True)
class Issues:
    """Labels from the least to the most credible.

    `order` are the rows ranked, `suggested` a class for each row, `suspect` whether confident learning would not
    believe its label.
    """

    order: np.ndarray
    suggested: np.ndarray
    suspect: np.ndarray


def label_issues(probabilities: np.ndarray, labels: np.ndarray) -> Issues:
    """Rank labels, shape (n,), by probabilities of shape (n, classes) that did not learn from them.

    A row is suspect if the likeliest class that is at least as probable as among the images labelled with it is
    another one than its label. The rank is the probability of the label less that of the likeliest other class.
    """
    count, rows = probabilities.shape[1], np.arange(len(labels))
    usual = np.array([probabilities[labels == c, c].mean() if (labels == c).any() else np.inf for c in range(count)])
    confident = np.where(probabilities >= usual, probabilities, -1)
    said = confident.argmax(axis=1)
    suspect = (confident.max(axis=1) >= 0) & (said != labels)
    others = probabilities.copy()
    others[rows, labels] = -1
    margin = probabilities[rows, labels] - others.max(axis=1)
    return Issues(np.argsort(margin, kind="stable"), others.argmax(axis=1), suspect)


def out_of_fold(features: np.ndarray, labels: np.ndarray, together: Sequence[int], *, seed: int = 0) -> np.ndarray:
    """Probabilities, shape (n, classes), each from a linear head that has not learned from that image.

    `features` have shape (n, width), `labels` the classes 0 to k - 1; images of one number in `together` are copies
    and stay in one fold.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold

    scaled = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-6) / np.sqrt(features.shape[1])
    answers = np.zeros((len(labels), int(labels.max()) + 1))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for learned, held_out in folds.split(scaled, labels, together):
        head = LogisticRegression(C=STRENGTH * len(learned), max_iter=200).fit(scaled[learned], labels[learned])
        answers[np.ix_(held_out, head.classes_)] = head.predict_proba(scaled[held_out])
    return answers


def narrowed(count: int, rows: Callable[[slice], np.ndarray], *, seed: int = 0) -> np.ndarray:
    """Features, asked for some at a time, projected at random to a width that heads learn quickly from.

    Distances stay nearly as they are (Johnson & Lindenstrauss 1984).
    """
    first = rows(slice(0, min(BLOCK, count)))
    if first.shape[1] <= WIDTH:
        chosen = None
    else:
        chosen = np.random.default_rng(seed).standard_normal((first.shape[1], WIDTH), dtype=np.float32)
        chosen /= np.float32(np.sqrt(WIDTH))
    parts = []
    for start in range(0, count, BLOCK):
        block = first if start == 0 else rows(slice(start, min(start + BLOCK, count)))
        block = block / np.maximum(np.linalg.norm(block, axis=1, keepdims=True), 1e-12)
        parts.append(block if chosen is None else block @ chosen)
    return np.concatenate(parts).astype(np.float32)
