"""The perceptual attack: as much change of the score as possible for as little visible change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from certiqa import _checks as check
from certiqa.attacks._number import check_positive
from certiqa.attacks.base import Attack
from certiqa.attacks.budgets.norms import unit
from certiqa.attacks.problem import Best, Problem
from certiqa.errors import GradientError

__all__ = ["PerceptualAttack"]

_DIRECTIONS = ("sign", "l2")


@final
@dataclass(frozen=True, kw_only=True)
class PerceptualAttack(Attack):
    """Ascent of weight * (f(x) - f(x0))**2 - D(x, x0), with D the distance of the budget.

    D is 1 - SSIM for an SSIM budget and the callable of a :class:`Perceptual` one (LPIPS, DISTS); for l_inf, D is the
    hard ball, as in the paper. The square is signed by the objective, so that it climbs to the wanted side only. After
    each step the image is brought back inside the budget, and the best image is kept; the paper has no such limit, and
    instead runs a set of weights and lets people choose. The square has no gradient at x0: the first step follows the
    gradient of the score.

    Passes: steps + 1 forward, steps backward (of the model; those of D are not counted).

    Attributes:
        steps: how many.
        step: change of an intensity in a step ("sign"), or its root mean square ("l2").
        weight: of the squared change, in 1 / score**2: scores on a scale of 100 need 1e-4 of that of scores in [0, 1].
        direction: "sign" of the gradient, or the gradient at "l2" length.

    Source: Zhang, Li, Min, Zhai, Guo, Yang and Ma 2022, "Perceptual attacks of no-reference image quality models with
    human-in-the-loop" (NeurIPS 2022).

    >>> attack = PerceptualAttack(steps=5)
    >>> result = attack(lambda x: (x**2).mean((1, 2, 3)), torch.full((1, 3, 16, 16), 0.5), "raise", "ssim:0.99")[0]
    >>> result.queries, result.gradients, result.change > 0, result.ssim >= 0.99
    (6, 5, True, True)
    """

    name: ClassVar[str] = "perceptual"
    summary: ClassVar[str] = "large change of the score, small perceptual distance"
    paper: ClassVar[str] = "Zhang et al., NeurIPS 2022"
    norms: ClassVar[tuple[str, ...]] = ("linf", "ssim", "perceptual")

    steps: int = 200
    step: float = 1e-3
    weight: float = 1.0
    direction: str = "sign"

    def __post_init__(self) -> None:
        super().__post_init__()
        check.check_count(self.steps, "steps")
        check_positive(self.step, "step", 1.0, "It is a change of an intensity: the paper has 1e-3.")
        check_positive(self.weight, "weight")
        check.check_choice(self.direction, "direction", _DIRECTIONS)

    def run(self, problem: Problem) -> Tensor:
        """The best image on the way."""
        images, best = problem.clean, Best(problem.clean)
        length = self.step * problem.clean[0].numel() ** 0.5
        for index in range(self.steps):
            gain, gradient = problem.gradient(images)
            best.update(images, gain)
            if index:
                share = 2 * self.weight * gain.abs().nan_to_num(posinf=0.0).to(gradient.dtype)
                gradient = share.view(-1, 1, 1, 1) * gradient - _of_penalty(problem, images)
            step = self.step * gradient.sign() if self.direction == "sign" else length * unit(gradient)
            images = problem.project((images + step).clamp(0.0, 1.0))
        best.update(images, problem.gain(images))
        return best.images


def _of_penalty(problem: Problem, images: Tensor) -> Tensor:
    """The gradient of D; 0 for the hard ball, and where D is not finite in its gradient (LPIPS at x0)."""
    leaf = images.detach().clone().requires_grad_()
    with torch.enable_grad():
        distance = problem.budget.penalty(leaf, problem.clean)
        if distance is None:
            return torch.zeros_like(images)
        if not distance.requires_grad:
            message = f"The distance of the budget {str(problem.budget)!r} has no gradient, which this attack needs."
            raise GradientError(f"{message} Make it differentiable, or use another attack with the same budget.")
        (gradient,) = torch.autograd.grad(distance.sum(), leaf)
    return torch.where(torch.isfinite(gradient), gradient, torch.zeros_like(gradient))
