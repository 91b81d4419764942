"""How good the predictions are: arithmetic on arrays, nothing drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn import metrics as sk

from ox_classifier.intervals import accuracy_text, wilson
from ox_classifier.names import padded, printable, width_of
from ox_classifier.reliability import reliability
from ox_classifier.wording import counted


def log_losses(probabilities: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Cross-entropy of each row, shape (n,): -log of the probability given to the true class (clipped at 1e-7)."""
    given = probabilities[np.arange(len(truth)), truth].astype(np.float64)
    return 0.0 - np.log(np.clip(given, 1e-7, 1.0))  # a unary minus would make -0.0 of the logarithm of 1


def summary(
    probabilities: np.ndarray, truth: np.ndarray, classes: Sequence[str], sure: np.ndarray | None = None
) -> dict:
    """Every metric of one split, as plain values for metrics.json.

    `probabilities` has shape (n, classes), `truth` holds class indices, shape (n,). ROC AUC and average precision are
    of one class against the rest, averaged over the classes; they are None where only one class occurs. `answered` is
    about the answers that are `sure`, bool of shape (n,), None: all; everything else is about all answers.
    """
    predicted = probabilities.argmax(axis=1)
    labels = np.arange(len(classes))
    correct, total = int((predicted == truth).sum()), len(truth)
    precision, recall, f1, support = sk.precision_recall_fscore_support(
        truth, predicted, labels=labels, zero_division=0
    )
    return {
        "images": total,
        "correct": correct,
        "accuracy": correct / total,
        "accuracy_interval_95": list(wilson(correct, total)),
        "balanced_accuracy": float(recall[support > 0].mean()),
        "roc_auc": roc_auc(probabilities, truth),
        "average_precision": average_precision(probabilities, truth),
        "log_loss": float(log_losses(probabilities, truth).mean()),
        "expected_calibration_error": reliability(probabilities.max(axis=1), predicted == truth).error,
        "answered": _answered(np.full(total, True) if sure is None else sure, predicted == truth),
        "classes": {
            name: {
                "precision": float(precision[i]),
                "recall": float(recall[i]),
                "f1": float(f1[i]),
                "support": int(support[i]),
            }
            for i, name in enumerate(classes)
        },
        "confusion_matrix": sk.confusion_matrix(truth, predicted, labels=labels).tolist(),
    }


def _answered(answered: np.ndarray, right: np.ndarray) -> dict:
    count, correct = int(answered.sum()), int((answered & right).sum())
    return {
        "images": count,
        "coverage": count / len(right),
        "wrong": count - correct,
        "accuracy": correct / count if count else None,
        "accuracy_interval_95": list(wilson(correct, count)) if count else None,
    }


def roc_auc(probabilities: np.ndarray, truth: np.ndarray) -> float | None:
    """Area under the ROC curve; with more than two classes the mean of one-against-rest over classes that occur."""
    areas = [float(sk.roc_auc_score(truth == c, probabilities[:, c])) for c in one_against_rest(probabilities, truth)]
    return float(np.mean(areas)) if areas else None


def average_precision(probabilities: np.ndarray, truth: np.ndarray) -> float | None:
    """Mean precision over all recalls, of the classes as in `roc_auc`."""
    rest = one_against_rest(probabilities, truth)
    areas = [float(sk.average_precision_score(truth == c, probabilities[:, c])) for c in rest]
    return float(np.mean(areas)) if areas else None


def one_against_rest(probabilities: np.ndarray, truth: np.ndarray) -> list[int]:
    """The classes that can be told from the rest in these images: of two, the second alone."""
    count = probabilities.shape[1]
    return [c for c in ([1] if count == 2 else range(count)) if 0 < (truth == c).sum() < len(truth)]


def table(results: dict[str, dict]) -> str:
    """The metrics of each split as text for a terminal."""
    lines = []
    for split, result in results.items():
        auc = "-" if result["roc_auc"] is None else f"{result['roc_auc']:.4f}"
        lines.append(f"{split}: accuracy {accuracy_text(result['correct'], result['images'])}")
        sure = result["answered"]
        if sure["images"] < result["images"]:
            unsure, wrong = result["images"] - sure["images"], sure["wrong"]
            answered = f"{100 * sure['coverage']:.1f} % answered, {wrong:,} of these {sure['images']:,} wrong"
            lines.append(f"  unsure of {counted(unsure, 'image')}: {answered}")
        lines.append(f"  ROC AUC {auc}   log loss {result['log_loss']:.4f}")
        names = [printable(name) for name in result["classes"]]
        width = max(5, *map(width_of, names))
        lines.append(f"  {'class':<{width}}  precision  recall      F1  support")
        for name, row in zip(names, result["classes"].values(), strict=True):
            of_class = f"{row['precision']:9.4f}  {row['recall']:6.4f}  {row['f1']:6.4f}  {row['support']:7}"
            lines.append(f"  {padded(name, width)}  {of_class}")
    return "\n".join(lines)
