"""A run → an exported folder, whole and proved equal, or nothing at all. Needs TensorFlow."""

from __future__ import annotations

import importlib.util
import json
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import keras
import numpy as np
import onnx

from ox_classifier import staging
from ox_classifier.classifier import Classifier
from ox_classifier.console import Progress
from ox_classifier.data.images import as_float
from ox_classifier.errors import GateError, OxError
from ox_classifier.export import card, convert, formats, golden, held, parity, verify
from ox_classifier.export.example import example
from ox_classifier.export.formats import Format
from ox_classifier.export.pixel_source import packages, pixel_source
from ox_classifier.export.runtimes import as_probabilities, open_model
from ox_classifier.exported import GOLDEN, LABELS, MODEL, PARITY, SCHEMA, Exported, digests
from ox_classifier.files import write_text
from ox_classifier.names import printable
from ox_classifier.networks import onnx_metadata, saved
from ox_classifier.report import mirrored_looks
from ox_classifier.report.gradients import NotKnownError
from ox_classifier.report.slices import source_of
from ox_classifier.runs import Run

KERAS_IMAGES = 64  # that also go through model.keras, which takes ten times as long
TEXTS = ("labels.txt", "pixels.py")


@dataclass(frozen=True)
class Answers:
    """Probabilities, shape (n, classes), of the run and of the exported file; of the first images, also of Keras."""

    run: np.ndarray
    exported: np.ndarray
    keras: np.ndarray


def write(run: Run, form: Format, out: Path, *, int8: bool = False, licence: str = "unknown") -> dict:
    """Fill a new folder `out` with the run's network and all that a program needs to use it; gives parity.json.

    Raises:
        UsageError: If the runtime is missing, the folder is taken, or the run's images are gone.
        GateError: If the file answers otherwise than the run; then nothing is left.
    """
    form.need()
    staging.check_place(out, otherwise=" with --out")
    images, classifier = held.held_out(run), Classifier(run)
    temperature = run.assurance.temperature
    trained = saved.load_classifier(run.keras_file, run.rule.shape, len(run.classes))
    model = convert.answering(trained, temperature, mirrored(run))
    samples = held.samples(run) if int8 else np.zeros((0, *run.rule.shape), np.float32)
    with staging.filling(out) as place:
        convert.convert(convert.Source(run.onnx_file, model, run.classes, samples), form, place, int8=int8)
        if form.name == "onnx":
            _describe(run, place / form.file)
        write_text(place / LABELS, "".join(f"{printable(name)}\n" for name in run.classes))
        pixels = pixel_source(run.rule)
        write_text(place / "pixels.py", pixels)
        write_text(place / "example.py", example(form, packages(pixels), limit=parity.golden_limit(int8=int8)))
        _write_json(place / MODEL, about(run, form, place, model.output_shape[-1], int8=int8, licence=licence))
        exported = Exported(place)
        refuse_wrong(exported)
        answers = ask(exported, classifier, model, images)
        result = prove(exported, answers, images.split, images.truth)
        _write_golden(exported, images, answers)
        _write_json(place / PARITY, result)
        measured = card.Measured(result, _by_source(run, images, answers.exported))
        write_text(place / "README.md", card.card(run, form, measured, int8=int8, licence=licence))
    return result


def mirrored(run: Run) -> tuple[tuple[int, ...], ...]:
    """The axes along which model.onnx looks at mirror images, too.

    Raises:
        OxError: If it joins pictures in a way that ox does not.
    """
    try:
        return mirrored_looks.plain_network(onnx.load(run.onnx_file))[1]
    except NotKnownError as error:
        raise OxError(f"{run.onnx_file} has an operator {error} that ox does not write there: train again") from None


def about(run: Run, form: Format, place: Path, outputs: int, *, int8: bool, licence: str) -> dict:
    """model.json: what a program must know of the model."""
    return {
        "schema": SCHEMA,
        "format": form.name,
        "int8": int8,
        "run": run.name,
        "arch": run.arch,
        "classes": list(run.classes),
        "pixels": run.rule.as_dict(),
        "input": {"name": "pixels", "type": "float32", "range": [0, 1], "shape": ["batch", *run.rule.shape]},
        "output": {"values": outputs, "meaning": onnx_metadata.meaning(outputs, run.classes)},
        "calibration": run.settings.get("calibration"),
        "unsure": run.settings.get("unsure"),
        "outliers": run.assurance.taught_outliers,
        "average_flips": run.assurance.mirrored,
        "licence": licence,
        "data_fingerprint": run.fingerprint,
        "weights_digest": run.weights_digest,
        "versions": run.versions | {form.package: version(form.package)},
        "files": digests(place, *form.files, *TEXTS),
    }


def refuse_wrong(exported: Exported) -> None:
    """Make sure that what the folder's files say of the model is one and the same.

    Raises:
        GateError: If not.
    """
    wrong = verify.problems(exported)
    if wrong:
        raise GateError(f"the files of the export contradict each other: {'; '.join(wrong)}; nothing was exported")


def ask(exported: Exported, classifier: Classifier, model: keras.Model, images: held.Held) -> Answers:
    """Send every image both ways: as the run reads and answers it, and as the folder's own files do.

    Raises:
        GateError: If the folder's pixels.py reads a picture otherwise than the run does.
    """
    theirs = _load(exported.path / "pixels.py")
    answer = open_model(exported)
    labels = exported.labels()
    order = [labels.index(printable(name)) for name in classifier.classes]
    ours, others, trained = [], [], []
    progress, done = Progress("proving", len(images.paths)), 0
    for paths, pixels in images.batches(classifier.rule):
        with ThreadPoolExecutor() as pool:
            read = np.stack([*pool.map(theirs.read, paths)])
        if read.shape != pixels.shape or not np.array_equal(read, as_float(pixels)):
            raise GateError(
                f"pixels.py reads other pixels than the run does, of {paths[0]} or one after it; nothing was exported"
            )
        ours.append(classifier.probabilities(pixels))
        others.append(answer(read)[:, order])
        if done < KERAS_IMAGES:
            trained.append(as_probabilities(keras.ops.convert_to_numpy(model(read[:KERAS_IMAGES], training=False))))
        done += len(paths)
        progress.update(done)
    progress.close()
    return Answers(*map(np.concatenate, (ours, others, trained)))


def prove(exported: Exported, answers: Answers, split: str, truth: np.ndarray) -> dict:
    """parity.json: how far the file agrees with the run, and with the network that was trained.

    Raises:
        GateError: If that is less than it must.
    """
    form, result = formats.of(exported), {}
    pairs = {"run": ("model.onnx of the run", answers.run), "keras": ("model.keras of the run", answers.keras)}
    for name, (against, expected) in pairs.items():
        seen = parity.agreement(expected, answers.exported[: len(expected)])
        allowed = parity.limits(len(expected), int8=exported.int8)
        parity.gate(seen, allowed, what=form.file, against=against)
        result[name] = {"against": against, **seen.as_dict(), "limits": allowed.as_dict()}
    return {
        "schema": SCHEMA,
        "split": split,
        **result,
        "accuracy": {
            "run": parity.accuracy(answers.run, truth),
            "exported": parity.accuracy(answers.exported, truth),
        },
        "golden_limit": parity.golden_limit(int8=exported.int8),
        "runtime": {"package": form.package, "version": version(form.package)},
    }


def _describe(run: Run, path: Path) -> None:
    known = run.assurance
    threshold = known.unsure.threshold if known.unsure else None
    onnx_metadata.describe(path, run.classes, run.rule, temperature=known.temperature, threshold=threshold)


def _load(path: Path) -> ModuleType:
    """The folder's own pixels.py, which we have just written, as a module."""
    spec = importlib.util.spec_from_file_location("exported_pixels", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _write_golden(exported: Exported, images: held.Held, answers: Answers) -> None:
    """Five pictures and what the exported file answers for them."""
    chosen = golden.choose(answers.run, images.truth)
    paths = golden.write([images.paths[row] for row in chosen], exported.path)
    answer = open_model(exported)
    found = answer(as_float(held.pixels_of(paths, exported.rule))).tolist()
    rows = (dict(zip(exported.classes, row, strict=True)) for row in found)
    _write_json(exported.path / GOLDEN, {path.name: row for path, row in zip(paths, rows, strict=True)})


def _by_source(run: Run, images: held.Held, probabilities: np.ndarray) -> dict[str, tuple[int, int]]:
    """Right answers and images of each source that paths or `--group` tell."""
    found = defaultdict(list)
    for name, truth, row in zip(images.names, images.truth, probabilities, strict=True):
        source = source_of(name, run.classes[truth], run.splitting.get("group"))
        if source:
            found[source].append(row.argmax() == truth)
    return {source: (int(sum(right)), len(right)) for source, right in found.items()}


def _write_json(path: Path, value: dict) -> None:
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")
