"""Files worked on by threads, a few ahead of who asks for the results."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

AT_ONCE = 32

Item = TypeVar("Item")
Result = TypeVar("Result")


def read_ahead(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """What `work` makes of each item, in order; no more than a few results wait to be fetched."""
    items = iter(items)
    with ThreadPoolExecutor(os.cpu_count(), "ahead") as pool:
        waiting = [pool.submit(work, item) for item in islice(items, AT_ONCE)]
        while waiting:
            begun, waiting = waiting, [pool.submit(work, item) for item in islice(items, AT_ONCE)]
            for future in begun:
                yield future.result()
