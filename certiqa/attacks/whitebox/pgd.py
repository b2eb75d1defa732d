"""Iterated gradient steps: I-FGSM and PGD."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from certiqa import _checks as check
from certiqa.attacks._number import check_between, check_flag, check_positive
from certiqa.attacks.ascent import projected_ascent
from certiqa.attacks.base import Attack
from certiqa.attacks.problem import Best, Problem

__all__ = ["IFGSM", "PGD"]


@final
@dataclass(frozen=True, kw_only=True)
class IFGSM(Attack):
    """FGSM in small steps from the clean image, clipped to the budget after each.

    Passes: steps + 1 forward, steps backward.

    Attributes:
        steps: how many.
        step: length of a step, as a fraction of the budget; None: 1 / steps.

    Source: Kurakin, Goodfellow and Bengio 2017 (arXiv 1607.02533), section 2.2.

    >>> attack = IFGSM(steps=4)
    >>> result = attack(lambda x: x.mean((1, 2, 3)), torch.full((1, 3, 8, 8), 0.5), "lower", "l2:0.5")[0]
    >>> result.queries, result.gradients, result.change < 0
    (5, 4, True)
    """

    name: ClassVar[str] = "i-fgsm"
    summary: ClassVar[str] = "FGSM in small steps from the clean image"
    paper: ClassVar[str] = "Kurakin, Goodfellow, Bengio, ICLR workshop 2017 (arXiv 1607.02533)"

    steps: int = 10
    step: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check.check_count(self.steps, "steps")
        if self.step is not None:
            check_positive(self.step, "step", 2.0, "It is a fraction of the budget: try None, which is 1 / steps.")

    def run(self, problem: Problem) -> Tensor:
        """The best image on the way."""
        step = self.step if self.step is not None else 1 / self.steps
        return projected_ascent(problem, problem.clean, self.steps, step).images


@final
@dataclass(frozen=True, kw_only=True)
class PGD(Attack):
    """Projected gradient ascent from random points of the budget, for l_inf, l2 and the searched budgets.

    Passes: restarts * (steps + 1) forward, restarts * steps backward. The best point that was visited is returned.

    Attributes:
        steps: of each restart.
        step: length of a step, as a fraction of the budget; None: 2.5 / steps.
        momentum: factor of the past gradients, in [0, 1); 0: none.
        restarts: how many starting points.
        random_start: start at a random point of the budget (uniform in the l_inf ball; for other budgets uniform noise
            scaled by a uniform share of the budget). False: the first restart starts at the clean image.

    Source: Madry, Makelov, Schmidt, Tsipras and Vladu 2018 (arXiv 1706.06083), section 2.1; momentum: Dong et al. 2018
    (arXiv 1710.06081).

    >>> attack = PGD(steps=5, restarts=2)
    >>> result = attack(lambda x: (x**2).mean((1, 2, 3)), torch.full((1, 3, 8, 8), 0.5), "raise", "linf:8/255")[0]
    >>> result.queries, result.gradients, result.change > 0, result.within_budget
    (12, 10, True, True)
    """

    name: ClassVar[str] = "pgd"
    summary: ClassVar[str] = "projected gradient ascent with restarts and momentum"
    paper: ClassVar[str] = "Madry et al., ICLR 2018 (arXiv 1706.06083)"

    steps: int = 40
    step: float | None = None
    momentum: float = 0.0
    restarts: int = 1
    random_start: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check.check_count(self.steps, "steps")
        check.check_count(self.restarts, "restarts")
        check_between(self.momentum, "momentum", 0.0, 1.0, "Try 0.75.")
        check_flag(self.random_start, "random_start")
        if self.step is not None:
            check_positive(self.step, "step", 2.0, "It is a fraction of the budget: try None, which is 2.5 / steps.")

    def run(self, problem: Problem) -> Tensor:
        """The best image of all restarts."""
        step = self.step if self.step is not None else min(2.5 / self.steps, 1.0)
        best = Best(problem.clean)
        for restart in range(self.restarts):
            start = problem.clean if restart == 0 and not self.random_start else random_point(problem)
            found = projected_ascent(problem, start, self.steps, step, self.momentum)
            best.update(found.images, found.gain)
        return best.images


def random_point(problem: Problem) -> Tensor:
    """A random image inside the budget."""
    noise, clean = problem.uniform(), problem.clean
    if problem.budget.kind == "linf":
        return problem.project(clean + problem.budget.limit * noise)
    shares = torch.stack([torch.empty(1, 1, 1).uniform_(generator=one) for one in problem.generators])
    return clean + shares.to(clean) * (problem.budget.along(noise, clean) - clean)
