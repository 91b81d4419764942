"""The networks `ox train --arch` offers, and the settings each is best trained with. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass, field

# settings of augmentation.augmenter.Augmenter
SHIFTS = {"width_shift_range": 0.1, "height_shift_range": 0.1}
FLIPS = {"horizontal_flip": True, "vertical_flip": True}
PLACEMENT = {
    "width_shift_range": 0.2,
    "height_shift_range": 0.2,
    "zoom_range": (0.75, 1.7),
}  # over 1: the mark gets smaller
HANDWRITING = {"rotation_range": 12, "stroke": 0.7, "blur": 0.6, "contrast": (0.75, 1.25), "invert": 0.3}


@dataclass(frozen=True)
class Architecture:
    """Recommended settings of one network; `dropout` None leaves the rate to its builder, `frozen` means that
    a base trained on ImageNet stays as it is and only a head is trained on `views` views of each image; `average`
    is the number of epochs the mean of the weights reaches over, which reads marks better than those of a last step."""

    about: str
    image_size: int = 28  # pixels a side
    color: str = "grayscale"
    batch_size: int = 32
    learning_rate: float = 1e-3
    dropout: float | None = None
    epochs: int = 50
    monitor: str = "val_accuracy"
    augmentation: dict = field(default_factory=dict)
    average: float = 0
    patience: int = 10  # epochs without improvement, after which training stops
    frozen: bool = False
    views: int = 1


FROZEN = {
    "image_size": 224,
    "color": "rgb",
    "batch_size": 128,  # a head is so small that larger batches are half again as fast
    "augmentation": FLIPS | SHIFTS | HANDWRITING,
    "monitor": "val_loss",  # accuracies are so near to 1 that the best is a matter of luck
    "average": 5,
    "patience": 4,  # what is averaged over five epochs improves in every one of them, until it no longer does
    "frozen": True,
}
ARCHITECTURES = {
    "lenet": Architecture(
        "LeNet-style CNN of the O/X exercise",
        150,
        "rgb",
        epochs=20,
        augmentation=FLIPS | PLACEMENT | HANDWRITING,
        average=1,
    ),
    "vgg16": Architecture("frozen VGG16 with a new head", learning_rate=5e-4, **FROZEN),
    "mobilenetv2": Architecture("frozen MobileNetV2 with a new head", **FROZEN),
    "efficientnetv2b0": Architecture("frozen EfficientNetV2-B0 with a new head", **FROZEN),
    "resnet50v2": Architecture("frozen ResNet50V2 with a new head", **FROZEN),
    "mlp1": Architecture("one hidden layer", monitor="val_loss"),
    "mlp": Architecture("two hidden layers", monitor="val_loss"),
    "cnn": Architecture("two convolutions", monitor="val_loss"),
    "cnn-dense": Architecture("two convolutions, a hidden layer and Dropout", monitor="val_loss"),
    "cnn-dropout": Architecture("two convolutions and Dropout twice", monitor="val_loss"),
}
