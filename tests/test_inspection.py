"""`ox inspect` on runs of several kinds: what is written, and that it tells the truth about the first weights."""

import keras
import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from ox_classifier import runs
from ox_classifier.cli.inspect import inspect
from ox_classifier.errors import UsageError
from ox_classifier.inspection import write
from ox_classifier.networks import builders

pytestmark = pytest.mark.tensorflow

FEW = {"color": "grayscale", "num_classes": 10}
CLASSES = {2: ["O", "X"], 10: [f"class {i}" for i in range(10)]}


def _run(tmp_path, arch, *, num_classes=2, size=24, color="rgb", seed=3):
    """A run as training leaves it, after one step; gives its kernels before that step too."""
    shape = (size, size, 3 if color == "rgb" else 1)
    keras.utils.set_random_seed(seed)
    model = builders.BUILDERS[arch](shape, num_classes)
    first = {layer.name: layer.get_weights() for layer in model.layers}
    single = model.output_shape[-1] == 1
    model.compile("adam", loss="binary_crossentropy" if single else "sparse_categorical_crossentropy")
    model.train_on_batch(np.random.default_rng(0).random((4, *shape)), np.array([0, 1, 1, 0]))
    run = runs.create(arch, root=tmp_path)
    pixels = {"height": size, "width": size, "color": color, "resize": "stretch-bilinear-antialiased"}
    run.update(seed=seed, pixels=pixels, classes=CLASSES[num_classes], dropout=None)
    model.save(run.keras_file)
    return run, first


@pytest.fixture(autouse=True)
def coarse_pictures(monkeypatch):
    monkeypatch.setattr(write.figures, "DPI", 15)


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "an o & <b>.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (40, 30, 3), dtype=np.uint8)).save(path)
    return path


def test_what_is_written(tmp_path, image):
    run, first = _run(tmp_path, "cnn-dense")
    page, rows = write.write(run, [image, image])
    assert page == run.path / "inspect" / "index.html"
    names = {path.name for path in page.parent.iterdir()} - {"diagram.png"}  # drawn where Graphviz is there
    layers = ("conv1", "conv2")
    assert names == {
        "index.html",
        "layers.txt",
        *(f"{what}_{layer}.png" for what in ("histogram", "kernels", "maps_1", "maps_2") for layer in layers),
        "gradcam_1.png",
        "gradcam_2.png",
    }
    text = page.read_text()
    before, after = first["conv2"][0], keras.saving.load_model(run.keras_file).get_layer("conv2").kernel.numpy()
    assert not np.array_equal(before, after)
    assert (
        f"3x3x32x64 weights: {before.mean():.3f} ± {before.std():.3f} before training, "
        f"{after.mean():.3f} ± {after.std():.3f} after." in text
    )
    assert "an o &amp; &lt;b&gt;.png" in text and "by Grad-CAM at conv2" in text
    assert (page.parent / "layers.txt").read_text().splitlines()[-1].endswith("trainable, 0 frozen")
    assert [row.name for row in rows][:2] == ["pixels", "conv1"]


def test_pictures_that_the_page_no_longer_shows_go(tmp_path, image):
    run, _ = _run(tmp_path, "mlp", **FEW)
    folder = write.write(run, [image, image])[0].parent
    (folder / "mine.png").touch()
    assert (folder / "gradcam_2.png").exists()
    write.write(run, [image])
    assert (folder / "gradcam_1.png").exists() and not (folder / "gradcam_2.png").exists()
    page, _ = write.write(run)
    assert not list(folder.glob("gradcam_*")) and (folder / "kernels_dense1.png").exists()
    assert (folder / "mine.png").exists() and f"ox inspect {run.name} --image FILE" in page.read_text()


def test_a_network_without_convolution(tmp_path, image):
    run, _ = _run(tmp_path, "mlp", **FEW)
    page, _ = write.write(run, [image])
    text = page.read_text()
    assert "each unit&#x27;s weights, laid out as the image it looks at" in text and "pixel times gradient" in text
    assert (page.parent / "kernels_dense1.png").exists() and not list(page.parent.glob("maps_*"))


def test_frozen_layers_are_said_to_be_frozen_and_not_made_again(tmp_path, image, monkeypatch):
    run, _ = _run(tmp_path, "cnn", **FEW)
    model = keras.saving.load_model(run.keras_file)
    for name in ("conv1", "conv2"):
        model.get_layer(name).trainable = False
    model.save(run.keras_file)
    monkeypatch.setattr(write, "UNFOLDED", 1)
    monkeypatch.setattr(write, "untrained", lambda run: pytest.fail("built again, its weights looked for"))
    text = write.write(run, [image])[0].read_text()
    assert text.count("; the layer is frozen and has not changed.") == 2
    # 10 x (6 x 6 x 64 + 1) and 320 + 18,496
    assert "training left its weights as they were" in text and write.MADE_AGAIN not in text
    assert "23,050 trained, 18,816 frozen" in text
    assert text.index("more pictures") < text.index("feature maps of conv2")


@pytest.mark.parametrize("arch", ["lenet", "mlp1", "cnn-dense"])
def test_untrained_is_the_network_training_began_with(tmp_path, arch):
    run, first = _run(tmp_path, arch, seed=11)
    np.random.random()
    for layer in write.untrained(run).layers:
        for found, expected in zip(layer.get_weights(), first[layer.name], strict=True):
            np.testing.assert_array_equal(found, expected)


def test_without_graphviz_a_sentence_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(write.shutil, "which", lambda name: None)
    run, _ = _run(tmp_path, "cnn", color="grayscale")
    page, _ = write.write(run)
    assert "pip install pydot" in capsys.readouterr().err
    assert (
        "No diagram: it needs Graphviz" in page.read_text()
        and f"ox inspect {run.name} --image FILE" in page.read_text()
    )


def test_command_prints_table_and_page(tmp_path, image):
    run, _ = _run(tmp_path, "mlp1", color="grayscale")
    app = typer.Typer()
    app.command()(inspect)
    result = CliRunner().invoke(app, [str(run.path), "--image", str(image)])
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].split() == ["layer", "kind", "output", "parameters"]
    assert result.stdout.splitlines()[-1] == str(run.path / "inspect" / "index.html")


def test_what_can_go_wrong(tmp_path, image):
    run, _ = _run(tmp_path, "mlp1", color="grayscale")
    app = typer.Typer()
    app.command()(inspect)
    result = CliRunner().invoke(app, [str(run.path), "--image", str(tmp_path / "none.png")])
    assert result.exit_code == 2 and "none.png: no such file; check the path" in result.stderr
    assert not (run.path / "inspect").exists()
    whole = run.keras_file.read_bytes()
    run.keras_file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UsageError, match="truncated or no Keras model"):
        write.write(run, [image])
    run.keras_file.unlink()
    with pytest.raises(UsageError, match="is not there"):
        write.write(run, [image])
