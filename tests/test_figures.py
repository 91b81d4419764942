"""The report's pictures, read through their artists."""

from __future__ import annotations

import numpy as np
import pytest

from ox_classifier.report import figures
from ox_classifier.report.confusion_figure import confusion_matrix
from ox_classifier.report.figures import Mistake


def texts(figure) -> str:
    found = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        found += [text.get_text() for text in axes.texts] + [axes.get_xlabel(), axes.get_title()]
    return "\n".join(found)


def test_matrix_shows_counts_and_row_percentages():
    figure = confusion_matrix(np.array([[18, 2], [5, 15]]), ("o", "x"), title="t")
    cells = [text.get_text() for text in figure.axes[0].texts]
    assert cells == ["18\n90.0%", "2\n10.0%", "5\n25.0%", "15\n75.0%"]
    assert figure.axes[0].get_ylabel() == "true class" and figure.axes[0].get_xlabel() == "predicted class"


def test_matrix_of_a_class_without_images_has_no_nan():
    figure = confusion_matrix(np.array([[3, 0], [0, 0]]), ("o", "x"), title="t")
    assert "nan" not in texts(figure)


def test_empty_cells_of_a_large_matrix_are_blank():
    counts = np.diag([5, 4, 3, 2, 1, 9])
    counts[0, 5] = 2
    cells = [text.get_text() for text in confusion_matrix(counts, "abcdef", title="t").axes[0].texts]
    assert [cell for cell in cells if cell] == [
        *("5\n71.4%", "2\n28.6%", "4\n100.0%", "3\n100.0%", "2\n100.0%", "1\n100.0%", "9\n100.0%")
    ]


def test_thirty_classes_have_counts_without_percentages():
    figure = confusion_matrix(np.diag(range(1000, 1030)), [f"class {i}" for i in range(30)], title="t")
    assert [text.get_text() for text in figure.axes[0].texts if text.get_text()] == [
        f"{n:,}" for n in range(1000, 1030)
    ]
    names = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert (
        names == [label.get_text() for label in figure.axes[0].get_yticklabels()] == [f"class {i}" for i in range(30)]
    )


def test_long_class_names_are_cut_but_stay_different():
    names = [f"{'the same beginning ' * 4}{i:02}{' and the same end' * 4}" for i in range(3)]
    shown = [label.get_text() for label in confusion_matrix(np.eye(3), names, title="t").axes[0].get_yticklabels()]
    assert len(set(shown)) == 3
    shown = [
        label.get_text()
        for label in confusion_matrix(np.eye(2), ["a" * 60, "b" * 60], title="t").axes[0].get_yticklabels()
    ]
    assert ["…" in name and name[0] == name[-1] == letter for name, letter in zip(shown, "ab", strict=True)] == [
        True,
        True,
    ]


@pytest.mark.parametrize("count", [1, 7, 48])
def test_grid_shows_every_mistake(count):
    pixels = np.zeros((30, 60, 3), np.uint8)
    wrong = [Mistake(pixels, f"test/o/a long file name {i:05}.png", "o", "x", 0.5 + i / 1000) for i in range(count)]
    figure = figures.mistakes(wrong, title="run, test", total=count + 3)
    assert f"{count + 3} wrong, the worst {count} shown" in texts(figure).replace("\n", " ")
    assert len(figure.axes) == count
    for i in range(count):
        assert f"o → x  {0.5 + i / 1000:.3f}" in texts(figure) and f"a long file name {i:05}.png" in texts(figure)


def test_long_class_names_of_a_mistake_take_a_line_each():
    wrong = [Mistake(np.zeros((9, 9)), "a.png", "true_" * 12, "predicted_" * 6, 0.987)]
    [(truth, predicted)] = [t.get_text().split("\n") for t in figures.mistakes(wrong, title="t", total=1).texts[2:3]]
    assert truth.startswith("true_") and truth.endswith("true_") and "…" in truth
    assert predicted.startswith("→ pred") and predicted.endswith("  0.987")


def test_no_mistake_is_said_in_the_picture():
    assert "No mistakes" in texts(figures.mistakes([], title="run, val", total=0))


def history(rates):
    epochs = np.arange(1.0, len(rates) + 1)
    falls, grows = 1 / epochs, 1 - 1 / (epochs + 1)
    return {
        "epoch": epochs,
        "loss": falls,
        "val_loss": falls + 0.1,
        "accuracy": grows,
        "val_accuracy": grows - 0.1,
        "learning_rate": np.array(rates),
    }


def labels(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_the_ring_at_the_last_of_many_epochs_is_whole():
    for axes in figures.curves(history([1e-3] * 200), title="t", best_epoch=200).axes:
        [ring] = [line for line in axes.lines if line.get_label().startswith("best epoch")]
        assert ring.get_xdata()[0] == 200 and not ring.get_clip_on()


def test_curves_mark_the_best_epoch_and_every_drop():
    figure = figures.curves(history([1e-3, 1e-3, 5e-4, 2.5e-4]), title="t", best_epoch=3)
    accuracy, loss = figure.axes
    assert labels(accuracy) == [
        *("training", "validation", "best epoch 3: 0.6500", "learning rate falls (2x, to 0.00025)")
    ]
    assert "best epoch 3: 0.4333" in labels(loss)
    dotted = [line.get_xdata()[0] for line in loss.lines if line.get_linestyle() == ":"]
    assert dotted == [2.5, 3.5]


def test_fine_tuning_is_marked_as_such_and_not_as_a_falling_learning_rate():
    rates = [1e-3, 5e-4, 1e-5, 1e-5, 5e-6]
    for axes in figures.curves(history(rates), title="t", best_epoch=4, fine_tuned_from=3).axes:
        assert "fine-tuning, from epoch 3" in labels(axes)
        assert "learning rate falls (2x, to 5e-06)" in labels(axes)
        assert [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == ":"] == [1.5, 4.5]
        [span] = axes.patches
        assert span.get_x() == 2.5 and span.get_x() + span.get_width() == axes.get_xlim()[1]


def test_one_epoch_is_a_point():
    for axes in figures.curves(history([1e-3]), title="t", best_epoch=1).axes:
        training, validation = axes.lines[:2]
        assert training.get_marker() == validation.get_marker() == "o" and training.get_markersize() > 5
        low, high = axes.get_xlim()
        assert low < 1 < high
        assert [label.get_text() for label in axes.get_xticklabels()] == ["1"]
        assert len(labels(axes)) == 3
