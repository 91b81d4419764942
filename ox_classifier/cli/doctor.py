"""`ox doctor`: what ox finds on this machine, and what it would take to have the rest."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil

import typer

from ox_classifier.cli.exit_codes import user_errors

EXTRAS = {"heic": ("pillow_heif", "HEIC photos"), "diagram": ("pydot", "diagrams of networks")}


def doctor() -> None:
    """Say which versions, processor, weights, caches and extras there are.

    Example: ox doctor
    """
    with user_errors():
        for name, text in findings():
            typer.echo(f"{name:<14} {text}")


def findings() -> list[tuple[str, str]]:
    """What there is to know, as (name, sentence), in the order it is shown."""
    from importlib.metadata import version

    from ox_classifier import __version__, caches, devices

    device = str(devices.choose("auto"))  # first: it keeps TensorFlow's import quiet
    from ox_classifier.networks import feature_store, weights

    packages = ("tensorflow", "keras", "numpy", "pillow", "opencv-python-headless", "onnxruntime")
    models = weights.cache_folder()
    kept = sorted(path.name for path in models.glob("*notop*")) if models.is_dir() else []
    rows = [
        ("ox", f"{__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"),
        ("packages", ", ".join(f"{name} {version(name)}" for name in packages)),
        ("device", device),
        ("cores", str(os.cpu_count())),
        ("weights", f"{models}: {', '.join(kept) or 'none yet; ox train --arch vgg16 fetches its own'}"),
        (
            "features",
            f"{caches.folder()}: {feature_store.used_bytes() / 1e9:.2f} GB used of "
            f"{feature_store.limit_bytes() / 1e9:g} (OX_CACHE sets the place, OX_CACHE_GB the limit)",
        ),
    ]
    for extra, (module, what) in EXTRAS.items():
        missing = f"no; pip install 'ox-classifier[{extra}]'"
        rows.append((extra, f"{what}: {'yes' if importlib.util.find_spec(module) else missing}"))
    rows.append(("graphviz", shutil.which("dot") or "no dot program; your system's package graphviz brings it"))
    return rows
