"""Attacks on image quality metrics: what an enemy can do to a score inside a budget, measured and not just claimed.

Four nouns that combine freely: a model, an objective (raise, lower, move, target, rank-flip), a budget (l_inf, l2,
SSIM, any perceptual distance), and an attack. ``load(name)(model, images, objective, budget)`` gives one
:class:`AttackResult` per image.
"""

from certiqa.attacks.adaptive import bpda, differentiable_jpeg, eot
from certiqa.attacks.base import Attack
from certiqa.attacks.budgets import L2, SSIM, Budget, LInf, Perceptual
from certiqa.attacks.card import AttackCard
from certiqa.attacks.objectives import Lower, Move, Objective, Raise, RankFlip, Target, objective
from certiqa.attacks.problem import Problem
from certiqa.attacks.registry import by_access, by_norm, card, load, names, register, unregister
from certiqa.attacks.result import AttackResult
from certiqa.attacks.universal.pattern import UniversalPattern
from certiqa.attacks.universal.training import train_uap

__all__ = [
    "L2",
    "SSIM",
    "Attack",
    "AttackCard",
    "AttackResult",
    "Budget",
    "LInf",
    "Lower",
    "Move",
    "Objective",
    "Perceptual",
    "Problem",
    "Raise",
    "RankFlip",
    "Target",
    "UniversalPattern",
    "bpda",
    "by_access",
    "by_norm",
    "card",
    "differentiable_jpeg",
    "eot",
    "load",
    "names",
    "objective",
    "register",
    "train_uap",
    "unregister",
]
