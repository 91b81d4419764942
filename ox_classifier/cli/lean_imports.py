"""Keras without what it imports whenever it is there and no command needs: a third of the time a training starts in.

Only for a process that is a command: who imports `ox_classifier` in Python has all of Keras.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec

UNUSED = ("matplotlib", "pandas", "sklearn")  # of keras.visualization, keras.wrappers and the reading of data frames


class WithoutUnused:
    """A finder that tells Keras that these packages are not installed; everyone else finds them as usual."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        """None, which leaves the search to the other finders.

        Raises:
            ModuleNotFoundError: If it is Keras that imports one of UNUSED.
        """
        if name.partition(".")[0] in UNUSED and _importer().partition(".")[0] in ("keras", "tensorflow"):
            raise ModuleNotFoundError(f"{name} is not imported in a command of ox", name=name)
        return None


def install() -> None:
    """From now on keep Keras from importing them."""
    if WithoutUnused not in sys.meta_path:
        sys.meta_path.insert(0, WithoutUnused)


def _importer() -> str:
    """The module whose line is importing."""
    frame = sys._getframe(2)
    while frame and (frame.f_globals.get("__name__") or "").startswith("importlib."):
        frame = frame.f_back
    return (frame.f_globals.get("__name__") or "") if frame else ""
