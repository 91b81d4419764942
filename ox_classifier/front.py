"""What Python programs use: `train` a network, `Run` to come back to it. Each step loads what it needs, no sooner."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, overload

from ox_classifier import runs
from ox_classifier.errors import UsageError

if TYPE_CHECKING:
    from ox_classifier.classifier import Classifier, Prediction, Source
    from ox_classifier.devices import Wanted
    from ox_classifier.training.recipe import Arch, Color, Recipe

# settings of an Augmenter that change every image alike, and so would have to be known when predicting
NOT_VARIED = ("rescale", "preprocessing_function", "samplewise_center", "samplewise_std_normalization")


class Report(NamedTuple):
    """What `Run.report` wrote: the folder with its pictures and tables, and the metrics of each split by name."""

    folder: Path
    metrics: dict[str, dict]


class Run(runs.Run):
    """A trained run: what was recorded of it, and what can be done with it.

    >>> from ox_classifier import Run
    >>> run = Run.load("lenet-1")
    >>> run.classes
    ('o', 'x')
    >>> run.predict("photo.jpg").label
    'o'
    >>> folder, metrics = run.report()
    >>> metrics["val"]["images"]
    4
    """

    @classmethod
    def load(cls, run: str | PathLike[str] | None = None) -> Run:
        """The run of that name or path; without one, the one whose training ended last.

        Raises:
            UsageError: If there is none; the sentence lists those there are.
        """
        return cls(runs.find(run if run is None else Path(run)).path)

    @cached_property
    def classifier(self) -> Classifier:
        """The trained network, ready to answer; loaded once.

        Raises:
            UsageError: If the run has no usable model.onnx.
        """
        from ox_classifier.classifier import Classifier

        return Classifier(self)

    @overload
    def predict(self, source: Source) -> Prediction: ...

    @overload
    def predict(self, source: Iterable[Source]) -> Iterator[Prediction]: ...

    def predict(self, source: Source | Iterable[Source]) -> Prediction | Iterator[Prediction]:
        """Answer for one image or for many, as `Classifier.predict` does."""
        return self.classifier.predict(source)

    def report(self, splits: Sequence[str] = ("val", "test")) -> Report:
        """Predict the images of these splits and write confusion matrices, mistakes, curves and tables.

        Raises:
            UsageError: If the run has none of the splits or their images are gone.
        """
        from ox_classifier.report import write

        return Report(*write.write(self, splits))

    def inspect(self, images: Sequence[str | PathLike[str]] = ()) -> Path:
        """Write pages about the network from inside, and about what it sees in these images; gives the first page.

        Raises:
            UsageError: If the run has no saved network, or an image can't be read.
        """
        from ox_classifier import devices

        devices.quiet_tensorflow()
        from ox_classifier.inspection import write

        return write.write(self, [Path(image) for image in images])[0]


def train(
    data: str | PathLike[str],
    *,
    arch: Arch | None = None,
    name: str | None = None,
    epochs: int | None = None,
    image_size: int | None = None,
    color: Color | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    dropout: float | None = None,
    augmentation: Mapping[str, object] | bool | None = None,
    weights: str | None = None,
    seed: int | None = None,
    val_fraction: float | None = None,
    test_fraction: float | None = None,
    folds: int | None = None,
    recipe: Recipe | None = None,
    device: Wanted = "auto",
) -> Run:
    """Train a network on a folder of images (or a CSV) and give its run, as `ox train` does.

    >>> from ox_classifier import train
    >>> run = train("marks", arch="mlp1", epochs=2)
    >>> run.name, run.results["val"]["images"]
    ('mlp1-1', 4)

    What is left out is what the network (`arch`, without one "lenet") is best trained with. `augmentation` holds
    settings of `ImageDataGenerator`, {} none. `recipe`, a `training.recipe.Recipe`, holds every setting there is, in
    place of all those above but `name`. The run is written below the current folder, in runs/.

    Raises:
        UsageError: If a setting is out of its limits, or the data hold nothing to learn from.
        OxError: If training fails.
    """
    asked = {
        "epochs": epochs,
        "image_size": image_size,
        "color": color,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "dropout": dropout,
        "augmentation": None if augmentation in (None, True) else _checked(augmentation or {}),
        "weights": weights,
        "seed": seed,
        "val_fraction": val_fraction,
        "test_fraction": test_fraction,
        "folds": folds,
    }
    from ox_classifier.training.recipe import Recipe

    given = [setting for setting, value in {"arch": arch, **asked}.items() if value is not None]
    if recipe is None:
        recipe = Recipe.of(arch or "lenet", asked)
    elif given:
        raise UsageError(f"recipe was given together with {', '.join(given)}: put these into the recipe")
    from ox_classifier.training import job

    return Run(job.start(recipe, Path(data), name=name, device=device).path)


def _checked(augmentation: Mapping[str, object]) -> dict:
    """The settings, once an augmenter takes them: nothing of this is to be found out after the images are read."""
    from ox_classifier.augmentation.augmenter import Augmenter

    known = [field.name for field in fields(Augmenter) if field.name not in NOT_VARIED]
    unknown = sorted(set(augmentation) - set(known))
    if unknown:
        raise UsageError(f"augmentation has {', '.join(map(repr, unknown))}: expected {', '.join(known)}")
    Augmenter(**augmentation)
    try:
        json.dumps(augmentation)
    except TypeError as error:
        raise UsageError(
            f"augmentation can't be kept in run.json ({error}): give plain numbers, lists and text"
        ) from None
    return dict(augmentation)
