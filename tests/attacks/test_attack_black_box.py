"""Attacks that see scores only, or not even these."""

import pytest
import torch

from certiqa import attacks
from certiqa.attacks._filters import cosine
from certiqa.attacks.blackbox._square_l2 import _bump, first_change, moved


def blind(model):
    """A model whose gradient is gone, and a list of the batches that it saw."""
    seen = []

    def scores(images):
        seen.append(images.clone())
        with torch.no_grad():
            return model(images)

    return scores, seen


@pytest.mark.parametrize("name", ["nes", "simba", "square"])
@pytest.mark.parametrize("budget", ["linf:8/255", "l2:0.8"])
@pytest.mark.parametrize("aim", ["raise", "lower"])
def test_scores_alone_are_enough(help_, name, budget, aim):
    model, seen = blind(help_.Smooth())
    image = help_.on_grid(3, 16, 18, seed=4, low=30, high=220)
    result = attacks.load(name, queries=210)(model, image, aim, budget)[0]
    assert result.change * (1 if aim == "raise" else -1) > 0.5
    assert result.queries == 210
    assert result.gradients == 0
    limit, clean = attacks.Budget.parse(budget), image[None].float() / 255
    for images in seen[:-1]:  # the last is the 8-bit image
        assert float(images.min()) >= 0
        assert float(images.max()) <= 1
        if name != "nes":  # which looks around its point
            assert bool(limit.allows(images, clean).all()), "no query outside the budget"


@pytest.mark.parametrize("name", ["nes", "simba", "square"])
def test_more_queries_do_more(help_, name):
    image = help_.on_grid(3, 16, 18, seed=4, low=30, high=220)
    few, many = (
        attacks.load(name, queries=q)(help_.Smooth(), image, "raise", "linf:8/255")[0].change for q in (42, 840)
    )
    assert many > few


def test_square_reaches_most_of_a_linear_optimum(toys, help_):
    weight = help_.noise(3, 1, 1, seed=1, low=-1).expand(3, 12, 12)
    clean = help_.noise(3, 12, 12, low=0.3, high=0.7)
    result = attacks.load("square", queries=600, quantise=False)(toys.Linear(weight), clean, "raise", "linf:0.1")[0]
    assert result.change > 0.7 * 0.1 * float(weight.abs().sum())


def test_the_bumps_of_square_have_length_one_and_two_signs(help_):
    for side in (1, 2, 3, 5, 8, 13):
        bump = _bump(side, help_.generator(side))
        assert bump.shape == (side, side)
        assert float(bump.norm()) == pytest.approx(1, rel=1e-6)
    assert float(bump.sum()) == pytest.approx(0, abs=1)
    assert bool((bump > 0).any() and (bump < 0).any())


@pytest.mark.parametrize("shape", [(3, 3, 3), (3, 16, 18), (3, 5, 40)])
def test_the_moves_of_square_keep_the_length(help_, shape):
    draw = help_.generator(0)
    change = first_change(torch.Size(shape), draw)
    assert bool((change != 0).any())
    change = change / change.norm() * 0.5
    for side in (1, 2, 3, 9):
        trial = moved(change, change, side, 0.5, draw)
        assert float(trial.norm()) <= 0.5 * (1 + 1e-5)
        assert bool((trial != change).any())


def test_nes_estimates_the_gradient(toys, help_):
    weight = help_.noise(3, 8, 8, seed=1, low=-1)
    clean = help_.noise(3, 8, 8, low=0.3, high=0.7)
    attack = attacks.load("nes", queries=401, population=400, tile=1, step=1.0, quantise=False)
    result = attack(toys.Linear(weight), clean, "raise", "l2:0.3")[0]
    assert result.change > 0.6 * 0.3 * float(weight.norm()), "200 pairs of 192 unknowns: a cosine of about 0.7"
    coarse = weight[:, ::4, ::4].repeat_interleave(4, 1).repeat_interleave(4, 2)
    tiled = attacks.load("nes", queries=101, population=100, tile=4, step=1.0, quantise=False)
    result = tiled(toys.Linear(coarse), clean, "raise", "l2:0.3")[0]
    assert result.change > 0.85 * 0.3 * float(coarse.norm()), "50 pairs of 12 unknowns"


def test_cosines_are_a_basis():
    basis = torch.stack([cosine(5, 7, r, c).flatten() for r in range(5) for c in range(7)])
    assert float((basis @ basis.T - torch.eye(35)).abs().max()) < 1e-5


def test_simba_knows_a_pure_cosine(toys, help_):
    weight = torch.zeros(3, 8, 8)
    weight[1] = cosine(8, 8, 1, 0)
    attack = attacks.load("simba", queries=400, step=0.5, quantise=False)
    result = attack(toys.Linear(weight), torch.full((3, 8, 8), 0.5), "raise", "l2:0.2")[0]
    assert result.change == pytest.approx(0.2, rel=0.02)


def test_simba_never_goes_down(help_):
    model, seen = blind(help_.Smooth())
    image = help_.on_grid(3, 12, 12, low=30, high=220)
    attack = attacks.load("simba", queries=60, quantise=False)
    result = attack(model, image, "raise", "l2:0.5")[0]
    best = max(help_.Smooth()(images).item() for images in seen[1:-1])
    assert result.score_after == pytest.approx(best, abs=1e-4)


# -- transfer ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inner", ["pgd", "fgsm", "square", "madc"])
def test_transfer_attacks_the_source_and_asks_the_model_nothing(help_, inner):
    options = {"square": {"queries": 60}, "pgd": {"steps": 6}}.get(inner, {})
    image = help_.on_grid(2, 3, 14, 15, seed=4, low=30, high=220)
    model, twin = help_.Smooth(0), help_.Smooth(0)
    attack = attacks.load("transfer", source=twin, attack=inner, attack_options=options)
    results = attack(model, image, "lower", "l2:0.5", seed=3)
    direct = attacks.load(inner, **options)(help_.Smooth(0), image, "lower", "l2:0.5", seed=3)
    for one, other in zip(results, direct, strict=True):
        assert (one.queries, one.gradients) == (0, 0)
        assert float((one.image - other.image).abs().max()) < 1e-4, "the same attack on a twin"
        assert f"{other.queries} forward and {other.gradients} backward passes per image" in one.notes[0]
        assert one.options["attack"] == inner


def test_transfer_takes_an_attack_too_and_checks_its_budget(help_):
    attack = attacks.load("transfer", source=help_.Smooth(), attack=attacks.load("madc", steps=3))
    with pytest.raises(ValueError, match="for the attack 'madc'"):
        attack(help_.Smooth(), help_.on_grid(3, 9, 9), "raise", "linf:4/255")
    assert attack.options()["attack"]["attack"] == "madc"
    other = attacks.load("transfer", source=help_.Smooth(7), attack="i-fgsm")
    result = other(help_.Smooth(), help_.on_grid(3, 9, 9), "raise", "linf:4/255")[0]
    assert result.change >= 0, "another network: perhaps nothing, and then the clean image"
