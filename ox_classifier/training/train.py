"""Recipe and dataset → run: build, record, describe, prepare, fit, finish, in this order."""

from __future__ import annotations

import platform
import shutil
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np

from ox_classifier import __version__, runs
from ox_classifier.blank import are_blank
from ox_classifier.classifier import Classifier
from ox_classifier.console import say
from ox_classifier.data.image_dataset import ImageDataset
from ox_classifier.data.images import as_float
from ox_classifier.devices import Device
from ox_classifier.errors import OxError, UsageError
from ox_classifier.files import replacing
from ox_classifier.intervals import accuracy_text
from ox_classifier.networks import answering, onnx_export, onnx_metadata
from ox_classifier.session import Session
from ox_classifier.training import state
from ox_classifier.training.calibration import logits_of, probabilities
from ox_classifier.training.endings import forget_state, in_training
from ox_classifier.training.exposure import outliers_an_epoch
from ox_classifier.training.history import COLUMNS, History
from ox_classifier.training.promise import GIVEN_UP_FROZEN, MOST_GIVEN_UP
from ox_classifier.training.recipe import Recipe
from ox_classifier.training.tasks import READING, Task, answers_of, task_of, weights_of_classes
from ox_classifier.training.trust import HeldOut, Strangers, Trust

PARITY_LIMIT = 1e-4
PARITY_LIMIT_FLOAT16 = 1e-2  # float16 has three digits
PACKAGES = ("tensorflow", "keras", "numpy", "pillow", "onnxruntime")


def train(
    recipe: Recipe,
    dataset: ImageDataset,
    device: Device,
    *,
    source: Path,
    name: str | None = None,
    resumed: runs.Run | None = None,
    rates: tuple[float, ...] = (),
    fold_of: str | None = None,
    trust: Trust | None = None,
) -> runs.Run:
    """Train a network on a dataset and leave everything in a run folder: a new one, or that of a `resumed` run.

    `source` is what was given as data, which `--resume` reads again. With `rates`, nothing is held out, and these are
    the learning rates of the epochs, and `trust` is what the folds told. `fold_of` names the cross-validation that the
    run is a fold of.

    Raises:
        UsageError: If the network can't take images of this size, the run can't be made, or the images of a resumed
            run have changed.
        OxError: If the loss stops being a number, or the exported network answers otherwise than the trained one.
        Stopped: If the program was asked to stop before the first epoch was done; the run can be resumed.
    """
    start = time.monotonic()
    keras.utils.set_random_seed(recipe.seed)
    task = task_of(recipe, dataset, rates)
    if resumed and resumed.fingerprint != dataset.fingerprint():
        raise UsageError(f"the images of {source} have changed since run {resumed.name} began: train a new run")
    if resumed and resumed.settings.get("outliers") != outliers_of(dataset):
        raise UsageError(
            f"the outliers, or how many of them ox takes, have changed since run {resumed.name} began: train a new run"
        )
    if resumed and resumed.classes != dataset.classes:
        raise UsageError(f"the classes of {source} are not those of run {resumed.name}: train a new run")
    if resumed and resumed.settings.get("identity", task.identity) != task.identity:
        raise UsageError(f"run {resumed.name} was begun by another ox, which trains otherwise: train a new run")
    run = resumed or record(recipe, dataset, device, task, source=source, name=name, fold_of=fold_of)
    with in_training(run, part_of_another=bool(fold_of)):
        describe(recipe, dataset)
        task.prepare()
        run.update(state="training", **task.details)
        history = task.fit(run.path, lambda rows: write_history(run, rows))
        finish(run, task, dataset, history, seconds=time.monotonic() - start, trust=trust)
    return run


def record(
    recipe: Recipe,
    dataset: ImageDataset,
    device: Device,
    task: Task,
    *,
    source: Path,
    name: str | None,
    fold_of: str | None = None,
) -> runs.Run:
    """Make the run folder with run.json, split.csv and bad_files.csv."""
    run = runs.create(recipe.arch, name)
    try:
        unread = (*dataset.bad, *(dataset.outliers.bad if dataset.outliers else ()))
        bad = [(dataset.listing.name(error.path), error.reason) for error in unread]
        run.write_table("split.csv", ("path", "label", "split"), dataset.rows())
        run.write_table("bad_files.csv", ("path", "reason"), bad)
        run.update(
            state="preparing",
            **({"fold_of": fold_of} if fold_of else {}),
            classes=list(dataset.classes),
            **recipe.as_config(),
            **task.details,
            class_weights=weights_of_classes(recipe, dataset),
            identity=task.identity,
            parameters=task.model.count_params(),
            data={
                "source": str(source.absolute()),
                "root": str(dataset.listing.root.absolute()),
                "counts": dataset.counts(),
                "fingerprint": dataset.fingerprint(),
            },
            outliers=outliers_of(dataset),
            device={"kind": device.kind, "reason": device.reason, "count": device.count},
            precision=keras.config.dtype_policy().name,
            processor=processor(),
            versions=versions(),
        )
    except BaseException:
        shutil.rmtree(run.path, ignore_errors=True)  # nothing is trained, and the name is free again
        raise
    return run


def outliers_of(dataset: ImageDataset) -> dict[str, object] | None:
    """What run.json says of the outliers."""
    return dataset.outliers.as_dict() if dataset.outliers else None


def versions() -> dict[str, str]:
    """What decides, beside recipe, data and processor, which weights come out."""
    return {"ox": __version__, "python": platform.python_version()} | {name: version(name) for name in PACKAGES}


def processor() -> str:
    """The name of this machine's processor: another one may give other last digits."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def describe(recipe: Recipe, dataset: ImageDataset) -> None:
    """Say what is about to be learned from."""
    for split, counts in dataset.counts().items():
        say(f"{split:5} {sum(counts.values()):,} images: " + ", ".join(f"{k} {v:,}" for k, v in counts.items()))
    if dataset.outliers:
        count = len(dataset.outliers)
        each = outliers_an_epoch(count, len(dataset.labels("train")), frozen=recipe.frozen)
        say(f"outliers: {count:,} images of no class in {dataset.outliers.root}, {each:,} an epoch, to be undecided on")
    weights = weights_of_classes(recipe, dataset)
    if weights:
        each = ", ".join(f"{name} {weights[i]:.2f}" for i, name in enumerate(dataset.classes))
        say(f"class weights: {each} (--balance none trains without)")
    say(f"pixels: {recipe.rule}")


def write_history(run: runs.Run, rows: list[dict]) -> None:
    """Bring history.csv up to date; what an epoch doesn't have stays empty."""
    values = [["" if row[name] is None else row[name] for name in COLUMNS] for row in rows]
    run.write_table("history.csv", COLUMNS, values)


def finish(
    run: runs.Run, task: Task, dataset: ImageDataset, history: History, *, seconds: float, trust: Trust | None = None
) -> None:
    """Save the best epoch as model.keras and model.onnx, prove the two equal, and say how good they are.

    model.onnx gives calibrated probabilities, model.keras those of the network as it was trained. Without `trust`, the
    validation images tell the temperature and from which probability on an answer counts.

    The run counts as finished once run.json says so, and what is needed to resume it goes only then.
    """
    mirrored = task.recipe.mirrored
    with replacing(run.keras_file) as beside:
        task.model.save(beside)
    with replacing(run.onnx_file) as beside:
        onnx_export.write(task.model, beside)
        if mirrored:
            answering.average_mirrored(beside, mirrored)
        answering.temper(beside, READING)
        network = Session(beside, run.rule.shape, len(run.classes))
        logits = {s: task.logits(s, network) for s in ("val", "test") if len(dataset.labels(s))}
        trust = trust or _trust(run, dataset, logits, network, task.recipe)
        answering.temper(beside, trust.temperature)
        threshold = trust.promise.threshold if trust.promise else None
        onnx_metadata.describe(beside, run.classes, run.rule, temperature=trust.temperature, threshold=threshold)
    classifier = Classifier(run)
    probe = dataset.images("val" if len(dataset.labels("val")) else "train")[: task.parity_images]
    difference = parity(task.model, classifier, probe, mirrored=mirrored, temperature=trust.temperature)
    results = {}
    for split, answers in logits.items():
        right = answers.argmax(axis=1) == dataset.labels(split)
        results[split] = {"correct": int(right.sum()), "images": len(right)}
    run.update(
        best_epoch=history.best_row["epoch"],
        epochs_trained=len(history.rows),
        fine_tuned_from=history.fine_tuned_from,
        interrupted=history.interrupted,
        results=results,
        onnx={"max_difference": difference, "images": len(probe)},
        **trust.as_config(),
        weights_digest=state.digest(task.model),
        seconds=round(seconds, 1),
        state="interrupted" if history.interrupted else "finished",
    )
    if not history.interrupted:
        forget_state(run)
    if history.stopped:
        say(f"stopped early: {history.stopped}")
    kind = "best" if len(dataset.labels("val")) else "last"  # with nothing held out, no epoch is known to be better
    say(f"{kind} epoch {history.best_row['epoch']} of {len(history.rows)}, {seconds:.0f} s")
    for split, result in results.items():
        say(f"{split} accuracy {accuracy_text(result['correct'], result['images'])}")
    if not run.fold_of:
        say(trust.in_words())


def _trust(
    run: runs.Run, dataset: ImageDataset, logits: dict[str, np.ndarray], network: Session, recipe: Recipe
) -> Trust:
    """What the validation images tell, if there are any, and the outliers that were held out."""
    known = strangers = None
    if "val" in logits:
        known = HeldOut(logits["val"], dataset.labels("val"), are_blank(dataset.images("val")))
        held_out = dataset.outliers.held_out if dataset.outliers else None
        if held_out is not None:
            answers = logits_of(answers_of(network, held_out), READING)
            most = GIVEN_UP_FROZEN if recipe.frozen else MOST_GIVEN_UP
            strangers = Strangers(answers, are_blank(held_out), most, recipe.frozen)
    return Trust.from_answers(
        known, run.classes, max_error=recipe.max_error, outliers=run.assurance.taught_outliers, strangers=strangers
    )


def parity(
    model: keras.Model,
    classifier: Classifier,
    pixels: np.ndarray,
    *,
    mirrored: Sequence[Sequence[int]],
    temperature: float,
) -> float:
    """The largest difference between the probabilities that model.onnx and Keras' network give to uint8 images.

    Keras' logits are averaged over the picture and its mirror images along the axes in `mirrored`, and divided by the
    temperature, as model.onnx does it.

    Raises:
        OxError: If it exceeds 1e-4 (1e-2 under mixed precision).
    """
    looks = [np.flip(pixels, axes) for axes in ((), *mirrored)]
    logits = np.mean([onnx_export.logits(model, as_float(look)) for look in looks], axis=0)
    expected = probabilities(logits, temperature)
    difference = float(np.abs(expected - classifier.probabilities(pixels)).max())
    limit = PARITY_LIMIT if keras.config.dtype_policy().name == "float32" else PARITY_LIMIT_FLOAT16
    if difference > limit:
        raise OxError(f"model.onnx differs from model.keras by {difference:.1e} (limit {limit:g}): use model.keras")
    return difference
