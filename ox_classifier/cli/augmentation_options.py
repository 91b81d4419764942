"""The options that vary images, the same for `ox train` and `ox dataset preview`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from ox_classifier.architectures import ARCHITECTURES, SHIFTS
from ox_classifier.errors import UsageError
from ox_classifier.training.recipe import within

PANEL = "Augmentation"
# option: (least, most, whether the least itself is allowed, what it is, an example)
LIMITS = {
    "shift": (0, 0.9, True, "a share of width and height", "0.1"),
    "rotation": (0, 180, True, "degrees", "15"),
    "shear": (0, 80, True, "degrees", "15"),
    "zoom": (0, 0.9, True, "a share of the size", "0.2"),
    "stroke": (0, 20, True, "pixels", "0.7"),
    "blur": (0, 20, True, "sigma in pixels", "0.6"),
    "contrast": (0, 0.9, True, "a share of the contrast", "0.25"),
    "invert": (0, 1, True, "a share of the images", "0.3"),
}


NAMES = ("horizontal_flip", "vertical_flip", *LIMITS)


def _option(*names: str, told: str):
    return typer.Option(*names, help=told, rich_help_panel=PANEL)


Augment = Annotated[bool | None, _option("--augment/--no-augment", told="Vary the training images.")]
HorizontalFlip = Annotated[
    bool | None, _option("--horizontal-flip/--no-horizontal-flip", told="Mirror left and right.")
]
VerticalFlip = Annotated[bool | None, _option("--vertical-flip/--no-vertical-flip", told="Mirror top and bottom.")]
Shift = Annotated[float | None, _option("--shift", told="Largest shift, as a share of width and height.")]
Rotation = Annotated[float | None, _option("--rotation", told="Largest turn in degrees.")]
Shear = Annotated[float | None, _option("--shear", told="Largest slant in degrees.")]
Zoom = Annotated[float | None, _option("--zoom", told="Largest change of scale, as a share.")]
Stroke = Annotated[float | None, _option("--stroke", told="Pixels by which ink gets thicker or thinner.")]
Blur = Annotated[float | None, _option("--blur", told="Largest blur, sigma in pixels.")]
Contrast = Annotated[float | None, _option("--contrast", told="Largest change of contrast, as a share.")]
Invert = Annotated[float | None, _option("--invert", told="Share of images shown as negatives.")]


def settings_of(arch: str, augment: bool | None, asked: Mapping[str, bool | float | None]) -> dict:
    """Settings of the augmenter from the options in `asked`, by name: the network's own where none is given.

    Raises:
        UsageError: If a value is out of its limits, or one is given together with --no-augment.
    """
    given = {name: value for name, value in asked.items() if value is not None}
    for name, limits in LIMITS.items():
        within(name, given.get(name), *limits)
    if augment is False:
        if given:
            options = ", ".join("--" + name.replace("_", "-") for name in given)
            raise UsageError(f"--no-augment was given together with {options}: leave one of them out")
        return {}
    own = ARCHITECTURES[arch].settings.get("augmentation", {})
    return ((own or SHIFTS) if augment else own) | _translated(given)


def shown(arch: str) -> dict[str, str]:
    """The network's own value of each option, as help shows it."""
    own = ARCHITECTURES[arch].settings.get("augmentation", {})
    off = dict.fromkeys(LIMITS, "0") | {"augment": "off", "horizontal_flip": "off", "vertical_flip": "off"}
    return off | ({"augment": "on"} if own else {}) | _values(own)


def in_words(settings: Mapping) -> str:
    """Settings of the augmenter as options of the command: `--shift 0.2, --rotation 12`."""
    values = {name: value for name, value in _values(settings).items() if value not in ("0", "0.0")}
    return ", ".join(
        f"--{name.replace('_', '-')}{'' if value == 'on' else f' {value}'}" for name, value in values.items()
    )


def _values(settings: Mapping) -> dict[str, str]:
    """The value of each option that is set."""
    low, high = settings.get("contrast", (1, 1))
    zoom = settings.get("zoom_range")
    values = {
        "horizontal_flip": "on" if settings.get("horizontal_flip") else None,
        "vertical_flip": "on" if settings.get("vertical_flip") else None,
        "shift": settings.get("width_shift_range"),
        "rotation": settings.get("rotation_range"),
        "shear": settings.get("shear_range"),
        "zoom": f"{1 / zoom[1]:.2g} to {1 / zoom[0]:.2g} times as large" if isinstance(zoom, tuple) else zoom,
        "stroke": settings.get("stroke"),
        "blur": settings.get("blur"),
        "contrast": f"{(high - low) / 2:g}" if high > low else None,
        "invert": settings.get("invert"),
    }
    return {name: str(value) for name, value in values.items() if value is not None}


def _translated(given: Mapping) -> dict:
    names = {"rotation": "rotation_range", "shear": "shear_range", "zoom": "zoom_range"}
    settings = {names.get(name, name): value for name, value in given.items() if name not in ("shift", "contrast")}
    if "shift" in given:
        settings |= {"width_shift_range": given["shift"], "height_shift_range": given["shift"]}
    if "contrast" in given:
        settings["contrast"] = (1 - given["contrast"], 1 + given["contrast"])
    return settings
