"""Train, judge and use a classifier of hand-drawn O and X marks, or of any small folder of image classes.

    from ox_classifier import Classifier, ImageDataGenerator, Run, train

Nothing of these is imported before it is used, so that `import ox_classifier` takes no time.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # typing's own takes milliseconds in which Ctrl-C is a traceback
if TYPE_CHECKING:
    from ox_classifier.augmentation.generator import ImageDataGenerator
    from ox_classifier.classifier import Classifier, Prediction
    from ox_classifier.front import Report, Run, train

# ONNX Runtime's official wheels report their use to Microsoft unless this is set before they are imported
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"
__all__ = ["Classifier", "ImageDataGenerator", "Prediction", "Report", "Run", "train"]
_HOMES = {
    "Classifier": "classifier",
    "ImageDataGenerator": "augmentation.generator",
    "Prediction": "classifier",
    "Report": "front",
    "Run": "front",
    "train": "front",
}


def __getattr__(name: str) -> object:
    """Import one of `__all__` when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    try:
        if name == "ImageDataGenerator":  # TensorFlow would print a page of log lines
            import_module(f"{__name__}.devices").quiet_tensorflow()
        home = import_module(f"{__name__}.{_HOMES[name]}")
    except ModuleNotFoundError as error:
        from ox_classifier.small_install import is_small, lacking

        if is_small():
            raise ImportError(lacking(f"ox_classifier.{name}"), name=error.name) from error
        raise
    found = globals()[name] = getattr(home, name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
