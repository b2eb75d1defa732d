"""Korhonen and You's attack: a gradient ascent that hides in texture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from certiqa import _checks as check
from certiqa._provenance import model_name
from certiqa.attacks._filters import activity
from certiqa.attacks._number import check_positive
from certiqa.attacks.base import Attack
from certiqa.attacks.problem import Best, Problem
from certiqa.errors import InputError

__all__ = ["Korhonen"]


@final
@dataclass(frozen=True, kw_only=True)
class Korhonen(Attack):
    """Gradient ascent whose steps are weighted by spatial activity: flat places stay as they are.

    The weight is the Sobel gradient of the clean luma, averaged over a small window, from 0 to 1. For l_inf,
    intensities also stay within eps * weight; for the other budgets the direction is weighted. With a ``substitute``
    the gradients come from there, and the model itself is never asked: the last image is returned, as in the original,
    whose substitute is a ResNet-50 trained for quality. The window's size and the step sizes are our choices.

    Passes: steps + 1 forward, steps backward; with a substitute none, and a note counts those of the substitute.

    Attributes:
        steps: how many.
        step: length of a step, as a fraction of the budget.
        spread: side of the averaging window, in pixels, odd.
        substitute: another model, differentiable; None: the model's own gradient.

    Source: Korhonen and You 2022, "Adversarial attacks against blind image quality assessment models" (QoEVMA 2022).

    >>> x = torch.full((1, 3, 16, 16), 0.5)
    >>> x[..., 8::4] = x[..., 9::4] = 0.4
    >>> result = Korhonen(steps=5)(lambda x: x.mean((1, 2, 3)), x, "raise", "linf:4/255")[0]
    >>> changed = (result.image - x[0]).abs().amax(0)
    >>> changed[:, 8:].min().item() > 0, changed[:, :5].max().item()
    (True, 0.0)
    """

    name: ClassVar[str] = "korhonen"
    summary: ClassVar[str] = "gradient ascent weighted by spatial activity, directly or by a substitute"
    paper: ClassVar[str] = "Korhonen, You, QoEVMA 2022"

    steps: int = 20
    step: float = 0.15
    spread: int = 5
    substitute: Callable[[Tensor], Any] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check.check_count(self.steps, "steps")
        check_positive(self.step, "step", 2.0, "It is a fraction of the budget: try 0.15.")
        if check.check_count(self.spread, "spread") % 2 == 0:
            raise InputError.of("spread", "must be odd", self.spread, "Try 5.")
        if self.substitute is not None and not callable(self.substitute):
            raise InputError.of("substitute", "must be None, or a model to take gradients from", self.substitute)

    def run(self, problem: Problem) -> Tensor:
        """The best image; with a substitute, the last."""
        if self.substitute is None:
            return self._climb(problem)[0].images
        other = problem.on(self.substitute)
        _, last = self._climb(other, score_last=False)
        problem.notes.append(
            f"gradients from the substitute {model_name(self.substitute)}: {other.scorer.queries} forward and "
            f"{other.scorer.gradients} backward passes per image, not counted as queries"
        )
        return last

    def _climb(self, problem: Problem, score_last: bool = True) -> tuple[Best, Tensor]:
        clean, budget = problem.clean, problem.budget
        weight = activity(clean, self.spread)
        images, best, radius = clean, Best(clean), None
        for _ in range(self.steps):
            gain, gradient = problem.gradient(images)
            best.update(images, gain)
            if radius is None:
                radius = budget.radius(weight * gradient, clean).to(clean.dtype)
            if budget.kind == "linf":
                images = images + self.step * radius * weight * gradient.sign()
                reach = budget.limit * weight
                images = torch.minimum(torch.maximum(images, clean - reach), clean + reach)
            else:
                images = images + self.step * radius * budget.direction(weight * gradient)
            images = problem.project(images)
        if score_last:
            best.update(images, problem.gain(images))
        return best, images
