"""A look inside a trained run: layers, kernels, feature maps and Grad-CAM, tied together by one page."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ox_classifier.console import say, track
from ox_classifier.data.images import as_float, read
from ox_classifier.errors import UsageError
from ox_classifier.files import replacing, write_text
from ox_classifier.inspection import figures, gradcam, layers
from ox_classifier.inspection.page import Chapter, Picture, Section, html
from ox_classifier.names import quoted
from ox_classifier.networks import bases, builders, saved
from ox_classifier.runs import Run

if TYPE_CHECKING:
    import keras
    from matplotlib.figure import Figure

NO_DIAGRAM = (
    "No diagram: it needs Graphviz (its program dot) and pydot, "
    "which pip install pydot and your system's package graphviz bring."
)
MADE_AGAIN = "The weights before training and after. Those before are computed again from the run's seed."
UNFOLDED = 3  # layers whose feature maps are shown at once; VGG16 has 13
PICTURES = ("diagram.png", "kernels_*.png", "histogram_*.png", "gradcam_*.png", "maps_*.png")  # all that a page shows
TALL = 12  # layers whose diagram still fits a page


def write(run: Run, images: Sequence[Path] = ()) -> tuple[Path, list[layers.LayerRow]]:
    """Write inspect/ of a run and give its index.html and the layer table.

    `images` are looked at through the run's pixel rule; each gets a Grad-CAM and its feature maps.

    Raises:
        UsageError: If the run has no saved network, or an image can't be read.
    """
    rule = run.rule
    pixels = [as_float(read(path, rule)) for path in images]  # before the slow part: a wrong path is told at once
    model = saved.load_classifier(run.keras_file, rule.shape, len(run.classes))
    folder = run.folder("inspect")
    rows = layers.layer_table(model)
    write_text(folder / "layers.txt", layers.layer_text(rows) + "\n")
    chapters = [_layers(model, rows, folder), _kernels(run, model, folder)]
    if images:
        chapters.append(_images(run, model, images, pixels, folder))
    else:
        told = f"None given: ox inspect {quoted(run.name)} --image FILE shows what the network makes of it, and why."
        chapters.append(Chapter("Images", [told]))
    summary = [
        f"{run.arch}, trained to tell {len(run.classes)} classes apart: {', '.join(run.classes)}.",
        f"It sees every image as {rule}.",
    ]
    _remove_others(folder, chapters)
    write_text(folder / "index.html", html(f"Inside {run.name}", summary, chapters))
    return folder / "index.html", rows


def _remove_others(folder: Path, chapters: Sequence[Chapter]) -> None:
    """Remove the pictures of an earlier page that this one doesn't show."""
    sections = [section for chapter in chapters for section in chapter.sections]
    shown = [picture for part in (*chapters, *sections) for picture in part.pictures]
    shown += [picture for section in sections for picture in section.more]
    kept = {picture.path for picture in shown}
    for pattern in PICTURES:
        for path in folder.glob(pattern):
            if path not in kept:
                path.unlink()


def untrained(run: Run) -> keras.Model:
    """The run's network as it was before the first step, made again from the seed and settings in run.json."""
    settings = {} if run.dropout is None else {"dropout": run.dropout}
    if run.arch in bases.BUILDERS and run.weights:
        settings["weights"] = run.weights
    build = (builders.BUILDERS | bases.BUILDERS).get(run.arch)
    if build is None:
        raise UsageError(f"run {run.path} has the network {run.arch!r}, which this ox lacks: use the ox that made it")
    return layers.untrained(lambda: build(run.rule.shape, len(run.classes), **settings), run.seed)


def _layers(model: keras.Model, rows: list[layers.LayerRow], folder: Path) -> Chapter:
    total, trainable = sum(row.parameters for row in rows), sum(row.trainable for row in rows)
    sentence = f"{total:,} parameters: {trainable:,} trained, {total - trainable:,} frozen."
    table = [("layer", "kind", "output", "parameters")]
    table += [(r.name, r.kind, "x".join(map(str, r.output_shape)), f"{r.parameters:,}") for r in rows]
    if not (find_spec("pydot") and shutil.which("dot")):
        say(NO_DIAGRAM)
        return Chapter("Layers", [sentence, NO_DIAGRAM], table)
    import keras

    drawn = folder / "diagram.png"
    with replacing(drawn) as beside:
        keras.utils.plot_model(model, beside, show_shapes=True, show_layer_names=True, dpi=80)
    pictures = [Picture(drawn, "diagram of the layers with their shapes", "drawn")]
    tall = len(rows) > TALL
    return Chapter(
        "Layers", [sentence], table, () if tall else pictures, [Section("Diagram", more=pictures)] if tall else ()
    )


def _kernels(run: Run, model: keras.Model, folder: Path) -> Chapter:
    # A frozen convolution is what it was: nothing to make again, and no ImageNet weights to look for.
    kept = layers.convolutions_frozen(model) and not run.fine_tune
    before = model if kept else untrained(run)
    told = "The base is frozen: training left its weights as they were." if kept else MADE_AGAIN
    sections = []
    for kernels in track(layers.kernels(model, before), label="drawing kernels"):
        name = kernels.layer
        histogram = figures.kernel_histograms(name, kernels.before, kernels.after)
        picture = figures.kernel_picture(name, kernels.after)
        shape = "x".join(map(str, kernels.after.shape))
        sentence = (
            f"{shape} weights: {kernels.before.mean():.3f} ± {kernels.before.std():.3f} before training, "
            f"{kernels.after.mean():.3f} ± {kernels.after.std():.3f} after"
            + ("." if kernels.changed else "; the layer is frozen and has not changed.")
        )
        pictures = [
            _save(histogram, folder / f"histogram_{name}.png", f"histogram of the weights of {name} before and after"),
            _save(picture, folder / f"kernels_{name}.png", f"the kernels of {name}"),
        ]
        sections.append(Section(name, [sentence, kernels.note] if kernels.note else [sentence], pictures))
    return Chapter("Kernels", [told], sections=sections)


def _images(run: Run, model: keras.Model, images: Sequence[Path], pixels: list, folder: Path) -> Chapter:
    sections = []
    pairs = list(zip(images, pixels, strict=True))
    for number, (path, image) in enumerate(track(pairs, label="looking at images"), start=1):
        found = gradcam.grad_cam(model, image[None])
        answer, probability = run.classes[found.predicted[0]], found.probability[0]
        figure = figures.grad_cam(image, found.maps[0], title=f"{path.name}: {answer} {probability:.4f}")
        decided = _save(figure, folder / f"gradcam_{number}.png", f"what speaks for {answer} in {path.name}", "small")
        maps = [
            _save(
                figures.feature_maps(layer, values[0]),
                folder / f"maps_{number}_{layer}.png",
                f"feature maps of {layer} for {path.name}",
            )
            for layer, values in layers.feature_maps(model, image[None]).items()
        ]
        sentences = [f"Predicted: {answer}, probability {probability:.4f}. {_explained(found)}"]
        sections.append(Section(str(path), sentences, [decided, *maps[:UNFOLDED]], maps[UNFOLDED:]))
    return Chapter("Images", sections=sections)


def _explained(found: gradcam.GradCam) -> str:
    if not found.maps.any():
        return f"Grad-CAM at {found.layer} finds no place that speaks for it."
    if found.layer == "pixels":
        return (
            "Coloured: each pixel's weight in the answer (pixel times gradient; there is no convolution for Grad-CAM)."
        )
    height, width = found.maps.shape[1:]
    return f"Coloured: what speaks for it, by Grad-CAM at {found.layer} ({width}x{height} places)."


def _save(figure: Figure, path: Path, text: str, kind: str = "") -> Picture:
    with replacing(path) as beside:
        figure.savefig(beside)
    return Picture(path, text, kind)
