"""What a report says first, in sentences: how often it is right, how far that holds, and against which guess."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from markupsafe import Markup

from ox_classifier.intervals import wilson
from ox_classifier.names import printable
from ox_classifier.runs import Run

WIDE = 540  # of the strip that shows an interval
MOST_NAMED, NAMED = 8, 6  # classes in a sentence; of more than the first, only so many


def percent(share: float, digits: int = 1) -> str:
    """A share as people write it: 96.0 %."""
    return f"{100 * share:.{digits}f} %"


def sentences(split: str, result: dict, classes: Sequence[str]) -> list[str]:
    """The accuracy of a split with its interval and the largest class, as people should read them."""
    total, correct = result["images"], result["correct"]
    low, high = wilson(correct, total)
    said = [
        f"{correct:,} of {total:,} images of {split} are named right. On more images of the same kind, expect between "
        f"{percent(low)} and {percent(high)} (95 % interval)."
    ]
    if total < 100:
        said.append(f"That is a wide range, as {total} images are few.")
    name, share = largest_class(result, classes)
    said.append(f"Always answering {printable(name)!r}, the largest class here, would be right for {percent(share)}.")
    if low <= share:
        said.append("So few images can't show that the network does better than this guess.")
    return said


def largest_class(result: dict, classes: Sequence[str]) -> tuple[str, float]:
    """The class with most images in a split, and what always answering it would be worth."""
    name = max(classes, key=lambda name: result["classes"][name]["support"])
    return name, result["classes"][name]["support"] / result["images"]


def strip(result: dict, classes: Sequence[str]) -> Markup:
    """Accuracy, interval and guess on a line from 0 to 100 %, as SVG."""
    low, high = wilson(result["correct"], result["images"])
    share, guess = result["accuracy"], largest_class(result, classes)[1]

    def x(value: float) -> float:
        return round(8 + value * (WIDE - 16), 1)

    text = f"accuracy {percent(share)}, 95 % interval {percent(low)} to {percent(high)}, largest class {percent(guess)}"
    anchor = "end" if guess > 0.8 else "start" if guess < 0.2 else "middle"
    return Markup(
        f'<svg class="strip" viewBox="0 0 {WIDE} 40" role="img" aria-label="{text}">'
        f'<path class="whole" d="M{x(0)} 12H{x(1)}"/><path class="interval" d="M{x(low)} 12H{x(high)}"/>'
        f'<path class="guess" d="M{x(guess)} 3v18"/><circle class="dot" cx="{x(share)}" cy="12" r="5.5"/>'
        f'<text x="{x(guess)}" y="35" text-anchor="{anchor}">largest class</text></svg>'
    )


def kicker(run: Run) -> str:
    """The network, when it was trained and on what, in one line."""
    trained = datetime.fromtimestamp(run.onnx_file.stat().st_mtime)
    return f"{run.arch}, trained {trained:%Y-%m-%d %H:%M} on {printable(run.data_source)}"


def brief(run: Run) -> list[tuple[str, str]]:
    """What the run is, in a few lines with a name each."""
    counts = {split: sum(classes.values()) for split, classes in run.counts.items()}
    config = run.settings
    known = {
        "best_epoch": "epoch {} kept",
        "batch_size": "batches of {}",
        "learning_rate": "learning rate {:g}",
        "weights": "weights {}",
        "seed": "seed {}",
    }
    told = [text.format(config[key]) for key, text in known.items() if config.get(key) is not None]
    told.append("augmented" if run.augmentation else "not augmented")
    return [
        ("network", f"{run.arch} at {run.rule.width} × {run.rule.height}, {run.rule.color}"),
        ("images", ", ".join(f"{count:,} {split}" for split, count in counts.items() if count) or "not recorded"),
        ("settings", printable(", ".join(told))),
    ]


def _listed(classes: Sequence[str]) -> str:
    names = list(map(printable, classes))
    if len(names) > MOST_NAMED:
        return f"{len(names)} classes ({', '.join(names[:NAMED])} and {len(names) - NAMED} others)"
    return ", ".join(names)


def about(run: Run) -> list[str]:
    """What was trained on what, with the settings that matter most, in sentences."""
    counts = {split: sum(classes.values()) for split, classes in run.counts.items() if classes}
    images = ", ".join(f"{count:,} in {split}" for split, count in counts.items() if count)
    said = [f"{run.arch} learned to tell {_listed(run.classes)} apart."]
    if images:
        said.append(f"Images of {printable(run.data_source)}: {images}.")
    said.append(f"It sees every image as {run.rule}.")
    if "best_epoch" in run.settings:
        seconds = run.settings.get("seconds")
        took = f", in {seconds:,.0f} s" if seconds else ""
        epochs = run.settings.get("epochs_trained", run.best_epoch)
        said.append(f"Epoch {run.best_epoch} of {epochs} was kept{took}, on a {run.device_kind or 'machine unknown'}.")
    said += _trust(run)
    return said


def _trust(run: Run) -> list[str]:
    """What the probabilities were calibrated on, and what is promised of the answers that are sure."""
    said, fitted, sure = [], run.assurance.calibration, run.assurance.unsure
    if fitted:
        said.append(
            f"Its probabilities are calibrated on {fitted.images:,} images held out (temperature "
            f"{fitted.temperature:.2f}): expected calibration error {fitted.ece_before:.4f} before, "
            f"{fitted.ece_after:.4f} after."
        )
    if sure:
        said.append(
            f"It is unsure below {sure.threshold:.3f}: with {percent(sure.confidence, 0)} confidence at most "
            f"{percent(sure.promise)} of its other answers are wrong on images like those; "
            f"{percent(sure.coverage)} of them were answered."
        )
    return said


def settings(run: Run) -> list[tuple[str, str]]:
    """Every plain value of run.json by its dotted key."""
    return list(_flat(run.settings, ""))


def _flat(value: object, key: str):
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        yield key, ", ".join(printable(item) for item in value)
    else:
        yield key, "–" if value is None else printable(value)
