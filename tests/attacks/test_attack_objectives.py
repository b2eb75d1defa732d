"""Objectives: gains, slopes, names, and the flip of a pair."""

import pytest
import torch

from certiqa import attacks
from certiqa.errors import InputError

NAMES = ["raise", "lower", "move", "target:50", "target:-0.5", "rank-flip", "rank-flip:higher", "rank-flip:lower"]


@pytest.mark.parametrize("text", NAMES)
def test_text_and_objective_are_one(text):
    aim = attacks.objective(text)
    assert str(aim) == text
    assert attacks.objective(str(aim)) == aim
    assert attacks.objective(aim) is aim


@pytest.mark.parametrize("text", ["raise", "lower", "move", "target:0.3"])
def test_the_slope_is_the_derivative_of_the_gain(help_, text):
    aim = attacks.objective(text)
    before = help_.noise(9, seed=1).double()
    scores = help_.noise(9, seed=2).double().requires_grad_()
    (expected,) = torch.autograd.grad(aim.gain(scores, before).sum(), scores)
    assert torch.equal(aim.slope(scores.detach(), before), expected)
    assert aim.gain(before, before).abs().max() == 0


@pytest.mark.parametrize("move", ["both", "higher", "lower"])
@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("name", ["pgd", "square"])
def test_a_pair_is_flipped(help_, move, order, name):
    images = [help_.on_grid(3, 14, 15, seed=1), help_.on_grid(3, 12, 16, seed=2)][::order]
    model = help_.Smooth()
    results = attacks.load(name)(model, images, attacks.RankFlip(move), "linf:16/255")
    first, second = results
    assert first.flipped is second.flipped is True
    assert first.flipped_quantised is True
    assert (first.score_before > second.score_before) != (first.score_after > second.score_after)
    high, low = sorted(results, key=lambda one: -one.score_before)
    assert (high.change < 0) == (move != "lower")
    assert (low.change > 0) == (move != "higher")
    if move == "higher":
        assert low.objective.endswith("keep")
        assert low.queries == 0
        assert low.notes == ()
        assert torch.equal(low.image, images[results.index(low)].float() / 255)
        assert low.within_budget
    assert first.to_dict()["flipped"] is True


def test_a_pair_that_is_too_far_apart_is_not_flipped(toys, help_):
    images = torch.stack((torch.full((3, 8, 8), 0.2), torch.full((3, 8, 8), 0.8)))
    results = attacks.load("pgd")(toys.mean, images, "rank-flip", "linf:4/255")
    assert [one.flipped for one in results] == [False, False]
    assert [one.objective for one in results] == ["rank-flip:raise", "rank-flip:lower"]
    floats = attacks.load("pgd", quantise=False)(toys.mean, images, "rank-flip", "linf:4/255")
    assert floats[0].flipped_quantised is None
    assert attacks.load("pgd")(toys.mean, images[0], "raise", "linf:4/255")[0].flipped is None


def test_a_tie_has_no_order(toys):
    with pytest.raises(InputError, match="different scores"):
        attacks.load("fgsm")(toys.mean, torch.full((2, 3, 8, 8), 0.5), "rank-flip", "linf:4/255")


@pytest.mark.parametrize("bad", ["rank-flip:up", "target", "target:", "target:nan", "Raise", None, 1])
def test_what_is_no_objective(bad):
    with pytest.raises(InputError):
        attacks.objective(bad)
