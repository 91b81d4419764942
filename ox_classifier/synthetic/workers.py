"""Work spread over processes that end with the one that started them, however that ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import TypeVar

import cv2

Task, Answer = TypeVar("Task"), TypeVar("Answer")


def spread(work: Callable[[Task], Answer], tasks: Iterable[Task], workers: int) -> Iterator[Answer]:
    """Yield `work(task)` of each task, in order, from so many processes."""
    # spawned, not forked: a fork of a process with TensorFlow's threads may hang
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_start)
    try:
        with _interrupts_kept_from_children():
            answers = pool.map(work, tasks)  # starts the processes
        yield from answers
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _interrupts_kept_from_children() -> Iterator[None]:
    """Ctrl-C goes to every process of a terminal: let the parent alone hear it, which then ends its workers."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start() -> None:
    cv2.setNumThreads(1)  # the processes are the parallel part
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent:
        parent.join()
    os._exit(1)
