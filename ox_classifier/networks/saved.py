"""model.keras → `keras.Model`, once the file is known to be whole."""

from __future__ import annotations

import zipfile
from pathlib import Path

import keras

from ox_classifier.errors import UsageError


def load(path: Path) -> keras.Model:
    """Open a saved network, uncompiled, running no code that the file might carry.

    Raises:
        UsageError: If the file is missing, truncated or no Keras model (Keras itself says "not found" to all three).
    """
    if not path.is_file():
        raise UsageError(f"{path} is not there: the training of this run did not get that far; train again")
    if not zipfile.is_zipfile(path):
        raise UsageError(f"{path} is truncated or no Keras model: train again")
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises many kinds for what a damaged archive holds
        raise UsageError(f"{path} can't be read ({' '.join(str(error).split())[:200]}): train again") from None
