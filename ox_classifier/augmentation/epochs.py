"""Which epoch a batch belongs to when it is asked for: by `fit`, by a loop of one's own, ahead of time, or again."""

from __future__ import annotations

import threading


class Epochs:
    """Counts epochs for batches that are asked for by index; `begin` and `end` are called as Keras does, or not at all.

    Around one pass `fit` and `evaluate` call begin ... end, and end once before the first; Keras announces itself,
    as it looks up the number of workers, and then asks for batches 0 and 1 to see what they are like. `predict` does
    the same but for that first end. A loop of one's own may call end alone, or nothing.
    """

    def __init__(self):
        self._number = self._pass = 0  # with steps_per_epoch, one pass over the data takes several epochs of `fit`
        self._begun = self._announced = self._looked = False
        self._asked: dict[int, int] = {}  # batch → how often, in this pass
        self._lock = threading.Lock()

    @property
    def number(self) -> int:
        """The epoch at hand, or the one that `fit` would begin with."""
        return self._number

    @number.setter
    def number(self, number: int) -> None:
        with self._lock:
            self._number = number
            self._begun = self._announced = False
            self._start_pass()

    @property
    def current(self) -> int:
        """The epoch whose order is in use."""
        with self._lock:
            self._looked = True
            return self._pass

    def ask(self, batch: int) -> tuple[int, int]:
        """The epoch that a batch is to be made for, and how often it was made for that epoch already.

        A batch that Keras asks for again belongs to the next pass, which it may fetch ahead of the epoch's end.
        Otherwise it belongs to the same epoch, to be augmented anew.
        """
        with self._lock:
            times = self._asked.get(batch, 0)
            if times and (self._begun or self._announced):
                self._pass += self._begun  # else it was looked at before the first epoch
                self._asked, self._announced = {batch: 1}, False
                return self._pass, 0
            self._asked[batch] = times + 1
            return self._pass, times

    def announce(self) -> None:
        """Keras was given the batches, for `fit`, `evaluate` or `predict`."""
        self._announced = not self._begun

    def begin(self) -> None:
        """An epoch of `fit` begins."""
        with self._lock:
            if self._announced:
                self._asked = {}
            self._begun, self._announced = True, False

    def end(self, batches: int) -> None:
        """An epoch of so many batches ends."""
        with self._lock:
            if self._begun:
                self._number += 1
                if len(self._asked) in (0, batches):  # 0: they were made by other processes
                    self._pass += 1
                    self._asked, self._looked = {}, False
            elif self._announced:
                self._start_pass()
            elif self._asked or self._looked:  # else nobody has seen anything of this epoch
                self._number += 1
                self._start_pass()
            self._begun = self._announced = False

    def advance(self) -> None:
        """Go to the next epoch, as `next()` does after the last batch."""
        with self._lock:
            self._number += 1
            self._start_pass()

    def _start_pass(self) -> None:
        self._pass, self._asked, self._looked = self._number, {}, False
