"""`ox doctor` says what is there, and how to have what is not."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from importlib.metadata import version
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from ox_classifier import __version__, caches
from ox_classifier.cli import app
from ox_classifier.networks import feature_store

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def found(monkeypatch, tmp_path):
    """Run `ox doctor` with an own home and cache; gives its rows by name."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("OX_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("OX_CACHE_GB", raising=False)

    def run() -> dict[str, str]:
        result = CliRunner().invoke(app, ["doctor"])
        assert result.exit_code == 0, result.output
        return dict(line.split(maxsplit=1) for line in result.stdout.splitlines())

    return run


def test_versions_are_those_installed(found):
    rows = found()
    assert rows["ox"].startswith(f"{__version__}, Python {sys.version.split()[0]}, ")
    for package in ("tensorflow", "keras", "numpy", "pillow", "onnxruntime"):
        assert f"{package} {version(package)}" in rows["packages"]
    assert rows["cores"] == str(os.cpu_count())
    assert rows["device"].startswith(("CPU (", "GPU"))


def test_weights_and_features_are_found_where_they_lie(found, tmp_path):
    empty = found()
    assert empty["weights"] == f"{tmp_path / 'keras' / 'models'}: none yet; ox train --arch vgg16 fetches its own"
    assert empty["features"].startswith(f"{caches.folder()}: 0.00 GB used of 10 ")

    models = tmp_path / "keras" / "models"
    models.mkdir(parents=True)
    for name in ("vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5", "vgg16_weights_tf_dim_ordering_tf_kernels.h5"):
        (models / name).touch()
    shard = caches.folder() / "features" / "vgg16" / f"1{feature_store.SUFFIX}"
    shard.parent.mkdir(parents=True)
    with shard.open("wb") as file:
        file.truncate(1_230_000_000)  # a hole: it takes no room
    rows = found()
    assert rows["weights"] == f"{models}: vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
    assert f"{caches.folder()}: 1.23 GB used of 10 " in rows["features"]


def test_what_is_missing_is_said_with_what_brings_it(found, monkeypatch):
    find, which = importlib.util.find_spec, shutil.which
    extras = {"pillow_heif", "pydot"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in extras else find(name))
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "dot" else which(name))
    rows = found()
    assert rows["heic"] == "HEIC photos: no; pip install pillow-heif"
    assert rows["diagram"] == "diagrams of networks: no; pip install pydot"
    assert rows["graphviz"].startswith("no dot program")

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: SimpleNamespace() if name in extras else find(name))
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/dot" if name == "dot" else which(name))
    rows = found()
    assert rows["heic"] == "HEIC photos: yes" and rows["diagram"] == "diagrams of networks: yes"
    assert rows["graphviz"] == "/usr/bin/dot"


@pytest.mark.parametrize("limit", ["much", "nan", "inf", "-1"])
def test_a_wrong_limit_is_a_sentence_and_hides_nothing_else(found, monkeypatch, limit):
    monkeypatch.setenv("OX_CACHE_GB", limit)
    rows = found()
    assert rows["features"] == f"{caches.folder()}: OX_CACHE_GB is '{limit}': give a positive number of gigabytes"
    assert rows["weights"]


def test_a_cache_that_cannot_be_used_is_not_called_fine(found, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        monkeypatch.setenv("OX_CACHE", str(place))
        monkeypatch.setenv("KERAS_HOME", str(place))
        rows = found()
        reason = f"can't be used: {tmp_path / 'file'} is no folder; set"
        assert rows["features"] == f"{place} {reason} OX_CACHE to a folder of yours"
        assert rows["weights"] == f"{place / 'models'} {reason} KERAS_HOME to a folder of yours"
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    monkeypatch.setenv("OX_CACHE", str(closed / "cache"))
    monkeypatch.setattr(os, "access", lambda place, mode: place != closed)  # root may write everywhere
    assert f"you may not write to {closed}" in found()["features"]
