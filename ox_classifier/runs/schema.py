"""What run.json and the tables of a run may hold: types, ranges and lengths, so that a stranger's run is only data."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence

from ox_classifier.limits import MOST_SIDE, stays_below

SCHEMA = 1
STATES = ("preparing", "training", "interrupted", "finished", "failed")
SPLITS = ("train", "val", "test")
SEEDS = 2**32  # NumPy takes no larger seed
MANY = 10**12
MOST_CLASSES = 10_000

Check = Callable[[object], str]  # what is wrong with a value: "" or "<where> is ...: expected ..."


def text(most: int = 1000, *, least: int = 0) -> Check:
    """Text of so many characters, without NUL."""

    def check(value: object) -> str:
        fits = isinstance(value, str) and least <= len(value) <= most and "\0" not in value
        return "" if fits else _wrong(value, f"text of {least} to {most:,} characters")

    return check


def choice(*allowed: str) -> Check:
    return lambda value: "" if value in allowed else _wrong(value, f"one of {', '.join(allowed)}")


def boolean(value: object) -> str:
    return "" if isinstance(value, bool) else _wrong(value, "true or false")


def whole(least: int = 0, most: int = MANY) -> Check:
    def check(value: object) -> str:
        fits = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
        return "" if fits else _wrong(value, f"a whole number from {least:,} to {most:,}")

    return check


def number(least: float = 0, most: float = MANY) -> Check:
    def check(value: object) -> str:
        fits = isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= most
        return "" if fits else _wrong(value, f"a number from {least:,} to {most:,}")

    return check


def maybe(check: Check) -> Check:
    """The value, or null."""
    return lambda value: "" if value is None else check(value)


def items(check: Check, *, least: int = 0, most: int = 1000) -> Check:
    """A list whose every value passes."""

    def each(value: object) -> str:
        if not isinstance(value, list) or not least <= len(value) <= most:
            return _wrong(value, f"a list of {least} to {most:,} values")
        return next((f"[{i}]{wrong}" for i, item in enumerate(value) if (wrong := check(item))), "")

    return each


def table(check: Check, *, keys: Check | None = None, most: int = MOST_CLASSES) -> Check:
    """An object of any keys (or of those that pass) whose every value passes."""
    keys = keys or text(255)

    def each(value: object) -> str:
        if not isinstance(value, dict):
            return _wrong(value, "an object")
        if len(value) > most or any(keys(key) for key in value):
            return f" has more than {most:,} names or a wrong one"
        return next((f".{key}{wrong}" for key, item in value.items() if (wrong := check(item))), "")

    return each


def fields(checks: Mapping[str, Check], *, needed: Sequence[str] = (), closed: bool = False) -> Check:
    """An object whose known keys pass; with `closed`, one that has no others."""

    def each(value: object) -> str:
        if not isinstance(value, dict):
            return _wrong(value, "an object")
        lacking = [key for key in needed if key not in value]
        if lacking:
            return f" lacks {', '.join(lacking)}"
        strange = sorted(set(value) - set(checks))
        if closed and strange:
            return f" has {strange[0]!r:.60}: expected only {', '.join(checks)}"
        known = ((key, item) for key, item in value.items() if key in checks)
        return next((f".{key}{wrong}" for key, item in known if (wrong := checks[key](item))), "")

    return each


def _distinct(check: Check) -> Check:
    def each(value: object) -> str:
        return check(value) or ("" if len(set(value)) == len(value) else _wrong(value, "names that all differ"))

    return each


def _result(value: object) -> str:
    wrong = fields({"correct": whole(), "images": whole(1)}, needed=("correct", "images"))(value)
    return wrong or ("" if value["correct"] <= value["images"] else " has more right answers than images")


def _unsure(value: object) -> str:
    needed = [name for name in UNSURE if name not in LATER]
    wrong = fields(UNSURE, needed=needed, closed=True)(value)
    if wrong:
        return wrong
    counts = value["wrong"] <= value["accepted"] <= value["images"]
    return "" if counts else " has more wrong answers than accepted ones, or more of these than images"


def _fold(row: object) -> str:
    """Name, right answers and images of one fold."""
    if not isinstance(row, list) or len(row) != 3:
        return _wrong(row, "a fold's name, right answers and images")
    name, right, images = row
    return text(255, least=1)(name) or whole(0)(right) or whole(max(1, right))(images)


SCALAR = (bool, int, float, str, type(None))


def _setting(value: object) -> str:
    """A setting of the augmenter: a value, or a short list of values."""
    parts = value if isinstance(value, list) else [value]
    fits = len(parts) <= 100 and all(isinstance(part, SCALAR) and len(str(part)) <= 1000 for part in parts)
    finite = all(not isinstance(part, float) or math.isfinite(part) for part in parts)
    return "" if fits and finite else _wrong(value, "a value or a short list of values")


def _splitting(value: object) -> str:
    """How the images were split: settings, of which `group` is a regular expression."""
    wrong = table(_setting, most=100)(value)
    if wrong or value.get("group") is None:
        return wrong
    try:
        re.compile(value["group"])
    except (TypeError, re.error, RecursionError, OverflowError):
        return f".group{_wrong(value['group'], 'a regular expression')}"
    return ""


PIXELS = {
    "height": whole(1, MOST_SIDE),
    "width": whole(1, MOST_SIDE),
    "color": choice("rgb", "grayscale"),
    "resize": text(100),
}
DATA = {
    "source": text(4096),
    "root": text(4096),
    "counts": table(table(whole()), keys=choice(*SPLITS)),
    "fingerprint": text(100),
}
OUTLIERS = {"root": text(4096, least=1), "images": whole(1), "fingerprint": text(100), "held_out": whole()}
CALIBRATION = {
    "temperature": number(0.01, 100),
    "split": text(100),
    "images": whole(1),
    "ece_before": number(0, 1),
    "ece_after": number(0, 1),
}
UNSURE = {
    "threshold": number(0, 1),
    "max_error": number(0, 1),
    "confidence": number(0, 1),
    "promise": number(0, 1),
    "coverage": number(0, 1),
    "images": whole(1),
    "accepted": whole(),
    "wrong": whole(),
    "images_needed": maybe(whole(1)),
    "refuses_blank": boolean,
    "outliers": whole(),
    "outliers_refused": whole(),
}
LATER = ("refuses_blank", "outliers", "outliers_refused", "held_out")  # an earlier version did not write these
KEYS: dict[str, Check] = {
    "arch": text(100, least=1),
    "state": choice(*STATES),
    "process": fields({"id": whole(1), "host": text(300)}, needed=("id", "host")),
    "classes": _distinct(items(text(255, least=1), least=1, most=MOST_CLASSES)),
    "pixels": fields(PIXELS, needed=("height", "width", "color", "resize"), closed=True),
    "epochs": whole(),
    "batch_size": whole(1),
    "learning_rate": number(),
    "dropout": maybe(number(0, 1)),
    "monitor": text(100),
    "seed": whole(0, SEEDS - 1),
    "augmentation": table(_setting, most=100),
    "average": number(),
    "balance": boolean,
    "patience": whole(),
    "weights": maybe(text(4096)),
    "views": maybe(whole()),
    "views_computed": maybe(whole()),
    "fine_tune": whole(),
    "fine_tuned_from": maybe(whole(1)),
    "fold_of": maybe(text(255)),
    "cross_validation": items(_fold),
    "splitting": _splitting,
    "class_weights": maybe(table(number())),
    "parameters": whole(),
    "data": fields(DATA, needed=("root",)),
    "outliers": maybe(fields(OUTLIERS, needed=[name for name in OUTLIERS if name not in LATER], closed=True)),
    "device": fields({"kind": text(20), "reason": text(), "count": whole()}, needed=("kind",)),
    "precision": text(100),
    "processor": text(),
    "versions": table(text(100), most=100),
    "best_epoch": whole(1),
    "epochs_trained": whole(),
    "interrupted": boolean,
    "results": table(_result, keys=choice(*SPLITS)),
    "onnx": fields({"max_difference": number(), "images": whole()}),
    "max_error": number(0, 0.5),
    "calibration": maybe(fields(CALIBRATION, needed=tuple(CALIBRATION), closed=True)),
    "unsure": maybe(_unsure),
    "average_flips": boolean,
    "weights_digest": text(100),
    "identity": text(100),
    "seconds": number(),
}
RUN_JSON = fields(KEYS, needed=("schema", "arch"))


def wrong_row(name: str, row: Mapping[str, str | None], classes: Sequence[str]) -> str:
    """What is wrong with a row of a table, by the table's name: "" if nothing."""
    if None in row or None in row.values():
        return "has another number of values than the header has names"
    check = ROWS.get(name)
    return check(row, classes) if check else ""


def _split_row(row: Mapping[str, str], classes: Sequence[str]) -> str:
    if not stays_below(row["path"]):
        return f"names {row['path'][:80]!r}: expected a path below the data folder"
    if row["label"] not in classes:
        return f"has the label {row['label'][:80]!r}, which is none of the run's classes"
    split = row.get("split", "train")
    return "" if split in SPLITS else f"has the split {split[:80]!r}: expected train, val or test"


def _history_row(row: Mapping[str, str], _classes: Sequence[str]) -> str:
    for name, value in row.items():
        try:
            float(value or 0)
        except ValueError:
            return f"has {value[:80]!r} as {name[:80]}: expected a number"
    return "" if row["epoch"].isdecimal() and row["epoch"].isascii() else f"has the epoch {row['epoch'][:80]!r}"


NEEDED = {
    "split.csv": ("path", "label", "split"),
    "history.csv": ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"),
    "bad_files.csv": ("path", "reason"),
    "held_out.csv": ("path", "label", "fold"),
}
ROWS = {"split.csv": _split_row, "held_out.csv": _split_row, "history.csv": _history_row}


def _wrong(value: object, expected: str) -> str:
    shown = {dict: "an object", list: "a list"}.get(type(value)) or repr(value)
    return f" is {shown if len(shown) <= 60 else shown[:60] + '...'}: expected {expected}"
