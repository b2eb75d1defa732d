"""Empirical defences, which change a metric's weights: the NT penalty, adversarial and noise training.

They prove nothing. What they do to a score under attack is measured (certiqa.attacks), and what they do to a
certificate, too (docs/defenses.md).
"""

from certiqa.defenses.config import METHODS, DefenseConfig
from certiqa.defenses.gradient_norm import IMAGENET_STD, GradientNorm, exact_gradient_norm, gradient_norm
from certiqa.defenses.loading import load
from certiqa.defenses.recipes import RECIPES, Recipe, recipe, scaled_lambda
from certiqa.defenses.training import Trained, train

__all__ = [
    "IMAGENET_STD",
    "METHODS",
    "RECIPES",
    "DefenseConfig",
    "GradientNorm",
    "Recipe",
    "Trained",
    "exact_gradient_norm",
    "gradient_norm",
    "load",
    "recipe",
    "scaled_lambda",
    "train",
]
