"""The accuracy of a training with outliers: over the images that have a class."""

from __future__ import annotations

import keras
from keras import ops


class AccuracyOfClasses(keras.metrics.Mean):
    """The share of right answers among rows whose target is a class; rows with the same target for all don't count.

    Without such rows it is Keras' "accuracy". Sample weights, which are the loss' own, don't count either.
    """

    def __init__(self):
        super().__init__(name="accuracy")

    def update_state(self, y_true, y_pred, sample_weight=None):
        if y_pred.shape[-1] == 1:
            target, answer = ops.reshape(y_true, (-1,)), ops.reshape(y_pred, (-1,))
            target = ops.cast(target, answer.dtype)
            decided = ops.not_equal(target, 0.5)
            right = ops.equal(target > 0.5, answer > 0.5)
        else:
            decided = ops.max(y_true, axis=-1) > ops.min(y_true, axis=-1)
            right = ops.equal(ops.argmax(y_true, axis=-1), ops.argmax(y_pred, axis=-1))
        return super().update_state(ops.cast(right, "float32"), sample_weight=ops.cast(decided, "float32"))
