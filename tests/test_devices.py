"""Which processor is chosen and why, asked of TensorFlows that are made up, and of the one that is here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from ox_classifier import devices
from ox_classifier.errors import UsageError

FLOAT32 = ("policy", "float32")


class FakeTensorFlow:
    """As much of TensorFlow as `devices` asks, with GPUs of these names; `done` holds what was set up."""

    def __init__(self, *gpus: str, cuda: bool = True):
        self.done: list[tuple] = []
        self.config = SimpleNamespace(
            list_physical_devices=lambda kind: [SimpleNamespace(name=f"/GPU:{name}", device=name) for name in gpus],
            set_visible_devices=lambda shown, kind: self.done.append(("visible", kind, shown)),
            experimental=SimpleNamespace(
                set_memory_growth=lambda gpu, on: self.done.append(("growth", gpu.device, on)),
                get_device_details=lambda gpu: {"device_name": gpu.device} if gpu.device else {},
            ),
        )
        self.test = SimpleNamespace(is_built_with_cuda=lambda: cuda)
        policy = SimpleNamespace(set_global_policy=lambda name: self.done.append(("policy", name)))
        self.keras = SimpleNamespace(mixed_precision=policy)


@pytest.fixture
def use(monkeypatch):
    """Put a made-up TensorFlow in place, on Linux with an NVIDIA driver and nothing hidden."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    driver(monkeypatch, there=True)

    def put(tf: FakeTensorFlow) -> FakeTensorFlow:
        monkeypatch.setattr(devices, "quiet_tensorflow", lambda: tf)
        return tf

    return put


def driver(monkeypatch, *, there: bool) -> None:
    exists = Path.exists

    def fake(path, **options):
        return there if str(path) in ("/proc/driver/nvidia/version", "/dev/dxg") else exists(path, **options)

    monkeypatch.setattr(Path, "exists", fake)


def test_a_gpu_is_taken_where_there_is_one_and_grows_its_memory(use):
    tf = use(FakeTensorFlow("NVIDIA T4"))
    chosen = devices.choose()
    assert (chosen.kind, chosen.count, str(chosen)) == ("gpu", 1, "GPU (NVIDIA T4)")
    assert tf.done == [FLOAT32, ("growth", "NVIDIA T4", True)]


def test_several_gpus_are_counted_and_each_kind_named_once(use):
    tf = use(FakeTensorFlow("T4", "A100", "T4"))
    assert str(devices.choose("gpu")) == "GPU x3 (A100, T4)"
    assert tf.done == [FLOAT32, *(("growth", name, True) for name in ("T4", "A100", "T4"))]


def test_a_gpu_without_details_is_called_by_tensorflows_name(use):
    use(FakeTensorFlow(""))
    assert str(devices.choose()) == "GPU (/GPU:)"


def test_cpu_hides_the_gpus_from_tensorflow(use):
    tf = use(FakeTensorFlow("T4"))
    assert str(devices.choose("cpu")) == "CPU (asked for with --device cpu)"
    assert tf.done == [FLOAT32, ("visible", "GPU", [])]


def test_cpu_hides_nothing_where_nothing_is(use):
    tf = use(FakeTensorFlow())
    assert devices.choose("cpu").reason == "asked for with --device cpu"
    assert tf.done == [FLOAT32]


@pytest.mark.parametrize("wanted", ["auto", "gpu", "cpu"])
def test_mixed_precision_is_set_on_either_device(use, wanted):
    tf = use(FakeTensorFlow("T4"))
    devices.choose(wanted, mixed_precision=True)
    assert ("policy", "mixed_float16") in tf.done
    devices.choose(wanted)  # the next training of the same process
    assert [step for step in tf.done if step[0] == "policy"] == [("policy", "mixed_float16"), FLOAT32]


def test_an_unknown_device_is_refused_before_tensorflow_is_asked(monkeypatch):
    monkeypatch.setattr(devices, "quiet_tensorflow", lambda: pytest.fail("TensorFlow was imported"))
    with pytest.raises(UsageError, match=r"--device 'tpu' is unknown: give auto, cpu or gpu"):
        devices.choose("tpu")


REASONS = {
    "hidden": ({"CUDA_VISIBLE_DEVICES": "-1"}, "linux", True, True, "CUDA_VISIBLE_DEVICES hides every GPU"),
    "emptied": ({"CUDA_VISIBLE_DEVICES": ""}, "linux", True, True, "CUDA_VISIBLE_DEVICES hides every GPU"),
    # the wheels for Windows and macOS know no CUDA, and the extra brings none: other advice must come first
    "windows": ({}, "win32", False, False, "no GPU support on native Windows since 2.11; use WSL2"),
    "mac": ({}, "darwin", False, False, "pip install tensorflow-metal"),
    "cpu wheel": ({}, "linux", False, True, "built for the CPU only; pip install 'tensorflow[and-cuda]'"),
    "no driver": ({}, "linux", True, False, "no NVIDIA driver on this"),
    "no libraries": ({}, "linux", True, True, "no CUDA libraries for the driver here"),
}


@pytest.mark.parametrize(("environment", "platform", "cuda", "has_driver", "reason"), REASONS.values(), ids=REASONS)
def test_why_there_is_no_gpu(use, monkeypatch, environment, platform, cuda, has_driver, reason):
    tf = use(FakeTensorFlow(cuda=cuda))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    driver(monkeypatch, there=has_driver)
    chosen = devices.choose("auto")
    assert chosen.kind == "cpu" and reason in chosen.reason
    with pytest.raises(UsageError) as refused:
        devices.choose("gpu")  # in the same words, whether TensorFlow was asked or not
    assert str(refused.value) == f"--device gpu, but {chosen.reason}; use --device cpu or auto"
    assert tf.done == [FLOAT32]  # of the first; the second was refused before


HELD_BACK = """
import os, sys
from ox_classifier.devices import stderr_held_back
try:
    with stderr_held_back():
        os.write(2, b"a line about CUDA\\n")
        if sys.argv[1] == "fails":
            raise ImportError("no such library")
except ImportError:
    os.write(2, b"failed\\n")
os.write(2, b"after\\n")
"""


@pytest.mark.parametrize(("how", "said"), [("works", "after\n"), ("fails", "a line about CUDA\nfailed\nafter\n")])
def test_log_lines_of_an_import_are_seen_only_if_it_fails(how, said):
    done = subprocess.run([sys.executable, "-c", HELD_BACK, how], capture_output=True, text=True, check=True)
    assert done.stderr == said


@pytest.mark.tensorflow
def test_the_tensorflow_that_is_here_is_asked():
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    chosen = devices.choose("auto")
    if gpus:
        assert (chosen.kind, chosen.count) == ("gpu", len(gpus))
    else:
        assert chosen == devices.Device("cpu", devices.why_no_gpu(tf))
        assert "GPU" not in tf.constant([1.0]).device


@pytest.mark.parametrize("wanted", ["auto", "cpu", "gpu"])
def test_where_there_may_be_a_gpu_nothing_is_refused_early(use, wanted):
    use(FakeTensorFlow())
    devices.refuse_missing(wanted)


def test_a_gpu_that_cannot_be_is_refused_before_tensorflow_is_imported(use, monkeypatch):
    monkeypatch.setattr(devices, "quiet_tensorflow", lambda: pytest.fail("TensorFlow was imported"))
    driver(monkeypatch, there=False)
    with pytest.raises(UsageError, match="--device gpu, but no NVIDIA driver on this"):
        devices.choose("gpu")


def test_tensorflow_is_imported_once(monkeypatch):
    marker = SimpleNamespace()
    monkeypatch.setitem(sys.modules, "tensorflow", marker)
    assert devices.quiet_tensorflow() is marker
