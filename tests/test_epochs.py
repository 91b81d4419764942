"""Which epoch a batch is made for: the calls of `fit`, `evaluate`, `predict` and of loops, one by one."""

from __future__ import annotations

import pytest

from ox_classifier.augmentation.epochs import Epochs

BATCHES = 3


def one_pass(epochs: Epochs) -> list[tuple[int, int]]:
    return [epochs.ask(batch) for batch in range(BATCHES)]


def fit(epochs: Epochs, count: int = 1, *, announce: bool = True, early: int = 0) -> list[list[tuple[int, int]]]:
    """The calls of Keras 3.15's `fit`; `early` batches are asked for by worker threads before the epoch's begin."""
    if announce:
        epochs.announce()
        epochs.ask(0), epochs.ask(1)  # to see what batches are like
    epochs.end(BATCHES)
    shown = []
    for _ in range(count):
        first = [epochs.ask(batch) for batch in range(early)]
        epochs.begin()
        shown.append(first + [epochs.ask(batch) for batch in range(early, BATCHES)])
        epochs.end(BATCHES)
    return shown


@pytest.mark.parametrize("early", [0, 1, 2])
def test_fit_after_fit_goes_on_counting(early):
    epochs = Epochs()
    assert fit(epochs, 2, early=early) == [[(0, 0)] * 3, [(1, 0)] * 3]
    assert fit(epochs, 1, early=early) == [[(2, 0)] * 3]
    assert epochs.number == 3


def test_the_first_epoch_is_the_one_that_was_set():
    epochs = Epochs()
    one_pass(epochs)
    epochs.number = 7
    assert fit(epochs, 2) == [[(7, 0)] * 3, [(8, 0)] * 3]


@pytest.mark.parametrize("early", [0, 1, 2])
def test_a_validation_that_is_not_announced_again_goes_on_too(early):
    """Keras keeps the iterator of validation data for all epochs of a fit."""
    epochs = Epochs()
    assert fit(epochs, early=early) + fit(epochs, announce=False, early=early) == [[(0, 0)] * 3, [(1, 0)] * 3]


@pytest.mark.parametrize("early", [0, 1, 2, 3])
def test_predict_begins_without_an_end(early):
    epochs = Epochs()
    for number in (0, 1):
        epochs.announce()
        epochs.ask(0), epochs.ask(1)
        first = [epochs.ask(batch) for batch in range(early)]
        epochs.begin()
        assert first + [epochs.ask(batch) for batch in range(early, BATCHES)] == [(number, 0)] * 3
        epochs.end(BATCHES)


@pytest.mark.parametrize("early", [0, 1, 2])
def test_a_wrapper_is_not_announced_and_its_fit_begins_with_the_next_epoch(early):
    """Keras looks up the wrapper's workers; the batches only see what it forwards."""
    epochs = Epochs()
    epochs.ask(0), epochs.ask(1)
    assert fit(epochs, 2, announce=False, early=early) == [[(1, 0)] * 3, [(2, 0)] * 3]


def test_a_loop_that_only_ends_its_epochs():
    epochs = Epochs()
    assert one_pass(epochs) == [(0, 0)] * 3
    epochs.end(BATCHES)
    assert epochs.ask(0) == (1, 0)  # and is left early
    epochs.end(BATCHES)
    assert one_pass(epochs) == [(2, 0)] * 3
    assert one_pass(epochs) == [(2, 1)] * 3


def test_an_order_that_was_read_is_over_at_the_end_too():
    epochs = Epochs()
    assert epochs.current == 0
    epochs.end(BATCHES)
    assert epochs.current == 1


@pytest.mark.parametrize("ahead", [0, 1, 2])
def test_epochs_shorter_than_a_pass_are_passes_in_a_row_however_far_is_fetched_ahead(ahead):
    """steps_per_epoch=2 of 3 batches; the order of asking is fixed, the moment of an epoch's end isn't."""
    epochs, asked = Epochs(), []
    stream = [batch for _ in range(4) for batch in range(BATCHES)]
    epochs.announce()
    epochs.ask(0), epochs.ask(1)
    epochs.end(BATCHES)
    for _ in range(4):
        epochs.begin()
        reach = min(len(asked) + 2 + (ahead if not asked else 0), len(stream))
        while len(asked) < reach:
            asked.append(epochs.ask(stream[len(asked)]))
        epochs.end(BATCHES)
    assert asked == [(pass_, 0) for pass_ in range(4) for _ in range(BATCHES)][: len(asked)]


def test_a_fit_that_was_stopped_within_an_epoch_leaves_whole_passes_to_the_next():
    epochs = Epochs()
    epochs.announce()
    epochs.ask(0), epochs.ask(1)
    epochs.end(BATCHES)
    epochs.begin()
    epochs.ask(0)
    shown = fit(epochs, 2)
    assert [len({number for number, _ in epoch}) for epoch in shown] == [1, 1]
    assert len({epoch[0] for epoch in shown}) == 2


def test_batches_made_by_other_processes_are_of_the_next_epoch_after_an_end():
    """They ask copies of the counter, which begin as the parent's is."""
    epochs, seen = Epochs(), []
    epochs.announce()
    epochs.end(BATCHES)
    for _ in range(3):
        epochs.begin()
        seen.append(epochs.current)
        epochs.end(BATCHES)
    assert seen == [0, 1, 2]
