"""Processes that decode: what comes back is what threads give, and one that is lost costs one file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from ox_classifier.data import decoding, workers
from ox_classifier.data.decoding import decode
from ox_classifier.data.images import read
from ox_classifier.data.workers import WorkerLostError, Workers
from ox_classifier.pixels import PixelRule
from tests.conftest import draw_folder

RULE = PixelRule(24, 20)


@pytest.fixture
def pool():
    with Workers(1) as pool:
        yield pool


def test_answers_and_errors_come_back(pool):
    assert pool.submit(divmod, 7, 2).result() == (3, 1)
    with pytest.raises(ZeroDivisionError):
        pool.submit(divmod, 7, 0).result()
    assert pool.submit(os.getpid).result() != os.getpid()


def test_a_lost_process_is_told_and_replaced(pool):
    first = pool.submit(os.getpid).result()
    with pytest.raises(WorkerLostError):
        pool.submit(os.abort).result()
    assert pool.submit(os.getpid).result() not in (first, os.getpid())


def test_a_task_without_end_is_ended(pool, monkeypatch):
    monkeypatch.setattr(workers, "PATIENCE", 0.5)
    with pytest.raises(WorkerLostError):
        pool.submit(time.sleep, 60).result()


def test_what_is_printed_does_not_get_among_the_answers(pool):
    assert pool.submit(os.write, 1, b"a C library says something\n").result() == 27


def test_without_a_python_to_start_the_work_is_done_here(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with Workers(1) as pool:
        assert pool.submit(os.getpid).result() == os.getpid()


def test_no_process_outlives_the_command():
    program = (
        "import os, signal; from ox_classifier.data.workers import Workers\n"
        "print(Workers(1).submit(os.getpid).result(), flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL
    for _ in range(100):
        try:
            os.kill(int(done.stdout), 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("the worker is still there")


@pytest.mark.parametrize("memory_budget", [2**31, 0], ids=["memory", "disk"])
def test_processes_decode_as_threads_do(tmp_path, monkeypatch, memory_budget):
    paths = sorted(draw_folder(tmp_path / "marks", {"": 30}).rglob("*.png"))
    paths[7].write_bytes(paths[7].read_bytes()[:100])
    monkeypatch.setattr(decoding, "MANY", 10)
    decoded = decode(paths, RULE, memory_budget=memory_budget)
    assert [error.path for error in decoded.bad] == [paths[7]]
    np.testing.assert_array_equal(decoded.images, [read(path, RULE) for path in paths if path != paths[7]])


def test_a_picture_too_large_for_a_process_is_decoded_here(tmp_path, monkeypatch):
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for path, side in zip(paths, (20, 5000, 30), strict=True):  # 25 million pixels
        Image.new("L", (side, side), side % 256).save(path)
    monkeypatch.setattr(decoding, "MANY", 1)
    decoded = decode(paths, RULE)
    assert decoded.images[:, 0, 0, 0].tolist() == [20, 5000 % 256, 30]


def test_the_file_that_a_decoder_crashes_on_is_named(tmp_path, monkeypatch):
    paths = sorted(draw_folder(tmp_path / "marks", {"": 8}).rglob("*.png"))
    paths[3].rename(crashing := paths[3].with_name("crash.png"))
    paths[3] = crashing
    with Workers(1) as pool:
        files = list(enumerate(map(str, paths)))
        answers = decoding.settled(crash_on, None, None, files, pool.submit(crash_on, None, None, files), pool)
    assert answers == {row: decoding.CRASHED if row == 3 else None for row in range(16)}


def crash_on(write, rule, files):
    """A task that ends its process at one file."""
    for _, path in files:
        if path.endswith("crash.png"):
            os.kill(os.getpid(), signal.SIGKILL)
    return dict.fromkeys((row for row, _ in files))


def test_where_no_thread_can_be_started_the_task_is_lost_and_nobody_waits(monkeypatch):
    class NoTimer(workers.Timer):
        def start(self):
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr(workers, "Timer", NoTimer)
    pool = Workers(1)
    try:
        with pytest.raises(WorkerLostError):
            pool.submit(os.getpid).result(timeout=30)
        monkeypatch.undo()
        assert pool.submit(os.getpid).result(timeout=30) != os.getpid()  # the next one has a process again
    finally:
        pool.shutdown()
