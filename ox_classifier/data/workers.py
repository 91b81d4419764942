"""Processes of our own that run functions of this package.

Threads that decode small files mostly wait for each other, as half of the work is Python's; and a file that makes
a decoder crash or hang takes one of these processes with it, not the command. They are plain commands with pipes: no
fork of a process full of threads, no second import of the user's script, and none outlives the end of its pipe.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread, Timer

from ox_classifier.data import memory

PATIENCE = 120.0  # seconds for one task
# what happens here when a process is gone, or when there is no memory for a thread that watches it
LOST = (EOFError, OSError, pickle.UnpicklingError, RuntimeError, MemoryError)
PROGRAM = "from ox_classifier.data.workers import serve; serve()"


class WorkerLostError(RuntimeError):
    """The process that ran a task crashed, or was ended because it took too long."""


class Workers(Executor):
    """`count` processes that inherit the open files `inherit`; a function must be one of a module, by name."""

    def __init__(self, count: int, inherit: Sequence[int] = ()):
        self._inherit, self._tasks = tuple(inherit), SimpleQueue()
        self._threads = [Thread(target=self._run, name=f"worker-{i}", daemon=True) for i in range(count)]
        for thread in self._threads:
            thread.start()

    def submit(self, function: Callable, /, *args) -> Future:
        """Run `function(*args)` in one of the processes; all must be picklable.

        The answer's exception is the function's own, or WorkerLostError.
        """
        future = Future()
        self._tasks.put((future, function, args))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End each process after the task it is at, or after all that were submitted."""
        while cancel_futures:
            try:
                task = self._tasks.get_nowait()
            except Empty:
                break
            if task:
                task[0].cancel()
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads if wait else ():
            thread.join()

    def _run(self) -> None:
        process = None
        while task := self._tasks.get():
            future, function, args = task
            if not future.set_running_or_notify_cancel():
                continue
            process = process or self._start()
            if process is None:  # no Python to be started here: then in this thread
                _answer(future, *_call(function, args))
                continue
            timer = Timer(PATIENCE, process.kill)
            timer.daemon = True
            try:
                timer.start()
                pickle.dump((function, args), process.stdin)
                process.stdin.flush()
                _answer(future, *pickle.load(process.stdout))
            except LOST:
                process.kill()
                _end(process)
                future.set_exception(WorkerLostError(f"the process ended with {process.returncode}"))
                process = None
            finally:
                timer.cancel()
        if process:
            _end(process)

    def _start(self) -> subprocess.Popen | None:
        ours = Path(__file__).parents[2]
        paths = os.pathsep.join([str(ours), *filter(None, [os.environ.get("PYTHONPATH")])])
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-W", "ignore", "-c", PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": paths},
                pass_fds=self._inherit,
                **({"process_group": 0} if os.name == "posix" else {}),  # Ctrl-C is for the command, which ends them
            )
        except OSError:
            return None
        try:
            pickle.load(process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError):
            _end(process)
            return None
        return process


def serve() -> None:
    """What a process does: answer each task that comes, until the other end is closed or gone."""
    memory.DECODING.refuse_over(memory.IN_A_WORKER)
    tasks, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # so that nothing printed gets among the answers
    pickle.dump("ready", answers)
    answers.flush()
    while True:
        try:
            function, args = pickle.load(tasks)
            pickle.dump(_call(function, args), answers)
            answers.flush()
        except (EOFError, BrokenPipeError):
            os._exit(0)


def _call(function: Callable, args: tuple) -> tuple[bool, object]:
    try:
        return True, function(*args)
    except Exception as error:  # whatever it is, it belongs to who asked
        error.__traceback__ = None  # it would keep the decoder's buffers alive
        return False, error


def _answer(future: Future, good: bool, value: object) -> None:
    future.set_result(value) if good else future.set_exception(value)


def _end(process: subprocess.Popen) -> None:
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError):  # it was gone before all was written
            pipe.close()
    process.wait()
