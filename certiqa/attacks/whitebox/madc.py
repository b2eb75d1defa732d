"""MADC: gradient ascent at a constant mean squared error, after maximum differentiation competition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch  # noqa: F401 (for the example)
from torch import Tensor

from certiqa import _checks as check
from certiqa.attacks._number import check_positive
from certiqa.attacks.base import Attack
from certiqa.attacks.budgets.norms import unit
from certiqa.attacks.problem import Best, Problem

__all__ = ["MADC"]

_STARTS = ("noise", "gradient")


@final
@dataclass(frozen=True, kw_only=True)
class MADC(Attack):
    """The best and the worst image of equal MSE: walk on the sphere of the l2 budget along the score's gradient.

    It starts with a distortion whose MSE is that of the budget, eps**2 / (3*H*W). Each step goes along the gradient
    minus its part along the change (which alone would alter the MSE to first order), and is then scaled back to the
    sphere. The original corrects the MSE by a step along its own gradient, which here is the same line. Where [0, 1]
    cuts off the change, it is scaled until the MSE is right, as far as that is possible.

    Passes: steps + 1 forward, steps backward; one more of each for start="gradient".

    Attributes:
        steps: how many.
        step: length of a step, as a fraction of the budget.
        start: the first distortion: "noise" (white Gaussian, as in the paper) or the "gradient" at the clean image.

    Source: Wang and Simoncelli 2008, "Maximum differentiation (MAD) competition: a methodology for comparing
    computational models of perceptual quantities", Journal of Vision 8(12); for one metric against MSE.

    >>> attack = MADC(steps=10)
    >>> result = attack(lambda x: (x**2).mean((1, 2, 3)), torch.full((1, 3, 8, 8), 0.5), "raise", "l2:0.5")[0]
    >>> result.queries, result.gradients, round(result.l2, 4)
    (11, 10, 0.5)
    """

    name: ClassVar[str] = "madc"
    summary: ClassVar[str] = "gradient ascent at constant mean squared error"
    paper: ClassVar[str] = "Wang, Simoncelli, Journal of Vision 2008"
    norms: ClassVar[tuple[str, ...]] = ("l2",)

    steps: int = 40
    step: float = 0.1
    start: str = "noise"

    def __post_init__(self) -> None:
        super().__post_init__()
        check.check_count(self.steps, "steps")
        check_positive(self.step, "step", 2.0, "It is a fraction of the budget: try 0.1.")
        check.check_choice(self.start, "start", _STARTS)

    def run(self, problem: Problem) -> Tensor:
        """The best image on the sphere."""
        clean, budget = problem.clean, problem.budget
        first = problem.normal() if self.start == "noise" else problem.gradient(clean)[1]
        images, best = budget.along(first, clean), Best(clean)
        for _ in range(self.steps):
            gain, gradient = problem.gradient(images)
            best.update(images, gain)
            change = images - clean
            radial = unit(change)
            tangent = gradient - (gradient * radial).sum((1, 2, 3), keepdim=True) * radial
            images = budget.along(change + self.step * budget.limit * unit(tangent), clean)
        best.update(images, problem.gain(images))
        return best.images
