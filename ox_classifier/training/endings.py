"""What a training that ends before its end leaves: the state in run.json, and the word how to go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ox_classifier import runs
from ox_classifier.console import say
from ox_classifier.data.images import ImageError
from ox_classifier.errors import DivergedError, GoneError, OxError
from ox_classifier.files import remove_parts
from ox_classifier.runs.hold import held
from ox_classifier.training import state

# what lies outside the run, and can be put back: images, cache, disk, memory
OUTSIDE = (OSError, MemoryError, ImageError, GoneError)


@contextmanager
def in_training(run: runs.Run, *, part_of_another: bool = False) -> Iterator[None]:
    """Hold a run while the block trains it. How to go on after a stop is said, unless it is `part_of_another` run.

    An error whose cause lies outside the run gets that as a note; one that lies in the run itself, such as a damaged
    state, would only come again.

    Raises:
        GoneError: If the run's folder is removed or replaced meanwhile.
    """
    with held(run.path):
        remove_parts(run.path)
        try:
            with _noted(run, part_of_another=part_of_another):
                yield
        except (OxError, *OUTSIDE) as error:
            if not run.path.is_dir():
                raise GoneError(f"{run.path}, the folder of the run, was removed or replaced meanwhile") from error
            if isinstance(error, OUTSIDE) and not part_of_another and (run.path / "run.json").is_file():
                error.add_note(f"once that is mended, {_go_on(run)}")
            raise


@contextmanager
def _noted(run: runs.Run, *, part_of_another: bool) -> Iterator[None]:
    """Note in run.json what ends the block, where it is known at once."""
    try:
        yield
    except DivergedError:
        run.update(state="failed")
        forget_state(run)
        raise
    except KeyboardInterrupt:
        run.update(state="interrupted")
        if not part_of_another:
            say(f"stopped; {_go_on(run)}")
        raise


def forget_state(run: runs.Run) -> None:
    """Remove what only a training that goes on would need."""
    for left in (*run.path.glob(f"*{state.SUFFIX}"), run.path / ".head.keras", run.path / ".fine-tuned.keras"):
        left.unlink(missing_ok=True)


def _go_on(run: runs.Run) -> str:
    return f"go on with: ox train --resume {runs.reference(run)}"
