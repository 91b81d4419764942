"""The networks `ox train --arch` offers, and the settings each is best trained with. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass, field

# settings of augmentation.augmenter.Augmenter
SHIFTS = {"width_shift_range": 0.1, "height_shift_range": 0.1}
FLIPS = {"horizontal_flip": True, "vertical_flip": True}
PLACEMENT = {"width_shift_range": 0.12, "height_shift_range": 0.12, "zoom_range": (0.8, 1.35)}  # over 1: smaller
HANDWRITING = {"rotation_range": 12, "stroke": 0.7, "blur": 0.6, "contrast": (0.75, 1.25), "invert": 0.3}


@dataclass(frozen=True)
class Architecture:
    """What is fixed for one network, and in `settings` the values it gives to fields of `training.recipe.Recipe`.

    `frozen` means that a base trained on ImageNet stays as it is and only a head is trained; `smallest` is the least
    number of pixels a side, `convolutions` how many layers of a base `--fine-tune` can train.
    """

    about: str
    smallest: int
    settings: dict = field(default_factory=dict)
    frozen: bool = False
    convolutions: int = 0


FROZEN = {
    "image_size": 224,
    "color": "rgb",
    "batch_size": 128,  # a head is so small that larger batches are half again as fast
    "augmentation": FLIPS | SHIFTS | HANDWRITING,
    "monitor": "val_loss",  # accuracies are so near to 1 that the best is a matter of luck
    "ema_epochs": 5,
    "patience": 4,  # what is averaged over five epochs improves in every one of them, until it no longer does
    "dropout": 0.5,
    "weights": "imagenet",
    "views": 1,
}
COURSE = {"image_size": 28, "color": "grayscale", "monitor": "val_loss"}
LENET = {
    "image_size": 150,
    "color": "rgb",
    "crop": "ink",  # small marks are the hardest for so small a network
    "average_flips": True,
    "epochs": 18,
    "augmentation": FLIPS | PLACEMENT | HANDWRITING | {"shear_range": 20},
    "ema_epochs": 1,
    "dropout": 0.5,
}
VGG16 = FROZEN | {"crop": "ink", "learning_rate": 5e-4, "dropout": 0.7}  # what is no mark is seen better than with 0.5
ARCHITECTURES = {
    "lenet": Architecture("LeNet-style CNN of the O/X exercise", 22, LENET),
    "vgg16": Architecture("frozen VGG16 with a new head", 32, VGG16, True, 13),
    "mobilenetv2": Architecture("frozen MobileNetV2 with a new head", 32, FROZEN, True, 52),
    "efficientnetv2b0": Architecture("frozen EfficientNetV2-B0 with a new head", 32, FROZEN, True, 91),
    "resnet50v2": Architecture("frozen ResNet50V2 with a new head", 32, FROZEN, True, 53),
    "mlp1": Architecture("one hidden layer", 1, COURSE),
    "mlp": Architecture("two hidden layers", 1, COURSE),
    "cnn": Architecture("two convolutions", 4, COURSE),
    "cnn-dense": Architecture("two convolutions, a hidden layer and Dropout", 4, COURSE | {"dropout": 0.4}),
    "cnn-dropout": Architecture("two convolutions and Dropout twice", 6, COURSE | {"dropout": 0.5}),
}
