"""The report's pictures, read through their artists."""

from __future__ import annotations

import numpy as np
import pytest

from ox_classifier.report import figures
from ox_classifier.report.figures import Mistake


def texts(figure) -> str:
    found = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        found += [text.get_text() for text in axes.texts] + [axes.get_xlabel(), axes.get_title()]
    return "\n".join(found)


def test_matrix_shows_counts_and_row_percentages():
    figure = figures.confusion_matrix(np.array([[18, 2], [5, 15]]), ("o", "x"), title="t")
    cells = [text.get_text() for text in figure.axes[0].texts]
    assert cells == ["18\n90.0%", "2\n10.0%", "5\n25.0%", "15\n75.0%"]
    assert figure.axes[0].get_ylabel() == "true class" and figure.axes[0].get_xlabel() == "predicted class"


def test_matrix_of_a_class_without_images_has_no_nan():
    figure = figures.confusion_matrix(np.array([[3, 0], [0, 0]]), ("o", "x"), title="t")
    assert "nan" not in texts(figure)


def test_ten_long_class_names_stay_inside_the_picture():
    names = [f"a rather long name {i}" for i in range(10)]
    figure = figures.confusion_matrix(np.eye(10, dtype=int) * 990 + 1, names, title="t")
    figure.draw_without_rendering()
    frame = figure.bbox
    for label in (*figure.axes[0].get_xticklabels(), *figure.axes[0].get_yticklabels()):
        box = label.get_window_extent()
        assert box.x0 >= frame.x0 and box.y0 >= frame.y0 and box.x1 <= frame.x1 and box.y1 <= frame.y1


@pytest.mark.parametrize("count", [1, 2, 5, 7, 48])
def test_grid_shows_every_mistake_without_overlap(count):
    pixels = np.zeros((30, 60, 3), np.uint8)
    wrong = [Mistake(pixels, f"test/o/a long file name {i:05}.png", "o", "x", 0.5 + i / 1000) for i in range(count)]
    figure = figures.mistakes(wrong, title="run, test", total=count + 3)
    assert f"{count + 3} wrong, the worst {count} shown" in texts(figure)
    assert len(figure.axes) == count
    assert "o → x  0.500" in texts(figure)
    figure.draw_without_rendering()
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    for number, box in enumerate(boxes):
        assert box.y0 >= figure.bbox.y0 and box.x1 <= figure.bbox.x1 + 1
        assert not any(box.overlaps(other) for other in boxes[:number])


def test_no_mistake_is_said_in_the_picture():
    assert "No mistakes" in texts(figures.mistakes([], title="run, val", total=0))


def test_curves_mark_the_best_epoch_and_every_drop():
    history = {
        "epoch": np.array([1.0, 2, 3, 4]),
        "loss": np.array([1.0, 0.5, 0.4, 0.3]),
        "val_loss": np.array([1.1, 0.6, 0.5, 0.7]),
        "accuracy": np.array([0.5, 0.6, 0.7, 0.8]),
        "val_accuracy": np.array([0.4, 0.6, 0.65, 0.6]),
        "learning_rate": np.array([1e-3, 1e-3, 5e-4, 2.5e-4]),
    }
    figure = figures.curves(history, title="t", best_epoch=3)
    accuracy, loss = figure.axes
    labels = [text.get_text() for text in accuracy.get_legend().get_texts()]
    assert "best epoch 3: 0.6500" in labels
    assert "learning rate falls (2x, to 0.00025)" in labels
    dotted = [line.get_xdata()[0] for line in loss.lines if line.get_linestyle() == ":"]
    assert dotted == [2.5, 3.5]
