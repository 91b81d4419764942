"""`ox dataset preview`: the figure, and that it shows what the network is fed."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ox_classifier.augmentation.preview import Example, preview

pytestmark = pytest.mark.tensorflow


def test_one_row_an_original_and_its_views_beside_it():
    rng = np.random.default_rng(0)
    examples = [Example(label, f"{label}.png", rng.random((6, 6, 3)), rng.random((3, 6, 6, 3))) for label in "oxx"]
    figure = preview(examples, title="marks", note="none")
    shown = [axes.images[0].get_array() for axes in figure.axes]
    expected = [pixels for example in examples for pixels in (example.pixels, *example.views)]
    assert len(shown) == 12
    for one, other in zip(shown, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    texts = [text.get_text() for text in figure.texts]
    assert [t for t in texts if t in ("o", "x")] == ["o", "x"]  # each class named once


def test_grayscale_examples_are_drawn():
    example = Example("o", "o.png", np.zeros((6, 6, 1)), np.ones((2, 6, 6, 1)))
    assert [axes.images[0].get_array().shape for axes in preview([example], title="", note="").figure.axes] == [
        (6, 6)
    ] * 3


def test_the_command_writes_a_picture_once(marks, tmp_path, monkeypatch):
    from ox_classifier.cli import app

    monkeypatch.chdir(tmp_path)
    command = ["dataset", "preview", str(marks), "--out", "p.png", "--views", "2", "--per-class", "2"]
    first = CliRunner().invoke(app, command)
    assert (first.exit_code, first.stdout) == (0, "p.png\n")
    size = Path("p.png").stat().st_size
    second = CliRunner().invoke(app, command)
    assert second.exit_code == 2
    assert "not overwritten" in second.stderr
    assert Path("p.png").stat().st_size == size


def test_views_are_what_training_is_fed(marks):
    from ox_classifier.augmentation.generator import ImageDataGenerator
    from ox_classifier.cli import dataset_preview
    from ox_classifier.data import folders
    from ox_classifier.data.images import read
    from ox_classifier.pixels import PixelRule

    listing, rule = folders.find(marks), PixelRule(40, 40)
    chosen = dataset_preview._choose(listing, 1, seed=0)
    settings = {"horizontal_flip": True, "width_shift_range": 0.1, "invert": 0.5}
    examples = dataset_preview._examples(chosen, listing, rule, settings, 3, seed=4)
    images = np.stack([read(image.path, rule) for image in chosen])
    batches = ImageDataGenerator(rescale=1 / 255, **settings).flow(images, batch_size=2, shuffle=False, seed=4)
    for epoch in range(3):
        fed = batches.batch(0, epoch)
        np.testing.assert_array_equal(fed, [example.views[epoch] for example in examples])
