"""Attacks by name: cards, options, errors with near matches."""

import json
from dataclasses import dataclass

import pytest

import certiqa.attacks
from certiqa import attacks
from certiqa.errors import InputError, UnknownNameError

NEEDS = {"transfer": {"source": len}, "uap": None}


@pytest.mark.parametrize("name", attacks.names())
def test_every_card_tells_what_load_takes(name):
    card = attacks.card(name)
    assert card.name == name
    assert card.summary
    assert card.paper
    assert card.access in ("gradient", "scores", "transfer")
    assert set(card.norms) <= {"linf", "l2", "ssim", "perceptual"}
    assert {"quantise", "samples"} <= set(card.options)
    json.dumps(card.to_dict())
    if name not in NEEDS:
        attack = attacks.load(name, **card.options)
        assert attack == attacks.load(name)
        assert attack.options() == card.options
    assert name in attacks.by_access(card.access)
    assert all(name in attacks.by_norm(norm) for norm in card.norms)


def test_the_names_are_sorted_and_public():
    assert attacks.names() == tuple(sorted(attacks.names()))
    assert {"fgsm", "pgd", "square", "uap"} <= set(attacks.names())
    assert certiqa.attacks.__all__ == sorted(
        certiqa.attacks.__all__, key=lambda n: (n.lower() == n, not n.isupper(), n)
    )


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("pdg", {}, "Did you mean 'pgd'"),
        ("pgd", {"step_size": 1}, "Unknown option of the attack 'pgd' 'step_size'. Did you mean 'step"),
        ("pgd", {"steps": 0}, "whole number >= 1"),
        ("pgd", {"step": 0}, "fraction of the budget"),
        ("pgd", {"momentum": 1.0}, "[0, 1)"),
        ("pgd", {"restarts": 0}, "whole number >= 1"),
        ("pgd", {"random_start": 1}, "True or False"),
        ("pgd", {"quantise": "no"}, "True or False"),
        ("pgd", {"samples": 0}, "whole number >= 1"),
        ("apgd", {"rho": 1.0}, "Try 0.75"),
        ("apgd", {"steps": 1}, "whole number >= 2"),
        ("square", {"queries": 2}, "forward passes per image"),
        ("square", {"p": 0}, "(0, 1]"),
        ("nes", {"population": 3}, "must be even"),
        ("nes", {"queries": 10}, "whole number >= 21"),
        ("simba", {"frequencies": 2}, "(0, 1]"),
        ("perceptual", {"direction": "up"}, "'sign', 'l2'"),
        ("perceptual", {"weight": -1}, "> 0"),
        ("frequency", {"low": 0.6, "high": 0.5}, "less than high"),
        ("korhonen", {"spread": 4}, "odd"),
        ("korhonen", {"substitute": "resnet"}, "model to take gradients from"),
        ("madc", {"start": "zero"}, "'noise', 'gradient'"),
        ("transfer", {}, "source=certiqa.metrics.load"),
        ("transfer", {"source": len, "attack": "nothing"}, "Unknown attack"),
        ("uap", {}, "attacks.train_uap"),
    ],
)
def test_bad_names_and_options(name, options, says):
    with pytest.raises(InputError) as caught:
        attacks.load(name, **options)
    assert says in str(caught.value)


def test_an_attack_of_ones_own(help_, toys, picture):
    attacks.register(help_.Returns)
    try:
        assert "returns" in attacks.names()
        attack = attacks.load("returns", what=lambda problem: problem.clean + 1)
        assert attack(toys.mean, picture, "raise", "linf:1/255")[0].attack == "returns"
        with pytest.raises(InputError, match="not taken"):
            attacks.register(help_.Returns)
    finally:
        attacks.unregister("returns")
    with pytest.raises(UnknownNameError):
        attacks.unregister("returns")


def test_only_an_attack_can_be_registered():
    @dataclass(frozen=True, kw_only=True)
    class Unfinished(attacks.Attack):
        name = "unfinished"

    for bad in (Unfinished, attacks.Attack, len, dict):
        with pytest.raises(InputError, match=r"subclass of certiqa.attacks.Attack"):
            attacks.register(bad)
