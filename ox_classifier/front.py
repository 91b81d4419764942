"""What Python programs use: `train` a network, `Run` to come back to it. Each step loads what it needs, no sooner."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cached_property
from numbers import Integral, Real
from os import PathLike, fspath
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
WHOLE = ("epochs", "image_size", "batch_size", "seed", "folds")
NUMBERS = ("learning_rate", "dropout", "val_fraction", "test_fraction")


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

    def __getstate__(self) -> dict:
        return {name: value for name, value in self.__dict__.items() if name != "classifier"}  # it is loaded again

    @overload
    def predict(self, source: Source) -> Prediction: ...

    @overload
    def predict(self, source: Iterable[Source]) -> Iterator[Prediction]: ...

    def predict(self, source: Source | Iterable[Source]) -> Prediction | Iterator[Prediction]:
        """Answer for one image or for many, as `Classifier.predict` does."""
        return self.classifier.predict(source)

    def report(self, splits: str | Sequence[str] = ("val", "test"), *, robustness: bool = False) -> Report:
        """Predict the images of a split or several and write confusion matrices, mistakes, curves and tables.

        With `robustness`, also where it starts to fail on images that are changed on purpose.

        Raises:
            UsageError: If the run has none of the splits or their images are gone.
        """
        from ox_classifier.report import write
        from ox_classifier.training.stored_features import stored_features

        chosen = (splits,) if isinstance(splits, str) else splits
        return Report(*write.write(self, chosen, stored=stored_features, robustness=robustness))

    def inspect(self, images: str | PathLike[str] | Sequence[str | PathLike[str]] = ()) -> Path:
        """Write pages about the network from inside, and about what it sees in images; gives the first page.

        Raises:
            UsageError: If the run has no saved network, or an image can't be read.
        """
        from ox_classifier import devices

        devices.quiet_tensorflow()
        from ox_classifier.inspection import write

        given = (images,) if isinstance(images, str | PathLike) else images
        return write.write(self, [Path(image) for image in given])[0]


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
    weights: str | PathLike[str] | None = None,
    seed: int | None = None,
    val_fraction: float | None = None,
    test_fraction: float | None = None,
    folds: int | None = None,
    outliers: str | PathLike[str] = "auto",
    recipe: Recipe | None = None,
    device: Wanted = "auto",
) -> Run:
    """Train a network on a folder of images (or a CSV) and give its run, as `ox train` does.

    >>> from ox_classifier import train
    >>> run = train("marks", arch="mlp1", epochs=2)
    >>> run.name, run.results["val"]["images"]
    ('mlp1-1', 4)

    What is left out is what the network (`arch`, without one "lenet") is best trained with. `augmentation` holds
    settings of `ImageDataGenerator`, {} none. `outliers` is a folder of images of no class to be undecided on, "none",
    or "auto" for the folder `outliers` in the data. `recipe`, a `training.recipe.Recipe`, holds every setting there is,
    in place of all those above but `name` and `outliers`. The run is written below the current folder, in runs/.

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
        "weights": None if weights is None else _place("weights", weights),
        "seed": seed,
        "val_fraction": val_fraction,
        "test_fraction": test_fraction,
        "folds": folds,
    }
    folder, outlier_folder = _place("data", data), _place("outliers", outliers)
    for setting, text in {"arch": arch, "name": name, "color": color, "device": device}.items():
        if not isinstance(text, str | None):
            raise _refused(setting, text, "text")
    asked |= {setting: _whole(setting, asked[setting]) for setting in WHOLE if asked[setting] is not None}
    asked |= {setting: _number(setting, asked[setting]) for setting in NUMBERS if asked[setting] is not None}
    asked["augmentation"] = None if augmentation is None or augmentation is True else _checked(augmentation)
    from ox_classifier.training.recipe import Recipe

    given = [setting for setting, value in {"arch": arch, **asked}.items() if value is not None]
    if recipe is None:
        recipe = Recipe.of("lenet" if arch is None else arch, asked)
    elif not isinstance(recipe, Recipe):
        raise _refused("recipe", recipe, "a training.recipe.Recipe, such as Recipe.of('cnn', {'epochs': 20})")
    elif given:
        raise UsageError(f"recipe was given together with {', '.join(given)}: put these into the recipe")
    from ox_classifier.training import job

    return Run(job.start(recipe, Path(folder), name=name, device=device, outlier_folder=outlier_folder).path)


def _refused(setting: str, value: object, expected: str) -> UsageError:
    return UsageError(f"{setting}={value!r:.60}: expected {expected}")


def _place(setting: str, path: object) -> str:
    """A path as text."""
    text = fspath(path) if isinstance(path, PathLike) else path
    if not isinstance(text, str) or not text or "\0" in text:
        raise _refused(setting, path, "a path, as text or as a pathlib.Path")
    return text


def _whole(setting: str, value: object) -> int:
    """A whole number of any kind, NumPy's among them, as Python's own."""
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    number = _number(setting, value, "a whole number, such as 20")
    if not number.is_integer():
        raise _refused(setting, value, "a whole number, such as 20")
    return int(number)


def _number(setting: str, value: object, expected: str = "a number, such as 0.1") -> float:
    try:
        if isinstance(value, Real) and not isinstance(value, bool):
            return float(value)
    except OverflowError:
        pass
    raise _refused(setting, value, expected)


def _checked(augmentation: Mapping[str, object] | bool) -> dict:
    """The settings (False: none), once an augmenter takes them: what is wrong is said before an image is read."""
    from ox_classifier.augmentation.augmenter import Augmenter

    if augmentation is False:
        return {}
    if not isinstance(augmentation, Mapping):
        raise _refused("augmentation", augmentation, "a dictionary of settings, {} for none")
    known = [field.name for field in fields(Augmenter) if field.name not in NOT_VARIED]
    unknown = sorted(map(repr, set(augmentation) - set(known)))
    if unknown:
        raise UsageError(f"augmentation has {', '.join(unknown)}: expected {', '.join(known)}")
    Augmenter(**augmentation)
    try:
        json.dumps(augmentation)
    except TypeError as error:
        raise UsageError(
            f"augmentation can't be kept in run.json ({error}): give plain numbers, lists and text"
        ) from None
    return dict(augmentation)
