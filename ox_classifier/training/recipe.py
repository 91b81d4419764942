"""Every setting of a training, with its default and its limits. Imports nothing heavy."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Literal, get_args

from ox_classifier.architectures import ARCHITECTURES
from ox_classifier.errors import UsageError
from ox_classifier.pixels import RESIZES, PixelRule

Arch = Literal[tuple(ARCHITECTURES)]
Color = Literal["rgb", "grayscale"]
Crop = Literal["none", "ink"]
Monitor = Literal["val_accuracy", "val_loss", "accuracy", "loss"]
Balance = Literal["auto", "none"]
SEEDS = 2**32  # NumPy takes no larger seed
SPLITTING = ("val_fraction", "test_fraction", "group", "split_from", "folds")
# keys of run.json that are named otherwise than the fields; they were there first
NAMES_IN_RUN = {"ema_epochs": "average"}
# field: (least, most, whether the least itself is allowed, what it is, an example)
LIMITS = {
    "epochs": (1, 100_000, True, "a number of epochs", "20"),
    "batch_size": (1, 65_536, True, "images a training step", "32"),
    "image_size": (1, 4096, True, "pixels a side", "150"),
    "learning_rate": (0, 1, False, "a learning rate", "0.001"),
    "dropout": (0, 0.99, True, "a rate", "0.5"),
    "ema_epochs": (0, 1000, True, "epochs to average the weights over, 0 for none", "1"),
    "seed": (0, SEEDS - 1, True, "a whole number", "0"),
    "views": (0, 1000, True, "views of each image, 0 for a fresh one every epoch", "1"),
    "fine_tune": (0, 1000, True, "a number of convolutions", "2"),
    "val_fraction": (0, 0.9, False, "a share of the images", "0.2"),
    "test_fraction": (0, 0.9, True, "a share of the images", "0.2"),
    "folds": (2, 100, True, "a number of folds", "5"),
    "max_error": (0, 0.499, False, "a share of wrong answers", "0.01"),
}
OPTIONS = {"ema_epochs": "--average"}
MOST_HELD_OUT = 0.95


@dataclass(frozen=True)
class Recipe:
    """How to train: every option of `ox train` with its value resolved, as run.json keeps it.

    `Recipe.of(arch, asked)` fills in what the network is best trained with; the defaults here are those of no
    network in particular.

    Raises:
        UsageError: If a value is out of its limits or doesn't suit the network; it names the option.
    """

    arch: str
    image_size: int = 28  # pixels a side
    color: str = "grayscale"
    crop: str = "none"  # what of a picture is looked at: all of it, or where its "ink" lies
    epochs: int = 50
    batch_size: int = 32
    learning_rate: float = 1e-3
    dropout: float = 0.0
    monitor: str = "val_accuracy"
    seed: int = 0
    augmentation: dict = field(default_factory=dict)  # settings of Augmenter; empty: none
    average_flips: bool = False  # answer by the mean over a picture and its mirror images, where training mirrors
    ema_epochs: float = 0  # epochs that the moving average of the weights reaches over; 0: keep the last step's
    balance: bool = True  # weigh the classes where they differ by more than 1:1.5
    patience: int = 10  # epochs without improvement, after which training stops
    weights: str | None = None  # of a frozen base, as are the next two
    views: int | None = None
    fine_tune: int = 0
    mixed_precision: bool = False
    max_error: float = 0.01  # the share of wrong answers that the run promises to stay under, where it answers
    val_fraction: float = 0.2
    test_fraction: float = 0.0
    group: str | None = None
    split_from: str | None = None
    folds: int | None = None

    def __post_init__(self):
        for name, limits in LIMITS.items():
            within(name, getattr(self, name), *limits)
        self._check_choices()
        self._check_network()
        self._check_splitting()

    @classmethod
    def of(cls, arch: str, asked: Mapping[str, object] | None = None) -> Recipe:
        """The recommended recipe of a network, with the values in `asked` (by field) that are not None over it."""
        if arch not in ARCHITECTURES:
            raise UsageError(f"arch {arch!r} is unknown: give one of {', '.join(ARCHITECTURES)}")
        given = {name: value for name, value in (asked or {}).items() if value is not None}
        values = ARCHITECTURES[arch].settings | given
        if "ema_epochs" in values and "ema_epochs" not in given:  # or the first step would count for too much
            most = values.get("epochs", cls.epochs)
            if isinstance(most, int):
                values["ema_epochs"] = min(values["ema_epochs"], most / 4)
        return cls(arch, **values)

    @property
    def frozen(self) -> bool:
        """Whether only a head on a frozen base is trained."""
        return ARCHITECTURES[self.arch].frozen

    @property
    def mirrored(self) -> tuple[tuple[int, ...], ...]:
        """The axes along which each further look of the trained network is mirrored, as it was in training."""
        axes = [axis for axis, flip in ((1, "vertical_flip"), (2, "horizontal_flip")) if self.augmentation.get(flip)]
        if not self.average_flips:
            return ()
        return tuple((axis,) for axis in axes) + (((1, 2),) if len(axes) == 2 else ())

    @property
    def rule(self) -> PixelRule:
        """What every image is turned into."""
        return PixelRule(self.image_size, self.image_size, self.color, RESIZES[self.crop])

    def as_config(self) -> dict:
        """Plain values for run.json."""
        values = asdict(self)
        splitting = {name: values.pop(name) for name in SPLITTING}
        for name in ("image_size", "color", "crop", "mixed_precision"):  # stand there as `pixels` and `precision`
            del values[name]
        renamed = {NAMES_IN_RUN.get(name, name): value for name, value in values.items()}
        return {"pixels": self.rule.as_dict(), **renamed, "splitting": splitting}

    @classmethod
    def from_config(cls, config: Mapping) -> Recipe:
        """The recipe that `as_config` wrote.

        Raises:
            UsageError: If it is none, as in a run that isn't ox' own.
        """
        given = {field.name: config.get(NAMES_IN_RUN.get(field.name, field.name)) for field in fields(cls)}
        pixels, splitting = config.get("pixels", {}), config.get("splitting", {})
        given |= {
            "image_size": pixels.get("width"),
            "color": pixels.get("color"),
            "crop": next((crop for crop, kept in RESIZES.items() if kept == pixels.get("resize")), None),
        }
        given |= {name: splitting.get(name) for name in SPLITTING}
        given["mixed_precision"] = config.get("precision") == "mixed_float16"
        if given["arch"] not in ARCHITECTURES:
            raise UsageError(f"arch {given['arch']!r} is unknown: give one of {', '.join(ARCHITECTURES)}")
        for name in ("group", "split_from", "weights"):
            if not isinstance(given[name], str | None):
                raise UsageError(f"run.json has {given[name]!r} as {name}: expected text; train a new run")
        for name in ("epochs", "batch_size", "image_size", "patience", "views", "fine_tune", "folds"):
            if not isinstance(given[name], int | None) or isinstance(given[name], bool):
                raise UsageError(f"run.json has {given[name]!r} as {name}: expected a whole number; train a new run")
        augmentation = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in (given.get("augmentation") or {}).items()
        }
        known = {name: value for name, value in given.items() if value is not None}
        return cls(**known | {"augmentation": augmentation})

    def _check_choices(self) -> None:
        for option, value, choices in (
            ("--color", self.color, get_args(Color)),
            ("--crop", self.crop, get_args(Crop)),
            ("--monitor", self.monitor, get_args(Monitor)),
        ):
            if value not in choices:
                raise UsageError(f"{option} {value!r} is unknown: give one of {', '.join(choices)}")

    def _check_network(self) -> None:
        network = ARCHITECTURES[self.arch]
        if self.image_size < network.smallest:
            raise UsageError(
                f"--image-size {self.image_size}: {self.arch} can't take images of so few pixels: each side must be at "
                f"least {network.smallest}"
            )
        if not network.frozen:
            if self.views is not None or self.weights is not None or self.fine_tune:
                frozen = ", ".join(name for name, kind in ARCHITECTURES.items() if kind.frozen)
                raise UsageError(
                    f"--views, --weights and --fine-tune are for networks on a frozen base ({frozen}), not {self.arch}"
                )
            return
        if self.color != "rgb":
            raise UsageError(f"--color {self.color}: {self.arch} was trained on colour images and can't take others")
        if self.fine_tune > network.convolutions:
            raise UsageError(
                f"--fine-tune {self.fine_tune}: {self.arch} has {network.convolutions} convolution layers; "
                f"give 0 to {network.convolutions}"
            )
        if self.weights not in ("imagenet", "official", "none") and not Path(self.weights or "").is_file():
            raise UsageError(
                f"--weights {str(self.weights)!r} is no file: give a file of weights, imagenet, official or none"
            )

    def _check_splitting(self) -> None:
        if self.val_fraction + self.test_fraction > MOST_HELD_OUT:
            raise UsageError(
                f"--val-fraction {self.val_fraction:g} and --test-fraction {self.test_fraction:g} leave too little to "
                f"train on: together they may be {MOST_HELD_OUT:g} at most"
            )
        if self.split_from is not None and self.folds is not None:
            raise UsageError("--split-from keeps one validation set, --folds makes many: leave one of them out")
        for option, text in (("--group", self.group), ("--split-from", self.split_from)):
            if text == "":
                raise UsageError(f"{option} is empty: give a value or leave the option out")
        if self.group is not None:
            try:
                re.compile(self.group)
            except re.error as error:
                raise UsageError(
                    f"--group {self.group!r} is no regular expression ({error}): try 'writer-(\\d+)'"
                ) from None


def within(name: str, value, least: float, most: float, inclusive: bool, what: str, example: str) -> None:
    """Refuse a value of `--name` outside its limits, nan and infinities among them; None is no value."""
    if value is None:
        return
    number = isinstance(value, (int, float)) and math.isfinite(value)
    if number and least <= value <= most and (inclusive or value > least):
        return
    option = OPTIONS.get(name, "--" + name.replace("_", "-"))
    shown = f"{value:g}" if isinstance(value, float) else value
    if isinstance(value, int) and len(str(value)) > 12:
        shown = f"{str(value)[:6]}... ({len(str(value))} digits)"
    above = f"from {least:g}" if inclusive else f"above {least:g}"
    raise UsageError(f"{option} {shown}: expected {what} {above} to {most:,}, such as {example}")
