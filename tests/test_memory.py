"""What a training needs is told before it is taken."""

from __future__ import annotations

import pytest

from ox_classifier.architectures import ARCHITECTURES
from ox_classifier.errors import UsageError
from ox_classifier.training.exposure import SHARE
from ox_classifier.training.memory import LIBRARIES, SIZES, free_bytes, needed_bytes, refuse_too_large
from ox_classifier.training.recipe import Recipe


# peaks of `ox train --epochs 1` on 88 images, measured from a small parent on two cores (tests/processes.py)
@pytest.mark.parametrize(
    ("arch", "side", "peak"),
    [("lenet", 150, 1183e6), ("cnn-dropout", 200, 4853e6), ("cnn", 400, 3848e6), ("mlp", 300, 2686e6)],
)
def test_estimates_are_near_what_was_measured(arch, side, peak):
    assert 0.7 * peak < needed_bytes(Recipe.of(arch, {"image_size": side})) < 1.1 * peak


@pytest.mark.tensorflow
def test_parameters_are_those_of_the_networks():
    from ox_classifier.networks.builders import BUILDERS

    for arch, size in SIZES.items():
        shape = Recipe.of(arch, {"image_size": 64}).rule.shape
        _, parameters = size(64, shape[2])
        assert parameters == pytest.approx(BUILDERS[arch](shape, 10).count_params(), rel=0.35), arch


def test_every_network_has_its_size_and_fits_at_its_own_defaults():
    assert {name for name, network in ARCHITECTURES.items() if not network.frozen} == set(SIZES)
    for arch in ARCHITECTURES:
        refuse_too_large(Recipe.of(arch), available=2e9)


def test_what_can_not_fit_is_one_sentence():
    with pytest.raises(UsageError, match=r"--image-size 4096 with --batch-size 32 needs some \d+ GB .* 24.0 GB"):
        refuse_too_large(Recipe.of("lenet", {"image_size": 4096}), available=24e9)
    assert free_bytes() > 1e6


@pytest.mark.parametrize("asked", [("lenet", {}), ("vgg16", {"fine_tune": 2})])
def test_outliers_make_every_batch_larger(asked):
    recipe = Recipe.of(*asked)
    more = needed_bytes(recipe, outliers=True) - LIBRARIES
    assert 1.1 < more / (needed_bytes(recipe) - LIBRARIES) < 1 + SHARE
