"""`ox doctor`: what ox finds on this machine, and what it would take to have the rest."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

import typer

from ox_classifier import small_install
from ox_classifier.cli.exit_codes import user_errors
from ox_classifier.console import say
from ox_classifier.errors import UsageError
from ox_classifier.names import printable

PACKAGES = ("tensorflow", "keras", "numpy", "pillow", "opencv-python-headless", "onnxruntime")
EXTRAS = {"heic": ("pillow_heif", "pillow-heif", "HEIC photos"), "diagram": ("pydot", "pydot", "diagrams of networks")}
OWN_PLACES = "OX_CACHE sets the place, OX_CACHE_GB the limit"


def doctor() -> None:
    """Say which versions, processor, weights, caches and extras there are.

    Example: ox doctor
    """
    with user_errors():
        if not small_install.is_small():
            say("looking at this machine (TensorFlow takes some seconds to start)")
        for name, text in findings():
            typer.echo(f"{name:<14} {printable(text)}")


def findings() -> Iterator[tuple[str, str]]:
    """What there is to know, as (name, sentence), in the order it is shown; the slow part last."""
    from ox_classifier import __version__

    yield "ox", f"{__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    yield "packages", ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    yield "cores", str(os.cpu_count())
    if small_install.is_small():
        yield "install", "ox-predict, which only predicts: ox predict, ox sheet read, ox export --verify and Classifier"
        yield _extra("heic")
        return
    from ox_classifier import devices

    yield "features", _features()
    yield from map(_extra, EXTRAS)
    yield "graphviz", shutil.which("dot") or "no dot program; your system's package graphviz brings it"
    yield "device", str(devices.choose("auto"))  # before the weights: it keeps TensorFlow's import quiet
    yield "weights", _weights()


def _extra(extra: str) -> tuple[str, str]:
    module, package, what = EXTRAS[extra]
    return extra, f"{what}: {'yes' if importlib.util.find_spec(module) else f'no; pip install {package}'}"


def unusable(folder: Path) -> str:
    """Why nothing can be kept in a folder, which may not be there yet; "" if all is well."""
    there = next(place for place in (folder, *folder.absolute().parents) if os.path.lexists(place))
    if not there.is_dir():
        return f"{there} is no folder"
    if not os.access(there, os.W_OK | os.X_OK):
        return f"you may not write to {there}"
    return ""


def _version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _features() -> str:
    from ox_classifier import caches
    from ox_classifier.networks import feature_store

    folder = caches.folder()
    reason = unusable(folder)
    if reason:
        return f"{folder} can't be used: {reason}; set OX_CACHE to a folder of yours"
    try:
        limit = feature_store.limit_bytes()
    except UsageError as error:
        return f"{folder}: {error}"
    return f"{folder}: {feature_store.used_bytes() / 1e9:.2f} GB used of {limit / 1e9:g} ({OWN_PLACES})"


def _weights() -> str:
    from ox_classifier.networks import weights

    folder = weights.cache_folder()
    reason = unusable(folder)
    if reason:
        return f"{folder} can't be used: {reason}; set KERAS_HOME to a folder of yours"
    kept = sorted(path.name for path in folder.glob("*notop*")) if folder.is_dir() else []
    return f"{folder}: {', '.join(kept) or 'none yet; ox train --arch vgg16 fetches its own'}"
