"""Is an exported folder still what was exported: its golden images once more, wherever it is now."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ox_classifier.data import images
from ox_classifier.errors import GateError
from ox_classifier.export import formats, parity
from ox_classifier.export.golden import FOLDER
from ox_classifier.export.held import pixels_of
from ox_classifier.export.runtimes import open_model
from ox_classifier.exported import Exported
from ox_classifier.names import printable
from ox_classifier.session import Session
from ox_classifier.wording import counted


def verify(path: Path) -> str:
    """Ask the model about its golden images, and look whether its files are those that were exported.

    Gives a sentence with the largest difference.

    Raises:
        UsageError: If it is no exported folder, or its runtime is missing.
        GateError: If an answer differs, a probability moves, or a file is another; the sentence lists all of it.
    """
    exported = Exported(path)
    formats.of(exported).need()
    seen, limit = _golden(exported), parity.golden_limit(int8=exported.int8)
    wrong = problems(exported, seen)
    if wrong:
        raise GateError(f"{path} is not what was exported: {'; '.join(wrong)}")
    same = f"{counted(seen.images, 'golden image')} answered as exported"
    return f"{same}, largest difference {seen.max_difference:.2g} (limit {limit:g})"


def problems(exported: Exported, seen: parity.Agreement | None = None) -> list[str]:
    """What is wrong with a folder: files that are others, names that contradict each other, golden answers that moved.

    `seen` is how its golden images were answered, if they were asked.
    """
    wrong = [f"{name} is not the file that was exported" for name in exported.changed()] + _contradictions(exported)
    wrong += [
        f"model.json has no digest of {name}" for name in formats.of(exported).files if not exported.has_digest(name)
    ]
    limit = parity.golden_limit(int8=exported.int8)
    if seen and (seen.answers_changed or seen.max_difference > limit):
        wrong.append(
            f"{seen.answers_changed} of {seen.images} golden images are answered otherwise, and probabilities move by "
            f"up to {seen.max_difference:.2g} (limit {limit:g})"
        )
    return wrong


def _golden(exported: Exported) -> parity.Agreement:
    golden = exported.golden()
    paths = [exported.path / FOLDER / name for name in golden]
    expected = [[row[name] for name in exported.classes] for row in golden.values()]
    ask = open_model(exported)
    found = ask(images.as_float(pixels_of(paths, exported.rule)))
    return parity.agreement(np.array(expected), found)


def _contradictions(exported: Exported) -> list[str]:
    """What says other classes, or another pixel rule, than model.json."""
    wrong = []
    if exported.labels() != [printable(name) for name in exported.classes]:
        wrong.append("labels.txt has other classes than model.json")
    if exported.format == "onnx":
        session = Session(exported.onnx_file, exported.rule.shape, len(exported.classes)).session
        told = session.get_modelmeta().custom_metadata_map
        for key, value in (("classes", list(exported.classes)), ("pixels", exported.rule.as_dict())):
            if told.get(key) != json.dumps(value, ensure_ascii=False):
                wrong.append(f"model.onnx has other {key} than model.json")
    return wrong
