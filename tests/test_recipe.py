"""One object holds every setting, knows its limits, and comes back from run.json as it was."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ox_classifier.architectures import ARCHITECTURES
from ox_classifier.errors import UsageError
from ox_classifier.training.recipe import LIMITS, OPTIONS, Recipe

SETTINGS = {
    "epochs": st.integers(1, 1000),
    "batch_size": st.integers(1, 4096),
    "image_size": st.integers(22, 4096),
    "learning_rate": st.floats(1e-9, 1),
    "dropout": st.floats(0, 0.99),
    "seed": st.integers(0, 2**32 - 1),
    "ema_epochs": st.floats(0, 1000),
    "balance": st.booleans(),
    "color": st.sampled_from(["rgb", "grayscale"]),
    "monitor": st.sampled_from(["val_accuracy", "val_loss", "accuracy", "loss"]),
    "augmentation": st.just({"zoom_range": (0.8, 1.2), "invert": 0.5}),
    "group": st.just("writer-([0-9]+)"),
    "folds": st.integers(2, 100),
}


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_network_has_a_recipe_that_run_json_keeps(arch):
    recipe = Recipe.of(arch)
    kept = json.loads(json.dumps(recipe.as_config()))
    assert Recipe.from_config(kept) == recipe
    assert (recipe.views, recipe.weights) == ((1, "imagenet") if recipe.frozen else (None, None))


@given(st.fixed_dictionaries({}, optional=SETTINGS))
def test_what_is_asked_for_is_kept_to_the_last_bit(asked):
    recipe = Recipe.of("lenet", asked)
    assert {name: getattr(recipe, name) for name in asked} == asked
    assert Recipe.from_config(json.loads(json.dumps(recipe.as_config()))) == recipe


@pytest.mark.parametrize("name", LIMITS)
def test_values_outside_the_limits_name_the_option(name):
    least, most, inclusive, *_ = LIMITS[name]
    arch = "vgg16" if name in ("views", "fine_tune") else "lenet"
    wrong = [math.nan, math.inf, -math.inf, most + 1, least - 1, 10**30, *([] if inclusive else [least])]
    option = OPTIONS.get(name, "--" + name.replace("_", "-"))
    for value in wrong:
        with pytest.raises(UsageError, match=f"^{option} .*: expected ") as error:
            Recipe.of(arch, {name: value})
        assert len(str(error.value)) < 160


@pytest.mark.parametrize(
    ("arch", "asked", "sentence"),
    [
        ("lennet", {}, "arch 'lennet' is unknown: give one of lenet, vgg16"),
        ("cnn", {"image_size": 3}, "--image-size 3: cnn can't take images of so few pixels: .* at least 4"),
        ("vgg16", {"color": "grayscale"}, "--color grayscale: vgg16 was trained on colour images"),
        ("vgg16", {"fine_tune": 14}, "--fine-tune 14: vgg16 has 13 convolution layers; give 0 to 13"),
        ("lenet", {"monitor": "f1"}, "--monitor 'f1' is unknown"),
        ("lenet", {"group": "("}, r"--group '\(' is no regular expression"),
        ("lenet", {"val_fraction": 0.5, "test_fraction": 0.5}, "leave too little to train on"),
        ("lenet", {"folds": 3, "split_from": "run"}, "leave one of them out"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(arch, asked, sentence):
    with pytest.raises(UsageError, match=sentence):
        Recipe.of(arch, asked)


def test_the_average_reaches_over_a_quarter_of_few_epochs_unless_asked_for():
    assert Recipe.of("vgg16", {"epochs": 8}).ema_epochs == 2
    assert Recipe.of("vgg16", {"epochs": 8, "ema_epochs": 5}).ema_epochs == 5
    assert Recipe.of("vgg16").ema_epochs == 5
