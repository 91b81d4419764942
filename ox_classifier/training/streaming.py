"""Batches that are numbered by epoch → what Keras' `fit` takes without delay."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class EpochBatches(Protocol):
    """Batches that depend on their number and on the epoch only: `augmentation.batches.Batches` and the like."""

    def __len__(self) -> int: ...

    def batch(self, index: int, epoch: int) -> tuple[np.ndarray, np.ndarray]: ...


def stream(batches: EpochBatches, *, epoch: int = 0, failures: list[Exception] | None = None):
    """A `tf.data.Dataset` of the batches; each pass over it is one epoch, the first has the number `epoch`.

    TensorFlow turns an exception of a batch into one of its own, in which nothing can be read; the first one as it
    was is added to `failures`.

    Keras turns a PyDataset into a dataset that tunes itself. With TensorFlow 2.21 an epoch then ends only when the
    tuner wakes up again: 10, 30, 70 ms ... 10.2, 20.5 s after the start, so that an epoch of 11 s takes 20.5 s.
    This dataset doesn't tune itself.
    """
    import tensorflow as tf

    upcoming = iter(range(epoch, 2**31))

    def one_epoch():
        number = next(upcoming)
        for index in range(len(batches)):
            try:
                batch = batches.batch(index, number)
            except Exception as error:
                if failures is not None:
                    failures.append(error)
                raise
            yield batch

    signature = tuple(
        tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in map(np.asarray, batches.batch(0, epoch))
    )
    options = tf.data.Options()
    options.autotune.enabled = False
    data = tf.data.Dataset.from_generator(one_epoch, output_signature=signature)
    return data.apply(tf.data.experimental.assert_cardinality(len(batches))).prefetch(2).with_options(options)
