"""Fine-tuning is kept only if it beats the head alone."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from ox_classifier.architectures import ARCHITECTURES, FROZEN, Architecture
from ox_classifier.errors import UsageError
from ox_classifier.networks import bases
from ox_classifier.training import tasks
from ox_classifier.training.fit import Schedule
from ox_classifier.training.history import History
from ox_classifier.training.recipe import Recipe
from tests import tiny_base
from tests.tiny_base import Pictures

pytestmark = pytest.mark.tensorflow
IMAGES = np.random.default_rng(0).integers(0, 255, (8, 32, 32, 3), dtype=np.uint8)
LABELS = np.arange(8) % 2


@pytest.fixture
def head(tmp_path, monkeypatch):
    """A head on a small base, whose training and fine-tuning reach these validation accuracies."""
    monkeypatch.setenv("OX_CACHE", str(tmp_path / "cache"))
    tiny_base.install(monkeypatch)
    own = FROZEN | {"image_size": 32, "weights": "none", "augmentation": {}, "monitor": "val_accuracy"}
    monkeypatch.setitem(ARCHITECTURES, "tiny", Architecture("a stand-in", 8, own, True, 2))
    dataset = SimpleNamespace(
        classes=("o", "x"),
        fingerprint=lambda: "these",
        outliers=None,
        images=lambda split: Pictures(IMAGES),
        labels=lambda split: LABELS if split != "test" else LABELS[:0],
    )

    def trained(before: float, after: float):
        accuracies = iter((before, after))

        def fit(model, *_, history=None, **__):
            history = history or History()
            accuracy = next(accuracies)
            row = {"epoch": len(history.rows) + 1, "val_accuracy": accuracy, "val_loss": 0.5}
            if history.rows:  # fine-tuning: move what may be moved
                for weight in model.trainable_variables:
                    weight.assign_add(np.ones(weight.shape, np.float32))
                history.best = int(accuracy > history.rows[0]["val_accuracy"])
            history.rows.append(row)
            return history

        monkeypatch.setattr(tasks, "fit", fit)
        task = tasks.HeadOnFrozenBase(Recipe.of("tiny", {"fine_tune": 1}), dataset, Schedule(1))
        old = {layer.name: layer.get_weights() for layer in task.model.layers}
        task.prepare()
        history = task.fit(tmp_path, lambda rows: None)
        moved = {
            name
            for name, weights in old.items()
            if any((a != b).any() for a, b in zip(weights, task.model.get_layer(name).get_weights(), strict=True))
        }
        return task, history, moved

    return trained


def test_fine_tuning_that_helps_is_kept_and_moves_only_the_last_convolution(head):
    _, history, moved = head(0.8, 0.9)
    assert moved == {"block5_conv3", "probabilities"}
    assert history.fine_tuned_from == 2 and history.best == 1


def test_fine_tuning_that_does_not_help_is_undone(head, capsys):
    task, history, moved = head(0.8, 0.8)
    assert moved == set() and history.best == 0
    assert not task.model.get_layer("block5_conv3").trainable and task.model.get_layer("probabilities").trainable
    assert "undone" in capsys.readouterr().err


def test_the_table_of_networks_counts_their_convolutions():
    for name, network in ARCHITECTURES.items():
        if network.frozen:
            model = bases.build(name, (64, 64, 3), 2, weights="none")[0]
            with pytest.raises(UsageError, match=f"has {network.convolutions} conv"):
                tasks.transfer.last_convolutions(model, 1000)
