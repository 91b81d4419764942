"""model.keras → `keras.Model`, once the file is known to be whole and harmless."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras

from ox_classifier.errors import UsageError
from ox_classifier.networks import keras_archive

MOST_OUTPUTS = 2**30
STATES = 10_000  # numbers beside the weights: counters, states of random generators


def load(path: Path) -> keras.Model:
    """Open a saved network, uncompiled, running no code that the file might carry.

    Raises:
        UsageError: If the file is missing, truncated, no Keras model (Keras itself says "not found" to all three), or
            holds anything that ox does not write.
    """
    try:
        config, numbers = keras_archive.check(path)
    except FileNotFoundError:
        raise UsageError(f"{path} is not there: the training of this run did not get that far; train again") from None
    try:
        with ThreadPoolExecutor(1) as pool:  # what Keras keeps of a network that is only planned goes with the thread
            planned = pool.submit(_planned, config | {"compile_config": None}).result()
        if planned > numbers + STATES:
            raise ValueError(f"it plans {planned:,} numbers and has {numbers:,}")
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises many kinds for what a damaged archive holds
        raise UsageError(f"{path} can't be read ({' '.join(str(error).split())[:200]}): train again") from None


def load_classifier(path: Path, shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Open the saved network of a run: images of `shape` (height, width, channels) → so many classes.

    Raises:
        UsageError: As in `load`, or if it is a network of other images or classes.
    """
    model = load(path)
    outputs = (1, 2) if classes == 2 else (classes,)
    if model.input_shape != (None, *shape) or model.output_shape not in [(None, count) for count in outputs]:
        raise UsageError(
            f"{path} takes and gives {model.input_shape} and {model.output_shape}: expected images of shape "
            f"{list(shape)} in and probabilities of {classes} classes out; it is not the network of this run"
        )
    return model


def _planned(config: dict) -> int:
    """How many numbers a network would have, without making them."""
    with keras.StatelessScope(initialize_variables=False):
        model = keras.saving.deserialize_keras_object(config, safe_mode=True)
        for layer in model.layers:
            for output in keras.tree.flatten(layer.output):
                if math.prod(output.shape[1:]) > MOST_OUTPUTS:
                    raise ValueError(f"{layer.name} gives {math.prod(output.shape[1:]):,} numbers for one image")
        return sum(math.prod(variable.shape) for variable in model.variables)
